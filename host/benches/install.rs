//! The life of a plug-in, measured: installing it, switching it on, asking it, keeping what it decided. Prints tables.
//!
//! `cargo bench -p guanjia --bench install -- [install] [switch] [lone] [replay] [memory] [--units N] [--projects N]
//! [--components N] [--sqlite|--postgres]`; without a name, all of them.
//!
//! - **install**: a component file from its bytes to a plug-in that can be bound, with its golden cases, by a host whose code
//!   cache is empty; once within a process, once as the whole command.
//! - **switch**: four hosts with caches of their own share a database. On the first one a rule that nobody has compiled but
//!   the first is switched on everywhere, and every host bills a project at once. It is true when all have billed by it.
//! - **lone**: one subject through the whole of what a server does for it, in processor time of all threads.
//! - **replay**: a month of N homes is billed and asked again; and what its decisions take in the database.
//! - **memory**: a serving host bills N projects of ten bindings each, over more components than it keeps compiled.
#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics, and prints ratios"
)]

use guanjia::{
    boot::{COMPILE_WORKER, Compiler, Config, Host, Office},
    generate,
    standard_plugins::{self, STANDARD_PLUGINS},
    worker,
};
use guanjia_domain::{
    Date, Period,
    access::Stamp,
    billing::{BillingRun, RunState},
    decision::Outcome,
    estate::{
        Building, Entrance, EstateChanges, OccupancyStatus, Party, PartyKind, Tenure, TenureKind, Unit, UnitKind,
    },
    fee_item::{FeeAssignment, FeeItem, PayerRule},
    ids::*,
    plugin::{Binding, BindingMode, ExtensionPoint, InstalledPlugin, TemplateRequest, canonical_settings},
    point::Question,
    values::{Cells, Codes, Column, Currency, FeeBatch, Numbers, Segments},
};
use guanjia_harness::{Kind, TestDatabase};
use guanjia_packaging::{embed_manifest, read_manifest};
use nix::time::{ClockId, clock_gettime};
use sqlx::{Connection, PgConnection};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_guanjia");

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to know that it starts.
    if words.iter().any(|word| word == "--test") {
        return;
    }
    let has = |word: &str| words.iter().any(|known| known == word);
    let after = |name: &str, without: i64| {
        let place = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
        place.map_or(without, |text| text.parse().unwrap())
    };
    let kinds = match (has("--sqlite"), has("--postgres")) {
        (true, false) => vec![Kind::Sqlite],
        (false, true) => vec![Kind::Postgres],
        _ => vec![Kind::Sqlite, Kind::Postgres],
    };
    let sections = ["install", "switch", "lone", "replay", "memory"];
    let all = !sections.into_iter().any(has);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for section in sections.into_iter().filter(|section| all || has(section)) {
        println!("\n## {section} (load {})\n", load());
        match section {
            "install" => runtime.block_on(install()),
            "switch" => runtime.block_on(switch(&kinds)),
            "lone" => runtime.block_on(lone()),
            "replay" => runtime.block_on(replay(&kinds, after("--units", 100_000))),
            _ => runtime.block_on(memory(after("--projects", 1_000), after("--components", 300))),
        }
    }
}

/// Processes that wanted a core in the last minute: what stands beside a figure that the machine's other work may have
/// made worse.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The middle and the largest.
fn middle_and_most<T: Copy + Ord>(mut values: Vec<T>) -> (T, T) {
    values.sort();
    (values[values.len() / 2], values[values.len() - 1])
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

/// A host as `guanjia serve` has it: its own folder, and compile workers of the binary.
async fn host(folder: &Path, database: &TestDatabase) -> Host {
    let config = Config {
        data_dir: folder.to_owned(),
        database_url: Some(database.url.clone()),
        cache_dir: None,
        company: None,
        compiler: Compiler::Worker { program: BINARY.into(), args: vec![COMPILE_WORKER.to_owned()] },
    };
    Host::open(&config).await.unwrap()
}

/// The area fee under another version: another component, which nobody has compiled.
fn area_fee(version: &str) -> Vec<u8> {
    let standard = STANDARD_PLUGINS.iter().find(|plugin| plugin.id == "area-fee").unwrap().component;
    let mut manifest = read_manifest(standard).unwrap();
    // The build puts the manifest last, and writes it always alike.
    let empty = b"\0asm\x0d\0\x01\0";
    let section = embed_manifest(empty, &manifest).unwrap().split_off(empty.len());
    let bare = standard.strip_suffix(section.as_slice()).unwrap();
    manifest.version = version.parse().unwrap();
    embed_manifest(bare, &manifest).unwrap()
}

// --- install

async fn install() {
    const ROUNDS: usize = 9;
    println!("| plug-in | bytes | golden cases | install ms, median | most | whole command ms, median | most |");
    println!("|---|---|---|---|---|---|---|");
    for plugin in STANDARD_PLUGINS {
        let (mut within, mut commands) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            within.push(install_within(plugin.component).await);
            commands.push(install_by_command(plugin.component));
        }
        let ((middle, most), (command, command_most)) = (middle_and_most(within), middle_and_most(commands));
        let cases = read_manifest(plugin.component).unwrap().cases.len();
        println!(
            "| {} | {} | {cases} | {} | {} | {} | {} |",
            plugin.id,
            plugin.component.len(),
            ms(middle),
            ms(most),
            ms(command),
            ms(command_most)
        );
    }
}

async fn install_within(component: &[u8]) -> Duration {
    let (folder, database) = (tempfile::tempdir().unwrap(), Kind::Sqlite.fresh().await);
    let office = host(folder.path(), &database).await.company().await.unwrap();
    let stamp = office.stamp(None, "bench").await.unwrap();
    let started = Instant::now();
    office.plugins.install(&stamp, component).await.unwrap();
    started.elapsed()
}

/// From starting the command to its end, on a database that is there.
fn install_by_command(component: &[u8]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    std::fs::write(&file, component).unwrap();
    let guanjia = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(args).arg("--data-dir").arg(folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    guanjia(&["user", "add", "somebody", "--role", "manager"]);
    let started = Instant::now();
    guanjia(&["plugin", "install", file.to_str().unwrap()]);
    started.elapsed()
}

// --- switch

const HOSTS: usize = 4;
const FEE_ITEM: &str = "住宅物业费";

async fn switch(kinds: &[Kind]) {
    println!(
        "| database | hosts | install ms | switch on ms, median | most | true on every host after ms, median | most |"
    );
    println!("|---|---|---|---|---|---|---|");
    for kind in kinds {
        let fleet = Fleet::new(*kind).await;
        let (mut installs, mut switches, mut truths) = (Vec::new(), Vec::new(), Vec::new());
        for month in 2..=10 {
            let (install, switch, truth) = fleet.switch_on(month).await;
            installs.push(install);
            switches.push(switch);
            truths.push(truth);
        }
        let ((install, _), (switch, switch_most), (truth, truth_most)) =
            (middle_and_most(installs), middle_and_most(switches), middle_and_most(truths));
        let times = [install, switch, switch_most, truth, truth_most].map(ms).join(" | ");
        println!("| {kind:?} | {HOSTS} | {times} |");
    }
}

/// Hosts that share nothing but a database, and a project for each.
struct Fleet {
    offices: Vec<Office>,
    projects: Vec<ProjectId>,
    _folders: Vec<TempDir>,
    _database: TestDatabase,
}

impl Fleet {
    async fn new(kind: Kind) -> Self {
        const HOMES: i64 = 144;
        let database = kind.fresh().await;
        let (mut offices, mut folders, mut projects) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..HOSTS {
            let folder = tempfile::tempdir().unwrap();
            let office = host(folder.path(), &database).await.company().await.unwrap();
            let stamp = office.stamp(None, "bench").await.unwrap();
            let plugins = standard_plugins::install(&office, &stamp).await.unwrap();
            let project = office.imports.ensure_project(&stamp, &format!("project {number}")).await.unwrap();
            generate::estate(&office, &stamp, &project, &plugins, HOMES, &|_| ()).await.unwrap();
            // Every host has billed before, so that only the new rule is new to it.
            bill(&office, &stamp, project.id, Period::month(2025, 1).unwrap()).await;
            offices.push(office);
            folders.push(folder);
            projects.push(project.id);
        }
        Self { offices, projects, _folders: folders, _database: database }
    }

    /// Installs a new rule on the first host, switches it on in all projects, and has every host bill.
    async fn switch_on(&self, month: u8) -> (Duration, Duration, Duration) {
        let first = &self.offices[0];
        let stamp = first.stamp(None, "bench").await.unwrap();
        let component = area_fee(&format!("1.0.{month}"));
        let started = Instant::now();
        let plugin = first.plugins.install(&stamp, &component).await.unwrap();
        let install = started.elapsed();
        let period = Period::month(2025, month).unwrap();
        let template = TemplateRequest {
            point: ExtensionPoint::FeePolicy,
            fee_item: FEE_ITEM.to_owned(),
            plugin_id: plugin.id.clone(),
            plugin_version: plugin.version.clone(),
            settings: format!(r#"{{"price":"3.{month}"}}"#),
            effective_from: period.start,
            granted: Vec::new(),
        };
        let started = Instant::now();
        let activation = first.plugins.switch_on_everywhere(&stamp, &template, "").await.unwrap();
        let switched = started.elapsed();
        assert_eq!(activation.bindings.len(), HOSTS);
        let bills = self.offices.iter().zip(&self.projects).map(|(office, project)| {
            let (office, project, stamp) = (office.clone(), *project, stamp.clone());
            tokio::spawn(async move { bill(&office, &stamp, project, period).await })
        });
        let mut runs = Vec::new();
        for bill in bills.collect::<Vec<_>>() {
            runs.push(bill.await.unwrap());
        }
        let truth = started.elapsed();
        for (run, binding) in runs.iter().zip(&activation.bindings) {
            let decisions = first.store.decisions(run.id, None, 100).await.unwrap();
            let by_new_rule = decisions.iter().filter(|decision| decision.component_digest == plugin.digest).count();
            assert_eq!((by_new_rule, run.held), (1, 0), "every host billed by the new rule");
            assert!(decisions.iter().any(|decision| decision.settings == binding.settings));
        }
        (install, switched, truth)
    }
}

/// A preview, computed by this host.
async fn bill(office: &Office, stamp: &Stamp, project: ProjectId, period: Period) -> BillingRun {
    let (run, job) = office.billing.start_preview(stamp, project, period).await.unwrap();
    worker::do_here(office, stamp, &job, &()).await.unwrap();
    office.store.run(run.id).await.unwrap()
}

// --- lone

async fn lone() {
    const CALLS: usize = 20_000;
    let (folder, database) = (tempfile::tempdir().unwrap(), Kind::Sqlite.fresh().await);
    let host = host(folder.path(), &database).await;
    let office = host.company().await.unwrap();
    let stamp = office.stamp(None, "bench").await.unwrap();
    println!("| plug-in | calls | CPU µs, median | of 99 in 100 | clock µs, median |");
    println!("|---|---|---|---|---|");
    for plugin in standard_plugins::install(&office, &stamp).await.unwrap() {
        let settings = match plugin.id.as_str() {
            "area-fee" => r#"{"discount-percent-by-occupancy":{"vacant":"30"},"price":"2.80","surcharge":"5"}"#,
            "fixed-fee" => r#"{"amount":"8.00"}"#,
            _ => continue,
        };
        let question = one_home(&plugin);
        let (mut processor, mut clock) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
        for call in 0..CALLS + 1_000 {
            let (before, started) = (processor_time(), Instant::now());
            let evaluation = host.engine.evaluate(&plugin.digest, settings, &question).await.unwrap();
            let (used, taken) = (processor_time() - before, started.elapsed());
            assert!(matches!(evaluation.outcome, Outcome::Answer(_)), "{:?}", evaluation.outcome);
            // The first ones warm up.
            if call >= 1_000 {
                processor.push(used);
                clock.push(taken);
            }
        }
        processor.sort();
        let (middle, (wall, _)) = (processor[CALLS / 2], middle_and_most(clock));
        let most = processor[CALLS * 99 / 100];
        let us = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1_000_000.0);
        println!("| {} | {CALLS} | {} | {} | {} |", plugin.id, us(middle), us(most), us(wall));
    }
}

/// Processor time of all threads of this process.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

fn one_home(plugin: &InstalledPlugin) -> Question {
    let (start, end) = (Date(20_148), Date(20_179));
    let column = |name: &String| {
        let cells = if name.ends_with("area") {
            Cells::Numbers(Numbers { scale: 4, mantissas: vec![895_000] })
        } else {
            Cells::Codes(Codes { names: vec!["vacant".to_owned()], cells: vec![0] })
        };
        Column { cells, missing: Vec::new() }
    };
    let facts = &plugin.export(ExtensionPoint::FeePolicy).unwrap().description.facts;
    Question::Fee(Arc::new(FeeBatch {
        period: Period { start, end },
        currency: Currency::cny(),
        subjects: 1,
        segments: Segments { subject: vec![0], start: vec![start], end: vec![end] },
        facts: facts.iter().map(column).collect(),
    }))
}

// --- replay

async fn replay(kinds: &[Kind], units: i64) {
    const ROUNDS: usize = 3;
    for kind in kinds {
        let (folder, database) = (tempfile::tempdir().unwrap(), kind.fresh().await);
        let office = host(folder.path(), &database).await.company().await.unwrap();
        let stamp = office.stamp(None, "bench").await.unwrap();
        let plugins = standard_plugins::install(&office, &stamp).await.unwrap();
        let project = office.imports.ensure_project(&stamp, "bench").await.unwrap();
        generate::estate(&office, &stamp, &project, &plugins, units, &|_| ()).await.unwrap();
        let run = bill(&office, &stamp, project.id, Period::month(2025, 1).unwrap()).await;
        assert_eq!((run.held, run.lines), (0, units * 3), "each home has one line of each fee item");
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let report = office.billing.replay_run(&stamp, run.id, &()).await.unwrap();
            times.push(started.elapsed());
            assert!(report.different.is_empty() && report.identical == report.decisions);
        }
        let (middle, _) = middle_and_most(times);
        println!("| database | homes | lines | replay s, median of {ROUNDS} | lines/s |");
        println!("|---|---|---|---|---|");
        let rate = run.lines as f64 / middle.as_secs_f64();
        println!("| {kind:?} | {units} | {} | {:.2} | {rate:.0} |\n", run.lines, middle.as_secs_f64());
        println!("| database | fee item | decisions | bytes a subject | who it is | question | answer |");
        println!("|---|---|---|---|---|---|---|");
        let items = office.store.fee_items(project.id).await.unwrap();
        for item in items {
            let [decisions, subjects, input, outcome] = recorded_bytes(*kind, &database.url, item.id).await;
            let each = |bytes: i64| format!("{:.1}", bytes as f64 / units as f64);
            println!(
                "| {kind:?} | {} | {decisions} | {} | {} | {} | {} |",
                item.name,
                each(subjects + input + outcome),
                each(subjects),
                each(input),
                each(outcome)
            );
        }
        println!();
    }
}

/// Decisions of a fee item and the bytes of their compressed parts; what was allocated and logged counts as answered.
async fn recorded_bytes(kind: Kind, url: &str, item: FeeItemId) -> [i64; 4] {
    const SUMS: &str = "COUNT(*), SUM(LENGTH(subjects)), SUM(LENGTH(input)), \
        SUM(LENGTH(outcome) + COALESCE(LENGTH(allocated), 0) + COALESCE(LENGTH(log), 0))";
    let sql = format!("SELECT {SUMS} FROM decision WHERE fee_item_id = $1");
    match kind {
        Kind::Sqlite => {
            let database = rusqlite::Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
            let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
            database.query_row(&sql, [item.0.as_bytes().as_slice()], read).unwrap()
        }
        Kind::Postgres => {
            let mut database = PgConnection::connect(url).await.unwrap();
            let read = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(item.0);
            let (decisions, subjects, input, outcome): (i64, i64, i64, i64) =
                read.fetch_one(&mut database).await.unwrap();
            [decisions, subjects, input, outcome]
        }
    }
}

// --- memory

const BINDINGS: usize = 10;

async fn memory(projects: i64, components: i64) {
    let (folder, database) = (tempfile::tempdir().unwrap(), Kind::Sqlite.fresh().await);
    let office = host(folder.path(), &database).await.company().await.unwrap();
    let stamp = office.stamp(None, "bench").await.unwrap();
    let mut plugins = Vec::new();
    for number in 0..components {
        plugins.push(office.plugins.install(&stamp, &area_fee(&format!("2.0.{number}"))).await.unwrap());
    }
    let mut ids = Vec::new();
    for number in 0..projects {
        ids.push(small_project(&office, &stamp, number, &plugins).await);
    }
    let serving = Serving::start(folder.path(), &database);
    // What a host does when it starts, and the first look for work.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let idle = serving.resident("VmRSS");
    let period = Period::month(2025, 1).unwrap();
    let mut runs = Vec::new();
    for project in ids {
        runs.push(office.billing.start_preview(&stamp, project, period).await.unwrap().0.id);
    }
    let started = Instant::now();
    for run in runs {
        let run = loop {
            let run = office.store.run(run).await.unwrap();
            if run.state == RunState::Previewed {
                break run;
            }
            assert!(started.elapsed() < Duration::from_secs(1_800), "{run:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!((usize::try_from(run.lines), run.held), (Ok(BINDINGS), 0));
    }
    let mib = |kilobytes: i64| format!("{:.0}", kilobytes as f64 / 1024.0);
    let (now, most) = (serving.resident("VmRSS"), serving.resident("VmHWM"));
    println!("| projects | bindings | components | idle MiB | after all were billed | more | peak MiB | s |");
    println!("|---|---|---|---|---|---|---|---|");
    println!(
        "| {projects} | {} | {components} | {} | {} | {} | {} | {:.0} |",
        projects * 10,
        mib(idle),
        mib(now),
        mib(now - idle),
        mib(most),
        started.elapsed().as_secs_f64()
    );
}

/// `guanjia serve`, which ends with this value.
struct Serving(Child);

impl Serving {
    fn start(folder: &Path, database: &TestDatabase) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--database-url", &database.url, "--data-dir"]).arg(folder);
        // What it logs of a thousand runs is not what is measured here.
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "{line}");
        Self(child)
    }

    /// Kilobytes that the system says the process has.
    fn resident(&self, what: &str) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A project of one home and ten fee items, each with a binding of its own settings, over all the plug-ins in turn.
async fn small_project(office: &Office, stamp: &Stamp, number: i64, plugins: &[InstalledPlugin]) -> ProjectId {
    let project = office.imports.ensure_project(stamp, &format!("project {number}")).await.unwrap();
    let starts_on = Date::from_ymd(2025, 1, 1).unwrap();
    let (building_id, entrance_id) = (BuildingId::generate(), EntranceId::generate());
    let mut changes = EstateChanges::default();
    changes.buildings.insert.push(Building { id: building_id, building_no: "1".to_owned(), kind: None });
    changes.entrances.insert.push(Entrance {
        id: entrance_id,
        building_id,
        entrance_no: "1".to_owned(),
        storeys: 1,
        has_lift: false,
    });
    let (unit, owner) = home(entrance_id);
    for fee in 0..BINDINGS {
        let item = fee_item(fee, starts_on);
        let at = usize::try_from(number).unwrap() * BINDINGS + fee;
        let plugin = &plugins[at % plugins.len()];
        changes.fee_assignments.insert.push(FeeAssignment {
            id: FeeAssignmentId::generate(),
            unit_id: unit.id,
            fee_item_id: item.id,
            starts_on,
            ends_on: None,
        });
        changes.bindings.insert.push(Binding {
            id: BindingId::generate(),
            project_id: project.id,
            point: ExtensionPoint::FeePolicy,
            fee_item_id: Some(item.id),
            plugin_id: plugin.id.clone(),
            plugin_version: plugin.version.clone(),
            digest: plugin.digest.clone(),
            settings: canonical_settings(&format!(r#"{{"price":"{}.{fee}"}}"#, number + 1)).unwrap(),
            effective_from: starts_on,
            effective_to: None,
            mode: BindingMode::Active,
            tolerance_permille: 0,
            granted: Vec::new(),
        });
        changes.fee_items.insert.push(item);
    }
    changes.tenures.insert.push(Tenure {
        id: TenureId::generate(),
        unit_id: unit.id,
        party_id: owner.id,
        kind: TenureKind::Owner,
        starts_on: None,
        ends_on: None,
    });
    changes.units.insert.push(unit);
    changes.parties.insert.push(owner);
    office.store.apply_estate(stamp, project.id, &changes, "bench").await.unwrap();
    project.id
}

fn home(entrance_id: EntranceId) -> (Unit, Party) {
    let unit = Unit {
        id: UnitId::generate(),
        entrance_id: Some(entrance_id),
        parking_area_id: None,
        kind: UnitKind::Residential,
        unit_no: "101".to_owned(),
        storey: Some(1),
        layout_code: None,
        gross_floor_area_cm2: 895_000,
        internal_area_cm2: None,
        rent_fen: None,
        occupancy: OccupancyStatus::Occupied,
    };
    let owner = Party {
        id: PartyId::generate(),
        name: "业主".to_owned(),
        source_no: None,
        kind: PartyKind::Owner,
        gender: None,
        age: None,
        phone: None,
        identity_no: None,
        household_of: None,
    };
    (unit, owner)
}

fn fee_item(number: usize, starts_on: Date) -> FeeItem {
    FeeItem {
        id: FeeItemId::generate(),
        name: format!("费用{number}"),
        source_no: None,
        category: "物业费".to_owned(),
        recurrence: "周期性费用".to_owned(),
        payment_mode: "预付费".to_owned(),
        demand_months: 1,
        charge_day: "每月1日".to_owned(),
        starts_on,
        ends_on: None,
        payer_rule: PayerRule::Owner,
        formula_code: None,
        source_price: None,
        source_fixed: None,
    }
}
