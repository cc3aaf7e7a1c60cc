//! What bindings do while they live: figures, quarantine, release.

use axum::{Json, extract::State};
use guanjia_domain::{
    difference::{Change, Difference, Direction},
    ids::{BindingId, QuarantineId},
    plugin::{BindingWatch, Plugins, Quarantine, QuarantineRow, ReleaseReport, RunUse, Use},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Ask, At, List, Reply,
    audit::{CursorQuery, foreign_cursor},
    bindings::BindingBody,
    limit,
};
use crate::{
    AppState,
    access::{
        Require, Signed,
        needs::{ManagePlugins, ReadPlugins},
    },
    fault::Problem,
};

/// A binding with what it did in its runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BindingWatchBody {
    #[serde(flatten)]
    pub binding: BindingBody,
    /// Absent where it is asked.
    pub quarantine: Option<QuarantineBody>,
    /// All of its runs together.
    pub total: UseBody,
    /// Newest first.
    pub runs: Vec<RunUseBody>,
}

/// A time during which a binding is not asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantineBody {
    pub reason: String,
    pub since: String,
    /// Who quarantined it, or made the run that it broke in.
    pub by: String,
    /// The run that it broke in; absent when somebody quarantined it by hand.
    pub run: Option<Uuid>,
}

/// What a binding did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UseBody {
    pub calls: i64,
    /// Subjects that it was asked about: the sum of the six numbers that follow.
    pub subjects: i64,
    pub decided: i64,
    pub refused: i64,
    pub undecided: i64,
    /// Subjects that the plug-in broke on.
    pub trapped: i64,
    /// Subjects that it ran out of fuel, time, memory or output on.
    pub limited: i64,
    /// Subjects that it answered what cannot be true of.
    pub invalid: i64,
    /// Subjects that it was not asked about, because it had been stopped.
    pub passed_over: i64,
    pub fuel: i64,
    /// The most fuel that a call used, in permille of what it was allowed.
    pub fuel_permille: i64,
    /// The most memory that a call had, in permille of what it was allowed.
    pub memory_permille: i64,
    /// Time spent in calls, in microseconds.
    pub spent_us: i64,
    /// Mean time of a call, in microseconds.
    pub call_us: i64,
    pub last_error: Option<UseErrorBody>,
    /// Why it was not asked any more.
    pub stopped: Option<String>,
}

/// A call that came to nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UseErrorBody {
    /// `trap`, `limit`, `invalid-output`.
    pub kind: String,
    pub reason: String,
    pub at: String,
}

/// What a binding did in one run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunUseBody {
    pub run: Uuid,
    /// The period, such as `2025-03`.
    pub period: String,
    pub run_state: String,
    /// `shadow`, `active`: what it was in this run.
    pub mode: String,
    pub used: UseBody,
    /// Of a shadow: it differed by more than is tolerated.
    pub differs: bool,
    pub difference: Option<DifferenceBody>,
}

/// What would change if a shadow were the active one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceBody {
    /// Subjects by what became of them: `same`, `up`, `down`, `appears`, `vanishes`, `newly-held`, `released`, `still-held`.
    pub changes: Vec<ChangeBody>,
    /// The largest of each direction.
    pub movers: Vec<MoverBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeBody {
    pub change: String,
    pub subjects: i64,
    pub before_fen: i64,
    pub after_fen: i64,
}

/// A subject that would come out otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoverBody {
    /// `up`, `down`, `newly-held`, `released`.
    pub direction: String,
    pub unit: Uuid,
    /// The active one's decision.
    pub decision: Uuid,
    /// Absent where it is held.
    pub before_fen: Option<i64>,
    /// Absent where it would be held.
    pub after_fen: Option<i64>,
}

impl From<BindingWatch> for BindingWatchBody {
    fn from(watch: BindingWatch) -> Self {
        Self {
            binding: watch.binding.into(),
            quarantine: watch.quarantine.map(QuarantineBody::from),
            total: watch.total.into(),
            runs: watch.runs.into_iter().map(RunUseBody::from).collect(),
        }
    }
}

impl From<Quarantine> for QuarantineBody {
    fn from(quarantine: Quarantine) -> Self {
        Self {
            reason: quarantine.reason,
            since: quarantine.since.to_rfc3339(),
            by: quarantine.by,
            run: quarantine.run_id.map(|run| run.0),
        }
    }
}

impl From<Use> for UseBody {
    fn from(used: Use) -> Self {
        Self {
            call_us: used.call_us(),
            calls: used.calls,
            subjects: used.subjects,
            decided: used.decided,
            refused: used.refused,
            undecided: used.undecided,
            trapped: used.trapped,
            limited: used.limited,
            invalid: used.invalid,
            passed_over: used.passed_over,
            fuel: used.fuel,
            fuel_permille: used.fuel_permille,
            memory_permille: used.memory_permille,
            spent_us: used.spent_us,
            last_error: used.last_error.map(|error| UseErrorBody {
                kind: error.kind.to_string(),
                reason: error.reason,
                at: error.at.to_rfc3339(),
            }),
            stopped: used.stopped,
        }
    }
}

impl From<RunUse> for RunUseBody {
    fn from(mut run: RunUse) -> Self {
        Self {
            run: run.run_id.0,
            period: run.period.to_string(),
            run_state: run.run_state.to_string(),
            mode: run.mode.to_string(),
            differs: run.differs,
            difference: run.used.difference.take().map(|difference| (&difference).into()),
            used: run.used.into(),
        }
    }
}

impl From<&Difference> for DifferenceBody {
    fn from(difference: &Difference) -> Self {
        let changes = Change::ALL.iter().map(|change| (change, difference.tally(*change)));
        let movers = Direction::ALL
            .iter()
            .flat_map(|direction| difference.movers(*direction).iter().map(move |mover| (direction, mover)));
        Self {
            changes: changes
                .filter(|(_, tally)| tally.subjects > 0)
                .map(|(change, tally)| ChangeBody {
                    change: change.to_string(),
                    subjects: tally.subjects,
                    before_fen: tally.before,
                    after_fen: tally.after,
                })
                .collect(),
            movers: movers
                .map(|(direction, mover)| MoverBody {
                    direction: direction.to_string(),
                    unit: mover.place.unit_id.0,
                    decision: mover.place.decision_id.0,
                    before_fen: mover.before,
                    after_fen: mover.after,
                })
                .collect(),
        }
    }
}

/// What asking again came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleaseBody {
    /// Decisions that were asked again, all of which came out well.
    pub decisions: i64,
}

impl From<ReleaseReport> for ReleaseBody {
    fn from(report: ReleaseReport) -> Self {
        Self { decisions: report.decisions }
    }
}

/// An open quarantine of any project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantineRowBody {
    pub binding: Uuid,
    pub project: Uuid,
    pub project_name: String,
    /// Name of the fee item whose lines are held.
    pub fee_item: Option<String>,
    /// Such as `fee-policy`.
    pub point: String,
    pub plugin: String,
    pub version: String,
    pub from: String,
    /// The first day on which the binding no longer holds, quarantined or not.
    pub to: Option<String>,
    #[serde(flatten)]
    pub quarantine: QuarantineBody,
}

impl From<QuarantineRow> for QuarantineRowBody {
    fn from(row: QuarantineRow) -> Self {
        Self {
            binding: row.quarantine.binding_id.0,
            project: row.quarantine.project_id.0,
            project_name: row.project,
            fee_item: row.fee_item,
            point: row.point.to_string(),
            plugin: row.plugin,
            version: row.version,
            from: row.from.to_string(),
            to: row.to.map(|day| day.to_string()),
            quarantine: row.quarantine.into(),
        }
    }
}

/// Lists open quarantines of all projects, oldest first.
#[utoipa::path(get, path = "/api/v1/quarantines", tag = "bindings", params(CursorQuery), responses((status = 200, body = List<QuarantineRowBody>)))]
pub(crate) async fn list_quarantines(
    access: Require<ReadPlugins>,
    State(app): State<AppState>,
    Ask(query): Ask<CursorQuery>,
) -> Reply<List<QuarantineRowBody>> {
    let after: Option<QuarantineId> = query.cursor.as_deref().map(str::parse).transpose().map_err(foreign_cursor)?;
    let limit = limit(query.limit);
    let rows = plugins(&access, &app).quarantines(&access.stamp(), after, limit).await?;
    let next = (rows.len() == limit as usize).then(|| rows.last().map(|row| row.quarantine.id.to_string())).flatten();
    Ok(Json(List { next, ..List::whole(rows) }))
}

fn plugins(access: &Signed, app: &AppState) -> Plugins {
    Plugins::new(access.store.clone(), app.engine.clone())
}

/// Reads a binding with what it did in its runs.
#[utoipa::path(get, path = "/api/v1/bindings/{id}", tag = "bindings", params(("id" = Uuid, Path)), responses((status = 200, body = BindingWatchBody)))]
pub(crate) async fn read_binding(
    access: Require<ReadPlugins>,
    State(app): State<AppState>,
    At(id): At<BindingId>,
) -> Reply<BindingWatchBody> {
    Ok(Json(plugins(&access, &app).watch(&access.stamp(), id).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewQuarantineBody {
    /// For those who look at what is held.
    reason: String,
}

/// Stops asking a binding: what it would answer is held, from the next page of a running preview on.
#[utoipa::path(
    post, path = "/api/v1/bindings/{id}/quarantine", tag = "bindings", params(("id" = Uuid, Path)),
    request_body = NewQuarantineBody,
    responses(
        (status = 200, body = QuarantineBody),
        (status = 409, description = "it is quarantined already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "no reason is given", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn quarantine_binding(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    At(id): At<BindingId>,
    Json(body): Json<NewQuarantineBody>,
) -> Reply<QuarantineBody> {
    Ok(Json(plugins(&access, &app).quarantine(&access.stamp(), id, &body.reason).await?.into()))
}

/// Asks a quarantined binding again from the next run on. What it broke on, or a sample of its last run, is asked again
/// first and has to come out well.
#[utoipa::path(
    post, path = "/api/v1/bindings/{id}/release", tag = "bindings", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = ReleaseBody),
        (status = 409, description = "it is not quarantined", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`still-failing`, with the figures", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn release_binding(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    At(id): At<BindingId>,
) -> Reply<ReleaseBody> {
    Ok(Json(plugins(&access, &app).release(&access.stamp(), id).await?.into()))
}
