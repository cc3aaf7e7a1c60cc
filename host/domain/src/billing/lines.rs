//! Lines of a decision as the host sees them: with amounts, payer and the id of the charge they become.

use uuid::Uuid;

use crate::{
    Date, Decimal, Error, Fen, Result,
    decision::Decision,
    ids::{BillingRunId, ChargeId, PartyId, UnitId},
    values::{Amounts, FeeAnswer},
};

/// One line of a decision, resolved to the records it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedLine {
    pub charge_id: ChargeId,
    pub unit_id: UnitId,
    pub payer_id: PartyId,
    /// Index of the subject in the decision.
    pub subject: u32,
    /// Index of the line in the decision.
    pub line: u32,
    /// Counts the lines of this subject.
    pub line_no: i64,
    pub from: Date,
    pub to: Date,
    /// Index into the plug-in's measures.
    pub measure: u16,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub amount: Fen,
}

/// The charge that line number `line` of a run becomes, counted over the whole run.
///
/// It depends on nothing but run and number, so that posting the same line twice is the same row; it keeps the time of
/// the run in front, so that rows are written in order.
#[must_use]
pub fn charge_id(run_id: BillingRunId, line: i64) -> ChargeId {
    // A UUIDv7 ends in 32 random bits; what stands before them (time and a counter) differs between any two runs. So the
    // line number takes the place of the random bits: room for 2^32 lines a run.
    const LINE_BITS: u32 = 32;
    let mask = (1_u128 << LINE_BITS) - 1;
    let number = u128::from(line.unsigned_abs()) & mask;
    ChargeId(Uuid::from_u128((run_id.0.as_u128() & !mask) | number))
}

/// The lines of an answered decision; none of a failed one.
///
/// # Errors
/// [`Error::Invalid`] when the decision contradicts itself, which the check at recording has ruled out.
pub fn resolve_lines(decision: &Decision) -> Result<Vec<ResolvedLine>> {
    let Some(answer) = decision.outcome.fee() else {
        return Ok(Vec::new());
    };
    let batch = decision.fee_batch()?;
    let amounts = amounts(decision, answer)?;
    let broken = || Error::invalid(format!("decision {} contradicts itself", decision.id));
    let lines = &answer.lines;
    let mut resolved = Vec::with_capacity(lines.segment.len());
    let mut previous = (u32::MAX, 0);
    for (index, segment) in lines.segment.iter().enumerate() {
        let segment = *segment as usize;
        let subject = *batch.segments.subject.get(segment).ok_or_else(broken)?;
        let line_no = if previous.0 == subject { previous.1 + 1 } else { 0 };
        previous = (subject, line_no);
        resolved.push(ResolvedLine {
            charge_id: charge_id(decision.run_id, decision.first_line + i64::try_from(index).map_err(|_| broken())?),
            unit_id: *decision.subjects.units.get(subject as usize).ok_or_else(broken)?,
            payer_id: *decision.subjects.payers.get(segment).ok_or_else(broken)?,
            subject,
            line: u32::try_from(index).map_err(|_| broken())?,
            line_no,
            from: *batch.segments.start.get(segment).ok_or_else(broken)?,
            to: *batch.segments.end.get(segment).ok_or_else(broken)?,
            measure: *lines.measure.get(index).ok_or_else(broken)?,
            quantity: decimal(&lines.quantity, &lines.quantity_scale, index).ok_or_else(broken)?,
            unit_price: decimal(&lines.unit_price, &lines.unit_price_scale, index).ok_or_else(broken)?,
            amount: Fen(*amounts.get(index).ok_or_else(broken)?),
        });
    }
    Ok(resolved)
}

/// Amounts of the lines: the policy's own, or what the host allocated from its weights.
fn amounts<'a>(decision: &'a Decision, answer: &'a FeeAnswer) -> Result<&'a [i64]> {
    match &answer.lines.amounts {
        Amounts::Money(amounts) => Ok(amounts),
        Amounts::Weights(weights) if weights.len() == decision.allocated.len() => Ok(&decision.allocated),
        Amounts::Weights(_) => Err(Error::Conflict(format!("decision {} is not allocated yet", decision.id))),
    }
}

fn decimal(mantissas: &[i64], scales: &[u8], index: usize) -> Option<Decimal> {
    Some(Decimal { mantissa: *mantissas.get(index)?, scale: *scales.get(index)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_ids_follow_the_run_and_never_meet() {
        let run = BillingRunId::generate();
        let ids: Vec<_> = (0..1_000).map(|line| charge_id(run, line)).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 1_000);
        assert_eq!(ids[7], charge_id(run, 7));
        let runs: std::collections::HashSet<_> = (0..1_000).map(|_| charge_id(BillingRunId::generate(), 7)).collect();
        assert_eq!(runs.len(), 1_000, "runs made in the same millisecond must not share charges");
    }
}
