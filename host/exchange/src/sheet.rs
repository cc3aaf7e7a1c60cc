//! Grows a sheet from cells in any order.

use std::collections::BTreeMap;

use guanjia_domain::import::{Cell, Row, Sheet};

use crate::{
    ReadError,
    limits::{Budget, COLUMNS_MAX},
};

#[derive(Debug)]
pub(crate) struct SheetBuilder {
    name: String,
    rows: BTreeMap<u32, Vec<Cell>>,
}

impl SheetBuilder {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rows: BTreeMap::new() }
    }

    /// Puts a cell at its place; `row` is the number that the spreadsheet shows, `column` counts from 0. Empty cells take
    /// no room, wherever they are.
    pub fn put(&mut self, row: u32, column: usize, cell: Cell, budget: &mut Budget) -> Result<(), ReadError> {
        if cell.is_empty() {
            return Ok(());
        }
        if column >= COLUMNS_MAX {
            return Err(ReadError::TooManyColumns { sheet: self.name.clone(), row, max: COLUMNS_MAX });
        }
        if !self.rows.contains_key(&row) {
            budget.row(&self.name)?;
        }
        let cells = self.rows.entry(row).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        cells[column] = cell;
        Ok(())
    }

    pub fn finish(self) -> Sheet {
        let rows = self.rows.into_iter().map(|(number, cells)| Row { number, cells }).collect();
        Sheet { name: self.name, rows }
    }
}
