//! Statements that say whose rows they touch.
//!
//! Forgetting the company in a query shows one customer's records to another. So a company's statements are [`Scoped`],
//! which only [`sql!`](crate::sql!) makes, at compile time, and only of a text that names `company_id = $1` (or inserts
//! `company_id` first, as `$1`). The session binds `$1` itself: no caller can bind another company.
//!
//! ```
//! const UNITS: guanjia_store::sql::Scoped = guanjia_store::sql!("SELECT id FROM unit WHERE company_id = $1");
//! ```
//!
//! ```compile_fail
//! const UNITS: guanjia_store::sql::Scoped = guanjia_store::sql!("SELECT id FROM unit");
//! ```
//!
//! ```compile_fail
//! const ADD: guanjia_store::sql::Scoped = guanjia_store::sql!("INSERT INTO building (id, company_id) VALUES ($2, $1)");
//! ```
//!
//! What has to run before a company is known is [`Unscoped`] and gives its reason.

/// A statement bound to one company.
#[derive(Debug, Clone, Copy)]
pub struct Scoped(&'static str);

impl Scoped {
    /// # Panics
    /// At compile time, where [`sql!`](crate::sql!) uses it, when the text is not scoped.
    #[must_use]
    pub const fn checked(text: &'static str) -> Self {
        assert!(is_scoped(text), "a statement has to name company_id = $1, or insert company_id first");
        Self(text)
    }

    pub(crate) const fn text(self) -> &'static str {
        self.0
    }
}

/// A statement that belongs to no company, with the reason why it may.
#[derive(Debug, Clone, Copy)]
pub struct Unscoped(&'static str);

impl Unscoped {
    /// # Panics
    /// At compile time, when no reason is given.
    #[must_use]
    pub const fn because(reason: &'static str, text: &'static str) -> Self {
        assert!(reason.len() > 10, "say why the statement may see every company");
        Self(text)
    }

    pub(crate) const fn text(self) -> &'static str {
        self.0
    }
}

/// A statement of one company, checked when it is compiled.
#[macro_export]
macro_rules! sql {
    ($($text:expr),+ $(,)?) => {{
        const STATEMENT: $crate::sql::Scoped = $crate::sql::Scoped::checked(concat!($($text),+));
        STATEMENT
    }};
}

/// A statement that sees every company: a reason, then the text.
macro_rules! sql_unscoped {
    ($reason:literal, $($text:expr),+ $(,)?) => {{
        const STATEMENT: $crate::sql::Unscoped = $crate::sql::Unscoped::because($reason, concat!($($text),+));
        STATEMENT
    }};
}

/// Whether a statement names the company as its first argument.
#[must_use]
pub const fn is_scoped(text: &str) -> bool {
    let inserts = contains(text, "INSERT INTO ");
    if inserts {
        return contains(text, " (company_id,") && (contains(text, "VALUES ($1,") || contains(text, "SELECT $1,"));
    }
    contains(text, "company_id = $1 ") || contains(text, "company_id = $1)") || ends_with(text, "company_id = $1")
}

const fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut start = 0;
    while start + part.len() <= text.len() {
        if matches_at(text, part, start) {
            return true;
        }
        start += 1;
    }
    false
}

const fn ends_with(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    part.len() <= text.len() && matches_at(text, part, text.len() - part.len())
}

const fn matches_at(text: &[u8], part: &[u8], start: usize) -> bool {
    let mut index = 0;
    while index < part.len() {
        if text[start + index] != part[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("SELECT id FROM unit WHERE company_id = $1", true)]
    #[case::aliased("SELECT u.id FROM unit u WHERE u.company_id = $1 AND u.id = $2", true)]
    #[case::insert("INSERT INTO unit (company_id, id) VALUES ($1, $2)", true)]
    #[case::forgotten("SELECT id FROM unit WHERE id = $1", false)]
    #[case::other_argument("SELECT id FROM unit WHERE company_id = $10", false)]
    #[case::second_argument("SELECT id FROM unit WHERE company_id = $2", false)]
    #[case::insert_elsewhere("INSERT INTO unit (id, company_id) VALUES ($2, $1)", false)]
    #[case::insert_of_an_argument("INSERT INTO unit (company_id, id) VALUES ($2, $1)", false)]
    fn statements_without_their_company_are_seen(#[case] text: &str, #[case] scoped: bool) {
        assert_eq!(is_scoped(text), scoped);
    }
}
