//! The fact catalogue: what a plug-in may ask for.

use axum::Json;
use guanjia_domain::{
    facts::{Catalogue, FactDefinition, FactKind},
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
    pub name: String,
    /// `number`, `code`, `date`, `flag`.
    pub kind: &'static str,
    /// Decimal places of a number.
    pub scale: Option<u8>,
    /// Unit of measure of a number, such as `m2`; empty for a bare number.
    pub measure: String,
    pub title_zh: String,
    pub title_en: String,
}

impl FactBody {
    fn new(point: ExtensionPoint, fact: FactDefinition) -> Self {
        let FactDefinition { name, kind, title_zh, title_en, measure } = fact;
        let scale = match kind {
            FactKind::Number { scale } => Some(scale),
            FactKind::Code | FactKind::Date | FactKind::Flag => None,
        };
        Self {
            point: point.to_string(),
            name: name.into_owned(),
            kind: kind.code(),
            scale,
            measure: measure.into_owned(),
            title_zh: title_zh.into_owned(),
            title_en: title_en.into_owned(),
        }
    }
}

/// The facts that plug-ins may ask for, point by point: those of every company, and the company's own custom fields. A
/// plug-in that asks for another one is refused with its name.
#[utoipa::path(get, path = "/api/v1/facts", tag = "plug-ins", responses((status = 200, body = List<FactBody>)))]
pub(crate) async fn list_facts(access: Require<ReadPlugins>) -> Reply<List<FactBody>> {
    let catalogue = Catalogue::new(access.store.custom_fields().await?);
    let of_point = |point: &ExtensionPoint| {
        let point = *point;
        catalogue.facts(point).into_iter().map(move |fact| FactBody::new(point, fact))
    };
    Ok(Json(List { items: ExtensionPoint::ALL.iter().flat_map(of_point).collect(), next: None }))
}
