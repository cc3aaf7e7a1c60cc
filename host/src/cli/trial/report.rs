//! A trial's report as text and as JSON.

use guanjia_domain::{
    Error, Fen, Period, Result,
    difference::{Bucket, Change, Direction, Tally},
    plugin::Language,
    trial::{MoverExplanation, MoverSide, TrialView},
};
use serde_json::{Value, json};

use super::About;

/// The longest bar of the histogram.
const BAR_WIDTH: i64 = 40;

fn months(period: Period) -> String {
    let last = Period::month_of(guanjia_domain::Date(period.end.0 - 1));
    let first = super::output::month_text(Period::month_of(period.start));
    if last.start <= period.start { first } else { format!("{first} … {}", super::output::month_text(last)) }
}

/// One line that names a trial.
pub(super) fn headline(view: &TrialView, about: &About) -> String {
    let trial = &view.trial;
    format!(
        "{}  {}  {}@{}  {}  {}",
        trial.id,
        about.fee_item,
        trial.candidate.plugin_id,
        trial.candidate.plugin_version,
        months(trial.period),
        view.state()
    )
}

/// The report as scripts read it.
pub(super) fn json(view: &TrialView, about: &About) -> Value {
    let (trial, report) = (&view.trial, &view.trial.report);
    let difference = &report.difference;
    let tally =
        |tally: Tally| json!({ "subjects": tally.subjects, "before_fen": tally.before, "after_fen": tally.after });
    let changes: serde_json::Map<String, Value> =
        Change::ALL.iter().map(|change| (change.code().to_owned(), tally(difference.tally(*change)))).collect();
    let movers = report.movers().enumerate().map(|(number, (direction, mover))| {
        json!({
            "number": number, "direction": direction, "unit": about.place(mover.place.unit_id),
            "before_fen": mover.before, "after_fen": mover.after,
            "decision": mover.place.decision_id, "subject": mover.place.subject,
        })
    });
    let periods = report.periods.iter().map(|month| {
        json!({
            "period": month.period.to_string(), "decisions": month.decisions, "subjects": month.total.subjects,
            "before_fen": month.total.before, "after_fen": month.total.after, "changes": month.changes,
        })
    });
    json!({
        "trial": trial.id, "state": view.state(), "error": view.job.as_ref().and_then(|job| job.error.clone()),
        "project": about.project.name, "point": trial.point, "fee_item": about.fee_item,
        "plugin": trial.candidate.plugin_id, "version": trial.candidate.plugin_version, "digest": trial.candidate.digest,
        "settings": serde_json::from_str::<Value>(&trial.candidate.settings).unwrap_or(Value::Null),
        "from": trial.period.start.to_string(), "to": trial.period.end.to_string(),
        "total": difference.total().ok().map(tally), "changes": changes,
        "histogram": difference.buckets().collect::<Vec<_>>(), "held": difference.held(), "unasked": report.unasked,
        "calls": difference.calls(), "fuel_permille_max": difference.fuel_permille_max(),
        "memory_permille_max": difference.memory_permille_max(), "recorded": report.recorded,
        "periods": periods.collect::<Vec<_>>(), "movers": movers.collect::<Vec<_>>(),
        "created_by": trial.created_by, "created_at": trial.created_at, "finished_at": trial.finished_at,
    })
}

/// The report as people read it.
pub(super) fn text(view: &TrialView, about: &About, language: Language) -> Result<Vec<String>> {
    let report = &view.trial.report;
    let difference = &report.difference;
    let total = difference.total()?;
    let said = |zh: &'static str, en: &'static str| match language {
        Language::Zh => zh,
        Language::En => en,
    };
    let mut lines = vec![headline(view, about)];
    if let Some(error) = view.job.as_ref().and_then(|job| job.error.as_ref()) {
        lines.push(format!("  {error}"));
    }
    lines.push(format!(
        "  {} ¥{}  {} ¥{}  {} {}",
        said("原收费", "recorded"),
        Fen(total.before),
        said("试算", "candidate"),
        Fen(total.after),
        said("差额", "difference"),
        signed(total)?
    ));
    lines.push(format!("  {} {}", total.subjects, said("户次", "subjects")));
    for change in Change::ALL {
        let tally = difference.tally(*change);
        if tally.subjects > 0 {
            lines.push(format!("    {:>9}  {}  {}", tally.subjects, change_word(*change, language), signed(tally)?));
        }
    }
    if report.unasked > 0 {
        let why = said("户次当时没有提问记录，无从试算", "subjects were held without a question and cannot be tried");
        lines.push(format!("    {:>9}  {why}", report.unasked));
    }
    lines.push(format!("  {}", said("变动幅度", "relative change")));
    lines.extend(histogram(&difference.buckets().collect::<Vec<_>>()));
    lines.push(format!(
        "  {}: {} {}, {} {}",
        said("余量（单次调用最多用到限额的）", "head-room: a call took at most"),
        said("燃料", "fuel"),
        percent(difference.fuel_permille_max()),
        said("内存", "memory"),
        percent(difference.memory_permille_max())
    ));
    for month in &report.periods {
        let name = super::output::month_text(month.period);
        lines.push(format!(
            "  {name}  ¥{} → ¥{}  {}",
            Fen(month.total.before),
            Fen(month.total.after),
            signed(month.total)?
        ));
    }
    for (number, (direction, mover)) in report.movers().enumerate() {
        let shown =
            |value: Option<i64>| value.map_or_else(|| said("暂挂", "held").to_owned(), |fen| format!("¥{}", Fen(fen)));
        let place = about.place(mover.place.unit_id);
        let word = direction_word(direction, language);
        lines.push(format!("  #{number}  {word}  {place}  {} → {}", shown(mover.before), shown(mover.after)));
    }
    Ok(lines)
}

fn signed(tally: Tally) -> Result<String> {
    let change = i64::try_from(tally.change()).map_err(|_| Error::Overflow("subtracting totals"))?;
    Ok(if change > 0 { format!("+¥{}", Fen(change)) } else { format!("¥{}", Fen(change)) })
}

fn percent(permille: i64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// From the lowest to the highest class that anybody is in.
fn histogram(buckets: &[Bucket]) -> Vec<String> {
    let largest = buckets.iter().map(|bucket| bucket.subjects).max().unwrap_or(0).max(1);
    let full = |bucket: &Bucket| bucket.subjects > 0;
    let (Some(first), Some(last)) = (buckets.iter().position(full), buckets.iter().rposition(full)) else {
        return Vec::new();
    };
    let line = |bucket: &Bucket| {
        // Whoever is there is seen: rounded up.
        let width = usize::try_from((bucket.subjects * BAR_WIDTH + largest - 1) / largest).unwrap_or(0);
        format!("    {:>16}  {} {}", range(bucket), "█".repeat(width), bucket.subjects)
    };
    buckets[first..=last].iter().map(line).collect()
}

/// `−10 … −5 %`
fn range(bucket: &Bucket) -> String {
    let percent = |permille: i64| permille / 10;
    match (bucket.from_permille, bucket.to_permille) {
        (Some(from), Some(to)) if from == to => format!("{} %", percent(from)),
        (Some(from), Some(to)) => format!("{} … {} %", percent(from), percent(to)),
        (Some(from), None) => format!("> {} %", percent(from)),
        (None, Some(to)) => format!("< {} %", percent(to)),
        (None, None) => String::new(),
    }
}

fn change_word(change: Change, language: Language) -> &'static str {
    let (zh, en) = match change {
        Change::Same => ("不变", "the same"),
        Change::Up => ("上涨", "up"),
        Change::Down => ("下降", "down"),
        Change::Appears => ("原来不收，现在收", "charged where nothing was"),
        Change::Vanishes => ("原来收，现在不收", "no longer charged"),
        Change::NewlyHeld => ("新暂挂", "newly held"),
        Change::Released => ("不再暂挂", "no longer held"),
        Change::StillHeld => ("仍暂挂", "still held"),
    };
    match language {
        Language::Zh => zh,
        Language::En => en,
    }
}

fn direction_word(direction: Direction, language: Language) -> &'static str {
    change_word(
        match direction {
            Direction::Up => Change::Up,
            Direction::Down => Change::Down,
            Direction::NewlyHeld => Change::NewlyHeld,
            Direction::Released => Change::Released,
        },
        language,
    )
}

pub(super) fn mover_json(explanation: &MoverExplanation) -> Value {
    let side = |side: &MoverSide| {
        json!({
            "plugin": side.plugin_id, "version": side.plugin_version,
            "settings": serde_json::from_str::<Value>(&side.settings).unwrap_or(Value::Null),
            "amount_fen": side.value, "held": side.held, "lines": side.lines,
        })
    };
    json!({
        "number": explanation.number, "direction": explanation.direction,
        "unit": explanation.place.as_ref().map(ToString::to_string), "period": explanation.period.to_string(),
        "decision": explanation.mover.place.decision_id, "subject": explanation.mover.place.subject,
        "recorded": side(&explanation.recorded), "candidate": side(&explanation.candidate),
    })
}

pub(super) fn mover_text(explanation: &MoverExplanation, language: Language) -> Vec<String> {
    let place =
        explanation.place.as_ref().map_or_else(|| explanation.mover.place.unit_id.to_string(), ToString::to_string);
    let (recorded, candidate) = match language {
        Language::Zh => ("原收费", "试算"),
        Language::En => ("recorded", "candidate"),
    };
    let mut lines = vec![format!("{place}  {}", super::output::month_text(explanation.period))];
    for (name, side) in [(recorded, &explanation.recorded), (candidate, &explanation.candidate)] {
        let amount = side.value.map(|fen| format!("¥{}", Fen(fen))).or(side.held.clone()).unwrap_or_default();
        lines.push(format!("  {name}  {}@{}  {amount}", side.plugin_id, side.plugin_version));
        for step in side.lines.iter().flat_map(|line| &line.steps) {
            lines.push(format!("    {}  {}", step.label, step.text));
        }
    }
    lines
}
