//! Cutting the columns of a question.

use std::ops::Range;

use crate::values::{Cells, Codes, Column, Numbers};

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

pub(crate) fn slice_columns(columns: &[Column], rows: Range<usize>) -> Vec<Column> {
    columns.iter().map(|column| slice_column(column, rows.start, rows.end)).collect()
}

/// Code columns keep only the names that occur, in order of occurrence, so that a subject's question does not depend on
/// its neighbours more than it must.
fn slice_column(column: &Column, from: usize, to: usize) -> Column {
    let cells = match &column.cells {
        Cells::Numbers(numbers) => {
            Cells::Numbers(Numbers { scale: numbers.scale, mantissas: numbers.mantissas[from..to].to_vec() })
        }
        Cells::Dates(dates) => Cells::Dates(dates[from..to].to_vec()),
        Cells::Flags(flags) => Cells::Flags(flags[from..to].to_vec()),
        Cells::Codes(codes) => Cells::Codes(slice_codes(codes, from, to)),
    };
    let missing = column
        .missing
        .iter()
        .filter_map(|row| usize::try_from(*row).ok().filter(|row| (from..to).contains(row)))
        .map(|row| u32::try_from(row - from).expect("is smaller than the row it came from"))
        .collect();
    Column { cells, missing }
}

fn slice_codes(codes: &Codes, from: usize, to: usize) -> Codes {
    let mut sliced = Codes { names: Vec::new(), cells: Vec::with_capacity(to - from) };
    let mut renumbered: Vec<Option<u16>> = vec![None; codes.names.len()];
    for cell in &codes.cells[from..to] {
        let old = usize::from(*cell);
        let Some(name) = codes.names.get(old) else {
            // A missing cell of a column without any name: it holds 0 and means nothing.
            sliced.cells.push(0);
            continue;
        };
        let new = *renumbered[old].get_or_insert_with(|| {
            sliced.names.push(name.clone());
            u16::try_from(sliced.names.len() - 1).expect("there are no more names than before")
        });
        sliced.cells.push(new);
    }
    sliced
}
