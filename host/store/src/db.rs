//! Connections, dialects and the thin layer that lets one statement run on either database.
//!
//! Pools stay private to this file: everything else holds a [`Session`], and reaches a company's rows through the
//! [`Scope`] of that company.

use chrono::{DateTime, SubsecRound, Utc};
use guanjia_domain::{Error, Result, ids::CompanyId};
use sqlx::{
    Arguments as _, AssertSqlSafe, Executor as _, PgPool, Postgres, Row as _, SqlStr, Sqlite, SqlitePool, Transaction,
    pool::PoolConnection,
    postgres::{PgArguments, PgConnectOptions, PgConnection, PgPoolOptions, PgRow},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};
use std::{borrow::Cow, str::FromStr, time::Duration};
use uuid::Uuid;

use crate::{
    bulk::{self, Bulk, Rows},
    sql::{Scoped, Unscoped},
    value::{Value, Values},
};

/// How long a process waits for another one's write transaction. Posting a page takes milliseconds; a big import, seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
/// Readers beside the one writer: lists of the console, and the next page of a run.
const SQLITE_READERS: u32 = 4;
/// Page cache of the writer in KiB: the indexes that a run appends to stay in memory, and the process stays small.
const WRITER_CACHE_KIB: i64 = 32 * 1024;
/// The log grows to 32 MiB before it is written back: pages that a run changes again and again are written back once.
const CHECKPOINT_PAGES: &str = "8192";
const READER_CACHE_KIB: i64 = 8 * 1024;
/// Connections of one host. A fleet shares the server's hundred.
const POSTGRES_CONNECTIONS: u32 = 12;
/// Ids in one list: SQLite looks numbered arguments up one by one, which more of them would make slow.
const LIST_IDS_MAX: usize = 256;
/// How often a migration is tried that another process runs at the same time.
const MIGRATION_ATTEMPTS: u32 = 20;

enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// An open database.
pub(crate) struct Db {
    pools: Pools,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.pools {
            Pools::Sqlite { .. } => "Db(sqlite)",
            Pools::Postgres(_) => "Db(postgres)",
        })
    }
}

impl Db {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let pools = if let Some(path) = url.strip_prefix("sqlite:") {
            open_sqlite(path.strip_prefix("//").unwrap_or(path)).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url).await?
        } else {
            return Err(Error::invalid("the database URL has to start with sqlite: or postgres:"));
        };
        let db = Self { pools };
        db.migrate().await?;
        Ok(db)
    }

    /// Several processes may open one new database at once. PostgreSQL serialises them by a lock; on SQLite the loser of
    /// the race finds the work done when it tries again.
    async fn migrate(&self) -> Result<()> {
        let mut attempt = 0;
        loop {
            let outcome = match &self.pools {
                Pools::Sqlite { writer, .. } => sqlx::migrate!("migrations/sqlite").run(writer).await,
                Pools::Postgres(pool) => sqlx::migrate!("migrations/postgres").run(pool).await,
            };
            attempt += 1;
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) if attempt >= MIGRATION_ATTEMPTS => {
                    return Err(Error::unavailable("the database schema could not be brought up to date", error));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Tells PostgreSQL's planner about tables that have just been filled: it would read them whole until its own
    /// housekeeping has come by. SQLite follows the indexes without being told.
    pub(crate) async fn note_new_rows(&self) -> Result<()> {
        if let Pools::Postgres(pool) = &self.pools {
            let tables = "ANALYZE entrance, unit, party, tenure, vehicle, fee_assignment, meter, meter_reading";
            pool.execute(tables).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Makes many rows ready for [`Scope::insert_rows`].
    pub(crate) fn rows(&self, company: CompanyId, into: &Bulk, values: Values) -> Result<Rows> {
        match &self.pools {
            Pools::Sqlite { .. } => bulk::for_sqlite(company, into, values),
            Pools::Postgres(_) => bulk::for_postgres(company, into, values),
        }
    }

    /// A connection for reading.
    pub(crate) async fn read(&self) -> Result<Session> {
        let handle = match &self.pools {
            Pools::Sqlite { readers, .. } => Handle::Sqlite(readers.acquire().await.map_err(failed)?),
            Pools::Postgres(pool) => Handle::Postgres(pool.acquire().await.map_err(failed)?),
        };
        Ok(Session { handle })
    }

    /// A transaction for writing. On SQLite it takes the write lock at once, so that it never fails half-way for it.
    pub(crate) async fn write(&self) -> Result<Session> {
        let handle = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                Handle::SqliteWrite(writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?)
            }
            Pools::Postgres(pool) => Handle::PostgresWrite(pool.begin().await.map_err(failed)?),
        };
        Ok(Session { handle })
    }
}

async fn open_sqlite(path: &str) -> Result<Pools> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .statement_cache_capacity(256);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_with(options.clone().pragma("cache_size", format!("-{WRITER_CACHE_KIB}")))
        .await
        .map_err(|error| Error::unavailable(format!("the database file {path} cannot be opened"), error))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(BUSY_TIMEOUT)
        .connect_lazy_with(options.pragma("cache_size", format!("-{READER_CACHE_KIB}")).pragma("query_only", "1"));
    Ok(Pools::Sqlite { writer, readers })
}

async fn open_postgres(url: &str) -> Result<Pools> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::invalid("the database URL cannot be read"))?
        .application_name("guanjia")
        // Pages of a thousand rows: starting parallel workers or compiling the plan takes longer than running it.
        .options([("jit", "off"), ("max_parallel_workers_per_gather", "0")])
        .statement_cache_capacity(256);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .after_release(|connection, _| Box::pin(bulk::is_in_step(connection)))
        .connect_with(options)
        .await
        .map_err(|error| Error::unavailable("the database server cannot be reached", error))?;
    Ok(Pools::Postgres(pool))
}

enum Handle {
    Sqlite(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// One connection: outside of a transaction for reading, inside of one for writing.
pub(crate) struct Session {
    handle: Handle,
}

impl Session {
    /// The same connection, bound to a company.
    pub(crate) fn scope(self, company: CompanyId) -> Scope {
        Scope { session: self, company }
    }

    pub(crate) async fn rows(&mut self, statement: Unscoped, values: Values) -> Result<Vec<Row>> {
        self.fetch(statement.text().into(), values).await
    }

    pub(crate) async fn row(&mut self, statement: Unscoped, values: Values) -> Result<Option<Row>> {
        Ok(self.fetch(statement.text().into(), values).await?.into_iter().next())
    }

    pub(crate) async fn execute(&mut self, statement: Unscoped, values: Values) -> Result<u64> {
        self.run(statement.text().into(), values).await
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self.handle {
            Handle::SqliteWrite(transaction) => transaction.commit().await.map_err(failed),
            Handle::PostgresWrite(transaction) => transaction.commit().await.map_err(failed),
            Handle::Sqlite(_) | Handle::Postgres(_) => Ok(()),
        }
    }

    fn connection(&mut self) -> Connection<'_> {
        match &mut self.handle {
            Handle::Sqlite(connection) => Connection::Sqlite(connection),
            Handle::SqliteWrite(transaction) => Connection::Sqlite(transaction),
            Handle::Postgres(connection) => Connection::Postgres(connection),
            Handle::PostgresWrite(transaction) => Connection::Postgres(transaction),
        }
    }

    async fn fetch(&mut self, text: Cow<'static, str>, values: Values) -> Result<Vec<Row>> {
        match self.connection() {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with(in_dialect(text, Dialect::Sqlite), sqlite_arguments(values)?);
                let rows = connection.fetch_all(query).await.map_err(failed)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_with(in_dialect(text, Dialect::Postgres), postgres_arguments(values)?);
                let rows = connection.fetch_all(query).await.map_err(failed)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    async fn run(&mut self, text: Cow<'static, str>, values: Values) -> Result<u64> {
        match self.connection() {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with(in_dialect(text, Dialect::Sqlite), sqlite_arguments(values)?);
                Ok(connection.execute(query).await.map_err(failed)?.rows_affected())
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_with(in_dialect(text, Dialect::Postgres), postgres_arguments(values)?);
                Ok(connection.execute(query).await.map_err(failed)?.rows_affected())
            }
        }
    }
}

/// A session that sees one company only.
pub(crate) struct Scope {
    session: Session,
    company: CompanyId,
}

impl Scope {
    pub(crate) fn company(&self) -> CompanyId {
        self.company
    }

    fn bind(&self, mut values: Values) -> Values {
        values.insert(0, self.company.into());
        values
    }

    pub(crate) async fn rows(&mut self, statement: Scoped, values: Values) -> Result<Vec<Row>> {
        let values = self.bind(values);
        self.session.fetch(statement.text().into(), values).await
    }

    /// The rows of many ids: `{list}` in the statement stands for a part of them at a time.
    pub(crate) async fn rows_of(&mut self, statement: Scoped, ids: &[Uuid]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for part in ids.chunks(LIST_IDS_MAX) {
            // Filled up with its last id to a power of two, so that few texts are prepared.
            let length = part.len().next_power_of_two();
            let last = part.last().copied().unwrap_or_default();
            let ids = part.iter().copied().chain(std::iter::repeat(last)).take(length);
            let values = self.bind(ids.map(Value::from).collect());
            let list = (0..length).map(|index| format!("${}", index + 2)).collect::<Vec<_>>().join(",");
            rows.append(&mut self.session.fetch(statement.text().replace("{list}", &list).into(), values).await?);
        }
        Ok(rows)
    }

    pub(crate) async fn row(&mut self, statement: Scoped, values: Values) -> Result<Option<Row>> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// Rows changed.
    pub(crate) async fn execute(&mut self, statement: Scoped, values: Values) -> Result<u64> {
        let values = self.bind(values);
        self.session.run(statement.text().into(), values).await
    }

    /// Writes many rows the fastest way that the database has. `values` are the rows one after another, without the
    /// company, which every row gets as its first column.
    pub(crate) async fn insert_many(&mut self, into: &Bulk, values: Values) -> Result<u64> {
        let rows = match self.session.connection() {
            Connection::Sqlite(_) => bulk::for_sqlite(self.company, into, values)?,
            Connection::Postgres(_) => bulk::for_postgres(self.company, into, values)?,
        };
        self.insert_rows(into, rows).await
    }

    /// Writes rows that were made ready for this database and company.
    pub(crate) async fn insert_rows(&mut self, into: &Bulk, rows: Rows) -> Result<u64> {
        match self.session.connection() {
            Connection::Sqlite(connection) => bulk::sqlite(connection, into, rows).await,
            Connection::Postgres(connection) => bulk::postgres(connection, into, rows).await,
        }
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.session.commit().await
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// The differences of the two dialects, all of them.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    // A SQLite transaction that writes is alone already.
    ("{for update}", "", "FOR UPDATE"),
    ("{for share}", "", "FOR SHARE"),
    ("{skip locked}", "", "FOR UPDATE SKIP LOCKED"),
    // Rows gathered into one JSON text: SQLite hands rows over one by one through a worker thread, which costs more than
    // making and reading JSON. Identifiers are bytes there and have to be spelt.
    // The columns between the two: gathered on SQLite only, where they are read by `gathered_rows!`.
    ("{gather}", "json_group_array(json_array(", ""),
    ("{end}", "))", ""),
    ("{rows}", "json_group_array", "json_agg"),
    ("{array}", "json_array", "json_build_array"),
    ("{json}", "json", ""),
    ("{hex}", "hex", ""),
];

fn in_dialect(text: Cow<'static, str>, dialect: Dialect) -> SqlStr {
    let mut written = match text {
        Cow::Borrowed(text) if !text.contains('{') => return SqlStr::from_static(text),
        text => text.into_owned(),
    };
    for (token, sqlite, postgres) in DIFFERENCES {
        written = written.replace(token, if dialect == Dialect::Sqlite { sqlite } else { postgres });
    }
    sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(written))
}

fn sqlite_arguments(values: Values) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        add_sqlite(&mut arguments, value)?;
    }
    Ok(arguments)
}

pub(crate) fn add_sqlite(arguments: &mut SqliteArguments, value: Value) -> Result<()> {
    match value {
        Value::Int(value) => arguments.add(value),
        Value::Bool(value) => arguments.add(value),
        Value::Text(value) => arguments.add(value),
        Value::Uuid(value) => arguments.add(value),
        Value::Bytes(value) => arguments.add(value),
        Value::Date(value) => arguments.add(value.map(|date| date.to_string())),
        Value::Instant(value) => arguments.add(value.map(to_micros)),
    }
    .map_err(|error| Error::unavailable("a value cannot be stored", error))
}

fn postgres_arguments(values: Values) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), values.len() * 16);
    for value in values {
        add_postgres(&mut arguments, value)?;
    }
    Ok(arguments)
}

pub(crate) fn add_postgres(arguments: &mut PgArguments, value: Value) -> Result<()> {
    match value {
        Value::Int(value) => arguments.add(value),
        Value::Bool(value) => arguments.add(value),
        Value::Text(value) => arguments.add(value),
        Value::Uuid(value) => arguments.add(value),
        Value::Bytes(value) => arguments.add(value),
        Value::Date(value) => arguments.add(value.map(crate::value::to_naive).transpose()?),
        Value::Instant(value) => arguments.add(value.map(to_micros)),
    }
    .map_err(|error| Error::unavailable("a value cannot be stored", error))
}

/// What both databases keep of an instant.
pub(crate) fn to_micros(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(6)
}

/// One row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What can be read from a column of either database.
pub(crate) trait RawCell:
    for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite> + for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>
{
}

impl<T> RawCell for T where
    T: for<'r> sqlx::Decode<'r, Sqlite>
        + sqlx::Type<Sqlite>
        + for<'r> sqlx::Decode<'r, Postgres>
        + sqlx::Type<Postgres>
{
}

impl Row {
    pub(crate) fn raw<T: RawCell>(&self, index: usize) -> Result<T> {
        match self {
            Row::Sqlite(row) => row.try_get(index),
            Row::Postgres(row) => row.try_get(index),
        }
        .map_err(failed)
    }

    /// Reads the columns from left to right.
    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells { row: self, at: 0 }
    }

    /// The only column.
    pub(crate) fn only<T: crate::value::Cell>(&self) -> Result<T> {
        self.cells().take()
    }
}

pub(crate) struct Cells<'r> {
    row: &'r Row,
    at: usize,
}

impl Cells<'_> {
    pub(crate) fn take<T: crate::value::Cell>(&mut self) -> Result<T> {
        let raw = self.row.raw::<T::Raw>(self.at)?;
        self.at += 1;
        T::from_raw(raw)
    }
}

/// What a constraint stands for, in words for the person. SQLite names the columns of a unique constraint, PostgreSQL its
/// name; the checks are named by both.
const CONFLICTS: &[(&str, &str, &str)] = &[
    ("management_company_name_key", "management_company.name", "there is a company of this name already"),
    ("app_user_name_key", "app_user.company_id, app_user.name", "there is a user of this name already"),
    ("project_name_key", "project.company_id, project.name", "there is a project of this name already"),
    (
        "building_no_key",
        "building.project_id, building.building_no",
        "the project has a building of this number already",
    ),
    (
        "entrance_no_key",
        "entrance.building_id, entrance.entrance_no",
        "the building has an entrance of this number already",
    ),
    (
        "parking_area_no_key",
        "parking_area.project_id, parking_area.area_no",
        "the project has a parking area of this number already",
    ),
    ("unit_entrance_no_key", "unit.entrance_id, unit.unit_no", "the entrance has a unit of this number already"),
    (
        "unit_parking_area_no_key",
        "unit.parking_area_id, unit.unit_no",
        "the parking area has a space of this number already",
    ),
    ("unit_place_check", "unit_place_check", "a unit lies either in an entrance or in a parking area"),
    (
        "party_source_no_key",
        "party.project_id, party.source_no",
        "the project has a party of this source number already",
    ),
    ("tenure_period_check", "tenure_period_check", "a tenure cannot end before it starts"),
    ("fee_item_name_key", "fee_item.project_id, fee_item.name", "the project has a fee item of this name already"),
    (
        "fee_assignment_unit_key",
        "fee_assignment.fee_item_id, fee_assignment.unit_id",
        "the unit is charged this fee item already",
    ),
    ("meter_unit_key", "meter.unit_id, meter.fee_item_id", "the unit has a meter for this fee item already"),
    (
        "meter_reading_day_key",
        "meter_reading.meter_id, meter_reading.read_on",
        "the meter has a reading of this day already",
    ),
    (
        "plugin_version_key",
        "plugin.company_id, plugin.code, plugin.version",
        "this version of the plug-in is installed with other content",
    ),
    (
        "billing_run_live_key",
        "billing_run.project_id, billing_run.period_start",
        "another run of the period is approved and not posted",
    ),
    (
        "charge_line_key",
        "charge.period_start, charge.unit_id, charge.fee_item_id, charge.revision, charge.line_no",
        "the unit is charged for this fee item and period already",
    ),
    ("charge_reverses_key", "charge.reverses_id", "the charge is taken back already"),
    ("ticket_no_key", "ticket.project_id, ticket.ticket_no", "the project has a ticket of this number already"),
    (
        "work_order_number_key",
        "work_order.ticket_id, work_order.number",
        "somebody else has just added a work order: try again",
    ),
];

/// SQLite's extended code of a trigger that refuses.
const SQLITE_CONSTRAINT_TRIGGER: &str = "1811";
/// The codes that the PostgreSQL triggers raise.
const POSTGRES_APPEND_ONLY: &str = "GJ001";
const POSTGRES_CHARGED: &str = "GJ002";
const POSTGRES_IN_RUN: &str = "GJ003";
const CHARGED: &str = "it has posted charges and cannot be deleted";
const IN_RUN: &str = "a billing run of the project is not posted yet: post or cancel it before deleting";
const APPEND_ONLY: &str = "what is posted or recorded cannot be changed";

/// A database error as a domain error: what a constraint refused is a conflict with a sentence, everything else a fault
/// whose chain is kept.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    match conflict(&error) {
        Some(sentence) => Error::Conflict(sentence.into_owned()),
        None => Error::unavailable("the database could not do what was asked", error),
    }
}

fn conflict(error: &sqlx::Error) -> Option<Cow<'static, str>> {
    use sqlx::error::ErrorKind;
    let database = error.as_database_error()?;
    let code = database.code().unwrap_or_default();
    match database.kind() {
        ErrorKind::UniqueViolation | ErrorKind::CheckViolation => {
            let name = database.constraint().map_or_else(|| failed_constraint(database.message()), Cow::Borrowed);
            let known = CONFLICTS.iter().find(|(postgres, sqlite, _)| *postgres == name || *sqlite == name);
            Some(known.map_or("it is there already, or its values contradict each other".into(), |(_, _, sentence)| {
                (*sentence).into()
            }))
        }
        ErrorKind::ForeignKeyViolation => Some("it is used elsewhere, or refers to what does not exist".into()),
        _ if code == POSTGRES_APPEND_ONLY => Some(APPEND_ONLY.into()),
        _ if code == POSTGRES_CHARGED => Some(CHARGED.into()),
        _ if code == POSTGRES_IN_RUN => Some(IN_RUN.into()),
        _ if code == SQLITE_CONSTRAINT_TRIGGER => Some(
            match database.message() {
                message if message.ends_with("is charged") => CHARGED,
                message if message.ends_with("is in an open run") => IN_RUN,
                _ => APPEND_ONLY,
            }
            .into(),
        ),
        _ => None,
    }
}

/// SQLite says `UNIQUE constraint failed: unit.entrance_id, unit.unit_no`: there is no other way to learn which it was.
fn failed_constraint(message: &str) -> Cow<'static, str> {
    message.rsplit_once("failed: ").map_or("", |(_, name)| name).to_owned().into()
}
