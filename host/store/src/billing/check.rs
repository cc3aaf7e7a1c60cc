//! Consistency of a company's books: what constraints cannot say.

use guanjia_domain::{Error, Result, billing::RunState, ids::*, journal::LedgerAccountKind, ports::CheckResult};
use std::collections::BTreeMap;

use crate::{db::Scope, sql::Scoped};

/// Counts of what must not be there, each with the name of its check.
const FINDINGS: &[(&str, Scoped)] = &[
    (
        "charges-have-transfers",
        sql!(
            "SELECT COUNT(*) FROM charge c LEFT JOIN transfer t ON t.id = c.id WHERE c.company_id = $1 ",
            "AND ((c.amount_fen <> 0 AND t.id IS NULL) OR (t.id IS NOT NULL AND t.amount_fen <> ABS(c.amount_fen)))"
        ),
    ),
    (
        "transfers-have-charges",
        sql!(
            "SELECT COUNT(*) FROM transfer t LEFT JOIN charge c ON c.id = t.id WHERE t.company_id = $1 AND c.id IS NULL"
        ),
    ),
    (
        "charges-refer-to-records",
        sql!(
            "SELECT COUNT(*) FROM charge c LEFT JOIN unit u ON u.id = c.unit_id AND u.company_id = c.company_id ",
            "LEFT JOIN party p ON p.id = c.payer_id AND p.company_id = c.company_id ",
            "LEFT JOIN decision d ON d.id = c.decision_id AND d.run_id = c.run_id AND d.fee_item_id = c.fee_item_id ",
            "WHERE c.company_id = $1 AND (u.id IS NULL OR p.id IS NULL OR d.id IS NULL OR c.decision_line >= d.lines)"
        ),
    ),
    (
        "reversals-match-charges",
        sql!(
            "SELECT COUNT(*) FROM charge r LEFT JOIN charge c ON c.id = r.reverses_id AND c.company_id = r.company_id ",
            "AND c.period_start = r.period_start AND c.unit_id = r.unit_id AND c.fee_item_id = r.fee_item_id ",
            "AND c.payer_id = r.payer_id AND c.revision < r.revision AND c.reverses_id IS NULL AND c.amount_fen = -r.amount_fen ",
            "WHERE r.company_id = $1 AND r.reverses_id IS NOT NULL AND c.id IS NULL"
        ),
    ),
    (
        // What a higher revision charges stands instead of all that was charged before.
        "corrected-charges-are-reversed",
        sql!(
            "SELECT COUNT(*) FROM charge n JOIN charge c ON c.period_start = n.period_start AND c.unit_id = n.unit_id ",
            "AND c.fee_item_id = n.fee_item_id AND c.company_id = n.company_id AND c.revision < n.revision AND c.reverses_id IS NULL ",
            "LEFT JOIN charge r ON r.reverses_id = c.id AND r.revision <= n.revision ",
            "WHERE n.company_id = $1 AND n.revision > 0 AND n.line_no = 0 AND r.id IS NULL"
        ),
    ),
    (
        "transfers-refer-to-records",
        sql!(
            "SELECT COUNT(*) FROM transfer t LEFT JOIN journal_entry j ON j.id = t.journal_entry_id AND j.company_id = t.company_id ",
            "LEFT JOIN ledger_account d ON d.id = t.debit_account_id AND d.project_id = j.project_id ",
            "LEFT JOIN ledger_account k ON k.id = t.credit_account_id AND k.project_id = j.project_id ",
            "WHERE t.company_id = $1 AND (j.id IS NULL OR d.id IS NULL OR k.id IS NULL)"
        ),
    ),
];

/// Sum and number of rows of a group.
type Group = (i64, i64);

fn add(sum: i64, amount: i64) -> Result<i64> {
    sum.checked_add(amount).ok_or(Error::Overflow("adding the journal"))
}

impl Scope {
    pub(crate) async fn check(&mut self) -> Result<Vec<CheckResult>> {
        let mut results = self.check_sums().await?;
        for (name, statement) in FINDINGS {
            let found: i64 = self.row(*statement, values![]).await?.map_or(Ok(0), |row| row.only())?;
            results.push(result(
                name,
                found == 0,
                if found == 0 { "none out of place".into() } else { format!("{found} rows") },
            ));
        }
        results.push(self.check_audit_chain().await?);
        results.push(self.check_newest_sample().await?);
        Ok(results)
    }

    async fn groups(&mut self, statement: Scoped) -> Result<BTreeMap<uuid::Uuid, Group>> {
        let rows = self.rows(statement, values![]).await?;
        rows.iter().map(|row| Ok((row.raw(0)?, (row.raw(1)?, row.raw(2)?)))).collect()
    }

    /// The journal, the receivables and the runs against the charges.
    async fn check_sums(&mut self) -> Result<Vec<CheckResult>> {
        let debits = self
            .groups(sql!(
                "SELECT debit_account_id, CAST(SUM(amount_fen) AS BIGINT), COUNT(*) FROM transfer WHERE company_id = $1 GROUP BY debit_account_id"
            ))
            .await?;
        let credits = self
            .groups(sql!(
                "SELECT credit_account_id, CAST(SUM(amount_fen) AS BIGINT), COUNT(*) FROM transfer WHERE company_id = $1 GROUP BY credit_account_id"
            ))
            .await?;
        let charges = self
            .groups(sql!(
                "SELECT run_id, CAST(SUM(amount_fen) AS BIGINT), COUNT(*) FROM charge WHERE company_id = $1 GROUP BY run_id"
            ))
            .await?;
        let mut sum = 0;
        let mut receivables: BTreeMap<ProjectId, i64> = BTreeMap::new();
        let accounts = sql!("SELECT id, project_id, kind FROM ledger_account WHERE company_id = $1");
        for row in self.rows(accounts, values![]).await? {
            let mut cells = row.cells();
            let (account, project, kind): (LedgerAccountId, ProjectId, LedgerAccountKind) =
                (cells.take()?, cells.take()?, cells.take()?);
            let side = |groups: &BTreeMap<uuid::Uuid, Group>| groups.get(&account.0).map_or(0, |(amount, _)| *amount);
            let balance = side(&debits).checked_sub(side(&credits)).ok_or(Error::Overflow("adding the journal"))?;
            sum = add(sum, balance)?;
            if kind == LedgerAccountKind::Receivable {
                receivables.insert(project, balance);
            }
        }
        let transfers: i64 = debits.values().map(|(_, count)| count).sum();
        let mut results =
            vec![result("journal-balances", sum == 0, format!("{transfers} transfers, difference {sum} fen"))];
        results.extend(self.check_runs(&charges, receivables).await?);
        Ok(results)
    }

    async fn check_runs(
        &mut self,
        charges: &BTreeMap<uuid::Uuid, Group>,
        receivables: BTreeMap<ProjectId, i64>,
    ) -> Result<Vec<CheckResult>> {
        let mut charged: BTreeMap<ProjectId, i64> = receivables.keys().map(|project| (*project, 0)).collect();
        let mut broken = Vec::new();
        let mut known = 0;
        let statement =
            sql!("SELECT id, project_id, state, lines, posted_lines FROM billing_run WHERE company_id = $1");
        for row in self.rows(statement, values![]).await? {
            let mut cells = row.cells();
            let (run, project, state): (BillingRunId, ProjectId, RunState) =
                (cells.take()?, cells.take()?, cells.take()?);
            let (lines, posted_lines): (i64, i64) = (cells.take()?, cells.take()?);
            let (amount, count) = charges.get(&run.0).copied().unwrap_or_default();
            known += usize::from(count > 0);
            let sum = charged.entry(project).or_default();
            *sum = add(*sum, amount)?;
            if count != posted_lines || (state == RunState::Posted && posted_lines != lines) {
                broken.push(format!(
                    "run {run} has {lines} lines, counts {posted_lines} as posted and has {count} charges"
                ));
            }
        }
        if known != charges.len() {
            broken.push("there are charges of unknown runs".into());
        }
        let different: Vec<_> = charged
            .iter()
            .filter(|(project, sum)| receivables.get(project).copied().unwrap_or_default() != **sum)
            .map(|(project, sum)| {
                format!(
                    "project {project} is charged {sum} fen and owes {}",
                    receivables.get(project).copied().unwrap_or_default()
                )
            })
            .collect();
        let lines: i64 = charges.values().map(|(_, count)| count).sum();
        Ok(vec![
            summary("receivables-equal-charges", &different, format!("{} projects", charged.len())),
            summary("runs-are-posted-whole", &broken, format!("{lines} charges")),
        ])
    }
}

fn summary(name: &str, findings: &[String], fine: String) -> CheckResult {
    if findings.is_empty() { result(name, true, fine) } else { result(name, false, findings.join("; ")) }
}

fn result(name: &str, ok: bool, detail: String) -> CheckResult {
    CheckResult { name: name.to_owned(), ok, detail }
}
