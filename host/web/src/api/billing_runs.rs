//! Billing runs: preview, look, approve, post, follow.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use guanjia_domain::{
    Error, Period,
    billing::{
        Adjustment, BillingRun, Comparison, ExplainedStep, HELD_GROUPS_MAX, HeldFilter, HeldGroup, HeldView,
        LineFilter, LineList, LineView, RunTotal,
    },
    ids::{BillingRunId, FeeItemId, ProjectId},
    job::Job,
    ports::CompanyStore,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, PlaceBody, Reply, language, limit, month,
    progress::{ProgressBody, follow},
    units::ProjectQuery,
    watch::DifferenceBody,
};
use crate::{
    AppState,
    access::{
        Payers, Require,
        needs::{ApproveCharges, PostCharges, PreviewCharges, ReadCharges},
    },
    fault::{Answer, Fault, Problem},
};

/// One preview and posting of a project's period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunBody {
    pub id: Uuid,
    pub project: Uuid,
    /// First day.
    pub from: String,
    /// The first day that no longer belongs to the period.
    pub to: String,
    /// 0 for a regular run; a re-rating counts the corrections of its fee item in the period.
    pub revision: i64,
    /// The fee item that is re-rated; absent in a regular run.
    pub fee_item: Option<Uuid>,
    /// `computing`, `previewed`, `approved`, `posting`, `posted`, `cancelled`.
    pub state: String,
    pub lines: i64,
    pub held: i64,
    pub total_fen: i64,
    pub posted_lines: i64,
    pub created_by: String,
    pub created_at: String,
    pub approved_by: Option<String>,
    pub approved_at: Option<String>,
    pub posted_by: Option<String>,
    pub posted_at: Option<String>,
}

impl From<BillingRun> for RunBody {
    fn from(run: BillingRun) -> Self {
        Self {
            id: run.id.0,
            project: run.project_id.0,
            from: run.period.start.to_string(),
            to: run.period.end.to_string(),
            revision: run.revision,
            fee_item: run.fee_item_id.map(|id| id.0),
            state: run.state.to_string(),
            lines: run.lines,
            held: run.held,
            total_fen: run.total.0,
            posted_lines: run.posted_lines,
            created_by: run.created_by,
            created_at: run.created_at.to_rfc3339(),
            approved_by: run.approved_by,
            approved_at: run.approved_at.map(|at| at.to_rfc3339()),
            posted_by: run.posted_by,
            posted_at: run.posted_at.map(|at| at.to_rfc3339()),
        }
    }
}

/// Lists a project's runs, newest first.
#[utoipa::path(get, path = "/api/v1/billing-runs", tag = "billing-runs", params(ProjectQuery), responses((status = 200, body = List<RunBody>)))]
pub(crate) async fn list_runs(access: Require<ReadCharges>, Ask(query): Ask<ProjectQuery>) -> Reply<List<RunBody>> {
    access.store.project(query.project).await?;
    Ok(Json(List::whole(access.store.runs(query.project).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewRun {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    /// A month such as `2025-03`.
    period: String,
}

/// Starts a preview. An earlier preview of the same month that nobody approved is replaced.
#[utoipa::path(
    post, path = "/api/v1/billing-runs", tag = "billing-runs", request_body = NewRun,
    responses(
        (status = 202, body = RunBody),
        (status = 409, description = "an approved run of the month waits to be posted", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_run(
    access: Require<PreviewCharges>,
    State(app): State<AppState>,
    Json(new): Json<NewRun>,
) -> Answer<(StatusCode, Json<RunBody>)> {
    let period = month(&new.period)?;
    access.store.project(new.project).await?;
    let (run, _) = access.billing.start_preview(&access.stamp(), new.project, period).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(run.into())))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewReratings {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    #[schema(value_type = Uuid)]
    fee_item: FeeItemId,
    /// The first month, such as `2025-03`.
    from: String,
    /// The last month; the first one without it.
    to: Option<String>,
}

/// Asks the rule that is bound today what posted months would come to, and proposes the differences as adjustments: one run a
/// month, approved and posted like any other.
#[utoipa::path(
    post, path = "/api/v1/billing-runs/re-ratings", tag = "billing-runs", request_body = NewReratings,
    responses(
        (status = 202, body = List<RunBody>),
        (status = 409, description = "an approved run of a month waits to be posted", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`nothing-recorded`: nothing is posted then; `missing-fact`: the rule asks for more than was recorded; `no-binding`: no rule is bound", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_reratings(
    access: Require<PreviewCharges>,
    State(app): State<AppState>,
    Json(new): Json<NewReratings>,
) -> Answer<(StatusCode, Json<List<RunBody>>)> {
    let from = month(&new.from)?;
    let to = new.to.as_deref().map_or(Ok(from), month)?;
    access.store.project(new.project).await?;
    let months = Period { start: from.start, end: to.end };
    let runs = access.billing.start_reratings(&access.stamp(), new.project, new.fee_item, months).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(List::whole(runs))))
}

/// What a re-rating comes to so far; of a regular run nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdjustmentBody {
    pub revision: i64,
    /// Subjects that owe more than before.
    pub up: i64,
    /// Subjects that owe less than before.
    pub down: i64,
    /// Subjects that owe the same.
    pub unchanged: i64,
    /// Subjects that keep what was charged, because the rule could not decide.
    pub held: i64,
    /// By how much more is owed altogether.
    pub difference_fen: i64,
    /// Absent in a regular run.
    pub difference: Option<DifferenceBody>,
}

/// Tells how many subjects of a re-rating owe more, less or the same, and names the largest changes.
#[utoipa::path(get, path = "/api/v1/billing-runs/{id}/adjustment", tag = "billing-runs", params(("id" = Uuid, Path)), responses((status = 200, body = AdjustmentBody)))]
pub(crate) async fn run_adjustment(access: Require<ReadCharges>, At(id): At<BillingRunId>) -> Reply<AdjustmentBody> {
    let run = access.store.run(id).await?;
    let found = access.billing.adjustment(&access.stamp(), &run).await?;
    let difference = found.as_ref().map(|found| (&found.difference).into());
    let Adjustment { up, down, unchanged, .. } = found.unwrap_or_default();
    let (held, difference_fen) = if run.is_rerating() { (run.held, run.total.0) } else { (0, 0) };
    Ok(Json(AdjustmentBody { revision: run.revision, up, down, unchanged, held, difference_fen, difference }))
}

/// Reads one run.
#[utoipa::path(
    get, path = "/api/v1/billing-runs/{id}", tag = "billing-runs", params(("id" = Uuid, Path)),
    responses((status = 200, body = RunBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_run(access: Require<ReadCharges>, At(id): At<BillingRunId>) -> Reply<RunBody> {
    Ok(Json(access.store.run(id).await?.into()))
}

/// Lines and sum of one fee item in one building.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotalBody {
    pub fee_item: Uuid,
    /// Building, or parking area.
    pub building: String,
    pub lines: i64,
    pub amount_fen: i64,
}

impl From<RunTotal> for TotalBody {
    fn from(total: RunTotal) -> Self {
        Self { fee_item: total.fee_item_id.0, building: total.building, lines: total.lines, amount_fen: total.amount.0 }
    }
}

/// Totals by fee item and building.
#[utoipa::path(get, path = "/api/v1/billing-runs/{id}/totals", tag = "billing-runs", params(("id" = Uuid, Path)), responses((status = 200, body = List<TotalBody>)))]
pub(crate) async fn run_totals(access: Require<ReadCharges>, At(id): At<BillingRunId>) -> Reply<List<TotalBody>> {
    access.store.run(id).await?;
    Ok(Json(List::whole(access.store.totals(id).await?)))
}

/// A subject that got no line, with the reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldBody {
    pub unit: Uuid,
    pub place: PlaceBody,
    pub fee_item: String,
    pub fee_item_id: Uuid,
    /// `policy-error`, `trap`, `limit`, `invalid-output`.
    pub kind: String,
    /// Stable code of the policy's problem or of the host's finding.
    pub code: String,
    /// Fact, setting or limit that it is about; may be empty.
    pub about: String,
    /// The reason in words.
    pub reason: String,
    /// What a developer needs besides, in English; absent where the reason says everything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl From<HeldView> for HeldBody {
    fn from(view: HeldView) -> Self {
        Self {
            unit: view.held.unit_id.0,
            place: view.place.into(),
            fee_item: view.fee_item,
            fee_item_id: view.held.fee_item_id.0,
            kind: view.held.kind.to_string(),
            code: view.held.code,
            about: view.held.about,
            reason: view.sentence,
            detail: view.detail,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LanguageQuery {
    /// `zh` or `en`; the reader's language without it.
    pub lang: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeldQuery {
    #[param(value_type = Option<Uuid>)]
    fee_item: Option<FeeItemId>,
    /// `policy-error`, `trap`, `limit`, `invalid-output`.
    kind: Option<String>,
    code: Option<String>,
    about: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
    /// `zh` or `en`; the reader's language without it.
    lang: Option<String>,
}

/// Lists what was held and why, by fee item and unit. The counts give the values to filter by.
#[utoipa::path(
    get, path = "/api/v1/billing-runs/{id}/held", tag = "billing-runs", params(("id" = Uuid, Path), HeldQuery),
    responses((status = 200, body = List<HeldBody>)),
)]
pub(crate) async fn run_held(
    access: Require<ReadCharges>,
    At(id): At<BillingRunId>,
    Ask(query): Ask<HeldQuery>,
) -> Reply<List<HeldBody>> {
    let language = language(query.lang.as_deref(), access.words.language)?;
    let kind = query.kind.as_deref().map(str::parse).transpose();
    let kind = kind.map_err(|error: Error| Fault::malformed(error.to_string()))?;
    let filter = HeldFilter { fee_item_id: query.fee_item, kind, code: query.code, about: query.about };
    let (billing, stamp, page_size) = (&access.billing, access.stamp(), limit(query.limit));
    let page = billing.held_page(&stamp, id, &filter, query.cursor.as_deref(), page_size, language).await?;
    Ok(Json(List::page(page, HeldBody::from)))
}

/// Subjects of one fee item that are held for the same reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldCountBody {
    pub fee_item_id: Uuid,
    pub fee_item: String,
    /// `policy-error`, `trap`, `limit`, `invalid-output`.
    pub kind: String,
    pub code: String,
    pub about: String,
    pub count: i64,
    /// The first subject's reason in words: the others' may differ in its numbers.
    pub reason: String,
}

impl From<HeldGroup> for HeldCountBody {
    fn from(group: HeldGroup) -> Self {
        Self {
            fee_item_id: group.fee_item_id.0,
            fee_item: group.fee_item,
            kind: group.kind.to_string(),
            code: group.code,
            about: group.about,
            count: group.count,
            reason: group.sentence,
        }
    }
}

/// Counts what was held by fee item and reason, the largest groups first; a hundred of them at most.
#[utoipa::path(
    get, path = "/api/v1/billing-runs/{id}/held/counts", tag = "billing-runs",
    params(("id" = Uuid, Path), LanguageQuery), responses((status = 200, body = List<HeldCountBody>)),
)]
pub(crate) async fn run_held_counts(
    access: Require<ReadCharges>,
    At(id): At<BillingRunId>,
    Ask(query): Ask<LanguageQuery>,
) -> Reply<List<HeldCountBody>> {
    let language = language(query.lang.as_deref(), access.words.language)?;
    let groups = access.billing.held_groups(&access.stamp(), id, HELD_GROUPS_MAX, language).await?;
    Ok(Json(List::whole(groups)))
}

/// One step of an explanation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepBody {
    /// Stable key of the step's kind.
    pub key: String,
    pub label: String,
    /// The formula with its numbers.
    pub text: String,
    pub value: String,
}

impl From<ExplainedStep> for StepBody {
    fn from(step: ExplainedStep) -> Self {
        Self { key: step.key, label: step.label, text: step.text, value: step.value }
    }
}

/// One line of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineBody {
    /// Id of the charge that the line is, or becomes when it is posted.
    pub charge: Uuid,
    pub unit: Uuid,
    pub place: PlaceBody,
    pub fee_item: String,
    pub payer: String,
    pub quantity: String,
    /// Registered code of the quantity's unit of measure.
    pub measure: String,
    pub unit_price: String,
    pub amount_fen: i64,
    pub from: String,
    pub to: String,
    pub policy: String,
    pub version: String,
    pub decision: Uuid,
    /// Number of the line in the decision.
    pub line: u32,
    /// The charge that the line takes back, with the opposite amount; policy and steps are then those that made it.
    pub reverses: Option<Uuid>,
    pub steps: Vec<StepBody>,
}

impl LineBody {
    pub(crate) fn new(line: LineView, payers: &Payers) -> Self {
        let steps = line.steps.into_iter();
        Self {
            charge: line.charge_id.0,
            unit: line.unit_id.0,
            place: line.place.into(),
            fee_item: line.fee_item,
            payer: payers.name(line.payer_id, &line.payer),
            quantity: line.quantity.trimmed(2).to_string(),
            measure: line.measure,
            unit_price: line.unit_price.trimmed(2).to_string(),
            amount_fen: line.amount.0,
            from: line.from.to_string(),
            to: line.to.to_string(),
            policy: line.plugin_id,
            version: line.plugin_version,
            decision: line.decision_id.0,
            line: line.decision_line,
            reverses: line.reverses.map(|posted| posted.charge_id.0),
            steps: steps.map(StepBody::from).collect(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinesQuery {
    #[param(value_type = Option<Uuid>)]
    fee_item: Option<FeeItemId>,
    /// Building or parking area.
    building: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
    /// `zh` or `en`; the reader's language without it.
    lang: Option<String>,
}

/// Lists the run's lines with their explanations. With a filter a page may be short and still have a next one.
#[utoipa::path(
    get, path = "/api/v1/billing-runs/{id}/lines", tag = "billing-runs", params(("id" = Uuid, Path), LinesQuery),
    responses((status = 200, body = List<LineBody>)),
)]
pub(crate) async fn run_lines(
    access: Require<ReadCharges>,
    At(id): At<BillingRunId>,
    Ask(query): Ask<LinesQuery>,
) -> Reply<List<LineBody>> {
    let run = access.store.run(id).await?;
    let payers = access.payers(&access.store.project(run.project_id).await?);
    let language = language(query.lang.as_deref(), access.words.language)?;
    let filter =
        LineFilter { fee_item: query.fee_item, building: query.building.filter(|building| !building.is_empty()) };
    let page_size = limit(query.limit) as usize;
    let (billing, stamp) = (&access.billing, access.stamp());
    let list = LineList { filter: &filter, cursor: query.cursor.as_deref(), limit: page_size, language };
    let page = billing.run_lines(&stamp, &run, list).await?;
    Ok(Json(List::page(page, |line| LineBody::new(line, &payers))))
}

/// The run beside the last posted period before it; a re-rating beside its own period as it is posted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComparisonBody {
    /// The month compared with; absent when nothing earlier is posted.
    pub previous: Option<String>,
    pub rows: Vec<ComparisonRowBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComparisonRowBody {
    pub fee_item: Uuid,
    pub fee_item_name: String,
    pub building: String,
    pub lines: i64,
    pub amount_fen: i64,
    pub previous_lines: i64,
    pub previous_amount_fen: i64,
}

impl From<Comparison> for ComparisonBody {
    fn from(comparison: Comparison) -> Self {
        let rows = comparison.rows.into_iter().map(|row| ComparisonRowBody {
            fee_item: row.fee_item_id.0,
            fee_item_name: row.fee_item,
            building: row.building,
            lines: row.lines,
            amount_fen: row.amount.0,
            previous_lines: row.previous_lines,
            previous_amount_fen: row.previous_amount.0,
        });
        Self { previous: comparison.previous.map(|period| period.to_string()), rows: rows.collect() }
    }
}

/// Compares totals with the last posted period before the run's; of a re-rating, the period with it and without it.
#[utoipa::path(get, path = "/api/v1/billing-runs/{id}/comparison", tag = "billing-runs", params(("id" = Uuid, Path)), responses((status = 200, body = ComparisonBody)))]
pub(crate) async fn run_comparison(access: Require<ReadCharges>, At(id): At<BillingRunId>) -> Reply<ComparisonBody> {
    let run = access.store.run(id).await?;
    Ok(Json(access.billing.comparison(&access.stamp(), &run).await?.into()))
}

/// Approves a previewed run: somebody else than whoever made it.
#[utoipa::path(
    post, path = "/api/v1/billing-runs/{id}/approve", tag = "billing-runs", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = RunBody),
        (status = 409, description = "the run is not previewed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`four-eyes`: the maker may not approve", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn approve_run(access: Require<ApproveCharges>, At(id): At<BillingRunId>) -> Reply<RunBody> {
    Ok(Json(access.billing.approve(&access.stamp(), id).await?.into()))
}

/// Starts posting an approved run. A posted run stays as it is.
#[utoipa::path(
    post, path = "/api/v1/billing-runs/{id}/post", tag = "billing-runs", params(("id" = Uuid, Path)),
    responses(
        (status = 202, body = RunBody),
        (status = 409, description = "the run is not approved", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post_run(
    access: Require<PostCharges>,
    State(app): State<AppState>,
    At(id): At<BillingRunId>,
) -> Answer<(StatusCode, Json<RunBody>)> {
    let (run, _) = access.billing.start_post(&access.stamp(), id).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(run.into())))
}

/// Gives up a run that is not posted.
#[utoipa::path(post, path = "/api/v1/billing-runs/{id}/cancel", tag = "billing-runs", params(("id" = Uuid, Path)), responses((status = 200, body = RunBody)))]
pub(crate) async fn cancel_run(access: Require<PreviewCharges>, At(id): At<BillingRunId>) -> Reply<RunBody> {
    Ok(Json(access.billing.cancel(&access.stamp(), id).await?.into()))
}

/// Goes on with a run that was interrupted. Going on with posting takes the permission to post as well.
#[utoipa::path(post, path = "/api/v1/billing-runs/{id}/resume", tag = "billing-runs", params(("id" = Uuid, Path)), responses((status = 202, body = RunBody)))]
pub(crate) async fn resume_run(
    access: Require<PreviewCharges>,
    State(app): State<AppState>,
    At(id): At<BillingRunId>,
) -> Answer<(StatusCode, Json<RunBody>)> {
    access.billing.resume(&access.stamp(), id).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(access.store.run(id).await?.into())))
}

/// The run's work as it is now.
async fn look(store: Arc<dyn CompanyStore>, id: BillingRunId) -> Result<ProgressBody, Error> {
    let run = store.run(id).await?;
    Ok(ProgressBody::new(run.state.code(), Job::current(store.jobs_of_run(id).await?)))
}

/// Follows the run's work as server-sent events: `progress` while it goes on, then `done`.
#[utoipa::path(
    get, path = "/api/v1/billing-runs/{id}/progress", tag = "billing-runs", params(("id" = Uuid, Path)),
    responses((status = 200, body = ProgressBody, content_type = "text/event-stream")),
)]
pub(crate) async fn run_progress(access: Require<ReadCharges>, At(id): At<BillingRunId>) -> Answer<Response> {
    let store = access.store.clone();
    follow(move || look(store.clone(), id)).await
}
