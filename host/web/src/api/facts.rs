//! The fact catalogue: what a plug-in may ask for.

use axum::Json;
use guanjia_domain::{
    facts::{FactDefinition, FactKind},
    plugin::ExtensionPoint,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{List, Reply};
use crate::access::{Require, needs::ReadPlugins};

/// A value that the host computes about each subject of an extension point, for plug-ins that declare it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FactBody {
    /// Such as `fee-policy`.
    pub point: String,
    /// What a manifest asks for, such as `unit.area`.
    pub name: &'static str,
    /// `number`, `code`, `date`, `flag`.
    pub kind: &'static str,
    /// Decimal places of a number.
    pub scale: Option<u8>,
    /// Unit of measure of a number, such as `m2`; empty for a bare number.
    pub measure: &'static str,
    pub title_zh: &'static str,
    pub title_en: &'static str,
}

impl FactBody {
    fn new(point: ExtensionPoint, fact: &FactDefinition) -> Self {
        let FactDefinition { name, kind, title_zh, title_en, measure } = *fact;
        let scale = match kind {
            FactKind::Number { scale } => Some(scale),
            FactKind::Code | FactKind::Date | FactKind::Flag => None,
        };
        Self { point: point.to_string(), name, kind: kind.code(), scale, measure, title_zh, title_en }
    }
}

/// The facts that plug-ins may ask for, point by point. A plug-in that asks for another one is refused with its name.
#[utoipa::path(get, path = "/api/v1/facts", tag = "plug-ins", responses((status = 200, body = List<FactBody>)))]
pub(crate) async fn list_facts(_: Require<ReadPlugins>) -> Reply<List<FactBody>> {
    let of_point = |point: &ExtensionPoint| {
        let point = *point;
        point.facts().into_iter().map(move |fact| FactBody::new(point, &fact))
    };
    Ok(Json(List { items: ExtensionPoint::ALL.iter().flat_map(of_point).collect(), next: None }))
}
