//! What the sandbox costs: the area fee as a component and as a native function, per subject, in CPU time of the calling
//! thread. Run it with `cargo run --release -p guanjia-sandbox --example per_subject`.

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use area_fee::AreaFee;
use guanjia_domain::{decision::Outcome, point::Question, ports::PolicyEngine, values::FeeBatch};
use guanjia_packaging::{build, build_plugins};
use guanjia_plugin_sdk::FeeGuest;
use guanjia_sandbox::{Sandbox, SandboxOptions};
use measure::{AnyError, Nothing, ROUNDS, hundredths, least, process_cpu_ns};

#[path = "support/measure.rs"]
mod measure;

/// What a company writes: a price, one exception, a discount.
const SETTINGS: &str =
    r#"{"discount-percent-by-occupancy":{"vacant":"30"},"price":"2.80","price-by-unit-kind":{"shop":"4.5"}}"#;
/// Batches whose cost is measured; a run uses 1,024.
const SUBJECTS: [u32; 5] = [1, 64, 256, 1_024, 4_096];
/// Subjects of one measurement, so that each takes some tens of milliseconds.
const SUBJECTS_PER_ROUND: u32 = 65_536;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let cache = std::env::temp_dir().join(format!("guanjia-per-subject-{}", std::process::id()));
    let component = component()?;
    let started = Instant::now();
    let sandbox = host(&cache)?;
    let engine_us = started.elapsed().as_micros();
    let started = Instant::now();
    let plugin = sandbox.verify(component.clone()).await?;
    let verify_us = started.elapsed().as_micros();
    let started = Instant::now();
    let restarted = host(&cache)?;
    restarted.prepare(&plugin.digest, &Nothing).await?;
    let restart_us = started.elapsed().as_micros();
    println!("{}", sandbox.evaluate_here(&plugin.digest, SETTINGS, &Question::Fee(Arc::new(batch(1))))?.engine);
    println!(
        "component {} bytes; engine {engine_us} µs; verify with golden cases {verify_us} µs; engine and AOT load {restart_us} µs",
        component.len()
    );
    println!();
    println!(
        "| subjects a call | native ns/subject | component ns/subject | ratio | fuel/subject | component µs/call |"
    );
    println!("|---|---|---|---|---|---|");
    for subjects in SUBJECTS {
        row(&sandbox, &plugin.digest, &batch(subjects))?;
    }
    println!();
    alone(&sandbox, &plugin.digest).await?;
    std::fs::remove_dir_all(cache)?;
    Ok(())
}

fn row(sandbox: &Sandbox, digest: &str, batch: &FeeBatch) -> Result<(), AnyError> {
    let calls = (SUBJECTS_PER_ROUND / batch.subjects).min(8_192);
    let native = least(calls, || {
        black_box(AreaFee::evaluate(SETTINGS, black_box(batch)).map_err(|problem| problem.code)?);
        Ok(())
    })?;
    let question = Question::Fee(Arc::new(batch.clone()));
    let mut fuel = 0;
    let component = least(calls, || {
        let evaluation = sandbox.evaluate_here(digest, SETTINGS, black_box(&question))?;
        fuel = evaluation.fuel;
        match evaluation.outcome {
            Outcome::Answer(_) => Ok(()),
            Outcome::Failure(failure) => Err(failure.reason.into()),
        }
    })?;
    let subjects = u64::from(batch.subjects);
    let (native_each, component_each) = (native / subjects, component / subjects);
    println!(
        "| {subjects} | {native_each} | {component_each} | {} | {} | {} |",
        hundredths(component * 100 / native.max(1)),
        fuel / i64::from(batch.subjects),
        hundredths(component / 10),
    );
    Ok(())
}

/// One subject through the whole of what a server does for it: permit, blocking thread, fresh sandbox.
async fn alone(sandbox: &Sandbox, digest: &str) -> Result<(), AnyError> {
    const CALLS: u32 = 4_000;
    let one = Question::Fee(Arc::new(batch(1)));
    let mut least = u64::MAX;
    for _ in 0..ROUNDS {
        let before = process_cpu_ns()?;
        for _ in 0..CALLS {
            sandbox.evaluate(digest, SETTINGS, &one).await?;
        }
        least = least.min((process_cpu_ns()? - before) / u64::from(CALLS));
    }
    println!("a lone decision through the async door: {} µs CPU of all threads", hundredths(least / 10));
    Ok(())
}

fn host(cache: &Path) -> Result<Sandbox, AnyError> {
    Ok(Sandbox::new(SandboxOptions { cache_dir: Some(cache.to_owned()), ..SandboxOptions::default() })?)
}

fn component() -> Result<Vec<u8>, AnyError> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let built = build_plugins(&root, &["area-fee"], &root.join("target/guests"), build::PROFILE)?;
    let plugin = built.first().ok_or("nothing was built")?;
    Ok(std::fs::read(&plugin.path)?)
}

fn batch(subjects: u32) -> FeeBatch {
    measure::batch(&AreaFee::describe().facts, subjects)
}
