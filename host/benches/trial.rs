//! A trial of posted months, measured. Prints a table.
//!
//! `cargo bench -p guanjia --bench trial -- [--units N] [--months N] [--sqlite|--postgres]`
//!
//! Bills and posts the months first, which takes longer than what is measured: reading the recorded decisions of one fee
//! item, asking a candidate with another price about them, and counting the differences. The goal is twelve months of
//! 100,000 homes (1.2 million subjects) in 30 seconds on two cores.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on panics, and prints")]

use guanjia::{
    boot::{Compiler, Config, Host, Office},
    generate, standard_plugins, worker,
};
use guanjia_domain::{
    Date, Period,
    access::{Role, Stamp},
    ids::ProjectId,
    plugin::{Binding, ExtensionPoint},
    trial::TrialRequest,
};
use guanjia_harness::Kind;
use std::time::Instant;

const GOAL: &str = "100,000 homes × 12 months ≤ 30 s";

fn main() {
    let words: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only wants to know that it starts.
    if words.iter().any(|word| word == "--test") {
        return;
    }
    let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let units = after("--units").map_or(100_000, |text| text.parse().unwrap());
    let months = after("--months").map_or(12, |text| text.parse().unwrap());
    let chosen = |flag: &str| words.iter().any(|word| word == flag);
    let kinds = match (chosen("--sqlite"), chosen("--postgres")) {
        (true, false) => vec![Kind::Sqlite],
        (false, true) => vec![Kind::Postgres],
        _ => vec![Kind::Sqlite, Kind::Postgres],
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("Goal: {GOAL} on two cores\n");
    println!("| database | homes | months | subjects | trial ms | subjects/s |");
    println!("|---|---|---|---|---|---|");
    for kind in kinds {
        runtime.block_on(measure(kind, units, months));
    }
}

async fn measure(kind: Kind, units: i64, months: u8) {
    let database = kind.fresh().await;
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        data_dir: folder.path().to_owned(),
        database_url: Some(database.url.clone()),
        cache_dir: None,
        compiler: Compiler::default(),
        company: None,
    };
    let office = Host::open(&config).await.unwrap().company().await.unwrap();
    let stamp = office.stamp(None, "bench").await.unwrap();
    office.store.add_user(&stamp, "approver", &[Role::Manager], None).await.unwrap();
    let plugins = standard_plugins::install(&office, &stamp).await.unwrap();
    let project = office.imports.ensure_project(&stamp, "bench").await.unwrap();
    generate::estate(&office, &stamp, &project, &plugins, units, &|_| ()).await.unwrap();
    for number in 1..=months {
        post(&office, &stamp, project.id, Period::month(2025, number).unwrap()).await;
    }
    let by_area = |binding: &Binding| binding.plugin_id == "area-fee" && binding.point == ExtensionPoint::FeePolicy;
    let binding = office.store.bindings(project.id).await.unwrap().into_iter().find(by_area).unwrap();
    let first: Date = Period::month(2025, 1).unwrap().start;
    let request = TrialRequest {
        project_id: project.id,
        point: binding.point,
        fee_item_id: binding.fee_item_id.unwrap(),
        plugin_id: binding.plugin_id,
        plugin_version: binding.plugin_version,
        settings: r#"{"price":"3.33"}"#.into(),
        period: Period { start: first, end: Period::month(2025, months).unwrap().end },
    };
    let started = Instant::now();
    let (trial, job) = office.trials.start(&stamp, request).await.unwrap();
    worker::do_here(&office, &stamp, &job, &()).await.unwrap();
    let taken = started.elapsed();
    let report = office.trials.view(&stamp, trial.id).await.unwrap().trial.report;
    assert_eq!(report.periods.len(), usize::from(months));
    let subjects = report.difference.total().unwrap().subjects;
    let rate = i128::from(subjects) * 1_000_000 / i128::try_from(taken.as_micros().max(1)).unwrap();
    println!("| {kind:?} | {units} | {months} | {subjects} | {} | {rate} |", taken.as_millis());
}

async fn post(office: &Office, stamp: &Stamp, project: ProjectId, month: Period) {
    let approver = office.stamp(Some("approver"), "bench").await.unwrap();
    let (run, job) = office.billing.start_preview(stamp, project, month).await.unwrap();
    worker::do_here(office, stamp, &job, &()).await.unwrap();
    office.billing.approve(&approver, run.id).await.unwrap();
    let (_, job) = office.billing.start_post(stamp, run.id).await.unwrap();
    worker::do_here(office, stamp, &job.unwrap(), &()).await.unwrap();
}
