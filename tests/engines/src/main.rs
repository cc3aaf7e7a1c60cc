//! The same rule in six engines, side by side. Prints a table.
//!
//! `cargo run --release --manifest-path tests/engines/Cargo.toml`
//!
//! The rule is the standard area fee: area × price + surcharge, rounded once, half up, each line with its explanation in
//! typed steps. Each engine is given the same batches and has to give the same answers, bit for bit, before it is timed.
//!
//! - **native**: the plug-in's own code, called as a function; and the same written for speed alone.
//! - **Guanjia**: the plug-in as the host runs it, a fresh sandbox for each call, with all its limits.
//! - **Rhai, Lua, QuickJS**: the rule written in that language, one call a batch, with a limit that ends an endless loop.
//! - **Extism**: the plug-in's own code with the batch in JSON or MessagePack, one instance for all calls, with a timeout.
//!
//! Times are processor time of the calling thread; engines take turns, and of all rounds the least counts.
#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics, and prints ratios"
)]

mod extism;
mod scripts;

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use area_fee::AreaFee;
use extism::Encoding;
use guanjia_domain::{
    decision::Outcome,
    point::{Answer, Question},
    ports::{ComponentSource, PolicyEngine},
    values::{Cells, Codes, Column, Currency, Date, Decimal, FeeAnswer, FeeBatch, Numbers, Period, Segments},
};
use guanjia_hostile::Guest;
use guanjia_packaging::{build, build_plugins};
use guanjia_plugin_sdk::FeeGuest;
use guanjia_sandbox::{Sandbox, SandboxOptions};
use nix::time::{ClockId, clock_gettime};
use scripts::{Tariff, lua, quickjs, rhai};

const SETTINGS: &str = r#"{"price":"2.80","surcharge":"5"}"#;
const TARIFF: Tariff = Tariff { price: Decimal::new(280, 2), surcharge: Decimal::new(5, 0) };
/// Another price of more places and nothing added: answered alike as well, and not timed.
const OTHER_SETTINGS: &str = r#"{"price":"3.125"}"#;
const OTHER_TARIFF: Tariff = Tariff { price: Decimal::new(3_125, 3), surcharge: Decimal::new(0, 0) };
/// Subjects of one call and calls of one round: a lone decision, a small project, a page of a billing run.
const SIZES: [(u32, u32); 3] = [(1, 256), (64, 64), (1_024, 16)];
const ROUNDS: usize = 25;
/// Cold starts of each engine.
const STARTS: usize = 7;
/// Longer than any call takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One question in the forms in which engines take it.
struct Case {
    settings: &'static str,
    tariff: Tariff,
    areas: Numbers,
    batch: Arc<FeeBatch>,
    question: Question,
}

impl Case {
    fn new((settings, tariff): (&'static str, Tariff), subjects: u32) -> Self {
        let batch = Arc::new(batch(subjects));
        Self { settings, tariff, areas: areas(subjects), question: Question::Fee(Arc::clone(&batch)), batch }
    }

    fn timed(subjects: u32) -> Self {
        Self::new((SETTINGS, TARIFF), subjects)
    }
}

/// One engine of the table.
struct Row {
    name: &'static str,
    call: Box<dyn FnMut(&Case) -> FeeAnswer>,
    /// Everything from the source to the first answer.
    start: Option<Box<dyn FnMut() -> FeeAnswer>>,
    /// The same with what is kept between processes.
    restart: Option<Box<dyn FnMut() -> FeeAnswer>>,
    state: &'static str,
    stopped_by: &'static str,
    /// A subject, for each of the sizes.
    nanoseconds: [u64; SIZES.len()],
}

impl Row {
    fn new(name: &'static str, call: impl FnMut(&Case) -> FeeAnswer + 'static) -> Self {
        Self {
            name,
            call: Box::new(call),
            start: None,
            restart: None,
            state: "none",
            stopped_by: "nothing",
            nanoseconds: [u64::MAX; SIZES.len()],
        }
    }

    fn starting(mut self, start: impl FnMut() -> FeeAnswer + 'static) -> Self {
        self.start = Some(Box::new(start));
        self
    }

    fn limited(mut self, state: &'static str, stopped_by: &'static str, stops: bool) -> Self {
        assert!(stops, "{}: an endless loop goes on", self.name);
        (self.state, self.stopped_by) = (state, stopped_by);
        self
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let guests = guests_folder();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let built = build_plugins(&root, &["area-fee"], &guests, build::PROFILE).unwrap();
    let component = std::fs::read(&built[0].path).unwrap();
    let module = build_extism_guest(&guests);
    let mut rows = native();
    rows.push(guanjia(runtime.handle(), &component));
    rows.extend(scripted());
    rows.push(extism_row("Extism, MessagePack", &module, Encoding::Msgpack));
    rows.push(extism_row("Extism, JSON", &module, Encoding::Json));
    check(&mut rows);
    let cases = SIZES.map(|(subjects, calls)| (Case::timed(subjects), subjects, calls));
    for _ in 0..ROUNDS {
        for row in &mut rows {
            for ((case, subjects, calls), least) in cases.iter().zip(&mut row.nanoseconds) {
                let before = processor_time();
                for _ in 0..*calls {
                    black_box((row.call)(black_box(case)));
                }
                let taken = u64::try_from((processor_time() - before).as_nanos()).unwrap();
                *least = (*least).min(taken / u64::from(calls * subjects));
            }
        }
    }
    print(rows);
}

/// All engines answer what the plug-in's own code answers, and that answers what was worked out by hand:
/// 70 m² × 2.80 + 5 = 201.00, and 70 m² × 3.125 = 218.75.
fn check(rows: &mut [Row]) {
    for (tariff, first) in [((SETTINGS, TARIFF), 20_100), ((OTHER_SETTINGS, OTHER_TARIFF), 21_875)] {
        for (subjects, _) in SIZES {
            let case = Case::new(tariff, subjects);
            let expected = (rows[0].call)(&case);
            let Amounts::Money(amounts) = &expected.lines.amounts else { panic!("no money in {expected:?}") };
            assert_eq!((amounts.len(), amounts[0]), (subjects as usize, first));
            let steps_alike = expected.steps.row.len().is_multiple_of(subjects as usize);
            assert!(subjects == 1 || !steps_alike, "no lines are rounded, or all");
            for row in &mut *rows {
                assert!((row.call)(&case) == expected, "{} answers something else over {subjects}", row.name);
            }
        }
    }
}

fn print(rows: Vec<Row>) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load {}\n", load.split(' ').next().unwrap_or_default());
    let sizes = SIZES.map(|(subjects, _)| format!("ns a subject at {subjects}")).join(" | ");
    println!(
        "| engine | {sizes} | ÷ native | first answer from its source, ms | from kept code, ms | state between calls | an endless loop is stopped by |"
    );
    println!("|---|{}---|---|---|---|---|", "---|".repeat(SIZES.len()));
    let native = rows[0].nanoseconds[SIZES.len() - 1];
    for mut row in rows {
        let (start, restart) = (least_start(row.start.take()), least_start(row.restart.take()));
        println!(
            "| {} | {} | {:.2} | {start} | {restart} | {} | {} |",
            row.name,
            row.nanoseconds.map(|nanoseconds| nanoseconds.to_string()).join(" | "),
            row.nanoseconds[SIZES.len() - 1] as f64 / native as f64,
            row.state,
            row.stopped_by
        );
    }
}

/// The least of some starts, by the clock.
fn least_start(start: Option<Box<dyn FnMut() -> FeeAnswer>>) -> String {
    let Some(mut start) = start else { return "–".to_owned() };
    let mut least = Duration::MAX;
    for _ in 0..STARTS {
        let started = Instant::now();
        black_box(start());
        least = least.min(started.elapsed());
    }
    format!("{:.2}", least.as_secs_f64() * 1_000.0)
}

/// Processor time of the calling thread.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

// --- the question

fn batch(subjects: u32) -> FeeBatch {
    let period = Period { start: Date(20_148), end: Date(20_179) };
    let rows = subjects as usize;
    let column = |name: &String| {
        let cells = if name == "unit.area" || name == "unit.internal-area" {
            Cells::Numbers(areas(subjects))
        } else {
            let names = ["residential", "shop", "office"].map(str::to_owned).to_vec();
            Cells::Codes(Codes { names, cells: [0, 0, 0, 1, 0, 2].into_iter().cycle().take(rows).collect() })
        };
        Column { cells, missing: Vec::new() }
    };
    FeeBatch {
        period,
        currency: Currency::cny(),
        subjects,
        segments: Segments {
            subject: (0..subjects).collect(),
            start: vec![period.start; rows],
            end: vec![period.end; rows],
        },
        facts: AreaFee::describe().facts.iter().map(column).collect(),
    }
}

/// Areas in cm², so that about every second line is rounded.
fn areas(subjects: u32) -> Numbers {
    let mantissas = (0..i64::from(subjects)).map(|subject| 700_000 + subject % 97 * 4_567).collect();
    Numbers { scale: 4, mantissas }
}

// --- the engines

fn native() -> Vec<Row> {
    let own = |case: &Case| AreaFee::evaluate(case.settings, &case.batch).map_err(|problem| problem.code).unwrap();
    vec![
        Row::new("native Rust, the plug-in's own code", own),
        Row::new("native Rust, written for speed alone", |case| by_hand(case.tariff, &case.areas)),
    ]
}

/// The rule without settings to read, facts to look up, and numbers that might overflow.
fn by_hand(tariff: Tariff, areas: &Numbers) -> FeeAnswer {
    let trimmed = |mut value: i64, mut scale: i64| {
        while scale > 2 && value % 10 == 0 {
            value /= 10;
            scale -= 1;
        }
        (value, scale)
    };
    let [price, price_scale, surcharge, surcharge_scale, area_scale] = tariff.numbers(areas);
    let power = |exponent: i64| 10_i64.pow(u32::try_from(exponent).unwrap());
    let scale = area_scale + price_scale;
    let (added, unit) = (surcharge * power(scale - surcharge_scale), power(scale - 2));
    let lines = areas.mantissas.len();
    let mut columns: [Vec<i64>; 8] = std::array::from_fn(|_| Vec::with_capacity(lines * 5));
    let [amount, row, kind, value, value_scale, arg_count, arg, arg_scale] = &mut columns;
    for (line, area) in (0..).zip(&areas.mantissas) {
        let mut step = |of_kind: i64, (number, places): (i64, i64), args: &[(i64, i64)]| {
            row.push(line);
            kind.push(of_kind);
            value.push(number);
            value_scale.push(places);
            arg_count.push(args.len() as i64);
            arg.extend(args.iter().map(|(number, _)| number));
            arg_scale.extend(args.iter().map(|(_, places)| places));
        };
        let before = trimmed(area * price, scale);
        step(0, before, &[(*area, area_scale), (price, price_scale)]);
        let (mut exact, mut total) = (area * price, before);
        if surcharge != 0 {
            exact += added;
            total = trimmed(exact, scale);
            step(1, total, &[before, (surcharge, surcharge_scale)]);
        }
        let minor = (exact + unit / 2) / unit;
        if minor * unit != exact {
            step(4, (minor, 2), &[total]);
        }
        amount.push(minor);
    }
    scripts::answer(tariff, areas, columns)
}

fn scripted() -> Vec<Row> {
    let lua = lua::Engine::new();
    let rhai = rhai::Engine::new();
    let quickjs = quickjs::Engine::new();
    let stops = [lua.stops(), quickjs.stops(), rhai.stops()];
    vec![
        Row::new("Lua 5.4 (mlua)", move |case| lua.evaluate(case.tariff, &case.areas))
            .starting(|| lua::Engine::new().evaluate(TARIFF, &areas(1)))
            .limited("globals stay", "a count of instructions", stops[0]),
        Row::new("QuickJS (rquickjs)", move |case| quickjs.evaluate(case.tariff, &case.areas))
            .starting(|| quickjs::Engine::new().evaluate(TARIFF, &areas(1)))
            .limited("globals stay", "a count of its own questions", stops[1]),
        Row::new("Rhai", move |case| rhai.evaluate(case.tariff, &case.areas))
            .starting(|| rhai::Engine::new().evaluate(TARIFF, &areas(1)))
            .limited("none, a new scope each", "a count of operations", stops[2]),
    ]
}

fn extism_row(name: &'static str, module: &[u8], encoding: Encoding) -> Row {
    let mut engine = extism::Engine::new(module, encoding, TIMEOUT);
    let stops = extism::Engine::new(module, encoding, Duration::from_millis(200)).stops();
    let (one, module) = (batch(1), module.to_vec());
    Row::new(name, move |case| engine.evaluate(case.settings, &case.batch))
        .starting(move || extism::Engine::new(&module, encoding, TIMEOUT).evaluate(SETTINGS, &one))
        .limited("memory stays", "a clock", stops)
}

fn guanjia(runtime: &tokio::runtime::Handle, component: &[u8]) -> Row {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_owned();
    let sandbox = sandbox(Some(&folder));
    let digest = runtime.block_on(sandbox.verify(component.to_vec())).unwrap().digest;
    let stops = stops(runtime, &sandbox);
    let (first, one) = (runtime.clone(), question(1));
    let (again, also_one, known) = (runtime.clone(), question(1), digest.clone());
    let component = component.to_vec();
    let mut row = Row::new("Guanjia, a component", move |case| {
        // The folder stays as long as the row does.
        let _ = &cache;
        ask(&sandbox, &digest, case.settings, &case.question)
    })
    .starting(move || {
        let sandbox = self::sandbox(None);
        let plugin = first.block_on(sandbox.verify(component.clone())).unwrap();
        ask(&sandbox, &plugin.digest, SETTINGS, &one)
    })
    .limited("none, a new instance each", "a count of instructions (fuel)", stops);
    row.restart = Some(Box::new(move || {
        let sandbox = self::sandbox(Some(&folder));
        again.block_on(sandbox.prepare(&known, &Nothing)).unwrap();
        ask(&sandbox, &known, SETTINGS, &also_one)
    }));
    row
}

fn sandbox(cache: Option<&Path>) -> Sandbox {
    Sandbox::new(SandboxOptions { cache_dir: cache.map(Path::to_owned), ..SandboxOptions::default() }).unwrap()
}

fn question(subjects: u32) -> Question {
    Question::Fee(Arc::new(batch(subjects)))
}

fn ask(sandbox: &Sandbox, digest: &str, settings: &str, question: &Question) -> FeeAnswer {
    match sandbox.evaluate_here(digest, settings, question).unwrap().outcome {
        Outcome::Answer(Answer::Fee(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

/// Whether an endless loop ends, by its count and not by the clock.
fn stops(runtime: &tokio::runtime::Handle, sandbox: &Sandbox) -> bool {
    let endless = Guest { evaluate: "(loop $l (br $l)) unreachable", ..Guest::default() }.component();
    let plugin = runtime.block_on(sandbox.verify(endless)).unwrap();
    let mut asked = batch(1);
    asked.facts.clear();
    let evaluation = sandbox.evaluate_here(&plugin.digest, "{}", &Question::Fee(Arc::new(asked))).unwrap();
    matches!(evaluation.outcome, Outcome::Failure(failure) if failure.reason.contains("fuel"))
}

/// The source of a host whose code cache has everything.
struct Nothing;

#[async_trait::async_trait]
impl ComponentSource for Nothing {
    async fn component(&self, digest: &str) -> guanjia_domain::Result<Vec<u8>> {
        Err(guanjia_domain::Error::not_found("component", digest))
    }
}

// --- guests

/// Beside this program, so that nothing is built twice.
fn guests_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().join("guests")
}

fn build_extism_guest(target: &Path) -> Vec<u8> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/Cargo.toml");
    let mut command = Command::new("cargo");
    command.args(["build", "--locked", "--target", build::TARGET, "--profile", build::PROFILE, "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(target);
    assert!(command.status().unwrap().success(), "the plug-in of Extism does not compile");
    std::fs::read(target.join(build::TARGET).join(build::PROFILE).join("guanjia_engines_guest.wasm")).unwrap()
}
