//! Decisions: explained line by line, and run again.

use axum::{
    Json,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use guanjia_domain::{
    billing::ReplayReport,
    decision::{Decision, Outcome},
    ids::DecisionId,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Ask, At, Reply, billing_runs::LanguageQuery, charges::ExplanationBody, language};
use crate::{
    access::{Require, needs::ReadCharges},
    fault::Answer,
};

/// One call of a plug-in as it is recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionBody {
    pub id: Uuid,
    pub run: Uuid,
    pub fee_item: Uuid,
    pub binding: Uuid,
    /// SHA-256 of the component.
    pub digest: String,
    pub settings: serde_json::Value,
    /// Version of the contract that was served.
    pub wit: String,
    /// Profile of the engine that computed it.
    pub engine: String,
    /// Subjects that were asked about.
    pub subjects: usize,
    pub lines: usize,
    pub fuel: i64,
    /// Why the call came to nothing; absent where it was answered.
    pub failure: Option<FailureBody>,
    /// What the plug-in logged.
    pub log: Vec<String>,
}

/// A call that came to nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureBody {
    /// `trap`, `limit`, `invalid-output`.
    pub kind: String,
    pub reason: String,
}

impl From<Decision> for DecisionBody {
    fn from(decision: Decision) -> Self {
        let failure = match &decision.outcome {
            Outcome::Answer(_) => None,
            Outcome::Failure(failure) => {
                Some(FailureBody { kind: failure.kind.to_string(), reason: failure.reason.clone() })
            }
        };
        Self {
            id: decision.id.0,
            run: decision.run_id.0,
            fee_item: decision.fee_item_id.0,
            binding: decision.binding_id.0,
            subjects: decision.question.subjects(),
            lines: decision.line_count(),
            digest: decision.component_digest,
            settings: serde_json::from_str(&decision.settings).unwrap_or(serde_json::Value::Null),
            wit: decision.wit,
            engine: decision.engine,
            fuel: decision.fuel,
            failure,
            log: decision.log,
        }
    }
}

/// Reads one decision.
#[utoipa::path(get, path = "/api/v1/decisions/{id}", tag = "decisions", params(("id" = Uuid, Path)), responses((status = 200, body = DecisionBody)))]
pub(crate) async fn read_decision(access: Require<ReadCharges>, At(id): At<DecisionId>) -> Reply<DecisionBody> {
    Ok(Json(access.billing.decision(&access.stamp(), id).await?.into()))
}

/// Explains one line of a decision, posted or not.
#[utoipa::path(
    get, path = "/api/v1/decisions/{id}/lines/{line}/explanation", tag = "decisions",
    params(("id" = Uuid, Path), ("line" = u32, Path), LanguageQuery), responses((status = 200, body = ExplanationBody)),
)]
pub(crate) async fn explain_line(
    access: Require<ReadCharges>,
    At((id, line)): At<(DecisionId, u32)>,
    Ask(query): Ask<LanguageQuery>,
) -> Reply<ExplanationBody> {
    let language = language(query.lang.as_deref(), access.words.language)?;
    let explanation = access.billing.explain(&access.stamp(), id, line, language).await?;
    Ok(Json(ExplanationBody::new(explanation, language, &access).await?))
}

/// One line of a decision as a file: question, answer, settings and component. `guanjia replay FILE` runs it again on any
/// machine.
#[utoipa::path(
    get, path = "/api/v1/decisions/{id}/lines/{line}/proof", tag = "decisions",
    params(("id" = Uuid, Path), ("line" = u32, Path)),
    responses((status = 200, content_type = "application/json", body = Object)),
)]
pub(crate) async fn prove_line(
    access: Require<ReadCharges>,
    At((id, line)): At<(DecisionId, u32)>,
) -> Answer<Response> {
    let proof = access.billing.prove(&access.stamp(), id, line).await?;
    let name = format!("attachment; filename=\"{id}-{line}.proof.json\"");
    let headers = [(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, proof.to_json()?).into_response())
}

/// What a replay found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayBody {
    pub decisions: i64,
    pub identical: i64,
    pub different: Vec<ReplayDifferenceBody>,
}

/// A decision that came out otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayDifferenceBody {
    pub decision: Uuid,
    /// SHA-256 of the recorded outcome.
    pub recorded: String,
    /// SHA-256 of the new one.
    pub replayed: String,
    pub reason: String,
}

impl From<ReplayReport> for ReplayBody {
    fn from(report: ReplayReport) -> Self {
        let different = report.different.into_iter().map(|difference| ReplayDifferenceBody {
            decision: difference.decision.0,
            recorded: difference.recorded,
            replayed: difference.replayed,
            reason: difference.reason,
        });
        Self { decisions: report.decisions, identical: report.identical, different: different.collect() }
    }
}

/// Asks the same component the same question again and compares the answers bit for bit.
#[utoipa::path(post, path = "/api/v1/decisions/{id}/replay", tag = "decisions", params(("id" = Uuid, Path)), responses((status = 200, body = ReplayBody)))]
pub(crate) async fn replay_decision(access: Require<ReadCharges>, At(id): At<DecisionId>) -> Reply<ReplayBody> {
    Ok(Json(access.billing.replay_decision(&access.stamp(), id).await?.into()))
}
