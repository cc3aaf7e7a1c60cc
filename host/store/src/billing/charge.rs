//! Posting charges, and reading them.

use guanjia_domain::{
    Date, Error, Fen, Result,
    billing::{BillingRun, RunState, charge_id},
    estate::UnitPlace,
    ids::*,
    journal::{Charge, LedgerAccountKind},
    ports::{ChargeRow, JournalSum, Page, Standing, StandingQuery},
};
use std::collections::HashMap;
use uuid::Uuid;

use crate::{
    CompanyScope,
    bulk::{Bulk, Rows},
    db::{Row, Scope},
    value::{Value, Values},
};

/// Rows that one page of a list may have.
const PAGE_ROWS_MAX: u32 = 1_000;
/// The last line number for which a charge id has room.
const LINE_MAX: i64 = (1 << 40) - 1;

const CHARGE_COLUMNS: &[&str] = &[
    "id",
    "run_id",
    "unit_id",
    "fee_item_id",
    "payer_id",
    "decision_id",
    "period_start",
    "starts_on",
    "ends_on",
    "revision",
    "line_no",
    "decision_line",
    "amount_fen",
    "reverses_id",
];

const TRANSFER_COLUMNS: &[&str] = &["id", "journal_entry_id", "debit_account_id", "credit_account_id", "amount_fen"];

/// What [`read_charge`] reads.
macro_rules! charge_rows {
    () => {
        concat!(
            "SELECT c.id, c.run_id, c.unit_id, c.fee_item_id, c.payer_id, c.period_start, c.starts_on, c.ends_on, c.revision, c.line_no, ",
            "c.amount_fen, c.decision_id, c.decision_line, c.reverses_id, COALESCE(b.building_no, a.area_no), COALESCE(e.entrance_no, ''), u.unit_no, ",
            "f.name, q.name FROM charge c JOIN unit u ON u.id = c.unit_id LEFT JOIN entrance e ON e.id = u.entrance_id ",
            "LEFT JOIN building b ON b.id = e.building_id LEFT JOIN parking_area a ON a.id = u.parking_area_id ",
            "JOIN fee_item f ON f.id = c.fee_item_id JOIN party q ON q.id = c.payer_id "
        )
    };
}

fn read_charge(row: &Row) -> Result<ChargeRow> {
    let mut cells = row.cells();
    Ok(ChargeRow {
        charge: Charge {
            id: cells.take()?,
            run_id: cells.take()?,
            unit_id: cells.take()?,
            fee_item_id: cells.take()?,
            payer_id: cells.take()?,
            period_start: cells.take()?,
            from: cells.take()?,
            to: cells.take()?,
            revision: cells.take()?,
            line_no: cells.take()?,
            amount: cells.take()?,
            decision_id: cells.take()?,
            decision_line: cells.take()?,
            reverses: cells.take()?,
        },
        place: UnitPlace { building: cells.take()?, entrance: cells.take()?, unit: cells.take()? },
        fee_item: cells.take()?,
        payer: cells.take()?,
    })
}

/// Charges in order of their ids, and their rows as the database takes them.
pub(crate) struct PostingPage {
    charges: Vec<Charge>,
    charge_rows: Rows,
    transfer_rows: Rows,
}

impl PostingPage {
    pub(crate) fn new(
        company: &CompanyScope,
        entry: JournalEntryId,
        accounts: &Accounts,
        charges: Vec<Charge>,
    ) -> Result<Self> {
        let charge_rows = company.rows(&Bulk::insert("charge", CHARGE_COLUMNS), charge_values(&charges))?;
        let transfers = transfer_values(entry, accounts, &charges)?;
        let transfer_rows = company.rows(&Bulk::insert("transfer", TRANSFER_COLUMNS), transfers)?;
        Ok(Self { charges, charge_rows, transfer_rows })
    }
}

fn charge_values(charges: &[Charge]) -> Values {
    let mut values = Values::with_capacity(charges.len() * CHARGE_COLUMNS.len());
    for charge in charges {
        values.extend([
            Value::from(charge.id),
            Value::from(charge.run_id),
            Value::from(charge.unit_id),
            Value::from(charge.fee_item_id),
            Value::from(charge.payer_id),
            Value::from(charge.decision_id),
            Value::from(charge.period_start),
            Value::from(charge.from),
            Value::from(charge.to),
            Value::from(charge.revision),
            Value::from(charge.line_no),
            Value::from(charge.decision_line),
            Value::from(charge.amount),
            Value::from(charge.reverses),
        ]);
    }
    values
}

/// One transfer a charge, with the same id. What amounts to nothing moves nothing.
fn transfer_values(entry: JournalEntryId, accounts: &Accounts, charges: &[Charge]) -> Result<Values> {
    let mut values = Values::with_capacity(charges.len() * TRANSFER_COLUMNS.len());
    for charge in charges.iter().filter(|charge| charge.amount != Fen::ZERO) {
        let (debit, credit, amount) = accounts.sides(charge)?;
        values.extend([
            Value::from(charge.id),
            Value::from(entry),
            Value::from(debit),
            Value::from(credit),
            Value::from(amount),
        ]);
    }
    Ok(values)
}

/// The accounts that a run's transfers go between.
pub(crate) struct Accounts {
    receivable: LedgerAccountId,
    income: HashMap<FeeItemId, LedgerAccountId>,
}

impl Accounts {
    /// A charge debits the receivables and credits the fee item's income; a credit goes the other way round, so that the
    /// amount of a transfer is always positive.
    fn sides(&self, charge: &Charge) -> Result<(LedgerAccountId, LedgerAccountId, i64)> {
        let income = *self
            .income
            .get(&charge.fee_item_id)
            .ok_or_else(|| Error::not_found("income account of fee item", charge.fee_item_id))?;
        let amount = charge.amount.0.checked_abs().ok_or(Error::Overflow("turning a credit around"))?;
        Ok(if charge.amount.0 > 0 { (self.receivable, income, amount) } else { (income, self.receivable, amount) })
    }
}

impl Scope {
    /// The run, kept from others until the transaction ends.
    ///
    /// # Errors
    /// `Conflict` when it is not being posted.
    pub(crate) async fn posting_run(&mut self, run: BillingRunId) -> Result<BillingRun> {
        let run = self.locked_run(run).await?;
        if run.state == RunState::Posting {
            return Ok(run);
        }
        Err(Error::Conflict(format!("the run is {} and takes no charges", run.state)))
    }

    /// What is left of a page to write, where some of it is written.
    ///
    /// # Errors
    /// `Conflict` when a charge is there with another amount.
    pub(crate) async fn left_to_post(&mut self, page: &PostingPage) -> Result<Option<Vec<Charge>>> {
        let charges = &page.charges;
        let (Some(first), Some(last)) = (charges.first(), charges.last()) else { return Ok(None) };
        let range = || values![first.id, last.id];
        let statement = sql!("SELECT COUNT(*) FROM charge WHERE company_id = $1 AND id >= $2 AND id <= $3");
        let posted: i64 = self.row(statement, range()).await?.map_or(Ok(0), |row| row.only())?;
        if posted == 0 {
            return Ok(None);
        }
        let statement = sql!("SELECT id, amount_fen FROM charge WHERE company_id = $1 AND id >= $2 AND id <= $3");
        let rows = self.rows(statement, range()).await?;
        let posted = rows
            .iter()
            .map(|row| Ok((row.cells().take()?, row.raw(1)?)))
            .collect::<Result<HashMap<ChargeId, i64>>>()?;
        let mut left = Vec::with_capacity(charges.len());
        for charge in charges {
            match posted.get(&charge.id) {
                None => left.push(charge.clone()),
                Some(amount) if *amount == charge.amount.0 => {}
                Some(amount) => {
                    return Err(Error::Conflict(format!(
                        "charge {} is posted with {} instead of {}",
                        charge.id,
                        Fen(*amount),
                        charge.amount
                    )));
                }
            }
        }
        Ok(Some(left))
    }

    /// Writes charges with their transfers and counts them in the run.
    ///
    /// # Errors
    /// `Conflict` when a unit is charged by another run, or when a charge is not one of the run's.
    pub(crate) async fn write_posting(
        &mut self,
        run: &BillingRun,
        entry: JournalEntryId,
        page: PostingPage,
    ) -> Result<()> {
        if page.charges.is_empty() {
            return Ok(());
        }
        self.hold_project(run.project_id).await?;
        self.require_entry(run, entry).await?;
        self.require_decisions(run, &page.charges).await?;
        let posted = i64::try_from(page.charges.len()).map_err(|_| Error::Overflow("counting lines"))?;
        let posted_lines = run.posted_lines.checked_add(posted).ok_or(Error::Overflow("counting lines"))?;
        if posted_lines > run.lines {
            return Err(Error::Conflict(format!("the run has {} lines, not {posted_lines}", run.lines)));
        }
        self.insert_rows(&Bulk::insert("charge", CHARGE_COLUMNS), page.charge_rows).await?;
        self.insert_rows(&Bulk::insert("transfer", TRANSFER_COLUMNS), page.transfer_rows).await?;
        self.execute(
            sql!("UPDATE billing_run SET posted_lines = $3 WHERE company_id = $1 AND id = $2"),
            values![run.id, posted_lines],
        )
        .await?;
        Ok(())
    }

    async fn require_entry(&mut self, run: &BillingRun, entry: JournalEntryId) -> Result<()> {
        let statement = sql!("SELECT id FROM journal_entry WHERE company_id = $1 AND id = $2 AND run_id = $3");
        let row = self.row(statement, values![entry, run.id]).await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("journal entry of the run", entry))
    }

    /// The decisions are the run's, and answer for the fee items that the charges name.
    async fn require_decisions(&mut self, run: &BillingRun, charges: &[Charge]) -> Result<()> {
        let mut named: Vec<(Uuid, FeeItemId)> =
            charges.iter().map(|charge| (charge.decision_id.0, charge.fee_item_id)).collect();
        named.sort_unstable();
        named.dedup();
        let ids: Vec<_> = named.iter().map(|(decision, _)| *decision).collect();
        let statement = sql!("SELECT id, fee_item_id, run_id FROM decision WHERE company_id = $1 AND id IN ({list})");
        let mut known = HashMap::new();
        for row in self.rows_of(statement, &ids).await? {
            let mut cells = row.cells();
            let (decision, fee_item, of_run): (Uuid, FeeItemId, BillingRunId) =
                (cells.take()?, cells.take()?, cells.take()?);
            known.insert(decision, (fee_item, of_run));
        }
        match named.iter().find(|(decision, fee_item)| known.get(decision) != Some(&(*fee_item, run.id))) {
            Some((decision, _)) => {
                Err(Error::Conflict(format!("decision {decision} is not one of the run for this fee item")))
            }
            None => Ok(()),
        }
    }

    pub(crate) async fn accounts(&mut self, project: ProjectId) -> Result<Accounts> {
        let statement =
            sql!("SELECT id, kind, fee_item_id FROM ledger_account WHERE company_id = $1 AND project_id = $2");
        let mut receivable = None;
        let mut income = HashMap::new();
        for row in self.rows(statement, values![project]).await? {
            let mut cells = row.cells();
            let (id, kind, fee_item): (LedgerAccountId, LedgerAccountKind, Option<FeeItemId>) =
                (cells.take()?, cells.take()?, cells.take()?);
            match (kind, fee_item) {
                (LedgerAccountKind::Receivable, _) => receivable = Some(id),
                (LedgerAccountKind::Income, Some(fee_item)) => {
                    income.insert(fee_item, id);
                }
                (LedgerAccountKind::Income, None) => {}
            }
        }
        let receivable = receivable.ok_or_else(|| Error::not_found("receivable account of project", project))?;
        Ok(Accounts { receivable, income })
    }

    /// Charges of the project's runs in the order of their ids. The charges of a run are one range of the key, so that a
    /// list needs no index of its own.
    pub(crate) async fn charge_page(
        &mut self,
        project: ProjectId,
        period_start: Option<Date>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ChargeRow>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX) as usize;
        let after: ChargeId = match cursor {
            None => ChargeId(Uuid::nil()),
            Some(cursor) => cursor.parse().map_err(|_| Error::invalid("the cursor is not one that a page gave"))?,
        };
        let mut items = Vec::new();
        for run in self.runs(project, period_start).await? {
            let last = charge_id(run.id, LINE_MAX);
            if run.posted_lines == 0 || last <= after || items.len() > limit {
                continue;
            }
            let wanted = i64::try_from(limit + 1 - items.len()).map_err(|_| Error::Overflow("counting rows"))?;
            let statement = sql!(
                charge_rows!(),
                "WHERE c.company_id = $1 AND c.id > $2 AND c.id >= $3 AND c.id <= $4 ORDER BY c.id LIMIT $5"
            );
            let rows = self.rows(statement, values![after, charge_id(run.id, 0), last, wanted]).await?;
            for row in &rows {
                items.push(read_charge(row)?);
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|row| row.charge.id.to_string());
        Ok(Page { items, next })
    }

    /// Newest period first.
    pub(crate) async fn charges_of_unit(&mut self, unit: UnitId, limit: u32) -> Result<Vec<ChargeRow>> {
        let statement = sql!(
            charge_rows!(),
            "WHERE c.company_id = $1 AND c.unit_id = $2 AND c.period_start IN (SELECT r.period_start FROM billing_run r ",
            "JOIN unit v ON v.project_id = r.project_id WHERE v.id = $2) ORDER BY c.period_start DESC, c.fee_item_id, c.revision, c.line_no LIMIT $3"
        );
        let rows = self.rows(statement, values![unit, limit.min(PAGE_ROWS_MAX)]).await?;
        rows.iter().map(read_charge).collect()
    }

    pub(crate) async fn charge(&mut self, charge: ChargeId) -> Result<ChargeRow> {
        let row = self.row(sql!(charge_rows!(), "WHERE c.company_id = $1 AND c.id = $2"), values![charge]).await?;
        read_charge(&row.ok_or_else(|| Error::not_found("charge", charge))?)
    }

    /// The charge that takes this one back.
    pub(crate) async fn reversal_of(&mut self, charge: ChargeId) -> Result<Option<Charge>> {
        let row =
            self.row(sql!(charge_rows!(), "WHERE c.company_id = $1 AND c.reverses_id = $2"), values![charge]).await?;
        row.map(|row| Ok(read_charge(&row)?.charge)).transpose()
    }

    /// By which decisions units are charged. Of each revision of a unit the first line is read: it is always a charge, because
    /// lines that take others back are numbered after those that stand instead.
    pub(crate) async fn standing(&mut self, query: &StandingQuery) -> Result<Vec<Standing>> {
        let statement = sql!(
            "SELECT unit_id, decision_id, revision FROM charge WHERE company_id = $1 AND period_start = $2 ",
            "AND unit_id > $3 AND unit_id <= $4 AND fee_item_id = $5 AND line_no = 0 ORDER BY unit_id, revision"
        );
        let after = query.after.map_or(Uuid::nil(), |unit| unit.0);
        let rows = self.rows(statement, values![query.period_start, after, query.until, query.fee_item_id]).await?;
        let mut standing: Vec<Standing> = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut cells = row.cells();
            let next = Standing { unit_id: cells.take()?, decision_id: cells.take()?, revision: cells.take()? };
            // The highest revision of a unit comes last.
            match standing.last_mut().filter(|last| last.unit_id == next.unit_id) {
                Some(last) => *last = next,
                None => standing.push(next),
            }
        }
        Ok(standing)
    }

    pub(crate) async fn journal_sum(&mut self, project: Option<ProjectId>) -> Result<JournalSum> {
        // An account that is missing makes a transfer count on one side only: the sum is then not zero.
        let statement = sql!(
            "SELECT CAST(COALESCE(SUM(CASE WHEN d.id IS NULL THEN 0 ELSE t.amount_fen END), 0) AS BIGINT), ",
            "CAST(COALESCE(SUM(CASE WHEN k.id IS NULL THEN 0 ELSE t.amount_fen END), 0) AS BIGINT), ",
            "CAST(COALESCE(SUM(CASE WHEN d.kind = 'receivable' THEN t.amount_fen ELSE 0 END), 0) AS BIGINT), ",
            "CAST(COALESCE(SUM(CASE WHEN k.kind = 'receivable' THEN t.amount_fen ELSE 0 END), 0) AS BIGINT), COUNT(*) ",
            "FROM transfer t LEFT JOIN ledger_account d ON d.id = t.debit_account_id ",
            "LEFT JOIN ledger_account k ON k.id = t.credit_account_id ",
            "LEFT JOIN journal_entry j ON j.id = t.journal_entry_id ",
            "WHERE t.company_id = $1 AND ($2 IS NULL OR j.project_id = $2)"
        );
        let row = self.row(statement, values![project]).await?.ok_or_else(|| Error::not_found("journal", "sum"))?;
        let mut cells = row.cells();
        let (debits, credits): (i64, i64) = (cells.take()?, cells.take()?);
        let (received, given): (i64, i64) = (cells.take()?, cells.take()?);
        let minus = |left: i64, right: i64| left.checked_sub(right).ok_or(Error::Overflow("adding the journal"));
        Ok(JournalSum {
            sum_fen: minus(debits, credits)?,
            receivable_fen: minus(received, given)?,
            transfers: cells.take()?,
        })
    }
}

/// The charges in the order of their ids, each once.
///
/// # Errors
/// `Invalid` when one belongs to another run or period, or two of one id differ.
pub(crate) fn in_order(run: &BillingRun, mut charges: Vec<Charge>) -> Result<Vec<Charge>> {
    if let Some(stray) =
        charges.iter().find(|charge| charge.run_id != run.id || charge.period_start != run.period.start)
    {
        return Err(Error::invalid(format!("charge {} is not one of the run", stray.id)));
    }
    if charges.windows(2).all(|pair| pair[0].id < pair[1].id) {
        return Ok(charges);
    }
    charges.sort_by_key(|charge| charge.id);
    charges.dedup();
    match charges.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(Error::invalid(format!("two charges have the id {}", pair[0].id))),
        None => Ok(charges),
    }
}
