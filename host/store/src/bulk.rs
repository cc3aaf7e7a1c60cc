//! Many rows at once: the hot path of imports and postings.
//!
//! Measured alternatives: on SQLite, statements of thousands of rows reach what a prepared loop in C reaches, one row a
//! statement a thirtieth of it. On PostgreSQL, a binary `COPY` is the limit itself.

use guanjia_domain::{Error, Result, ids::CompanyId};
use sqlx::{
    Arguments as _, AssertSqlSafe, Executor as _,
    postgres::{PgArguments, PgConnection},
    sqlite::{SqliteArguments, SqliteConnection},
};
use std::{fmt::Write as _, sync::Arc};

use crate::{
    db::{add_postgres, add_sqlite, failed},
    value::{Value, Values, to_naive},
};

/// Where rows go. `columns` without the company, which is written first.
#[derive(Debug, Clone)]
pub(crate) struct Bulk {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// `ON CONFLICT …`, or nothing where no conflict is expected.
    pub(crate) on_conflict: String,
}

impl Bulk {
    pub(crate) fn insert(table: &'static str, columns: &'static [&'static str]) -> Self {
        Self { table, columns, on_conflict: String::new() }
    }

    /// Overwrites the rows of the same id, if they are the company's own.
    pub(crate) fn replace(table: &'static str, columns: &'static [&'static str], and_set: &str) -> Self {
        let mut on_conflict = String::from(" ON CONFLICT (id) DO UPDATE SET ");
        for column in
            columns.iter().filter(|column| !matches!(**column, "id" | "project_id" | "created_at" | "version"))
        {
            // Writing to a String cannot fail.
            let _ = write!(on_conflict, "{column} = excluded.{column}, ");
        }
        on_conflict.push_str(and_set);
        let length = on_conflict.trim_end_matches(", ").len();
        on_conflict.truncate(length);
        let _ = write!(on_conflict, " WHERE {table}.company_id = excluded.company_id");
        Self { table, columns, on_conflict }
    }

    fn heading(&self) -> String {
        format!("INSERT INTO {} (company_id, {}) VALUES ", self.table, self.columns.join(", "))
    }
}

/// SQLite binds at most so many values in a statement.
const SQLITE_VALUES_MAX: usize = 32_766;
/// The protocol of PostgreSQL counts them in 16 bits.
const POSTGRES_VALUES_MAX: usize = 65_535;
/// `COPY` data is handed over in pieces of this size.
const COPY_PIECE_BYTES: usize = 1 << 20;

/// Rows in statements of the largest size and one for the rest. Placeholders have no number: SQLite looks numbered ones up
/// by name, which takes quadratic time.
pub(crate) async fn sqlite(
    connection: &mut SqliteConnection,
    company: CompanyId,
    into: &Bulk,
    values: Values,
) -> Result<u64> {
    let width = into.columns.len();
    let rows_max = SQLITE_VALUES_MAX / (width + 1);
    let mut written = 0;
    let mut left = values.len() / width;
    let mut values = values.into_iter();
    let mut texts = TextCache::default();
    while left > 0 {
        let rows = statement_rows(left, rows_max);
        let mut arguments = SqliteArguments::default();
        arguments.reserve(rows * (width + 1), 0);
        for _ in 0..rows {
            add_sqlite(&mut arguments, company.into())?;
            for value in values.by_ref().take(width) {
                match value {
                    Value::Date(Some(date)) => arguments.add(texts.date(date)).map_err(unstorable)?,
                    value => add_sqlite(&mut arguments, value)?,
                }
            }
        }
        let text = sqlite_text(into, width, rows);
        let query =
            sqlx::query_with(AssertSqlSafe(text), arguments).persistent(rows.is_power_of_two() || rows == rows_max);
        written += connection.execute(query).await.map_err(failed)?.rows_affected();
        left -= rows;
    }
    Ok(written)
}

/// Only a few sizes are used, so that each is prepared once and stays so: the largest, and powers of two for the rest.
fn statement_rows(left: usize, rows_max: usize) -> usize {
    if left >= rows_max { rows_max } else { 1 << left.ilog2() }
}

fn sqlite_text(into: &Bulk, width: usize, rows: usize) -> String {
    let mut text = into.heading();
    text.reserve(rows * (2 * width + 4) + into.on_conflict.len());
    for row in 0..rows {
        text.push_str(if row == 0 { "(?" } else { ",(?" });
        for _ in 0..width {
            text.push_str(",?");
        }
        text.push(')');
    }
    text.push_str(&into.on_conflict);
    text
}

/// The same few dates stand in every row of a page: they are written out once.
#[derive(Default)]
struct TextCache {
    dates: Vec<(guanjia_domain::Date, Arc<str>)>,
}

impl TextCache {
    const DATES_MAX: usize = 4;

    fn date(&mut self, date: guanjia_domain::Date) -> Arc<str> {
        if let Some((_, text)) = self.dates.iter().find(|(known, _)| *known == date) {
            return Arc::clone(text);
        }
        let text: Arc<str> = date.to_string().into();
        if self.dates.len() == Self::DATES_MAX {
            self.dates.remove(0);
        }
        self.dates.push((date, Arc::clone(&text)));
        text
    }
}

fn unstorable(error: sqlx::error::BoxDynError) -> Error {
    Error::unavailable("a value cannot be stored", error)
}

pub(crate) async fn postgres(
    connection: &mut PgConnection,
    company: CompanyId,
    into: &Bulk,
    values: Values,
) -> Result<u64> {
    if into.on_conflict.is_empty() {
        copy(connection, company, into, values).await
    } else {
        insert_postgres(connection, company, into, values).await
    }
}

/// `COPY` knows no conflict clause: these rows go through statements.
async fn insert_postgres(
    connection: &mut PgConnection,
    company: CompanyId,
    into: &Bulk,
    values: Values,
) -> Result<u64> {
    let width = into.columns.len();
    let rows_max = (POSTGRES_VALUES_MAX - 1) / width;
    let mut written = 0;
    let mut left = values.len() / width;
    let mut values = values.into_iter();
    while left > 0 {
        let rows = left.min(rows_max);
        let mut arguments = PgArguments::default();
        add_postgres(&mut arguments, company.into())?;
        for value in values.by_ref().take(rows * width) {
            add_postgres(&mut arguments, value)?;
        }
        let mut text = into.heading();
        for row in 0..rows {
            text.push_str(if row == 0 { "($1" } else { ",($1" });
            for column in 0..width {
                let _ = write!(text, ",${}", row * width + column + 2);
            }
            text.push(')');
        }
        text.push_str(&into.on_conflict);
        let query = sqlx::query_with(AssertSqlSafe(text), arguments).persistent(false);
        written += connection.execute(query).await.map_err(failed)?.rows_affected();
        left -= rows;
    }
    Ok(written)
}

async fn copy(connection: &mut PgConnection, company: CompanyId, into: &Bulk, values: Values) -> Result<u64> {
    let width = into.columns.len();
    let text = format!("COPY {} (company_id, {}) FROM STDIN (FORMAT binary)", into.table, into.columns.join(", "));
    // Encoded before the statement begins, so that a value that cannot be written leaves the connection as it was.
    let pieces = copy_pieces(company, width, &values)?;
    let mut sink = connection.copy_in_raw(&text).await.map_err(failed)?;
    for piece in pieces {
        if let Err(error) = sink.send(piece).await {
            let _ = sink.abort("the rows could not be sent").await;
            return Err(failed(error));
        }
    }
    sink.finish().await.map_err(failed)
}

/// PostgreSQL's binary copy format: a signature, rows of length-prefixed fields, and an end mark.
fn copy_pieces(company: CompanyId, width: usize, values: &[Value]) -> Result<Vec<Vec<u8>>> {
    let fields = i16::try_from(width + 1).map_err(|_| Error::Overflow("counting columns"))?;
    let mut pieces = Vec::new();
    let mut piece = Vec::with_capacity(COPY_PIECE_BYTES + 4096);
    piece.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
    piece.extend_from_slice(&[0; 8]);
    for row in values.chunks_exact(width) {
        piece.extend_from_slice(&fields.to_be_bytes());
        copy_field(&mut piece, &company.into())?;
        for value in row {
            copy_field(&mut piece, value)?;
        }
        if piece.len() >= COPY_PIECE_BYTES {
            pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(COPY_PIECE_BYTES + 4096)));
        }
    }
    piece.extend_from_slice(&(-1_i16).to_be_bytes());
    pieces.push(piece);
    Ok(pieces)
}

/// PostgreSQL counts days and microseconds from 2000-01-01.
const POSTGRES_EPOCH_DAYS: i32 = 10_957;
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

fn copy_field(piece: &mut Vec<u8>, value: &Value) -> Result<()> {
    let mut field = |bytes: &[u8]| {
        let length = i32::try_from(bytes.len()).map_err(|_| Error::Overflow("measuring a value"))?;
        piece.extend_from_slice(&length.to_be_bytes());
        piece.extend_from_slice(bytes);
        Ok(())
    };
    match value {
        Value::Int(Some(value)) => field(&value.to_be_bytes()),
        Value::Bool(Some(value)) => field(&[u8::from(*value)]),
        Value::Text(Some(value)) => field(value.as_bytes()),
        Value::Uuid(Some(value)) => field(value.as_bytes()),
        Value::Bytes(Some(value)) => field(value),
        Value::Date(Some(date)) => {
            to_naive(*date)?;
            field(&(date.0 - POSTGRES_EPOCH_DAYS).to_be_bytes())
        }
        Value::Instant(Some(value)) => field(&(value.timestamp_micros() - POSTGRES_EPOCH_MICROS).to_be_bytes()),
        Value::Int(None)
        | Value::Bool(None)
        | Value::Text(None)
        | Value::Uuid(None)
        | Value::Bytes(None)
        | Value::Date(None)
        | Value::Instant(None) => {
            piece.extend_from_slice(&(-1_i32).to_be_bytes());
            Ok(())
        }
    }
}
