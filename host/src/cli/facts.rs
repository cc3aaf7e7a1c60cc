//! `guanjia facts`: what a plug-in may ask for.

use clap::Args;
use guanjia_domain::{
    Result,
    facts::{Catalogue, FactKind},
    plugin::{ExtensionPoint, Language},
};
use serde_json::json;

use super::{Done, Global, output};

/// The facts that the host computes for plug-ins, by extension point: those of every company, and the company's own
/// custom fields. Needs no database; without one there are no custom fields.
#[derive(Debug, Args)]
pub(super) struct Facts {
    /// Only those of this extension point, such as `fee-policy`.
    #[arg(long, value_name = "POINT")]
    point: Option<ExtensionPoint>,
}

impl Facts {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let fields = if global.config()?.has_database() {
            global.office().await?.store.custom_fields().await?
        } else {
            Vec::new()
        };
        let catalogue = Catalogue::new(fields);
        let language = global.language(Language::En);
        for point in ExtensionPoint::ALL.iter().filter(|point| self.point.is_none_or(|asked| asked == **point)) {
            for fact in catalogue.facts(*point) {
                if global.json {
                    let scale = match fact.kind {
                        FactKind::Number { scale } => Some(scale),
                        FactKind::Code | FactKind::Date | FactKind::Flag => None,
                    };
                    output::line(&json!({
                        "point": point.to_string(), "name": fact.name, "kind": fact.kind.code(), "scale": scale,
                        "measure": fact.measure, "title_zh": fact.title_zh, "title_en": fact.title_en,
                    }));
                } else {
                    let title = fact.title(language);
                    output::text(&format!(
                        "{point}  {:<22}  {:<6}  {title} {}",
                        fact.name,
                        fact.kind.code(),
                        fact.measure
                    ));
                }
            }
        }
        Ok(Done::Well)
    }
}
