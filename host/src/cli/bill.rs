//! `guanjia bill …`.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Date, Fen, Period, Result,
    access::Stamp,
    billing::{Adjustment, BillingRun, HeldView, LineView, RunState},
    fee_item::CostPool,
    ids::BillingRunId,
    job::Job,
    plugin::Language,
};
use serde_json::json;

use super::{Done, Global, output};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Bill {
    /// Compute a month of a project: lines, held subjects, total. Nothing is owed yet.
    Preview {
        #[command(flatten)]
        month: ProjectMonth,
    },
    /// Preview every month that was skipped, up to and including this one.
    CatchUp {
        #[arg(long, value_name = "NAME")]
        project: String,
        #[arg(long, value_name = "YYYY-MM", value_parser = output::month)]
        through: Period,
    },
    /// Ask the rule that is bound today what posted months would come to, and propose the differences as adjustments: one run a
    /// month, approved and posted like any other. Nothing is owed yet.
    Rerate {
        #[arg(long, value_name = "NAME")]
        project: String,
        #[arg(long, value_name = "NAME")]
        fee_item: String,
        /// The first month.
        #[arg(long, value_name = "YYYY-MM", value_parser = output::month)]
        from: Period,
        /// The last month; the first one without it.
        #[arg(long, value_name = "YYYY-MM", value_parser = output::month)]
        to: Option<Period>,
    },
    /// Approve a previewed run: somebody else than whoever made it (`--as USER`).
    Approve { run: BillingRunId },
    /// Post an approved run. Posting it again changes nothing.
    Post { run: BillingRunId },
    /// Give up a run that is not posted.
    Cancel { run: BillingRunId },
    /// Go on with a run that was interrupted.
    Resume { run: BillingRunId },
    /// The runs of a project.
    Runs {
        #[arg(long, value_name = "NAME")]
        project: String,
    },
    /// Every line of a month with its steps; what a re-rating takes back has the opposite amount.
    Lines {
        #[command(flatten)]
        month: ProjectMonth,
        /// The lines of this run only.
        #[arg(long, value_name = "RUN")]
        run: Option<BillingRunId>,
    },
    /// The subjects that a run holds, with the reasons.
    Held { run: BillingRunId },
    /// Enter the total of a shared cost for a month.
    Pool {
        #[command(flatten)]
        month: ProjectMonth,
        #[arg(long, value_name = "NAME")]
        fee_item: String,
        /// The total in fen.
        #[arg(long, value_name = "FEN")]
        total_fen: i64,
    },
}

#[derive(Debug, Args)]
pub(super) struct ProjectMonth {
    #[arg(long, value_name = "NAME")]
    project: String,
    #[arg(long, value_name = "YYYY-MM", value_parser = output::month)]
    period: Period,
}

impl Bill {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let print = |run: &BillingRun| print_run(run, global);
        match self {
            Bill::Preview { month } => {
                let project = output::project(&office, &month.project).await?;
                let run = preview(&office, &stamp, project.id, month.period).await?;
                print(&run);
                Ok(held_or_well(&run))
            }
            Bill::CatchUp { project, through } => catch_up(&office, &stamp, project, *through, global).await,
            Bill::Rerate { project, fee_item, from, to } => {
                let months = Period { start: from.start, end: to.unwrap_or(*from).end };
                rerate(&office, &stamp, project, fee_item, months, global).await
            }
            Bill::Approve { run } => {
                let run = office.billing.approve(&stamp, *run).await?;
                print(&run);
                Ok(Done::Well)
            }
            Bill::Post { run } => {
                let run = post(&office, &stamp, *run).await?;
                print(&run);
                Ok(held_or_well(&run))
            }
            Bill::Cancel { run } => {
                let run = office.billing.cancel(&stamp, *run).await?;
                print(&run);
                Ok(Done::Well)
            }
            Bill::Resume { run } => {
                let run = resume(&office, &stamp, *run).await?;
                match office.billing.adjustment(&stamp, &run).await? {
                    Some(adjustment) => print_rerating(&run, &adjustment, global),
                    None => print(&run),
                }
                Ok(held_or_well(&run))
            }
            Bill::Runs { project } => {
                let project = output::project(&office, project).await?;
                for run in office.store.runs(project.id).await? {
                    print(&run);
                }
                Ok(Done::Well)
            }
            Bill::Lines { month, run } => {
                lines(&office, &stamp, month, *run, global.language(Language::Zh), global.json).await
            }
            Bill::Held { run } => held(&office, &stamp, *run, global.language(Language::Zh), global.json).await,
            Bill::Pool { month, fee_item, total_fen } => pool(&office, &stamp, month, fee_item, *total_fen).await,
        }
    }
}

/// Makes a run and computes it in this process.
pub(super) async fn preview(
    office: &Office,
    stamp: &Stamp,
    project: guanjia_domain::ids::ProjectId,
    period: Period,
) -> Result<BillingRun> {
    let (run, job) = office.billing.start_preview(stamp, project, period).await?;
    do_job(office, stamp, run.id, &job, "computing").await
}

/// Goes on with an interrupted run in this process.
pub(super) async fn resume(office: &Office, stamp: &Stamp, run: BillingRunId) -> Result<BillingRun> {
    let job = office.billing.resume(stamp, run).await?;
    do_job(office, stamp, run, &job, "resuming").await
}

/// Posts a run in this process.
pub(super) async fn post(office: &Office, stamp: &Stamp, run: BillingRunId) -> Result<BillingRun> {
    match office.billing.start_post(stamp, run).await? {
        (run, None) => Ok(run),
        (run, Some(job)) => do_job(office, stamp, run.id, &job, "posting").await,
    }
}

/// Does a job on a run with a progress bar.
async fn do_job(
    office: &Office,
    stamp: &Stamp,
    run: BillingRunId,
    job: &Job,
    what: &'static str,
) -> Result<BillingRun> {
    let again = format!("guanjia bill resume {run} goes on where it stopped");
    super::job::do_here(office, stamp, job, what, &again).await?;
    office.store.run(run).await
}

async fn catch_up(office: &Office, stamp: &Stamp, project: &str, through: Period, global: &Global) -> Result<Done> {
    let project = output::project(office, project).await?;
    let mut done = Done::Well;
    for period in office.billing.missing_months(project.id, through).await? {
        let run = preview(office, stamp, project.id, period).await?;
        print_run(&run, global);
        if run.held > 0 {
            done = Done::WithHeld;
        }
    }
    Ok(done)
}

/// Previews a re-rating of each posted month, one after another.
async fn rerate(
    office: &Office,
    stamp: &Stamp,
    project: &str,
    fee_item: &str,
    months: Period,
    global: &Global,
) -> Result<Done> {
    let project = output::project(office, project).await?;
    let item = output::fee_item(office, project.id, fee_item).await?;
    let mut done = Done::Well;
    for period in office.billing.posted_periods(stamp, project.id, item.id, months).await? {
        let (run, job) = office.billing.start_rerating(stamp, project.id, item.id, period).await?;
        let run = do_job(office, stamp, run.id, &job, "re-rating").await?;
        let adjustment = office.billing.adjustment(stamp, &run).await?.unwrap_or_default();
        print_rerating(&run, &adjustment, global);
        if run.held > 0 {
            done = Done::WithHeld;
        }
    }
    Ok(done)
}

/// The run as any other prints it, and how many subjects owe more, less or the same.
fn print_rerating(run: &BillingRun, adjustment: &Adjustment, global: &Global) {
    let Adjustment { up, down, unchanged, .. } = adjustment;
    if global.json {
        let mut figures = run_json(run);
        figures["up"] = json!(up);
        figures["down"] = json!(down);
        figures["unchanged"] = json!(unchanged);
        figures["difference_fen"] = json!(run.total.0);
        output::line(&figures);
        return;
    }
    print_run(run, global);
    output::text(&match global.language(Language::En) {
        Language::Zh => format!("    调高 {up} 户  调低 {down} 户  不变 {unchanged} 户  净差额 ¥{}", run.total),
        Language::En => format!("    {up} up  {down} down  {unchanged} unchanged  ¥{} altogether", run.total),
    });
}

fn held_or_well(run: &BillingRun) -> Done {
    if run.held > 0 { Done::WithHeld } else { Done::Well }
}

/// A run as scripts read it; a re-rating names its fee item and counts the corrections of the month.
fn run_json(run: &BillingRun) -> serde_json::Value {
    let mut figures = json!({
        "run": run.id, "period": output::month_text(run.period), "state": run.state, "lines": run.lines, "held": run.held,
        "total_fen": run.total.0, "posted_lines": run.posted_lines, "revision": run.revision,
    });
    if let Some(fee_item) = run.fee_item_id {
        figures["fee_item_id"] = json!(fee_item);
    }
    figures
}

fn print_run(run: &BillingRun, global: &Global) {
    if global.json {
        output::line(&run_json(run));
    } else {
        let month = output::month_text(run.period);
        let BillingRun { id, state, lines, held, total, .. } = run;
        output::text(&match global.language(Language::En) {
            Language::Zh => {
                format!("{id}  {month}  {}  {lines} 条  暂挂 {held} 户  ¥{total}", state_in_chinese(*state))
            }
            Language::En => format!("{id}  {month}  {state}  {lines} lines  {held} held  ¥{total}"),
        });
    }
}

fn state_in_chinese(state: RunState) -> &'static str {
    match state {
        RunState::Computing => "计算中",
        RunState::Previewed => "待批准",
        RunState::Approved => "待过账",
        RunState::Posting => "过账中",
        RunState::Posted => "已过账",
        RunState::Cancelled => "已取消",
    }
}

async fn lines(
    office: &Office,
    stamp: &Stamp,
    month: &ProjectMonth,
    run: Option<BillingRunId>,
    language: Language,
    json: bool,
) -> Result<Done> {
    let project = output::project(office, &month.project).await?;
    let mut each = |line: LineView| {
        if run.is_some_and(|run| run != line.run_id) {
            return Ok(());
        }
        if json {
            output::line(&line_json(&line))
        } else {
            print_line(&line)
        }
        Ok(())
    };
    office.billing.for_each_line(stamp, project.id, month.period, language, &mut each).await?;
    Ok(Done::Well)
}

/// A line as scripts read it. `to` is the first day that the line no longer covers.
fn line_json(line: &LineView) -> serde_json::Value {
    json!({
        "building": line.place.building, "entrance": line.place.entrance, "unit": line.place.unit,
        "fee_item": line.fee_item, "payer": line.payer,
        "quantity": line.quantity.trimmed(2).to_string(), "measure": line.measure,
        "unit_price": line.unit_price.trimmed(2).to_string(),
        "amount_fen": line.amount.0, "from": line.from.to_string(), "to": line.to.to_string(),
        "policy": line.plugin_id, "version": line.plugin_version, "decision": line.decision_id, "line": line.decision_line,
        "charge": line.charge_id, "run": line.run_id, "reverses": line.reverses.map(|posted| posted.charge_id),
        "steps": line.steps,
    })
}

fn print_line(line: &LineView) {
    output::text(&format!("{}  {}  {}  ¥{}", line.place, line.fee_item, line.payer, line.amount));
    for step in &line.steps {
        output::text(&format!("    {}  {}", step.label, step.text));
    }
}

async fn held(office: &Office, stamp: &Stamp, run: BillingRunId, language: Language, json: bool) -> Result<Done> {
    let mut each = |view: HeldView| {
        if json {
            output::line(&json!({
                "building": view.place.building, "entrance": view.place.entrance, "unit": view.place.unit,
                "fee_item": view.fee_item, "kind": view.held.kind, "code": view.held.code, "about": view.held.about,
                "reason": view.sentence, "detail": view.detail,
            }));
        } else {
            output::text(&match language {
                Language::Zh => format!("{}  {}  {}", view.place, view.fee_item, view.sentence),
                Language::En => format!("{}  {}  {}: {}", view.place, view.fee_item, view.held.kind, view.sentence),
            });
            if !view.detail.is_empty() {
                output::text(&format!("    {}", view.detail));
            }
        }
        Ok(())
    };
    office.billing.for_each_held(stamp, run, language, &mut each).await?;
    Ok(Done::Well)
}

async fn pool(office: &Office, stamp: &Stamp, month: &ProjectMonth, fee_item: &str, total_fen: i64) -> Result<Done> {
    stamp.actor.require(guanjia_domain::access::Permission::WriteReadings)?;
    let project = output::project(office, &month.project).await?;
    let item = output::fee_item(office, project.id, fee_item).await?;
    let period_start: Date = month.period.start;
    office.store.set_cost_pool(stamp, &CostPool { fee_item_id: item.id, period_start, total_fen }).await?;
    output::say(&format!("{fee_item} {}: ¥{}", output::month_text(month.period), Fen(total_fen)));
    Ok(Done::Well)
}
