//! Certificates that people hold: a site manager needs a post certificate and the city's training certificate (双证上岗).

use serde::{Deserialize, Serialize};

use super::{Code, NAME_LENGTH_MAX, NUMBER_LENGTH_MAX, text_problem};
use crate::{
    Date,
    estate::FieldProblem,
    ids::{CertificateId, StaffId},
};

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub id: CertificateId,
    pub staff_id: StaffId,
    /// Such as `site-manager-national`, `site-manager-city`, `city-training`, `high-voltage`.
    pub kind: Code,
    pub number: String,
    /// Who issued it.
    pub issuer: Option<String>,
    pub issued_on: Date,
    /// The last day on which it is valid, as it is printed on it; none for one that does not run out.
    pub expires_on: Option<Date>,
    /// The day on which it was taken away.
    pub revoked_on: Option<Date>,
}

impl Certificate {
    /// Whether it counts on a day.
    #[must_use]
    pub fn is_valid_on(&self, day: Date) -> bool {
        self.issued_on <= day
            && self.expires_on.is_none_or(|last| day <= last)
            && self.revoked_on.is_none_or(|revoked| day < revoked)
    }

    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = [
            text_problem("number", &self.number, NUMBER_LENGTH_MAX, true),
            self.issuer.as_deref().and_then(|issuer| text_problem("issuer", issuer, NAME_LENGTH_MAX, false)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if self.expires_on.is_some_and(|last| last < self.issued_on) {
            problems.push(FieldProblem::new("expires_on", "it is not before the day of issue"));
        }
        if self.revoked_on.is_some_and(|revoked| revoked < self.issued_on) {
            problems.push(FieldProblem::new("revoked_on", "it is not before the day of issue"));
        }
        problems
    }
}

/// What a list of certificates is looked through for. Everything that is given has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateFilter {
    pub staff_id: Option<StaffId>,
    pub kind: Option<Code>,
    /// Those that run out by this day, of people who still work here, and that no later one of the kind replaces.
    pub expires_by: Option<Date>,
}

/// A certificate with the names that a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    pub certificate: Certificate,
    pub version: i64,
    pub staff: String,
    pub staff_no: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn day(text: &str) -> Option<Date> {
        (!text.is_empty()).then(|| text.parse().expect("is a date"))
    }

    /// Issued on 1 March 2024, printed as valid until 28 February 2026, or taken away on 1 June 2025.
    #[rstest]
    #[case::before("2024-02-29", "2026-02-28", "", false)]
    #[case::first("2024-03-01", "2026-02-28", "", true)]
    #[case::last("2026-02-28", "2026-02-28", "", true)]
    #[case::after("2026-03-01", "2026-02-28", "", false)]
    #[case::for_ever("2999-01-01", "", "", true)]
    #[case::before_it_was_taken("2025-05-31", "2026-02-28", "2025-06-01", true)]
    #[case::taken("2025-06-01", "2026-02-28", "2025-06-01", false)]
    fn a_certificate_counts_until_its_last_day(
        #[case] on: &str,
        #[case] expires_on: &str,
        #[case] revoked_on: &str,
        #[case] valid: bool,
    ) {
        let certificate = Certificate {
            id: CertificateId::generate(),
            staff_id: StaffId::generate(),
            kind: "city-training".parse().expect("is a code"),
            number: "2024-0017".into(),
            issuer: None,
            issued_on: day("2024-03-01").expect("is given"),
            expires_on: day(expires_on),
            revoked_on: day(revoked_on),
        };
        assert_eq!(certificate.is_valid_on(day(on).expect("is given")), valid);
        assert!(certificate.problems().is_empty());
        let slips = Certificate {
            number: " ".into(),
            expires_on: day("2024-02-29"),
            revoked_on: day("2024-02-29"),
            ..certificate
        };
        let fields: Vec<_> = slips.problems().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["number", "expires_on", "revoked_on"]);
    }
}
