//! Posted charges (应收) and why they are what they are.

use axum::Json;
use guanjia_domain::{
    billing::{ChargeExplanation, LineAdjustment},
    ids::{ChargeId, ProjectId},
    ports::ChargeRow,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, PlaceBody, Reply,
    billing_runs::{LanguageQuery, LineBody},
    language, limit, month,
};
use crate::{
    access::{Payers, Require, Signed, needs::ReadCharges},
    fault::{Answer, Problem},
};

/// One line that a unit owes for a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChargeBody {
    pub id: Uuid,
    pub run: Uuid,
    pub unit: Uuid,
    pub place: PlaceBody,
    pub fee_item: String,
    pub payer: String,
    /// First day of the period.
    pub period_start: String,
    pub from: String,
    /// The first day that it no longer covers.
    pub to: String,
    pub amount_fen: i64,
    /// 0 for the first charge of a unit, fee item and period; higher ones correct it.
    pub revision: i64,
    /// The charge that this one takes back, with the opposite amount.
    pub reverses: Option<Uuid>,
    pub decision: Uuid,
    /// Number of the line in the decision.
    pub line: i64,
}

impl ChargeBody {
    pub(super) fn new(row: ChargeRow, payers: &Payers) -> Self {
        let charge = row.charge;
        Self {
            id: charge.id.0,
            run: charge.run_id.0,
            unit: charge.unit_id.0,
            place: row.place.into(),
            fee_item: row.fee_item,
            payer: payers.name(charge.payer_id, &row.payer),
            period_start: charge.period_start.to_string(),
            from: charge.from.to_string(),
            to: charge.to.to_string(),
            amount_fen: charge.amount.0,
            revision: charge.revision,
            reverses: charge.reverses.map(|id| id.0),
            decision: charge.decision_id.0,
            line: charge.decision_line,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChargesQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// A month such as `2025-03`; all months without it.
    period: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists posted charges.
#[utoipa::path(get, path = "/api/v1/charges", tag = "charges", params(ChargesQuery), responses((status = 200, body = List<ChargeBody>)))]
pub(crate) async fn list_charges(
    access: Require<ReadCharges>,
    Ask(query): Ask<ChargesQuery>,
) -> Reply<List<ChargeBody>> {
    let payers = access.payers(&access.store.project(query.project).await?);
    let period_start = query.period.as_deref().map(month).transpose()?.map(|period| period.start);
    let page = access.store.charges(query.project, period_start, query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, |row| ChargeBody::new(row, &payers))))
}

/// Why a line is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplanationBody {
    pub line: LineBody,
    /// Title of the plug-in.
    pub rule: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// The settings in force.
    pub settings: serde_json::Value,
    /// Since when they hold.
    pub effective_from: String,
    /// Facts as the plug-in saw them.
    pub facts: Vec<FactBody>,
    pub period: String,
    /// Profile of the engine that computed it.
    pub engine: String,
    /// What the plug-in logged during the call, which answered for other units, too.
    pub log: Vec<String>,
    /// Where the line belongs to a correction: what it changes.
    pub adjustment: Option<LineAdjustmentBody>,
    /// The posted charge that takes this line back.
    pub reversed_by: Option<Uuid>,
}

/// What a correction changes of one unit and fee item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineAdjustmentBody {
    /// Lines that take posted ones back.
    pub reversed: Vec<LineBody>,
    /// Lines that stand instead.
    pub charged: Vec<LineBody>,
    /// By how much more is owed.
    pub difference_fen: i64,
}

impl LineAdjustmentBody {
    fn new(adjustment: LineAdjustment, payers: &Payers) -> Self {
        let bodies = |lines: Vec<_>| lines.into_iter().map(|line| LineBody::new(line, payers)).collect();
        Self {
            reversed: bodies(adjustment.reversed),
            charged: bodies(adjustment.charged),
            difference_fen: adjustment.difference.0,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FactBody {
    pub name: String,
    pub title: String,
    /// Absent: it was missing.
    pub value: Option<String>,
    pub measure: String,
}

impl ExplanationBody {
    pub(crate) async fn new(
        explanation: ChargeExplanation,
        language: guanjia_domain::plugin::Language,
        access: &Signed,
    ) -> Answer<Self> {
        let run = access.store.run(explanation.line.run_id).await?;
        let payers = access.payers(&access.store.project(run.project_id).await?);
        let facts = explanation.facts.into_iter();
        Ok(Self {
            line: LineBody::new(explanation.line, &payers),
            rule: explanation.plugin.title.in_language(language).to_owned(),
            digest: explanation.plugin.digest,
            settings: serde_json::from_str(&explanation.settings).unwrap_or(serde_json::Value::Null),
            effective_from: explanation.effective_from.to_string(),
            facts: facts
                .map(|fact| FactBody { name: fact.name, title: fact.title, value: fact.value, measure: fact.measure })
                .collect(),
            period: explanation.period.to_string(),
            engine: explanation.engine,
            log: explanation.log,
            adjustment: explanation.adjustment.map(|adjustment| LineAdjustmentBody::new(adjustment, &payers)),
            reversed_by: explanation.reversed_by.map(|posted| posted.charge_id.0),
        })
    }
}

/// Explains a posted charge.
#[utoipa::path(
    get, path = "/api/v1/charges/{id}/explanation", tag = "charges", params(("id" = Uuid, Path), LanguageQuery),
    responses((status = 200, body = ExplanationBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn explain_charge(
    access: Require<ReadCharges>,
    At(id): At<ChargeId>,
    Ask(query): Ask<LanguageQuery>,
) -> Reply<ExplanationBody> {
    let language = language(query.lang.as_deref(), access.words.language)?;
    let explanation = access.billing.explain_charge(&access.stamp(), id, language).await?;
    Ok(Json(ExplanationBody::new(explanation, language, &access).await?))
}
