//! From subjects to the columns of one call, and smaller batches out of a failed one.

use crate::{
    Period,
    billing::{UnitSource, plan_segments},
    decision::Subjects,
    facts::{ColumnBuilder, FeeFact},
    fee_item::PayerRule,
    ids::{FeeItemId, PartyId},
    values::{Cells, Codes, Column, Currency, FeeBatch, Numbers, Segments},
};
use std::sync::Arc;

/// A batch with the host's knowledge of who its numbers stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedBatch {
    pub batch: Arc<FeeBatch>,
    pub subjects: Subjects,
    /// Building of each subject, for the totals.
    pub buildings: Vec<Arc<str>>,
}

/// What is charged to whom, for one fee item of a run.
#[derive(Debug, Clone)]
pub struct ItemTerms {
    pub fee_item_id: FeeItemId,
    pub period: Period,
    /// The part of the period in which the fee item itself holds.
    pub charged: Period,
    pub currency: Currency,
    pub payer_rule: PayerRule,
    pub developer_id: PartyId,
    /// What the policy asks about each segment.
    pub facts: Vec<FeeFact>,
}

/// Builds the batch of one fee item for a page of units. Units of which nothing is charged in the period are left out.
#[must_use]
pub fn prepare(page: &[UnitSource], terms: &ItemTerms) -> PreparedBatch {
    let mut columns: Vec<ColumnBuilder> =
        terms.facts.iter().map(|fact| ColumnBuilder::new(*fact, page.len())).collect();
    let mut segments = Segments {
        subject: Vec::with_capacity(page.len()),
        start: Vec::with_capacity(page.len()),
        end: Vec::with_capacity(page.len()),
    };
    let mut subjects = Subjects { units: Vec::with_capacity(page.len()), payers: Vec::with_capacity(page.len()) };
    let mut buildings = Vec::with_capacity(page.len());
    let mut plans = Vec::with_capacity(4);
    for unit in page {
        let Some(assigned) = unit.assigned.iter().find(|assigned| assigned.fee_item_id == terms.fee_item_id) else {
            continue;
        };
        plans.clear();
        if plan_segments(unit, assigned, terms.charged, terms.payer_rule, terms.developer_id, &mut plans) == 0 {
            continue;
        }
        let subject = u32::try_from(subjects.units.len()).expect("a page is far smaller than 2^32");
        for plan in &plans {
            segments.subject.push(subject);
            segments.start.push(plan.start);
            segments.end.push(plan.end);
            subjects.payers.push(plan.payer_id);
            for column in &mut columns {
                column.push(&unit.facts, plan.facts);
            }
        }
        subjects.units.push(unit.unit_id);
        buildings.push(Arc::clone(&unit.building));
    }
    let count = u32::try_from(subjects.units.len()).expect("a page is far smaller than 2^32");
    PreparedBatch {
        batch: Arc::new(FeeBatch {
            period: terms.period,
            currency: terms.currency.clone(),
            subjects: count,
            segments,
            facts: columns.into_iter().map(ColumnBuilder::finish).collect(),
        }),
        subjects,
        buildings,
    }
}

/// Halves a batch of at least two subjects, so that the ones that fail can be told from the ones that do not.
#[must_use]
pub fn split(prepared: &PreparedBatch) -> (PreparedBatch, PreparedBatch) {
    let middle = prepared.batch.subjects / 2;
    (slice(prepared, 0, middle), slice(prepared, middle, prepared.batch.subjects))
}

/// The subjects `first..last` as a batch of their own. Code columns keep only the names that occur, in order of
/// occurrence, so that a subject's input does not depend on its neighbours more than it must.
fn slice(prepared: &PreparedBatch, first: u32, last: u32) -> PreparedBatch {
    let batch = &prepared.batch;
    let from = batch.segments.subject.partition_point(|subject| *subject < first);
    let to = batch.segments.subject.partition_point(|subject| *subject < last);
    let (first_index, last_index) = (first as usize, last as usize);
    PreparedBatch {
        batch: Arc::new(FeeBatch {
            period: batch.period,
            currency: batch.currency.clone(),
            subjects: last - first,
            segments: Segments {
                subject: batch.segments.subject[from..to].iter().map(|subject| subject - first).collect(),
                start: batch.segments.start[from..to].to_vec(),
                end: batch.segments.end[from..to].to_vec(),
            },
            facts: batch.facts.iter().map(|column| slice_column(column, from, to)).collect(),
        }),
        subjects: Subjects {
            units: prepared.subjects.units[first_index..last_index].to_vec(),
            payers: prepared.subjects.payers[from..to].to_vec(),
        },
        buildings: prepared.buildings[first_index..last_index].to_vec(),
    }
}

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
