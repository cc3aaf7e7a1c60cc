//! The audit trail: every change writes a row in its own transaction, and each row carries the hash of the one before, so
//! that a missing or altered row is found.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One change: who did what to which thing, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Counts from 1 in each company, without gaps.
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub actor: String,
    /// `cli`, `api`, `console`, `job`.
    pub origin: String,
    /// Stable code such as `billing-run.approve`.
    pub action: String,
    /// What was changed, such as `billing-run 0193…`.
    pub subject: String,
    /// JSON; `null` for what did not exist.
    pub before: serde_json::Value,
    pub after: serde_json::Value,
    /// SHA-256 in hex over the previous hash and this row.
    pub hash: String,
}

/// What the first row of a company links to.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl AuditRow {
    /// The hash that the row must carry. Fields are length-prefixed, so that no two rows have the same bytes.
    #[must_use]
    pub fn link(&self, previous: &str) -> String {
        let mut hasher = Sha256::new();
        let at = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let fields = [
            previous,
            &self.seq.to_string(),
            &at,
            &self.actor,
            &self.origin,
            &self.action,
            &self.subject,
            &self.before.to_string(),
            &self.after.to_string(),
        ];
        for field in fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        hex::encode(hasher.finalize())
    }
}

/// Walks a chain in order and names the first row that does not fit.
#[derive(Debug)]
pub struct ChainCheck {
    previous: String,
    next_seq: i64,
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self { previous: GENESIS.to_owned(), next_seq: 1 }
    }
}

impl ChainCheck {
    /// # Errors
    /// A sentence that says which row is missing or altered.
    pub fn next(&mut self, row: &AuditRow) -> Result<(), String> {
        if row.seq != self.next_seq {
            return Err(format!("audit row {} is missing", self.next_seq));
        }
        if row.link(&self.previous) != row.hash {
            return Err(format!("audit row {} was altered", row.seq));
        }
        self.previous.clone_from(&row.hash);
        self.next_seq += 1;
        Ok(())
    }

    /// How many rows were walked, and the hash of the last one.
    #[must_use]
    pub fn head(&self) -> (i64, &str) {
        (self.next_seq - 1, &self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: i64) -> Vec<AuditRow> {
        let mut previous = GENESIS.to_owned();
        (1..=count)
            .map(|seq| {
                let mut row = AuditRow {
                    seq,
                    at: DateTime::from_timestamp(1_700_000_000 + seq, 0).expect("is a time"),
                    actor: "li".into(),
                    origin: "cli".into(),
                    action: "unit.update".into(),
                    subject: format!("unit {seq}"),
                    before: serde_json::json!({"area": seq}),
                    after: serde_json::Value::Null,
                    hash: String::new(),
                };
                row.hash = row.link(&previous);
                previous.clone_from(&row.hash);
                row
            })
            .collect()
    }

    fn verdict(rows: &[AuditRow]) -> Result<(), String> {
        let mut check = ChainCheck::default();
        rows.iter().try_for_each(|row| check.next(row))
    }

    #[test]
    fn an_untouched_chain_holds() {
        assert_eq!(verdict(&chain(5)), Ok(()));
    }

    #[test]
    fn a_missing_or_altered_row_is_named() {
        let mut missing = chain(5);
        missing.remove(2);
        assert_eq!(verdict(&missing), Err("audit row 3 is missing".into()));
        let mut altered = chain(5);
        altered[3].after = serde_json::json!({"area": 1});
        assert_eq!(verdict(&altered), Err("audit row 4 was altered".into()));
        let mut moved = chain(5);
        moved[1].actor = "l".into();
        moved[1].origin = "icli".into();
        assert_eq!(verdict(&moved), Err("audit row 2 was altered".into()));
    }
}
