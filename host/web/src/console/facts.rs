//! 事实目录: what a plug-in may ask about, and which of the installed ones do.

use askama::Template;
use axum::response::Response;
use guanjia_domain::{
    facts::{Catalogue, FactKind},
    plugin::{ExtensionPoint, InstalledPlugin},
};
use std::collections::BTreeSet;

use super::{Page, Section, show};
use crate::{
    access::{Require, needs::ReadPlugins},
    fault::Answer,
    words::Arg,
};

#[derive(Template)]
#[template(path = "facts.html")]
struct FactsPage {
    page: Page,
    points: Vec<PointView>,
}

struct PointView {
    title: String,
    code: String,
    rows: Vec<Row>,
}

struct Row {
    title: String,
    name: String,
    kind: String,
    measure: String,
    /// Titles of the installed plug-ins that ask for it.
    asked_by: String,
}

pub(crate) async fn list(access: Require<ReadPlugins>) -> Answer<Response> {
    let installed = access.store.plugins().await?;
    let page = Page::new(&access, Section::Plugins, None);
    let language = page.words.language;
    let catalogue = Catalogue::new(access.store.custom_fields().await?);
    let points = ExtensionPoint::ALL.iter().map(|point| {
        let asked_by = |fact: &str| {
            let asks = |plugin: &&InstalledPlugin| {
                plugin.export(*point).is_ok_and(|export| export.description.facts.iter().any(|name| name == fact))
            };
            let titles: BTreeSet<&str> = installed.iter().filter(asks).map(|plugin| page.text(&plugin.title)).collect();
            titles.into_iter().collect::<Vec<_>>().join(" · ")
        };
        let rows = catalogue.facts(*point).into_iter().map(|fact| Row {
            title: fact.title(language).to_owned(),
            asked_by: asked_by(&fact.name),
            kind: match fact.kind {
                FactKind::Number { scale } if scale > 0 => {
                    page.say("fact-number", &[("scale", Arg::Count(i64::from(scale)))])
                }
                kind => page.words.code("fact-kind", kind.code()),
            },
            measure: fact.measure.into_owned(),
            name: fact.name.into_owned(),
        });
        PointView { title: page.words.code("point", point.code()), code: point.to_string(), rows: rows.collect() }
    });
    show(&FactsPage { points: points.collect(), page })
}
