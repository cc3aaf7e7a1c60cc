//! Shared costs (公摊) that the units of a fee item bear together.

use axum::Json;
use guanjia_domain::{
    fee_item::{COST_POOL_MAX_FEN, CostPool},
    ids::{FeeItemId, ProjectId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, List, Reply, month};
use crate::{
    access::{
        Require,
        needs::{ReadCharges, WriteReadings},
    },
    fault::{Fault, Problem},
};

/// The shared cost of a fee item in one month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostPoolBody {
    pub fee_item: Uuid,
    /// Such as `2025-03`.
    pub period: String,
    /// Absent after it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_fen: Option<i64>,
}

impl From<CostPool> for CostPoolBody {
    fn from(pool: CostPool) -> Self {
        Self {
            fee_item: pool.fee_item_id.0,
            period: format!("{:04}-{:02}", pool.period_start.year(), pool.period_start.month()),
            total_fen: Some(pool.total_fen),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PoolsQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// A month such as `2025-03`.
    period: String,
}

/// Lists the shared costs of a month.
#[utoipa::path(get, path = "/api/v1/cost-pools", tag = "cost-pools", params(PoolsQuery), responses((status = 200, body = List<CostPoolBody>)))]
pub(crate) async fn list_cost_pools(
    access: Require<ReadCharges>,
    Ask(query): Ask<PoolsQuery>,
) -> Reply<List<CostPoolBody>> {
    let period = month(&query.period)?;
    access.store.project(query.project).await?;
    Ok(Json(List::whole(access.store.cost_pools(query.project, period.start, period.end).await?)))
}

/// A shared cost, over what was seen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolEntry {
    #[schema(value_type = Uuid)]
    fee_item: FeeItemId,
    /// A month such as `2025-03`.
    period: String,
    /// The total that was seen; absent where there was none.
    seen_fen: Option<i64>,
    /// The total; without it the shared cost is removed.
    total_fen: Option<i64>,
}

/// Sets or removes the shared cost of a month, if it still is what was seen. What is posted already stays as it is.
#[utoipa::path(
    put, path = "/api/v1/cost-pools", tag = "cost-pools", request_body = PoolEntry,
    responses(
        (status = 200, body = CostPoolBody),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`cost-out-of-range`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_cost_pool(access: Require<WriteReadings>, Json(entry): Json<PoolEntry>) -> Reply<CostPoolBody> {
    let period = month(&entry.period)?;
    if entry.total_fen.is_some_and(|total| !(0..=COST_POOL_MAX_FEN).contains(&total)) {
        let detail = format!("a shared cost lies between 0 and {COST_POOL_MAX_FEN} fen");
        return Err(Fault::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "cost-out-of-range", detail));
    }
    let stamp = access.stamp();
    access.store.change_cost_pool(&stamp, entry.fee_item, period.start, entry.seen_fen, entry.total_fen).await?;
    Ok(Json(CostPoolBody { fee_item: entry.fee_item.0, period: entry.period, total_fen: entry.total_fen }))
}
