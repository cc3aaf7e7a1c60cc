//! Habits of the schema, on both databases.

use std::collections::{BTreeMap, BTreeSet};

use super::{on_both, server::TestDb};

/// The company itself is no company's.
const WITHOUT_COMPANY: &[&str] = &["management_company"];
/// Rows whose time is told by another column, or by the record they belong to.
const WITHOUT_CREATED_AT: &[&str] = &[
    "audit_head",
    "audit_row",
    "binding_use",
    "charge",
    "decision",
    "event",
    "held_subject",
    "journal_entry",
    "run_cursor",
    "run_total",
    "transfer",
];
/// Written by the million: their references are checked a page at a time, and guarded by triggers on the other side.
const WITHOUT_FOREIGN_KEYS: &[&str] = &["charge", "transfer"];

#[derive(Default, Debug)]
struct Table {
    /// Names with whether they may be missing.
    columns: BTreeMap<String, bool>,
    foreign_keys: BTreeSet<String>,
}

/// Tables of records; helpers of the database itself begin with an underscore.
async fn tables(db: &TestDb) -> BTreeMap<String, Table> {
    let mut session = db.store.db.read().await.unwrap();
    let (columns, keys) = if db.url.starts_with("sqlite") {
        (
            sql_unscoped!(
                "reads the schema only",
                "SELECT t.name, c.name, c.\"notnull\" = 0 AND c.pk = 0 FROM sqlite_schema t JOIN pragma_table_info(t.name) c ",
                "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_%' ESCAPE '\\'"
            ),
            sql_unscoped!(
                "reads the schema only",
                "SELECT t.name, k.\"from\" FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) k WHERE t.type = 'table'"
            ),
        )
    } else {
        (
            sql_unscoped!(
                "reads the schema only",
                "SELECT table_name::text, column_name::text, is_nullable = 'YES' FROM information_schema.columns ",
                "WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'"
            ),
            sql_unscoped!(
                "reads the schema only",
                "SELECT c.conrelid::regclass::text, a.attname::text FROM pg_constraint c ",
                "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) WHERE c.contype = 'f'"
            ),
        )
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in session.rows(columns, values![]).await.unwrap() {
        let (table, column, nullable): (String, String, bool) =
            (row.raw(0).unwrap(), row.raw(1).unwrap(), row.raw(2).unwrap());
        tables.entry(table).or_default().columns.insert(column, nullable);
    }
    for row in session.rows(keys, values![]).await.unwrap() {
        let (table, column): (String, String) = (row.raw(0).unwrap(), row.raw(1).unwrap());
        tables.entry(table).or_default().foreign_keys.insert(column);
    }
    tables
}

/// The table that a column of this name refers to, if there is one.
fn referred<'a>(column: &'a str, tables: &BTreeMap<String, Table>) -> Option<&'a str> {
    let noun = column.strip_suffix("_id")?;
    let noun = match noun {
        "company" => "management_company",
        "user" => "app_user",
        "run" => "billing_run",
        "payer" | "developer" => "party",
        "debit_account" | "credit_account" => "ledger_account",
        noun => noun,
    };
    tables.contains_key(noun).then_some(noun)
}

on_both! {
    async fn every_table_keeps_the_habits(db) {
        let tables = tables(&db).await;
        assert!(tables.len() > 30, "only {} tables were found", tables.len());
        for (name, table) in &tables {
            let listed = |list: &[&str]| list.contains(&name.as_str());
            assert!(table.columns.get("company_id") == Some(&false) || listed(WITHOUT_COMPANY), "{name} has no company_id NOT NULL");
            assert_eq!(table.columns.get("created_at"), (!listed(WITHOUT_CREATED_AT)).then_some(&false), "created_at of {name}");
            for column in table.columns.keys() {
                if referred(column, &tables).is_some() && !listed(WITHOUT_FOREIGN_KEYS) {
                    assert!(table.foreign_keys.contains(column), "{name}.{column} refers to nothing");
                }
            }
        }
    }

    async fn opening_again_changes_nothing(db) {
        let (left, right) = tokio::join!(db.another_host(), db.another_host());
        assert!(std::sync::Arc::strong_count(&left) + std::sync::Arc::strong_count(&right) >= 2);
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (lite, postgres) = (TestDb::sqlite().await, TestDb::postgres().await);
    let columns = |tables: BTreeMap<String, Table>| -> Vec<_> {
        tables.into_iter().map(|(name, table)| (name, table.columns.into_iter().collect::<Vec<_>>())).collect()
    };
    assert_eq!(columns(tables(&lite).await), columns(tables(&postgres).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_hosts_open_a_new_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("new.db").display());
    let hosts: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { crate::Store::open(&url).await.map(|_| ()) })
        })
        .collect();
    for host in hosts {
        host.await.unwrap().unwrap();
    }
    assert!(crate::Store::open("mysql://x").await.is_err());
}
