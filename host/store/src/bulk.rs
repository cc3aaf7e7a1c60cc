//! Many rows at once: the hot path of imports and postings.
//!
//! Measured alternatives: on SQLite, columns that the database cuts into rows itself are twice as fast as statements of
//! thousands of rows, and those reach what a prepared loop in C reaches; one row a statement a thirtieth of it. On PostgreSQL, a binary `COPY` is the limit itself.

use guanjia_domain::{Error, Result, ids::CompanyId};
use sqlx::{
    Arguments as _, AssertSqlSafe, Executor as _,
    postgres::{PgArguments, PgConnection},
    sqlite::{SqliteArguments, SqliteConnection},
};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use uuid::Uuid;

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
/// `COPY` ends with a small message of its own, which waits for the server's delayed acknowledgement (40 ms) unless the server
/// is still busy with the rows: a few rows go faster in a statement.
const COPY_ROWS_MIN: usize = 512;
/// `COPY` data is handed over in pieces of this size.
const COPY_PIECE_BYTES: usize = 1 << 20;

/// Rows in the form that a database takes them fastest.
pub(crate) struct Rows {
    company: CompanyId,
    form: Form,
}

enum Form {
    /// One after another.
    Values(Values),
    /// For SQLite: column by column.
    Columns(Vec<Packed>, usize),
    /// For PostgreSQL: pieces of its binary copy format.
    Pieces(Vec<Vec<u8>>),
}

pub(crate) fn for_sqlite(company: CompanyId, into: &Bulk, values: Values) -> Result<Rows> {
    let form = match packed(into, &values) {
        Some(columns) => Form::Columns(columns, values.len() / into.columns.len()),
        None => Form::Values(values),
    };
    Ok(Rows { company, form })
}

/// # Errors
/// When a value cannot be stored.
pub(crate) fn for_postgres(company: CompanyId, into: &Bulk, values: Values) -> Result<Rows> {
    // `COPY` knows no conflict clause.
    let form = if into.on_conflict.is_empty() && values.len() >= COPY_ROWS_MIN * into.columns.len() {
        Form::Pieces(copy_pieces(company, into.columns.len(), &values)?)
    } else {
        Form::Values(values)
    };
    Ok(Rows { company, form })
}

pub(crate) async fn sqlite(connection: &mut SqliteConnection, into: &Bulk, rows: Rows) -> Result<u64> {
    match rows.form {
        Form::Columns(columns, count) => insert_packed(connection, rows.company, into, &columns, count).await,
        Form::Values(values) => insert_sqlite(connection, rows.company, into, values).await,
        Form::Pieces(_) => Err(Error::invalid("rows for PostgreSQL were given to SQLite")),
    }
}

pub(crate) async fn postgres(connection: &mut PgConnection, into: &Bulk, rows: Rows) -> Result<u64> {
    match rows.form {
        Form::Pieces(pieces) => copy(connection, into, pieces).await,
        Form::Values(values) => insert_postgres(connection, rows.company, into, values).await,
        Form::Columns(..) => Err(Error::invalid("rows for SQLite were given to PostgreSQL")),
    }
}

/// Rows in statements of the largest size and one for the rest. Placeholders have no number: SQLite looks numbered ones up
/// by name, which takes quadratic time.
async fn insert_sqlite(
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

/// Rows in the table `_series`, which is what one statement can cut out of packed columns.
const SERIES_ROWS: usize = 32_768;
/// Fewer rows are not worth packing.
const PACKED_ROWS_MIN: usize = 64;

/// A column of one type, its values one after another at a fixed width: binding and copying them one by one costs more than
/// all the rest of an insert.
enum Packed {
    Same(Value),
    Ids(Vec<u8>),
    /// With nil for those that are missing: no record has that id.
    OptionalIds(Vec<u8>),
    /// Decimal digits, padded with spaces to this width.
    Integers {
        digits: Vec<u8>,
        width: usize,
    },
    /// [`DATE_CHARS`] each.
    Dates(Vec<u8>),
}

/// What a date takes: `2025-01-01`. Years beyond 9999 take more, and are not packed.
const DATE_CHARS: usize = 10;

/// The columns of rows that can be packed: identifiers, and integers and dates without gaps, into a table without conflicts.
fn packed(into: &Bulk, values: &[Value]) -> Option<Vec<Packed>> {
    let width = into.columns.len();
    if values.len() < PACKED_ROWS_MIN * width || !into.on_conflict.is_empty() {
        return None;
    }
    (0..width).map(|column| pack(values.iter().skip(column).step_by(width))).collect()
}

fn pack<'a>(mut column: impl Iterator<Item = &'a Value> + Clone) -> Option<Packed> {
    let first = column.clone().next()?;
    if column.clone().all(|value| value == first) {
        return Some(Packed::Same(first.clone()));
    }
    Some(match first {
        Value::Uuid(_) => {
            let ids = column.map(|value| if let Value::Uuid(id) = value { Some(*id) } else { None });
            let ids = ids.collect::<Option<Vec<Option<Uuid>>>>()?;
            let whole = ids.iter().all(Option::is_some);
            let bytes = ids.into_iter().flat_map(|id| id.unwrap_or_default().into_bytes()).collect();
            if whole { Packed::Ids(bytes) } else { Packed::OptionalIds(bytes) }
        }
        Value::Int(_) => {
            let integers = column.map(|value| if let Value::Int(value) = value { *value } else { None });
            let integers = integers.collect::<Option<Vec<i64>>>()?;
            // A few widths only, so that few texts are prepared.
            let width = if integers.iter().all(|value| (0..10_000).contains(value)) { 4 } else { 20 };
            let mut digits = String::with_capacity(integers.len() * width);
            for value in integers {
                let _ = write!(digits, "{value:width$}");
            }
            Packed::Integers { digits: digits.into_bytes(), width }
        }
        Value::Date(_) => {
            let mut texts = TextCache::default();
            Packed::Dates(column.try_fold(Vec::new(), |mut bytes, value| {
                let Value::Date(Some(date)) = value else { return None };
                let text = texts.date(*date);
                bytes.extend_from_slice(text.as_bytes());
                (text.len() == DATE_CHARS).then_some(bytes)
            })?)
        }
        _ => return None,
    })
}

/// One statement for up to [`SERIES_ROWS`] rows, whose values the database cuts out of the columns itself.
async fn insert_packed(
    connection: &mut SqliteConnection,
    company: CompanyId,
    into: &Bulk,
    columns: &[Packed],
    rows: usize,
) -> Result<u64> {
    let mut text = format!("INSERT INTO {} (company_id, {}) SELECT ?", into.table, into.columns.join(", "));
    for column in columns {
        // Writing to a String cannot fail.
        let _ = match column {
            Packed::Same(_) => write!(text, ", ?"),
            Packed::Ids(_) => write!(text, ", substr(?, n * 16 + 1, 16)"),
            Packed::OptionalIds(_) => write!(text, ", NULLIF(substr(?, n * 16 + 1, 16), zeroblob(16))"),
            Packed::Integers { width, .. } => {
                write!(text, ", CAST(substr(?, n * {width} + 1, {width}) AS INTEGER)")
            }
            Packed::Dates(_) => write!(text, ", CAST(substr(?, n * {DATE_CHARS} + 1, {DATE_CHARS}) AS TEXT)"),
        };
    }
    text.push_str(" FROM _series WHERE n < ?");
    let mut written = 0;
    for start in (0..rows).step_by(SERIES_ROWS) {
        let count = SERIES_ROWS.min(rows - start);
        let cut = |bytes: &[u8], width: usize| Value::from(bytes[start * width..(start + count) * width].to_vec());
        let mut arguments = SqliteArguments::default();
        add_sqlite(&mut arguments, company.into())?;
        for column in columns {
            let value = match column {
                Packed::Same(value) => value.clone(),
                Packed::Ids(bytes) | Packed::OptionalIds(bytes) => cut(bytes, 16),
                Packed::Integers { digits, width } => cut(digits, *width),
                Packed::Dates(bytes) => cut(bytes, DATE_CHARS),
            };
            add_sqlite(&mut arguments, value)?;
        }
        add_sqlite(
            &mut arguments,
            Value::Int(Some(i64::try_from(count).map_err(|_| Error::Overflow("counting rows"))?)),
        )?;
        let query = sqlx::query_with(AssertSqlSafe(text.clone()), arguments);
        written += connection.execute(query).await.map_err(failed)?.rows_affected();
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

/// Copies that were given up half-way, on connections that are still to be found and closed.
static CUT_COPIES: AtomicUsize = AtomicUsize::new(0);

/// Counts a copy that is dropped before its end.
struct CopyAtWork;

impl Drop for CopyAtWork {
    fn drop(&mut self) {
        CUT_COPIES.fetch_add(1, Ordering::SeqCst);
    }
}

/// Whether a connection that is given back answers what it is asked. When a copy is dropped while the server ends it, the
/// driver does not wait for the rest of its messages: the next statement would take them for its own answer and find
/// nothing, the one after it would be given the rows of the one before. So once a copy was cut, connections are asked
/// something with a known answer before anybody else gets them; that costs nothing as long as none was.
///
/// # Errors
/// When the connection is out of step so far that it says so itself.
pub(crate) async fn is_in_step(connection: &mut PgConnection) -> sqlx::Result<bool> {
    if CUT_COPIES.load(Ordering::SeqCst) == 0 {
        return Ok(true);
    }
    let answered = connection.fetch_optional("SELECT 1").await.map(|row| row.is_some());
    if !matches!(answered, Ok(true)) {
        // Found. Another count of the same connection stays, and costs a look at each connection that is given back.
        let _ = CUT_COPIES.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
    answered
}

async fn copy(connection: &mut PgConnection, into: &Bulk, pieces: Vec<Vec<u8>>) -> Result<u64> {
    let at_work = CopyAtWork;
    let copied = copy_to_end(connection, into, pieces).await;
    std::mem::forget(at_work);
    copied
}

async fn copy_to_end(connection: &mut PgConnection, into: &Bulk, pieces: Vec<Vec<u8>>) -> Result<u64> {
    let text = format!("COPY {} (company_id, {}) FROM STDIN (FORMAT binary)", into.table, into.columns.join(", "));
    let mut sink = connection.copy_in_raw(&text).await.map_err(failed)?;
    for piece in pieces {
        if let Err(error) = sink.send(piece).await {
            let _ = sink.abort("the rows could not be sent").await;
            return Err(failed(error));
        }
    }
    sink.finish().await.map_err(failed)
}

/// PostgreSQL's binary copy format, encoded before the statement begins, so that a value that cannot be written leaves the
/// connection as it was: a signature, rows of length-prefixed fields, and an end mark.
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

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_domain::Date;

    #[test]
    fn only_dates_of_one_length_are_packed() {
        let day = |text: &str| text.parse::<Date>().expect("is a date");
        let column = |days: &[Date]| pack(days.iter().map(|day| Value::from(*day)).collect::<Vec<_>>().iter());
        let (first, last) = (day("2025-01-01"), day("9999-12-31"));
        assert!(matches!(column(&[first, last]), Some(Packed::Dates(bytes)) if bytes == b"2025-01-019999-12-31"));
        let beyond = last.plus_days(1).expect("there are later days");
        assert!(column(&[first, beyond, last]).is_none(), "{beyond} would shift the rows behind it");
    }
}
