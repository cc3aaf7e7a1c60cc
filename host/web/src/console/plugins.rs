//! 插件: what is installed, what it says about itself, where it is switched on.

use askama::Template;
use axum::{
    Form,
    extract::{Multipart, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Error,
    access::Permission,
    plugin::{BindingMode, ExtensionPoint, Install, InstalledPlugin, Signer, Trust},
};

use serde::Deserialize;

use super::{
    Page, Section, ZONE,
    binding::{Notice, quarantined},
    home::today,
    installation::{OpenView, open},
    line::{Named, choice, settings, title},
    plugin_difference::{DifferenceView, since_last},
    show,
};
use crate::{
    AppState,
    access::{
        Require, Signed,
        needs::{ManagePlugins, ReadPlugins},
    },
    api::plugins::hand_in,
    fault::{Answer, Fault},
    format, urls,
    words::Words,
};

#[derive(Template)]
#[template(path = "plugins.html")]
struct ListPage {
    page: Page,
    rows: Vec<Row>,
    notices: Vec<Notice>,
    /// What is being checked.
    installations: Vec<OpenView>,
    may_install: bool,
    may_sample: bool,
    /// Registries that may be installed from; none where the operator of the host allows none.
    registries: String,
}

struct Row {
    title: String,
    summary: String,
    id: String,
    version: String,
    publisher: String,
    float_free: bool,
    url: String,
}

pub(crate) async fn list(access: Require<ReadPlugins>, State(app): State<AppState>) -> Answer<Response> {
    let mut installed = access.store.plugins().await?;
    installed.sort_by(|left, right| (&left.id, &right.version).cmp(&(&right.id, &left.version)));
    let page = Page::new(&access, Section::Plugins, None);
    let rows = installed.into_iter().map(|plugin| Row {
        title: page.text(&plugin.title).to_owned(),
        summary: page.text(&plugin.summary).to_owned(),
        url: urls::plugin(&plugin.id, &plugin.version),
        id: plugin.id,
        version: plugin.version,
        publisher: plugin.publisher,
        float_free: plugin.float_free,
    });
    let may_install = access.may(Permission::ManagePlugins);
    let may_sample = access.may(Permission::ReadCharges);
    let registries = app.registries.allowed().join(", ");
    let notices = quarantined(&access).await?;
    let installations = if may_install { open(&access, &app).await? } else { Vec::new() };
    show(&ListPage { rows: rows.collect(), notices, page, installations, may_install, may_sample, registries })
}

/// Checks an uploaded component and keeps it; what takes long is checked in the background, and has a page that tells how far.
pub(crate) async fn install(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    mut form: Multipart,
) -> Answer<Response> {
    let broken =
        |error: axum::extract::multipart::MultipartError| Fault::new(error.status(), "malformed", error.body_text());
    let mut component = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("component") {
            component = Some(field.bytes().await.map_err(broken)?.to_vec());
        }
    }
    let component =
        component.filter(|bytes| !bytes.is_empty()).ok_or_else(|| Fault::malformed("no file came with the form"))?;
    Ok(to_what_came(&hand_in(&access, &app, &component, "").await?))
}

fn to_what_came(handed_in: &Install) -> Response {
    let url = match handed_in {
        Install::Done(plugin) => urls::plugin(&plugin.id, &plugin.version),
        Install::Later(installation) => urls::installation(installation.job.id),
    };
    Redirect::to(&url).into_response()
}

#[derive(Deserialize)]
pub(crate) struct PullForm {
    reference: String,
}

/// Fetches a component from a registry, checks it and keeps it.
pub(crate) async fn pull(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Form(form): Form<PullForm>,
) -> Answer<Response> {
    let pulled = app.registries.pull(form.reference.trim()).await?;
    Ok(to_what_came(&hand_in(&access, &app, &pulled.file, &pulled.pinned).await?))
}

#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    page: Page,
    title: String,
    summary: String,
    plugin: InstalledPlugin,
    size: String,
    runtime: String,
    signature: String,
    signature_code: &'static str,
    signers: Vec<Signer>,
    exports: Vec<ExportView>,
    settings: Vec<Named>,
    /// Since the version before, if one is installed.
    since: Option<DifferenceView>,
    bindings: Vec<BindingView>,
    /// Where it is switched on; nowhere for those who may not.
    bind_url: String,
    today: String,
    /// Empty for those who may not try it.
    trial_url: String,
}

struct ExportView {
    point: String,
    code: String,
    wit: String,
    facts: Vec<Named>,
}

struct BindingView {
    project: String,
    fee_item: String,
    from: String,
    to: String,
    mode: String,
    code: &'static str,
    settings: Vec<Named>,
    /// Where it is taken back, while it holds.
    back_url: String,
    quarantined: bool,
    url: String,
}

pub(crate) async fn page(
    access: Require<ReadPlugins>,
    Path((id, version)): Path<(String, String)>,
) -> Answer<Response> {
    let plugin = access
        .store
        .plugin(&id, &version)
        .await?
        .ok_or_else(|| Error::not_found("plug-in", format!("{id}@{version}")))?;
    let words = access.words;
    let bindings = bindings(&access, &plugin).await?;
    let judgement = Trust::new(access.store.clone()).judge(&plugin).await?;
    let page = Page::new(&access, Section::Plugins, None);
    show(&PluginPage {
        title: page.text(&plugin.title).to_owned(),
        summary: page.text(&plugin.summary).to_owned(),
        size: format::bytes(plugin.size_bytes),
        runtime: words.code("runtime", plugin.tier.code()),
        signature: words.code("signature", judgement.state.code()),
        signature_code: judgement.state.code(),
        signers: judgement.signers,
        exports: exports(words, &plugin),
        settings: schema_titles(words, &plugin.settings_schema),
        since: since_last(words, &plugin, &access.store.plugins().await?),
        bindings,
        bind_url: if page.may(Permission::ManagePlugins) {
            urls::bind(&plugin.id, &plugin.version)
        } else {
            String::new()
        },
        today: today(&access, ZONE)?.to_string(),
        trial_url: if access.may(Permission::TryPlugins) { urls::trials_of(&id, &version) } else { String::new() },
        page,
        plugin,
    })
}

fn exports(words: Words, plugin: &InstalledPlugin) -> Vec<ExportView> {
    let view = |point: ExtensionPoint, name: &String| {
        let definition = plugin.fact(point, name);
        let label = definition.as_ref().map(|definition| definition.title(words.language));
        Named {
            label: label.unwrap_or(name).to_owned(),
            code: name.clone(),
            value: String::new(),
            missing: definition.is_none(),
        }
    };
    plugin
        .exports
        .iter()
        .map(|export| ExportView {
            point: words.code("point", export.point.code()),
            code: export.point.to_string(),
            wit: export.wit.clone(),
            facts: export.description.facts.iter().map(|name| view(export.point, name)).collect(),
        })
        .collect()
}

/// What can be set, in the words of the schema.
pub(super) fn schema_titles(words: Words, schema: &serde_json::Value) -> Vec<Named> {
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    properties
        .iter()
        .map(|(key, property)| Named {
            label: title(words, property).unwrap_or_else(|| key.clone()),
            code: key.clone(),
            value: match property.get("default") {
                Some(serde_json::Value::String(text)) => choice(words, property, text).unwrap_or_else(|| text.clone()),
                Some(other) => other.to_string(),
                None => String::new(),
            },
            missing: required.contains(&key.as_str()),
        })
        .collect()
}

async fn bindings(access: &Signed, plugin: &InstalledPlugin) -> Answer<Vec<BindingView>> {
    let words = access.words;
    let may_manage = access.may(Permission::ManagePlugins);
    let mut views = Vec::new();
    for project in access.store.projects().await? {
        let fee_items = access.store.fee_items(project.id).await?;
        let quarantines = access.store.quarantines(project.id).await?;
        let bindings =
            access.store.bindings(project.id).await?.into_iter().filter(|binding| binding.digest == plugin.digest);
        views.extend(bindings.map(|binding| {
            BindingView {
                project: project.name.clone(),
                fee_item: fee_items
                    .iter()
                    .find(|item| Some(item.id) == binding.fee_item_id)
                    .map(|item| item.name.clone())
                    .unwrap_or_default(),
                from: binding.effective_from.to_string(),
                to: binding.effective_to.map(|day| day.to_string()).unwrap_or_default(),
                mode: words.code("mode", binding.mode.code()),
                code: binding.mode.code(),
                settings: settings(words, &plugin.settings_schema, &binding.settings),
                back_url: if may_manage && binding.mode == BindingMode::Active && binding.effective_to.is_none() {
                    urls::binding_back(binding.id)
                } else {
                    String::new()
                },
                quarantined: quarantines.iter().any(|quarantine| quarantine.binding_id == binding.id),
                url: urls::binding(binding.id),
            }
        }));
    }
    Ok(views)
}
