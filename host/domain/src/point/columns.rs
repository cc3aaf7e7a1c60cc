//! Cutting the columns of a question.

use std::ops::Range;

use crate::values::{Cells, Codes, Column, Currency, Decimal, Numbers};

/// Counts of a batch are `u32` on their way to a plug-in.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a batch is far smaller than 2^32")
}

/// The rows of some subjects, in a column that names the subject of each row in ascending order.
pub(crate) fn rows_of(subject: &[u32], subjects: &Range<usize>) -> Range<usize> {
    let from = subject.partition_point(|row| (*row as usize) < subjects.start);
    let to = subject.partition_point(|row| (*row as usize) < subjects.end);
    from..to
}

/// The rows of some subjects, ascending, in a column that names the subject of each row in ascending order, each with the
/// subject's number among those that were picked.
pub(crate) fn picked_rows(subject: &[u32], subjects: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let mut rows = Vec::with_capacity(subject.len());
    let mut numbers = Vec::with_capacity(subject.len());
    for (position, picked) in subjects.iter().enumerate() {
        for row in rows_of(subject, &(*picked..*picked + 1)) {
            rows.push(row);
            numbers.push(number(position));
        }
    }
    (rows, numbers)
}

/// Some cells, in the order in which they are asked for.
pub(crate) fn picked<T: Clone>(cells: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| cells[*row].clone()).collect()
}

/// The given rows of each column, ascending.
pub(crate) fn pick_columns(columns: &[Column], rows: &[usize]) -> Vec<Column> {
    columns.iter().map(|column| pick_column(column, rows)).collect()
}

/// Code columns keep only the names that occur, in order of occurrence, so that a subject's question does not depend on
/// its neighbours more than it must.
fn pick_column(column: &Column, rows: &[usize]) -> Column {
    let cells = match &column.cells {
        Cells::Numbers(numbers) => {
            Cells::Numbers(Numbers { scale: numbers.scale, mantissas: picked(&numbers.mantissas, rows) })
        }
        Cells::Dates(dates) => Cells::Dates(picked(dates, rows)),
        Cells::Flags(flags) => Cells::Flags(picked(flags, rows)),
        Cells::Codes(codes) => Cells::Codes(pick_codes(codes, rows)),
    };
    let is_missing = |row: usize| column.missing.binary_search(&number(row)).is_ok();
    let missing = rows.iter().enumerate().filter(|(_, row)| is_missing(**row)).map(|(new, _)| number(new)).collect();
    Column { cells, missing }
}

fn pick_codes(codes: &Codes, rows: &[usize]) -> Codes {
    let mut kept = Codes { names: Vec::new(), cells: Vec::with_capacity(rows.len()) };
    let mut renumbered: Vec<Option<u16>> = vec![None; codes.names.len()];
    for row in rows {
        let old = usize::from(codes.cells[*row]);
        let Some(name) = codes.names.get(old) else {
            // A missing cell of a column without any name: it holds 0 and means nothing.
            kept.cells.push(0);
            continue;
        };
        let new = *renumbered[old].get_or_insert_with(|| {
            kept.names.push(name.clone());
            u16::try_from(kept.names.len() - 1).expect("there are no more names than before")
        });
        kept.cells.push(new);
    }
    kept
}

/// Columns of facts that somebody else has made: each has a cell for every row, and names what is there.
pub(super) fn check_columns(columns: &[Column], rows: usize) -> Result<(), String> {
    for (number, column) in columns.iter().enumerate() {
        if column.cells.len() != rows {
            return Err(format!("fact {number} has {} cells for {rows} rows", column.cells.len()));
        }
        let outside = match &column.cells {
            Cells::Numbers(numbers) => numbers.scale > Decimal::SCALE_MAX,
            Cells::Codes(codes) => codes.cells.iter().zip(0..).any(|(cell, row)| {
                usize::from(*cell) >= codes.names.len() && column.missing.binary_search(&row).is_err()
            }),
            Cells::Dates(_) | Cells::Flags(_) => false,
        };
        if outside {
            return Err(format!("fact {number} has a cell that means nothing"));
        }
        let ascending = column.missing.is_sorted_by(|left, right| left < right);
        if !ascending || column.missing.last().is_some_and(|last| *last as usize >= rows) {
            return Err(format!("fact {number} misses rows that there are not"));
        }
    }
    Ok(())
}

/// Columns that name the subject of each row: of one length, ascending, and of subjects that there are.
pub(super) fn check_rows(subject: &[u32], subjects: usize, others: &[usize]) -> Result<(), String> {
    if others.iter().any(|length| *length != subject.len()) {
        return Err("its columns have different lengths".to_owned());
    }
    if !subject.is_sorted() || subject.last().is_some_and(|last| *last as usize >= subjects) {
        return Err(format!("its rows are not in the order of its {subjects} subjects"));
    }
    Ok(())
}

/// Amounts are computed with as many places as the currency has.
pub(super) fn check_currency(currency: &Currency) -> Result<(), String> {
    if currency.digits > Decimal::SCALE_MAX {
        return Err(format!("its currency has {} places; {} are allowed", currency.digits, Decimal::SCALE_MAX));
    }
    Ok(())
}
