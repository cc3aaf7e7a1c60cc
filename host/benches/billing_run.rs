//! A whole billing run, measured against what the same database can do at all. Prints a table.
//!
//! `cargo bench -p guanjia --bench billing_run -- [--units N] [--rounds N] [--postgres]`
//!
//! - **run**: preview (read → policy → check → record) and posting (charges and transfers) of N homes × 3 fee items.
//! - **native**: the same run with the policies as native functions instead of components, in turn with the sandboxed ones.
//! - **raw**: the same charges, transfers and decisions written into empty tables of the same shape, indexes and triggers by
//!   the fastest way of the database: a prepared loop on SQLite, COPY on PostgreSQL.
//! - **storage**: growth of the database by one posted month, per charge.
#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics, and prints ratios"
)]

use async_trait::async_trait;
use guanjia::{
    boot::{Compiler, Config, Host, Office, SystemClock},
    generate, standard_plugins,
};
use guanjia_domain::{
    Period, Result,
    access::{Role, Stamp},
    billing::Billing,
    decision::Outcome,
    ids::BillingRunId,
    job::Watch,
    plugin::{CallLimits, ExtensionPoint, Inspection, InstalledPlugin, PackedFile, PluginSignature, Tier},
    point::{Answer, Question},
    ports::{ComponentSource, Evaluation, PolicyEngine},
    values::{FeeAnswer, FeeBatch, Problem},
};
use guanjia_harness::Kind;
use guanjia_plugin_sdk::fee_policy::FeeGuest;
use sqlx::{Connection, Executor, PgConnection};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

struct Arguments {
    units: i64,
    rounds: u8,
    kinds: Vec<Kind>,
}

fn arguments() -> Arguments {
    let words: Vec<String> = std::env::args().collect();
    let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let kinds = if words.iter().any(|word| word == "--postgres") {
        vec![Kind::Postgres]
    } else {
        vec![Kind::Sqlite, Kind::Postgres]
    };
    let kinds = if words.iter().any(|word| word == "--sqlite") { vec![Kind::Sqlite] } else { kinds };
    Arguments {
        units: after("--units").map_or(100_000, |text| text.parse().unwrap()),
        rounds: after("--rounds").map_or(3, |text| text.parse().unwrap()),
        kinds,
    }
}

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    let arguments = arguments();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!(
        "| database | homes | charges | preview s | post s | charges/s | native/sandboxed | raw s | run÷raw rate | bytes/charge |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for kind in &arguments.kinds {
        runtime.block_on(measure(*kind, &arguments));
    }
}

/// A policy as an ordinary function.
type Rule = fn(&str, &FeeBatch) -> std::result::Result<FeeAnswer, Problem>;

/// The native twin of the sandbox: the same rules, called directly.
struct Native {
    rules: HashMap<String, Rule>,
}

#[async_trait]
impl PolicyEngine for Native {
    async fn signatures(&self, _: Vec<u8>) -> Result<Vec<PluginSignature>> {
        unreachable!("the measurement installs through the sandbox")
    }

    async fn verify_watched(&self, _: Vec<u8>, _: &mut dyn Watch) -> Result<InstalledPlugin> {
        unreachable!("the measurement installs through the sandbox")
    }
    async fn examine(&self, _: Vec<u8>) -> Result<Inspection> {
        unreachable!("the measurement installs through the sandbox")
    }
    async fn inspect(&self, _: Vec<u8>) -> Result<Inspection> {
        unreachable!("the measurement installs through the sandbox")
    }
    async fn unpack(&self, _: Vec<u8>) -> Result<Option<Vec<PackedFile>>> {
        unreachable!("the measurement installs through the sandbox")
    }
    fn call_limits(&self, _: Tier) -> CallLimits {
        unreachable!("the measurement installs through the sandbox")
    }

    async fn prepare(&self, _: &str, _: &(dyn ComponentSource + '_)) -> Result<()> {
        Ok(())
    }

    async fn check_settings(&self, _: &str, _: ExtensionPoint, _: &str) -> Result<Vec<Problem>> {
        Ok(Vec::new())
    }

    async fn evaluate(&self, digest: &str, settings: &str, question: &Question) -> Result<Evaluation> {
        let (rule, settings) = (self.rules[digest], settings.to_owned());
        let Question::Fee(batch) = question.clone() else { unreachable!("only fees are measured") };
        let answer = tokio::task::spawn_blocking(move || rule(&settings, &batch)).await.unwrap().unwrap();
        Ok(Evaluation::unmeasured(Outcome::Answer(Answer::Fee(answer))))
    }
}

struct Timed {
    run: BillingRunId,
    preview: Duration,
    post: Duration,
    lines: i64,
}

async fn month(billing: &Billing, office: &Office, project: guanjia_domain::ids::ProjectId, number: u8) -> Timed {
    let maker = office.stamp(None, "bench").await.unwrap();
    let approver = office.stamp(Some("approver"), "bench").await.unwrap();
    let period = Period::month(2025, number).unwrap();
    let started = Instant::now();
    let (run, job) = billing.start_preview(&maker, project, period).await.unwrap();
    work(billing, office, &maker, &job).await;
    let preview = started.elapsed();
    billing.approve(&approver, run.id).await.unwrap();
    let started = Instant::now();
    let (_, job) = billing.start_post(&maker, run.id).await.unwrap();
    work(billing, office, &maker, &job.unwrap()).await;
    let run = office.store.run(run.id).await.unwrap();
    assert_eq!((run.held, run.posted_lines), (0, run.lines));
    Timed { run: run.id, preview, post: started.elapsed(), lines: run.lines }
}

async fn work(billing: &Billing, office: &Office, stamp: &Stamp, job: &guanjia_domain::job::Job) {
    let now = &office.host.clock;
    assert!(office.store.claim(job.id, "bench", now.now()).await.unwrap());
    billing.work(stamp, job, "bench", &()).await.unwrap();
}

async fn measure(kind: Kind, arguments: &Arguments) {
    let database = kind.fresh().await;
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        data_dir: folder.path().to_owned(),
        database_url: Some(database.url.clone()),
        cache_dir: None,
        company: None,
        compiler: Compiler::default(),
    };
    let host = Host::open(&config).await.unwrap();
    let office = host.company().await.unwrap();
    let stamp = office.stamp(None, "bench").await.unwrap();
    office.store.add_user(&stamp, "approver", &[Role::Manager], None).await.unwrap();
    let plugins = standard_plugins::install(&office, &stamp).await.unwrap();
    let project = office.imports.ensure_project(&stamp, "bench").await.unwrap();
    generate::estate(&office, &stamp, &project, &plugins, arguments.units, &|_| ()).await.unwrap();
    let native = Native {
        rules: plugins
            .iter()
            .filter_map(|plugin| match plugin.id.as_str() {
                "area-fee" => Some((plugin.digest.clone(), <area_fee::AreaFee as FeeGuest>::evaluate as _)),
                "fixed-fee" => Some((plugin.digest.clone(), <fixed_fee::FixedFee as FeeGuest>::evaluate as _)),
                _ => None,
            })
            .collect(),
    };
    let natively = Billing::new(office.store.clone(), Arc::new(native), Arc::new(SystemClock));
    let mut sandboxed = Vec::new();
    let mut native_runs = Vec::new();
    let before = size(kind, &database.url).await;
    let mut months = 1..=12;
    for _ in 0..arguments.rounds {
        sandboxed.push(month(&office.billing, &office, project.id, months.next().unwrap()).await);
        native_runs.push(month(&natively, &office, project.id, months.next().unwrap()).await);
    }
    let after = size(kind, &database.url).await;
    let charges: i64 = sandboxed.iter().chain(&native_runs).map(|run| run.lines).sum();
    let middle = |runs: &[Timed]| {
        let mut all: Vec<f64> = runs.iter().map(|run| (run.preview + run.post).as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (with, without) = (middle(&sandboxed), middle(&native_runs));
    let last = sandboxed.last().unwrap();
    let raw = raw(kind, &database.url, last.run).await.as_secs_f64();
    println!(
        "| {kind:?} | {} | {} | {:.2} | {:.2} | {:.0} | {:.3} | {:.2} | {:.2} | {} |",
        arguments.units,
        last.lines,
        last.preview.as_secs_f64(),
        last.post.as_secs_f64(),
        last.lines as f64 / with,
        without / with,
        raw,
        raw / with,
        (after - before) / charges,
    );
}

/// Bytes of the database's tables and indexes.
async fn size(kind: Kind, url: &str) -> i64 {
    match kind {
        Kind::Sqlite => {
            let database = rusqlite::Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
            let pages: i64 = database
                .query_row(
                    "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            let page: i64 = database.query_row("SELECT page_size FROM pragma_page_size", [], |row| row.get(0)).unwrap();
            pages * page
        }
        Kind::Postgres => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut database).await.unwrap()
        }
    }
}

/// The tables that a run writes, with what has to exist to write them.
const TABLES: [&str; 3] = ["decision", "charge", "transfer"];

/// Writes the rows of one run again, as fast as the database can.
async fn raw(kind: Kind, url: &str, run: BillingRunId) -> Duration {
    match kind {
        Kind::Sqlite => raw_sqlite(url, run),
        Kind::Postgres => raw_postgres(url, run).await,
    }
}

/// Which rows of a table belong to the run.
fn of_run(table: &str) -> &'static str {
    if table == "transfer" {
        "journal_entry_id = (SELECT id FROM journal_entry WHERE run_id = $1)"
    } else {
        "run_id = $1"
    }
}

/// Rows of one transaction of the raw loop: as many as the host posts at once.
const RAW_COMMIT_ROWS: usize = 16_384;

fn raw_sqlite(url: &str, run: BillingRunId) -> Duration {
    let path = url.strip_prefix("sqlite:").unwrap();
    let source = rusqlite::Connection::open(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = rusqlite::Connection::open(folder.path().join("raw.sqlite")).unwrap();
    // The switches of the host's own writer.
    target
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF; \
             PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8192;",
        )
        .unwrap();
    let mut shape = source
        .prepare("SELECT sql FROM sqlite_master WHERE tbl_name IN ('decision', 'charge', 'transfer') AND sql IS NOT NULL ORDER BY type = 'table' DESC")
        .unwrap();
    let statements: Vec<String> = shape.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for statement in statements {
        target.execute_batch(&statement).unwrap();
    }
    let mut elapsed = Duration::ZERO;
    for table in TABLES {
        let mut read = source.prepare(&format!("SELECT * FROM {table} WHERE {}", of_run(table))).unwrap();
        let columns = read.column_count();
        let places = (1..=columns).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ");
        let rows: Vec<Vec<rusqlite::types::Value>> = read
            .query_map([run.0.as_bytes().as_slice()], |row| (0..columns).map(|column| row.get(column)).collect())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(!rows.is_empty(), "{table} has rows of the run");
        let started = Instant::now();
        let mut write = target.prepare(&format!("INSERT INTO {table} VALUES ({places})")).unwrap();
        // One transaction for all would outgrow the cache, which is slower than committing as often as the host does.
        for part in rows.chunks(RAW_COMMIT_ROWS) {
            target.execute_batch("BEGIN IMMEDIATE").unwrap();
            for row in part {
                write.execute(rusqlite::params_from_iter(row)).unwrap();
            }
            target.execute_batch("COMMIT").unwrap();
        }
        elapsed += started.elapsed();
    }
    elapsed
}

async fn raw_postgres(url: &str, run: BillingRunId) -> Duration {
    let mut database = PgConnection::connect(url).await.unwrap();
    let mut elapsed = Duration::ZERO;
    for table in TABLES {
        let raw = format!("raw_{table}");
        let prepare = format!("CREATE TABLE {raw} (LIKE {table} INCLUDING ALL)");
        database.execute(sqlx::AssertSqlSafe(prepare)).await.unwrap();
        let where_run = of_run(table).replace("$1", &format!("'{run}'"));
        let file = format!("/tmp/guanjia-bench-{}-{table}", std::process::id());
        let unload = format!("COPY (SELECT * FROM {table} WHERE {where_run}) TO '{file}' (FORMAT binary)");
        database.execute(sqlx::AssertSqlSafe(unload)).await.unwrap();
        let load = format!("COPY {raw} FROM '{file}' (FORMAT binary)");
        let started = Instant::now();
        database.execute(sqlx::AssertSqlSafe(load)).await.unwrap();
        elapsed += started.elapsed();
        let drop = format!("DROP TABLE {raw}");
        database.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
    }
    elapsed
}
