//! What `guanjia plugin watch|quarantine|release` print.

use guanjia_domain::{
    Date, Result,
    access::Stamp,
    difference::Difference,
    estate::Project,
    fee_item::FeeItem,
    plugin::{BindingWatch, Language, Quarantine, QuarantineRow, ReleaseReport, Use},
};
use serde_json::{Value, json};

use super::output::{self, in_words, pick};
use crate::boot::Office;

/// Every binding of a project, or of all of them, with its figures.
pub(super) async fn list(
    office: &Office,
    stamp: &Stamp,
    project: Option<&str>,
    language: Language,
    json: bool,
) -> Result<()> {
    let projects = match project {
        Some(name) => vec![output::project(office, name).await?],
        None => office.store.projects().await?,
    };
    for project in projects {
        let fee_items = office.store.fee_items(project.id).await?;
        let today = project.today(office.host.clock.now())?;
        for watch in office.plugins.watch_project(stamp, project.id).await? {
            let fee_item = fee_item_name(&fee_items, &watch);
            if json {
                output::line(&watch_json(&watch, &project, fee_item, today));
            } else {
                print_watch(&watch, &project, fee_item, today, language);
            }
        }
    }
    Ok(())
}

fn fee_item_name<'a>(fee_items: &'a [FeeItem], watch: &BindingWatch) -> Option<&'a str> {
    fee_items.iter().find(|item| Some(item.id) == watch.binding.fee_item_id).map(|item| item.name.as_str())
}

fn watch_json(watch: &BindingWatch, project: &Project, fee_item: Option<&str>, today: Date) -> Value {
    let binding = &watch.binding;
    let runs = watch.runs.iter().map(|run| {
        let mut figures = figures(&run.used);
        figures["run"] = json!(run.run_id);
        figures["period"] = json!(output::month_text(run.period));
        figures["mode"] = json!(run.mode);
        figures["differs"] = json!(run.differs);
        figures["difference"] = json!(run.used.difference.as_ref().map(difference));
        figures
    });
    json!({
        "binding": binding.id, "project": project.name, "fee_item": fee_item, "point": binding.point,
        "plugin": binding.plugin_id, "version": binding.plugin_version, "mode": binding.mode, "state": watch.state(today),
        "from": binding.effective_from.to_string(), "to": binding.effective_to.map(|day| day.to_string()),
        "tolerance_permille": binding.tolerance_permille, "quarantine": watch.quarantine, "total": figures(&watch.total),
        "runs": runs.collect::<Vec<_>>(),
    })
}

fn figures(used: &Use) -> Value {
    json!({
        "calls": used.calls, "subjects": used.subjects, "decided": used.decided, "refused": used.refused,
        "undecided": used.undecided, "trapped": used.trapped, "limited": used.limited, "invalid": used.invalid,
        "passed_over": used.passed_over, "fuel": used.fuel, "fuel_permille": used.fuel_permille,
        "memory_permille": used.memory_permille, "spent_us": used.spent_us, "call_us": used.call_us(),
        "last_error": used.last_error, "stopped": used.stopped,
    })
}

/// What would change if the shadow were the active one. Sums are absent where they leave their range.
fn difference(difference: &Difference) -> Value {
    let total = difference.total().ok();
    json!({
        "subjects": total.map(|total| total.subjects), "unchanged": difference.unchanged(),
        "before_fen": total.map(|total| total.before), "after_fen": total.map(|total| total.after),
    })
}

fn print_watch(watch: &BindingWatch, project: &Project, fee_item: Option<&str>, today: Date, language: Language) {
    let (binding, total) = (&watch.binding, &watch.total);
    output::text(&format!(
        "{}  {}  {}  {}@{}  {}  {}",
        binding.id,
        project.name,
        fee_item.unwrap_or("-"),
        binding.plugin_id,
        binding.plugin_version,
        in_words(language, "mode", binding.mode.code()),
        in_words(language, "binding-state", watch.state(today).code())
    ));
    let (runs, failed, call_us) = (watch.runs.len(), total.failed(), total.call_us());
    let Use { calls, subjects, decided, refused, undecided, passed_over, fuel_permille, memory_permille, .. } = total;
    output::text(&pick(
        language,
        format!(
            "    {runs} 次计费，{calls} 次调用，每次 {call_us} 微秒：{subjects} 个对象，{decided} 个得出结果，{refused} 个不收，\
             {undecided} 个缺资料，{failed} 个出错，{passed_over} 个未问；运算量 {fuel_permille} ‰，内存 {memory_permille} ‰"
        ),
        format!(
            "    {runs} runs, {calls} calls of {call_us} µs: {subjects} subjects, {decided} decided, {refused} refused, \
             {undecided} undecided, {failed} failed, {passed_over} passed over; fuel {fuel_permille} ‰, memory {memory_permille} ‰"
        ),
    ));
    if let Some(error) = &total.last_error {
        let (at, reason) = (error.at.to_rfc3339(), &error.reason);
        let kind = in_words(language, "hold", error.kind.code());
        output::text(&pick(
            language,
            format!("    最近一次出错 {at}：{kind}：{reason}"),
            format!("    last error {at}: {kind}: {reason}"),
        ));
    }
    if let Some(quarantine) = &watch.quarantine {
        let (since, by, reason) = (quarantine.since.to_rfc3339(), &quarantine.by, &quarantine.reason);
        output::text(&pick(
            language,
            format!("    {since} 由 {by} 隔离：{reason}"),
            format!("    quarantined {since} by {by}: {reason}"),
        ));
    }
    for run in watch.runs.iter().filter(|run| run.differs) {
        let total = run.used.difference.as_ref().and_then(|difference| difference.total().ok()).unwrap_or_default();
        let (month, after, before) = (output::month_text(run.period), total.after, total.before);
        output::text(&pick(
            language,
            format!("    {month}：合计将是 {after} 分，而不是 {before} 分"),
            format!("    {month}: it would come to {after} fen instead of {before}"),
        ));
    }
}

/// Open quarantines of all projects, read page by page.
pub(super) async fn quarantines(office: &Office, stamp: &Stamp, language: Language, json: bool) -> Result<()> {
    let mut after = None;
    loop {
        let rows = office.plugins.quarantines(stamp, after, QUARANTINES_PAGE).await?;
        for row in &rows {
            print_row(row, language, json);
        }
        match rows.last() {
            Some(last) if rows.len() == QUARANTINES_PAGE as usize => after = Some(last.quarantine.id),
            _ => return Ok(()),
        }
    }
}

/// Quarantines that are read at once.
const QUARANTINES_PAGE: u32 = 200;

fn print_row(row: &QuarantineRow, language: Language, json: bool) {
    if json {
        output::line(&json!(row));
        return;
    }
    let Quarantine { binding_id, since, by, reason, .. } = &row.quarantine;
    let (since, fee_item) = (since.to_rfc3339(), row.fee_item.as_deref().unwrap_or("-"));
    let QuarantineRow { project, plugin, version, .. } = row;
    output::text(&pick(
        language,
        format!("{binding_id}  {project}  {fee_item}  {plugin}@{version}  {since} 由 {by} 隔离：{reason}"),
        format!("{binding_id}  {project}  {fee_item}  {plugin}@{version}  quarantined {since} by {by}: {reason}"),
    ));
}

pub(super) fn print_quarantine(quarantine: &Quarantine, language: Language, json: bool) {
    if json {
        output::line(&json!(quarantine));
        return;
    }
    let Quarantine { binding_id, reason, .. } = quarantine;
    output::text(&pick(
        language,
        format!("{binding_id} 已隔离：{reason}"),
        format!("{binding_id} is quarantined: {reason}"),
    ));
}

pub(super) fn print_release(report: &ReleaseReport, language: Language, json: bool) {
    if json {
        output::line(&json!(report));
        return;
    }
    let ReleaseReport { well, decisions, .. } = report;
    output::text(&pick(
        language,
        format!("已解除隔离：重问 {decisions} 项，{well} 项正常"),
        format!("released: {well} of {decisions} decisions came out well"),
    ));
}
