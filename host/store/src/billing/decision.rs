//! Decisions as rows: what was asked and answered, compressed.

use guanjia_domain::{
    Error, Fen, Result,
    decision::{Decision, decode, encode},
    ids::*,
    ports::DecisionQuery,
    values::Amounts,
};

use crate::{
    bulk::Bulk,
    db::{Row, Scope},
    plugin::settings_key,
    value::Values,
};

const COLUMNS: &[&str] = &[
    "id",
    "run_id",
    "fee_item_id",
    "binding_id",
    "component_digest",
    "settings_sha256",
    "wit",
    "engine",
    "fuel",
    "first_line",
    "lines",
    "sum_fen",
    "subjects",
    "input",
    "outcome",
    "allocated",
    "reverses",
    "log",
];

macro_rules! decision_columns {
    () => {
        concat!(
            "SELECT d.id, d.run_id, d.binding_id, d.fee_item_id, d.component_digest, s.settings, d.wit, d.engine, d.subjects, d.input, ",
            "d.outcome, d.allocated, d.reverses, d.fuel, d.first_line, d.log FROM decision d ",
            "JOIN settings_blob s ON s.company_id = d.company_id AND s.settings_sha256 = d.settings_sha256 "
        )
    };
}

/// The rows of a page's decisions, ready to be written.
pub(crate) struct EncodedDecisions {
    pub(crate) values: Values,
    /// Where the lines begin; `None` without a decision.
    pub(crate) first_line: Option<i64>,
    pub(crate) lines: i64,
}

/// # Errors
/// `Invalid` when the decisions do not count their lines one after another.
pub(crate) fn encode_all(decisions: &[Decision]) -> Result<EncodedDecisions> {
    let first_line = decisions.first().map(|decision| decision.first_line);
    let mut next = first_line.unwrap_or(0);
    let mut values = Values::with_capacity(decisions.len() * COLUMNS.len());
    for decision in decisions {
        if decision.first_line != next {
            return Err(Error::invalid(format!("decision {} does not begin at line {next}", decision.id)));
        }
        let (lines, sum) = lines_and_sum(decision)?;
        next = next.checked_add(lines).ok_or(Error::Overflow("counting lines"))?;
        let allocated = if decision.allocated.is_empty() { None } else { Some(encode(&decision.allocated)?) };
        let reverses = if decision.reverses.is_empty() { None } else { Some(encode(&decision.reverses)?) };
        let log = if decision.log.is_empty() { None } else { Some(encode(&decision.log)?) };
        values.extend(values![
            decision.id,
            decision.run_id,
            decision.fee_item_id,
            decision.binding_id,
            &decision.component_digest,
            settings_key(&decision.settings),
            &decision.wit,
            &decision.engine,
            decision.fuel,
            decision.first_line,
            lines,
            sum,
            encode(&decision.subjects)?,
            encode(&decision.question)?,
            encode(&decision.outcome)?,
            allocated,
            reverses,
            log
        ]);
    }
    Ok(EncodedDecisions { values, first_line, lines: next - first_line.unwrap_or(0) })
}

/// How many lines a decision has, and their sum where it is known: what is taken back counts against what is charged.
fn lines_and_sum(decision: &Decision) -> Result<(i64, Option<i64>)> {
    let Some(answer) = decision.outcome.fee() else { return Ok((0, Some(0))) };
    let lines = i64::try_from(decision.line_count()).map_err(|_| Error::Overflow("counting lines"))?;
    let reversed = Fen::sum(decision.reverses.iter().map(|line| line.amount))?.0;
    let amounts = match &answer.lines.amounts {
        Amounts::Money(amounts) => Some(amounts),
        Amounts::Weights(_) if decision.allocated.is_empty() => None,
        Amounts::Weights(_) => Some(&decision.allocated),
    };
    let charged = amounts.map(|amounts| sum(amounts)).transpose()?;
    let rest = |charged: i64| charged.checked_sub(reversed).ok_or(Error::Overflow("adding the lines of a decision"));
    Ok((lines, charged.map(rest).transpose()?))
}

fn sum(amounts: &[i64]) -> Result<i64> {
    amounts
        .iter()
        .try_fold(0_i64, |sum, amount| sum.checked_add(*amount))
        .ok_or(Error::Overflow("adding the lines of a decision"))
}

fn read_decision(row: &Row) -> Result<Decision> {
    let mut cells = row.cells();
    Ok(Decision {
        id: cells.take()?,
        run_id: cells.take()?,
        binding_id: cells.take()?,
        fee_item_id: cells.take()?,
        component_digest: cells.take()?,
        settings: cells.take()?,
        wit: cells.take()?,
        engine: cells.take()?,
        subjects: decode(&cells.take::<Vec<u8>>()?)?,
        question: decode(&cells.take::<Vec<u8>>()?)?,
        outcome: decode(&cells.take::<Vec<u8>>()?)?,
        allocated: cells.take::<Option<Vec<u8>>>()?.map_or(Ok(Vec::new()), |bytes| decode(&bytes))?,
        reverses: cells.take::<Option<Vec<u8>>>()?.map_or(Ok(Vec::new()), |bytes| decode(&bytes))?,
        fuel: cells.take()?,
        first_line: cells.take()?,
        log: cells.take::<Option<Vec<u8>>>()?.map_or(Ok(Vec::new()), |bytes| decode(&bytes))?,
    })
}

impl Scope {
    pub(crate) async fn write_decisions(&mut self, values: Values) -> Result<()> {
        if !values.is_empty() {
            self.insert_many(&Bulk::insert("decision", COLUMNS), values).await?;
        }
        Ok(())
    }

    /// Writes the allocated amounts of a decision, once.
    pub(crate) async fn write_allocated(
        &mut self,
        run: BillingRunId,
        decision: DecisionId,
        amounts: &[i64],
    ) -> Result<()> {
        let changed = self
            .execute(
                sql!(
                    "UPDATE decision SET allocated = $4, sum_fen = $5 ",
                    "WHERE company_id = $1 AND id = $2 AND run_id = $3 AND allocated IS NULL AND lines = $6"
                ),
                values![
                    decision,
                    run,
                    encode(&amounts.to_vec())?,
                    sum(amounts)?,
                    i64::try_from(amounts.len()).map_err(|_| Error::Overflow("counting lines"))?
                ],
            )
            .await?;
        if changed == 1 {
            return Ok(());
        }
        Err(Error::Conflict(format!("decision {decision} is allocated already, or has another number of lines")))
    }

    pub(crate) async fn decisions(
        &mut self,
        run: BillingRunId,
        after: Option<DecisionId>,
        limit: u32,
    ) -> Result<Vec<Decision>> {
        let (line, id) = self.line_of(after).await?;
        let statement = sql!(
            decision_columns!(),
            "WHERE d.company_id = $1 AND d.run_id = $2 AND (d.first_line, d.id) > ($3, $4) ORDER BY d.first_line, d.id LIMIT $5"
        );
        let rows = self.rows(statement, values![run, line, id, limit]).await?;
        rows.iter().map(read_decision).collect()
    }

    pub(crate) async fn nth_decision(&mut self, run: BillingRunId, nth: i64) -> Result<Option<Decision>> {
        let statement = sql!(
            decision_columns!(),
            "WHERE d.company_id = $1 AND d.run_id = $2 ORDER BY d.first_line, d.id LIMIT 1 OFFSET $3"
        );
        self.row(statement, values![run, nth]).await?.as_ref().map(read_decision).transpose()
    }

    pub(crate) async fn decisions_of_item(&mut self, query: DecisionQuery) -> Result<Vec<Decision>> {
        let DecisionQuery { run_id, fee_item_id, after, limit } = query;
        let (line, id) = self.line_of(after).await?;
        let statement = sql!(
            decision_columns!(),
            "WHERE d.company_id = $1 AND d.run_id = $2 AND d.fee_item_id = $3 AND (d.first_line, d.id) > ($4, $5) ",
            "ORDER BY d.first_line, d.id LIMIT $6"
        );
        let rows = self.rows(statement, values![run_id, fee_item_id, line, id, limit]).await?;
        rows.iter().map(read_decision).collect()
    }

    /// Where the decisions of a run go on: the first line of the one before, and its id.
    async fn line_of(&mut self, after: Option<DecisionId>) -> Result<(i64, DecisionId)> {
        let Some(id) = after else { return Ok((-1, DecisionId(uuid::Uuid::nil()))) };
        let statement = sql!("SELECT first_line FROM decision WHERE company_id = $1 AND id = $2");
        let row = self.row(statement, values![id]).await?.ok_or_else(|| Error::not_found("decision", id))?;
        Ok((row.only()?, id))
    }

    pub(crate) async fn decision(&mut self, decision: DecisionId) -> Result<Decision> {
        let statement = sql!(decision_columns!(), "WHERE d.company_id = $1 AND d.id = $2");
        let row = self.row(statement, values![decision]).await?;
        read_decision(&row.ok_or_else(|| Error::not_found("decision", decision))?)
    }
}
