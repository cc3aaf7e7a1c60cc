//! Lines of a decision as the host sees them: with amounts, payer and the id of the charge they become.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Date, Decimal, Error, Fen, Result,
    decision::Decision,
    ids::{BillingRunId, ChargeId, DecisionId, PartyId, UnitId},
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
    /// The posted line that this one takes back; `measure` is then an index into the measures of that line's plug-in.
    pub reverses: Option<PostedLine>,
}

/// A posted line, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedLine {
    pub charge_id: ChargeId,
    pub decision_id: DecisionId,
    /// Index of the line in the decision.
    pub line: u32,
}

/// A posted line that an adjustment takes back. It holds all that its reversal needs, so that a decision says by itself what
/// is posted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversedLine {
    /// Index of the subject in the decision that adjusts.
    pub subject: u32,
    pub posted: PostedLine,
    pub payer_id: PartyId,
    pub from: Date,
    pub to: Date,
    /// Index into the measures of the plug-in that made the line.
    pub measure: u16,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    /// As it is posted: the reversal has the opposite.
    pub amount: Fen,
}

impl ReversedLine {
    /// Takes a line of a posted decision back, for a subject of another one.
    #[must_use]
    pub fn new(subject: u32, decision_id: DecisionId, line: &ResolvedLine) -> Self {
        Self {
            subject,
            posted: PostedLine { charge_id: line.charge_id, decision_id, line: line.line },
            payer_id: line.payer_id,
            from: line.from,
            to: line.to,
            measure: line.measure,
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount: line.amount,
        }
    }
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

/// The lines of an answered decision; none of a failed one. Subject by subject; what is taken back of a subject comes before
/// what is charged instead.
///
/// # Errors
/// [`Error::Invalid`] when the decision contradicts itself, which the check at recording has ruled out;
/// [`Error::Overflow`] for an amount that has no opposite.
pub fn resolve_lines(decision: &Decision) -> Result<Vec<ResolvedLine>> {
    let mut lines = own_lines(decision)?;
    if !decision.reverses.is_empty() {
        lines.extend(reversals(decision, &lines)?);
        lines.sort_by_key(|line| (line.subject, line.reverses.is_none()));
    }
    Ok(lines)
}

/// The lines that the policy answered, without those that take others back.
///
/// # Errors
/// As [`resolve_lines`].
pub(crate) fn own_lines(decision: &Decision) -> Result<Vec<ResolvedLine>> {
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
            reverses: None,
        });
    }
    Ok(resolved)
}

/// The opposites of the lines that a decision takes back. They are numbered on from its own lines, in the decision and for
/// each subject, so that the first line of a subject is never one that is taken back.
fn reversals(decision: &Decision, own: &[ResolvedLine]) -> Result<Vec<ResolvedLine>> {
    let broken = || Error::invalid(format!("decision {} contradicts itself", decision.id));
    let opposite = |decimal: Decimal| decimal.mantissa.checked_neg().map(|mantissa| Decimal { mantissa, ..decimal });
    let overflow = || Error::Overflow("turning a line around");
    let mut next_no: Vec<i64> = vec![0; decision.subjects.units.len()];
    for line in own {
        *next_no.get_mut(line.subject as usize).ok_or_else(broken)? += 1;
    }
    let mut lines = Vec::with_capacity(decision.reverses.len());
    for (reversed, index) in decision.reverses.iter().zip(own.len()..) {
        let line_no = next_no.get_mut(reversed.subject as usize).ok_or_else(broken)?;
        lines.push(ResolvedLine {
            charge_id: charge_id(decision.run_id, decision.first_line + i64::try_from(index).map_err(|_| broken())?),
            unit_id: *decision.subjects.units.get(reversed.subject as usize).ok_or_else(broken)?,
            payer_id: reversed.payer_id,
            subject: reversed.subject,
            line: u32::try_from(index).map_err(|_| broken())?,
            line_no: *line_no,
            from: reversed.from,
            to: reversed.to,
            measure: reversed.measure,
            quantity: opposite(reversed.quantity).ok_or_else(overflow)?,
            unit_price: reversed.unit_price,
            amount: Fen(reversed.amount.0.checked_neg().ok_or_else(overflow)?),
            reverses: Some(reversed.posted),
        });
        *line_no += 1;
    }
    Ok(lines)
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
