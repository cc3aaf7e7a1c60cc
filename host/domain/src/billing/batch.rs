//! From subjects to the columns of one call, and smaller batches out of a failed one.

use crate::{
    Period,
    billing::{UnitSource, plan_segments},
    custom_field::CustomValues,
    decision::Subjects,
    entity::Entity,
    facts::{AskedFact, ColumnBuilder, CustomFact},
    fee_item::PayerRule,
    ids::{FeeItemId, PartyId},
    point::{FeePoint, Point, picked, picked_rows},
    values::{Currency, FeeBatch, Segments},
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
    pub facts: Vec<AskedFact>,
}

/// Builds the batch of one fee item for a page of units. Units of which nothing is charged in the period are left out.
/// `custom` has the values of the custom fields that are asked for, of the units and of whoever may pay for them.
#[must_use]
pub fn prepare(page: &[UnitSource], custom: &CustomValues, terms: &ItemTerms) -> PreparedBatch {
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
                column.push(&unit.facts, plan.facts, |CustomFact { entity, field_id, .. }| {
                    let record = if entity == Entity::Unit { unit.unit_id.0 } else { plan.payer_id.0 };
                    custom.of(field_id, record)
                });
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

/// The given subjects, ascending, as a batch of their own.
#[must_use]
pub fn pick(prepared: &PreparedBatch, subjects: &[usize]) -> PreparedBatch {
    let (rows, _) = picked_rows(&prepared.batch.segments.subject, subjects);
    PreparedBatch {
        batch: Arc::new(FeePoint::pick(&prepared.batch, subjects)),
        subjects: Subjects {
            units: picked(&prepared.subjects.units, subjects),
            payers: picked(&prepared.subjects.payers, &rows),
        },
        buildings: picked(&prepared.buildings, subjects),
    }
}
