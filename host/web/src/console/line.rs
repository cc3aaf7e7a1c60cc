//! 怎么算出来的: one line with its steps, facts, rule, settings and decision, and its replay.

use askama::Template;
use axum::{
    extract::Path,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    billing::{ChargeExplanation, ExplainedStep, FactValue, LineAdjustment, LineView, ReplayReport},
    ids::{ChargeId, DecisionId},
    plugin::Language,
};

use super::{Page, Section, billing::direction, show, units::days};
use crate::{
    access::{Require, Signed, needs::ReadCharges},
    door::is_htmx,
    fault::Answer,
    format, urls,
    words::Words,
};

#[derive(Template)]
#[template(path = "line.html")]
struct LinePage {
    page: Page,
    place: String,
    fee_item: String,
    month: String,
    days: String,
    payer: String,
    posted: bool,
    steps: Vec<ExplainedStep>,
    formula: String,
    amount: String,
    facts: Vec<Named>,
    rule: String,
    plugin: String,
    plugin_url: String,
    sees_plugins: bool,
    settings: Vec<Named>,
    effective_from: String,
    decision: String,
    decision_short: String,
    digest: String,
    engine: String,
    log: Vec<String>,
    unit_url: String,
    run_url: String,
    replay_url: String,
    proof_url: String,
    replay: Option<ReplayView>,
    adjustment: Option<AdjustmentView>,
    /// The line takes a posted one back: its amount is the opposite of what the steps arrive at.
    takes_back: bool,
    /// The line that takes this one back; nothing while it stands.
    reversed_by_url: String,
    /// The posted line that this one takes back.
    reverses_url: String,
}

/// What a correction changes of one unit.
struct AdjustmentView {
    reversed: Vec<AdjustedLine>,
    charged: Vec<AdjustedLine>,
    before: String,
    after: String,
    difference: String,
    class: &'static str,
}

/// One line of either side with its steps; the one that the page is about is no link.
struct AdjustedLine {
    rule: String,
    steps: Vec<ExplainedStep>,
    amount: String,
    url: String,
}

/// A thing with its value in words; the code stands small beside it.
pub(super) struct Named {
    pub label: String,
    pub code: String,
    pub value: String,
    pub missing: bool,
}

struct ReplayView {
    identical: bool,
    sentence: String,
    recorded: String,
    replayed: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPart {
    page: Page,
    replay: Option<ReplayView>,
}

pub(crate) async fn page(access: Require<ReadCharges>, Path((id, line)): Path<(DecisionId, u32)>) -> Answer<Response> {
    let explanation = access.billing.explain(&access.stamp(), id, line, access.words.language).await?;
    show(&line_page(&access, explanation, None).await?)
}

/// A posted charge is the line that it was made of.
pub(crate) async fn charge(access: Require<ReadCharges>, Path(id): Path<ChargeId>) -> Answer<Response> {
    let charge = access.store.charge(id).await?.charge;
    let line = u32::try_from(charge.decision_line).map_err(|_| guanjia_domain::Error::not_found("charge", id))?;
    Ok(Redirect::to(&urls::line(charge.decision_id, line)).into_response())
}

/// Runs the decision again and says whether it came out the same.
pub(crate) async fn replay(
    access: Require<ReadCharges>,
    headers: HeaderMap,
    Path((id, line)): Path<(DecisionId, u32)>,
) -> Answer<Response> {
    let report = access.billing.replay_decision(&access.stamp(), id).await?;
    let replay = Some(replay_view(access.words, report));
    if is_htmx(&headers) {
        return show(&ReplayPart { page: Page::new(&access, Section::Billing, None), replay });
    }
    let explanation = access.billing.explain(&access.stamp(), id, line, access.words.language).await?;
    show(&line_page(&access, explanation, replay).await?)
}

async fn line_page(access: &Signed, explanation: ChargeExplanation, replay: Option<ReplayView>) -> Answer<LinePage> {
    let words = access.words;
    let run = access.store.run(explanation.line.run_id).await?;
    let project = access.store.project(run.project_id).await?;
    let payer = access.payers(&project).name(explanation.line.payer_id, &explanation.line.payer);
    let line = explanation.line;
    let adjustment = explanation.adjustment.map(|adjustment| adjustment_view(adjustment, &line)).transpose()?;
    let plugin = &explanation.plugin;
    Ok(LinePage {
        page: Page::new(access, Section::Billing, Some(project)),
        place: line.place.to_string(),
        month: words.month(explanation.period),
        days: days(words, line.from, line.to),
        payer,
        posted: run.state == guanjia_domain::billing::RunState::Posted,
        steps: line.steps,
        adjustment,
        takes_back: line.reverses.is_some(),
        reverses_url: line.reverses.map(|posted| urls::line(posted.decision_id, posted.line)).unwrap_or_default(),
        reversed_by_url: explanation
            .reversed_by
            .map(|posted| urls::line(posted.decision_id, posted.line))
            .unwrap_or_default(),
        formula: format!("{} {} × {}", line.quantity.trimmed(0), measure(&line.measure), line.unit_price),
        amount: format::yuan(line.amount),
        facts: explanation.facts.iter().map(|fact| fact_row(words, fact)).collect(),
        rule: plugin.title.in_language(words.language).to_owned(),
        plugin: format!("{} {}", plugin.id, plugin.version),
        plugin_url: urls::plugin(&plugin.id, &plugin.version),
        sees_plugins: access.may(guanjia_domain::access::Permission::ReadPlugins),
        settings: settings(words, &plugin.settings_schema, &explanation.settings),
        effective_from: explanation.effective_from.to_string(),
        decision: line.decision_id.to_string(),
        decision_short: format::short(&line.decision_id.to_string()),
        digest: format::short(&plugin.digest),
        engine: explanation.engine,
        log: explanation.log,
        unit_url: urls::unit(line.unit_id),
        run_url: urls::run(line.run_id),
        replay_url: urls::replay(line.decision_id, line.decision_line),
        proof_url: urls::proof(line.decision_id, line.decision_line),
        fee_item: line.fee_item,
        replay,
    })
}

fn adjustment_view(adjustment: LineAdjustment, of: &LineView) -> Answer<AdjustmentView> {
    let shown = |line: LineView| AdjustedLine {
        rule: format!("{} {}", line.plugin_id, line.plugin_version),
        amount: format::amount(line.amount),
        url: if line.decision_line == of.decision_line {
            String::new()
        } else {
            urls::line(line.decision_id, line.decision_line)
        },
        steps: line.steps,
    };
    Ok(AdjustmentView {
        before: format::yuan(adjustment.before()?),
        after: format::yuan(adjustment.after()?),
        difference: format::signed_yuan(adjustment.difference),
        class: direction(adjustment.difference),
        reversed: adjustment.reversed.into_iter().map(shown).collect(),
        charged: adjustment.charged.into_iter().map(shown).collect(),
    })
}

fn replay_view(words: Words, report: ReplayReport) -> ReplayView {
    let difference = report.different.into_iter().next();
    let key = if difference.is_none() { "replay-identical" } else { "replay-different" };
    ReplayView {
        identical: difference.is_none(),
        sentence: words.t(key),
        recorded: difference.as_ref().map(|difference| format::short(&difference.recorded)).unwrap_or_default(),
        replayed: difference.as_ref().map(|difference| format::short(&difference.replayed)).unwrap_or_default(),
        reason: difference.map(|difference| difference.reason).unwrap_or_default(),
    }
}

fn fact_row(words: Words, fact: &FactValue) -> Named {
    let missing = fact.value.is_none();
    let value = match &fact.value {
        None => words.t("missing"),
        Some(value) => with_measure(&value_in_words(words, value), &fact.measure),
    };
    Named { label: fact.title.clone(), code: fact.name.clone(), value, missing }
}

/// Codes become words; numbers lose the zeros that only fill their scale.
fn value_in_words(words: Words, value: &str) -> String {
    if let Some(word) =
        words.find(&format!("value-{value}")).filter(|_| value.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
    {
        return word;
    }
    match value.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            let kept = fraction.trim_end_matches('0');
            if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}") }
        }
        _ => value.to_owned(),
    }
}

fn with_measure(value: &str, code: &str) -> String {
    if code.is_empty() { value.to_owned() } else { format!("{value} {}", measure(code)) }
}

/// Signs of measures that have one.
fn measure(code: &str) -> &str {
    match code {
        "m2" => "m²",
        "m3" => "m³",
        other => other,
    }
}

/// Settings under the titles of their schema.
pub(super) fn settings(words: Words, schema: &serde_json::Value, settings: &str) -> Vec<Named> {
    let Ok(serde_json::Value::Object(settings)) = serde_json::from_str(settings) else { return Vec::new() };
    settings
        .into_iter()
        .map(|(key, value)| {
            let property = &schema["properties"][&key];
            let value = match value {
                serde_json::Value::String(text) => choice(words, property, &text).unwrap_or(text),
                serde_json::Value::Object(entries) => by_code(words, entries),
                other => other.to_string(),
            };
            Named { label: title(words, property).unwrap_or_else(|| key.clone()), code: key, value, missing: false }
        })
        .collect()
}

/// Settings that depend on a code: `空置 30`.
fn by_code(words: Words, entries: serde_json::Map<String, serde_json::Value>) -> String {
    let entry = |(code, value): (String, serde_json::Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        format!("{} {value}", words.code("value", &code))
    };
    entries.into_iter().map(entry).collect::<Vec<_>>().join(" · ")
}

/// Title of a property in the reader's language.
pub(super) fn title(words: Words, property: &serde_json::Value) -> Option<String> {
    let key = match words.language {
        Language::Zh => "title",
        Language::En => "x-title-en",
    };
    property[key].as_str().or_else(|| property["title"].as_str()).map(ToOwned::to_owned)
}

/// The word for a choice, where the schema has one.
pub(super) fn choice(words: Words, property: &serde_json::Value, value: &str) -> Option<String> {
    let position = property["enum"].as_array()?.iter().position(|choice| choice.as_str() == Some(value))?;
    let key = match words.language {
        Language::Zh => "x-enum-zh",
        Language::En => "x-enum-en",
    };
    property[key].get(position)?.as_str().map(ToOwned::to_owned)
}
