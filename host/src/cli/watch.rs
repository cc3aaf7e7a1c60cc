//! What `guanjia plugin watch|quarantine|release` print.

use guanjia_domain::{
    Date, Result,
    access::Stamp,
    difference::Difference,
    estate::Project,
    fee_item::FeeItem,
    plugin::{BindingWatch, Quarantine, ReleaseReport, Use},
};
use serde_json::{Value, json};

use super::output;
use crate::boot::Office;

/// Every binding of a project, or of all of them, with its figures.
pub(super) async fn list(office: &Office, stamp: &Stamp, project: Option<&str>, json: bool) -> Result<()> {
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
                print_watch(&watch, &project, fee_item, today);
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

fn print_watch(watch: &BindingWatch, project: &Project, fee_item: Option<&str>, today: Date) {
    let (binding, total) = (&watch.binding, &watch.total);
    output::text(&format!(
        "{}  {}  {}  {}@{}  {}  {}",
        binding.id,
        project.name,
        fee_item.unwrap_or("-"),
        binding.plugin_id,
        binding.plugin_version,
        binding.mode,
        watch.state(today)
    ));
    output::text(&format!(
        "    {} runs, {} calls of {} µs: {} subjects, {} decided, {} refused, {} undecided, {} failed, {} passed over; fuel {} ‰, memory {} ‰",
        watch.runs.len(),
        total.calls,
        total.call_us(),
        total.subjects,
        total.decided,
        total.refused,
        total.undecided,
        total.failed(),
        total.passed_over,
        total.fuel_permille,
        total.memory_permille
    ));
    if let Some(error) = &total.last_error {
        output::text(&format!("    last error {}: {}: {}", error.at.to_rfc3339(), error.kind, error.reason));
    }
    if let Some(quarantine) = &watch.quarantine {
        output::text(&format!(
            "    quarantined {} by {}: {}",
            quarantine.since.to_rfc3339(),
            quarantine.by,
            quarantine.reason
        ));
    }
    for run in watch.runs.iter().filter(|run| run.differs) {
        let total = run.used.difference.as_ref().and_then(|difference| difference.total().ok()).unwrap_or_default();
        output::text(&format!(
            "    {}: it would come to {} fen instead of {}",
            output::month_text(run.period),
            total.after,
            total.before
        ));
    }
}

pub(super) fn print_quarantine(quarantine: &Quarantine, json: bool) {
    if json {
        output::line(&json!(quarantine));
    } else {
        output::text(&format!("{} is quarantined: {}", quarantine.binding_id, quarantine.reason));
    }
}

pub(super) fn print_release(report: &ReleaseReport, json: bool) {
    if json {
        output::line(&json!(report));
    } else {
        output::text(&format!("released: {} of {} decisions came out well", report.well, report.decisions));
    }
}
