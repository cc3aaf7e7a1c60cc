//! Trials: what a plug-in version with other settings would have charged in past months.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use guanjia_domain::{
    Error, Period,
    difference::{Bucket, Change, Direction, Mover, Tally},
    estate::UnitPlace,
    ids::{FeeItemId, ProjectId, TrialId, UnitId},
    ports::CompanyStore,
    trial::{MoverExplanation, MoverSide, TrialPeriod, TrialRequest, TrialView},
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Ask, At, List, PlaceBody, Reply,
    billing_runs::{LanguageQuery, StepBody},
    language, month,
    progress::{ProgressBody, follow},
    units::ProjectQuery,
};
use crate::{
    AppState,
    access::{Require, Signed, needs::TryPlugins},
    fault::{Answer, Problem},
};

/// A plug-in version with settings, tried on the recorded inputs of past months. Nothing is charged or changed by it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialBody {
    pub id: Uuid,
    pub project: Uuid,
    /// `fee-policy`, `late-fee-policy`.
    pub point: String,
    pub fee_item: Uuid,
    pub plugin: String,
    pub version: String,
    pub digest: String,
    pub settings: serde_json::Value,
    /// The first month.
    pub from: String,
    /// The last month.
    pub to: String,
    /// `waiting`, `running`, `done`, `failed`, `cancelled`.
    pub state: String,
    /// Why the work on it failed.
    pub error: Option<String>,
    /// Subjects of all months so far.
    pub subjects: i64,
    /// What they were charged.
    pub before_fen: i64,
    /// What the candidate charges them.
    pub after_fen: i64,
    pub created_by: String,
    pub created_at: String,
    pub finished_at: Option<String>,
}

impl TrialBody {
    fn new(view: TrialView) -> Result<Self, Error> {
        let state = view.state();
        let TrialView { trial, job } = view;
        let total = trial.report.difference.total()?;
        let (from, to) = months(trial.period);
        Ok(Self {
            id: trial.id.0,
            project: trial.project_id.0,
            point: trial.point.to_string(),
            fee_item: trial.fee_item_id.0,
            plugin: trial.candidate.plugin_id,
            version: trial.candidate.plugin_version,
            digest: trial.candidate.digest,
            settings: parsed(&trial.candidate.settings),
            from: from.to_string(),
            to: to.to_string(),
            state: state.to_string(),
            error: job.and_then(|job| job.error),
            subjects: total.subjects,
            before_fen: total.before,
            after_fen: total.after,
            created_by: trial.created_by,
            created_at: trial.created_at.to_rfc3339(),
            finished_at: trial.finished_at.map(|at| at.to_rfc3339()),
        })
    }
}

/// The first and the last month of a period of whole months.
pub(crate) fn months(period: Period) -> (Period, Period) {
    let last = guanjia_domain::Date(period.end.0.saturating_sub(1));
    (Period::month_of(period.start), Period::month_of(last))
}

fn parsed(settings: &str) -> serde_json::Value {
    serde_json::from_str(settings).unwrap_or(serde_json::Value::Null)
}

/// A trial with all that it found so far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialReportBody {
    #[serde(flatten)]
    pub trial: TrialBody,
    /// One entry for every kind of change.
    pub changes: Vec<ChangeBody>,
    /// Subjects by relative change, from the largest fall to the largest rise.
    pub histogram: Vec<BucketBody>,
    /// Subjects that the candidate holds, by why.
    pub held: Vec<HeldCountBody>,
    /// Subjects that were held without a question: there is nothing to try them with.
    pub unasked: i64,
    /// Calls of the candidate.
    pub calls: i64,
    /// The most fuel that a call used, in permille of what it was allowed.
    pub fuel_permille_max: i64,
    /// The most memory that a call had, in permille of what it was allowed.
    pub memory_permille_max: i64,
    /// Whose answers it was compared with.
    pub recorded: Vec<RecordedBody>,
    pub periods: Vec<TrialPeriodBody>,
    /// The largest changes, one a unit: rises, falls, newly held, released.
    pub movers: Vec<MoverBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeBody {
    /// `same`, `up`, `down`, `appears`, `vanishes`, `newly-held`, `released`, `still-held`.
    pub change: String,
    pub subjects: i64,
    pub before_fen: i64,
    pub after_fen: i64,
}

impl ChangeBody {
    fn new(change: Change, tally: Tally) -> Self {
        Self { change: change.to_string(), subjects: tally.subjects, before_fen: tally.before, after_fen: tally.after }
    }
}

/// A class of relative change. The end that is further from 0 belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketBody {
    /// In permille of the amount before; absent without a bound.
    pub from_permille: Option<i64>,
    pub to_permille: Option<i64>,
    pub subjects: i64,
}

impl From<Bucket> for BucketBody {
    fn from(bucket: Bucket) -> Self {
        Self { from_permille: bucket.from_permille, to_permille: bucket.to_permille, subjects: bucket.subjects }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldCountBody {
    /// `policy-error`, `trap`, `limit`, `invalid-output`.
    pub kind: String,
    pub subjects: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedBody {
    /// SHA-256 of the component that answered.
    pub digest: String,
    pub decisions: i64,
}

/// One month of a trial.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialPeriodBody {
    pub period: String,
    pub subjects: i64,
    pub before_fen: i64,
    pub after_fen: i64,
}

impl From<&TrialPeriod> for TrialPeriodBody {
    fn from(month: &TrialPeriod) -> Self {
        let Tally { subjects, before, after } = month.total;
        Self { period: month.period.to_string(), subjects, before_fen: before, after_fen: after }
    }
}

/// A unit with one of the largest changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoverBody {
    /// Its place in this list, for its explanation.
    pub number: usize,
    /// `up`, `down`, `newly-held`, `released`.
    pub direction: String,
    pub unit: Uuid,
    /// Absent when the unit is gone.
    pub place: Option<PlaceBody>,
    /// Absent when it was held.
    pub before_fen: Option<i64>,
    /// Absent when the candidate holds it.
    pub after_fen: Option<i64>,
    pub decision: Uuid,
    /// Number of the subject in the decision.
    pub subject: u32,
}

impl MoverBody {
    fn new(number: usize, direction: Direction, mover: &Mover, place: Option<UnitPlace>) -> Self {
        Self {
            number,
            direction: direction.to_string(),
            unit: mover.place.unit_id.0,
            place: place.map(PlaceBody::from),
            before_fen: mover.before,
            after_fen: mover.after,
            decision: mover.place.decision_id.0,
            subject: mover.place.subject,
        }
    }
}

/// Where the movers of a report are.
pub(crate) async fn places_of(store: &dyn CompanyStore, view: &TrialView) -> Result<HashMap<UnitId, UnitPlace>, Error> {
    let units: Vec<UnitId> = view.trial.report.movers().map(|(_, mover)| mover.place.unit_id).collect();
    Ok(store.places(&units).await?.into_iter().collect())
}

async fn report(access: &Signed, view: TrialView) -> Answer<TrialReportBody> {
    let places = places_of(access.store.as_ref(), &view).await?;
    let report = &view.trial.report;
    let difference = &report.difference;
    let movers = report.movers().enumerate().map(|(number, (direction, mover))| {
        MoverBody::new(number, direction, &mover, places.get(&mover.place.unit_id).cloned())
    });
    Ok(TrialReportBody {
        changes: Change::ALL.iter().map(|change| ChangeBody::new(*change, difference.tally(*change))).collect(),
        histogram: difference.buckets().map(BucketBody::from).collect(),
        held: difference
            .held()
            .iter()
            .map(|(kind, subjects)| HeldCountBody { kind: kind.to_string(), subjects: *subjects })
            .collect(),
        unasked: report.unasked,
        calls: difference.calls(),
        fuel_permille_max: difference.fuel_permille_max(),
        memory_permille_max: difference.memory_permille_max(),
        recorded: report
            .recorded
            .iter()
            .map(|(digest, decisions)| RecordedBody { digest: digest.clone(), decisions: *decisions })
            .collect(),
        periods: report.periods.iter().map(TrialPeriodBody::from).collect(),
        movers: movers.collect(),
        trial: TrialBody::new(view)?,
    })
}

/// Lists a project's trials, newest first.
#[utoipa::path(get, path = "/api/v1/trials", tag = "trials", params(ProjectQuery), responses((status = 200, body = List<TrialBody>)))]
pub(crate) async fn list_trials(access: Require<TryPlugins>, Ask(query): Ask<ProjectQuery>) -> Reply<List<TrialBody>> {
    let views = access.trials.list(&access.stamp(), query.project).await?;
    Ok(Json(List { items: views.into_iter().map(TrialBody::new).collect::<Result<_, _>>()?, next: None }))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewTrialBody {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    /// `fee-policy` without it.
    point: Option<String>,
    #[schema(value_type = Uuid)]
    fee_item: FeeItemId,
    plugin: String,
    version: String,
    /// An object that fits the plug-in's settings schema.
    settings: serde_json::Value,
    /// The first month, such as `2025-01`.
    from: String,
    /// The last month.
    to: String,
}

/// Starts a trial of an installed plug-in version on the recorded inputs of posted runs. Nothing is charged or changed.
#[utoipa::path(
    post, path = "/api/v1/trials", tag = "trials", request_body = NewTrialBody,
    responses(
        (status = 202, body = TrialBody),
        (status = 422, description = "`missing-fact`: a fact was not recorded; `nothing-recorded`: no posted run of these months; `invalid`: the settings do not fit", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_trial(
    access: Require<TryPlugins>,
    State(app): State<AppState>,
    Json(body): Json<NewTrialBody>,
) -> Answer<(StatusCode, Json<TrialBody>)> {
    let request = TrialRequest {
        project_id: body.project,
        point: body.point.as_deref().unwrap_or("fee-policy").parse()?,
        fee_item_id: body.fee_item,
        plugin_id: body.plugin,
        plugin_version: body.version,
        settings: body.settings.to_string(),
        period: Period { start: month(&body.from)?.start, end: month(&body.to)?.end },
    };
    let (trial, job) = access.trials.start(&access.stamp(), request).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(TrialBody::new(TrialView { trial, job: Some(job) })?)))
}

/// Reads a trial with its report, as far as it is.
#[utoipa::path(
    get, path = "/api/v1/trials/{id}", tag = "trials", params(("id" = Uuid, Path)),
    responses((status = 200, body = TrialReportBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_trial(access: Require<TryPlugins>, At(id): At<TrialId>) -> Reply<TrialReportBody> {
    let view = access.trials.view(&access.stamp(), id).await?;
    Ok(Json(report(&access, view).await?))
}

/// Follows the work on a trial as server-sent events: `progress` while it goes on, then `done`.
#[utoipa::path(
    get, path = "/api/v1/trials/{id}/progress", tag = "trials", params(("id" = Uuid, Path)),
    responses((status = 200, body = ProgressBody, content_type = "text/event-stream")),
)]
pub(crate) async fn trial_progress(access: Require<TryPlugins>, At(id): At<TrialId>) -> Answer<Response> {
    let (trials, stamp) = (access.trials.clone(), access.stamp());
    follow(move || {
        let (trials, stamp) = (trials.clone(), stamp.clone());
        async move {
            let view = trials.view(&stamp, id).await?;
            Ok(ProgressBody::new(view.state().code(), view.job))
        }
    })
    .await
}

/// A mover's two answers side by side.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoverExplanationBody {
    #[serde(flatten)]
    pub mover: MoverBody,
    /// The month that it is about.
    pub period: String,
    pub recorded: MoverSideBody,
    pub candidate: MoverSideBody,
}

/// One of the two answers, in the words of its plug-in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoverSideBody {
    pub plugin: String,
    pub version: String,
    pub settings: serde_json::Value,
    /// Absent when it was held.
    pub amount_fen: Option<i64>,
    /// Why it was held.
    pub held: Option<String>,
    pub lines: Vec<SideLineBody>,
}

/// One explained line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SideLineBody {
    pub steps: Vec<StepBody>,
}

impl From<MoverSide> for MoverSideBody {
    fn from(side: MoverSide) -> Self {
        let lines = side.lines.into_iter();
        Self {
            plugin: side.plugin_id,
            version: side.plugin_version,
            settings: parsed(&side.settings),
            amount_fen: side.value,
            held: side.held,
            lines: lines
                .map(|line| SideLineBody { steps: line.steps.into_iter().map(StepBody::from).collect() })
                .collect(),
        }
    }
}

impl From<MoverExplanation> for MoverExplanationBody {
    fn from(explanation: MoverExplanation) -> Self {
        let MoverExplanation { number, direction, mover, place, period, recorded, candidate } = explanation;
        Self {
            mover: MoverBody::new(number, direction, &mover, place),
            period: period.to_string(),
            recorded: recorded.into(),
            candidate: candidate.into(),
        }
    }
}

/// Explains a mover: the recorded answer beside the candidate's, which is asked again.
#[utoipa::path(
    get, path = "/api/v1/trials/{id}/movers/{number}", tag = "trials",
    params(("id" = Uuid, Path), ("number" = usize, Path), LanguageQuery),
    responses((status = 200, body = MoverExplanationBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn explain_mover(
    access: Require<TryPlugins>,
    At((id, number)): At<(TrialId, usize)>,
    Ask(query): Ask<LanguageQuery>,
) -> Reply<MoverExplanationBody> {
    let language = language(query.lang.as_deref(), access.words.language)?;
    Ok(Json(access.trials.explain(&access.stamp(), id, number, language).await?.into()))
}

/// Stops the work on a trial; what is found of whole months stays.
#[utoipa::path(
    post, path = "/api/v1/trials/{id}/cancel", tag = "trials", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = TrialBody),
        (status = 409, description = "nobody works on it", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn cancel_trial(access: Require<TryPlugins>, At(id): At<TrialId>) -> Reply<TrialBody> {
    access.trials.cancel(&access.stamp(), id).await?;
    Ok(Json(TrialBody::new(access.trials.view(&access.stamp(), id).await?)?))
}

/// Goes on with a trial that was stopped or failed, after the months that are done.
#[utoipa::path(
    post, path = "/api/v1/trials/{id}/resume", tag = "trials", params(("id" = Uuid, Path)),
    responses(
        (status = 202, body = TrialBody),
        (status = 409, description = "the trial is done", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn resume_trial(
    access: Require<TryPlugins>,
    State(app): State<AppState>,
    At(id): At<TrialId>,
) -> Answer<(StatusCode, Json<TrialBody>)> {
    access.trials.resume(&access.stamp(), id).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(TrialBody::new(access.trials.view(&access.stamp(), id).await?)?)))
}
