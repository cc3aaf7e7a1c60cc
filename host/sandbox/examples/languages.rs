//! What languages cost beside each other: the same rule in Rust, JavaScript and Python, in CPU time of the calling thread.
//! Run it with `cargo run --release -p guanjia-sandbox --example languages`.

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use guanjia_domain::{
    decision::Outcome,
    plugin::{ExtensionPoint, InstalledPlugin, Tier},
    point::Question,
    ports::PolicyEngine,
};
use guanjia_packaging::{build, build_language_plugins, build_plugins};
use guanjia_sandbox::{Limits, Sandbox, SandboxOptions};
use measure::{AnyError, Nothing, hundredths, least};

#[path = "support/measure.rs"]
mod measure;

const SETTINGS: &str = r#"{"price":"2.80"}"#;
/// Subjects of one measurement, so that each takes some tens of milliseconds: an interpreter takes a hundred times as long.
const SUBJECTS_PER_ROUND: u32 = 65_536;
const SUBJECTS_PER_ROUND_WITH_RUNTIME: u32 = 2_048;
/// How often code is loaded from the cache.
const LOADS: usize = 10;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let cache = std::env::temp_dir().join(format!("guanjia-languages-{}", std::process::id()));
    println!(
        "| rule | component kB | code kB | verify with compiling s | load from cache ms | call without subjects µs | \
         µs/subject at 256 | at 1,024 | fuel/subject | MiB at 1,024 | at 4,096 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for path in components()? {
        row(&path, &cache).await?;
    }
    std::fs::remove_dir_all(cache)?;
    Ok(())
}

async fn row(path: &Path, cache: &Path) -> Result<(), AnyError> {
    let component = std::fs::read(path)?;
    let sandbox = host(cache, None)?;
    let started = Instant::now();
    let plugin = sandbox.verify(component.clone()).await?;
    let verify_ms = started.elapsed().as_millis();
    let mut load_us = u128::MAX;
    for _ in 0..LOADS {
        let restarted = host(cache, None)?;
        // Makes the engines; nothing has this digest.
        let _ = restarted.prepare(&"0".repeat(64), &Nothing).await;
        let started = Instant::now();
        restarted.prepare(&plugin.digest, &Nothing).await?;
        load_us = load_us.min(started.elapsed().as_micros());
    }
    let (empty, _) = cost(&sandbox, &plugin, 0)?;
    let (small, _) = cost(&sandbox, &plugin, 256)?;
    let (large, fuel) = cost(&sandbox, &plugin, 1_024)?;
    println!(
        "| {} | {} | {} | {}.{} | {}.{} | {} | {} | {} | {} | {} | {} |",
        plugin.id,
        component.len() / 1_000,
        code_bytes(cache, &plugin.digest)? / 1_000,
        verify_ms / 1_000,
        verify_ms % 1_000 / 100,
        load_us / 1_000,
        load_us % 1_000 / 100,
        empty / 1_000,
        hundredths(small / 256 / 10),
        hundredths(large / 1_024 / 10),
        fuel / 1_024,
        least_memory_mib(cache, &plugin, 1_024).await?,
        least_memory_mib(cache, &plugin, 4_096).await?,
    );
    Ok(())
}

/// CPU nanoseconds and fuel of one call.
fn cost(sandbox: &Sandbox, plugin: &InstalledPlugin, subjects: u32) -> Result<(u64, i64), AnyError> {
    let question = question(plugin, subjects)?;
    let mut fuel = 0;
    let per_round = match plugin.tier {
        Tier::Pure => SUBJECTS_PER_ROUND,
        Tier::WithRuntime => SUBJECTS_PER_ROUND_WITH_RUNTIME,
    };
    let nanoseconds = least((per_round / subjects.max(64)).max(1), || {
        let evaluation = sandbox.evaluate_here(&plugin.digest, SETTINGS, black_box(&question))?;
        fuel = evaluation.fuel;
        match evaluation.outcome {
            Outcome::Answer(_) => Ok(()),
            Outcome::Failure(failure) => Err(failure.reason.into()),
        }
    })?;
    Ok((nanoseconds, fuel))
}

/// The least limit of memory under which a call still answers.
async fn least_memory_mib(cache: &Path, plugin: &InstalledPlugin, subjects: u32) -> Result<usize, AnyError> {
    let question = question(plugin, subjects)?;
    let (mut too_small, mut enough) = (0, 256);
    while enough - too_small > 1 {
        let middle = usize::midpoint(too_small, enough);
        let sandbox = host(cache, Some(middle << 20))?;
        sandbox.prepare(&plugin.digest, &Nothing).await?;
        match sandbox.evaluate_here(&plugin.digest, SETTINGS, &question)?.outcome {
            Outcome::Answer(_) => enough = middle,
            Outcome::Failure(_) => too_small = middle,
        }
    }
    Ok(enough)
}

fn question(plugin: &InstalledPlugin, subjects: u32) -> Result<Question, AnyError> {
    let facts = &plugin.export(ExtensionPoint::FeePolicy)?.description.facts;
    Ok(Question::Fee(Arc::new(measure::batch(facts, subjects))))
}

fn host(cache: &Path, memory_bytes: Option<usize>) -> Result<Sandbox, AnyError> {
    let mut options = SandboxOptions { cache_dir: Some(cache.to_owned()), ..SandboxOptions::default() };
    if let Some(memory_bytes) = memory_bytes {
        // The pool of the pure engine is made for its default.
        options.limits = Limits { memory_bytes: memory_bytes.min(options.limits.memory_bytes), ..options.limits };
        options.limits_with_runtime = Limits { memory_bytes, ..options.limits_with_runtime };
    }
    Ok(Sandbox::new(options)?)
}

/// Size of the code in the cache, in the folder of either engine.
fn code_bytes(cache: &Path, digest: &str) -> Result<u64, AnyError> {
    for folder in [cache.to_owned(), cache.join("wasi")] {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(digest) && name.ends_with(".code") {
                return Ok(entry.metadata()?.len());
            }
        }
    }
    Err("the code was not kept".into())
}

fn components() -> Result<Vec<PathBuf>, AnyError> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let target = root.join("target/guests");
    let mut built = build_plugins(&root, &["area-fee"], &target, build::PROFILE)?;
    built.extend(build_language_plugins(&root, &["offer-fee-js", "offer-fee-py"], &target)?);
    Ok(built.into_iter().map(|plugin| plugin.path).collect())
}
