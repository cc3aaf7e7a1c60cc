//! What a subject is answered depends on the subject alone: not on how a batch is cut, in which order subjects come, in
//! which instance or engine they are asked about, or how well the compiler optimised.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use guanjia_domain::{
    billing::{AnswerLimits, check_answer},
    decision::{Outcome, canonical},
    facts::{FactKind, FeeFact},
    plugin::{ExtensionPoint, InstalledPlugin, Tier},
    point::{Answer, Question},
    ports::PolicyEngine,
    values::{
        Cells, Codes, Column, Date, Description, FeeBatch, Numbers, Segments,
        cases::{self, Expected},
    },
};
use proptest::{collection::vec, prelude::*, test_runner::Config};
use wasmtime::{OptLevel, component::Component};

use super::{sandbox, standard::component};
use crate::{Limits, Sandbox, compile::Compiled, engine, engine::Runtime, prepared::Prepared};

/// Every standard plug-in for fees, with settings that make it decide what it can.
const STANDARD: [(&str, &str); 5] = [
    ("area-fee", r#"{"price":"2.80","price-by-unit-kind":{"shop":"4.5"},"surcharge":"3.5"}"#),
    ("fixed-fee", r#"{"amount":"30"}"#),
    (
        "metered-fee",
        r#"{"measure":"m3","tiers":[{"up-to":"180","price":"5"},{"up-to":"260","price":"7"},{"price":"9"}]}"#,
    ),
    (
        "parking-fee",
        r#"{"by-tenure":{"sold":{"price":"80"},"leased":{"price":"350","price-by-kind":{"shop":"260"}}},"extra-vehicle-price":"50"}"#,
    ),
    ("shared-cost-fee", r#"{"basis":"area"}"#),
];

/// One subject, from which a batch of any size and order can be made.
#[derive(Debug, Clone)]
struct Home {
    /// Day of the period on which its second segment begins; 0 for none.
    second_from: u8,
    /// One cell a segment and fact: a number from which the cell is made, or nothing.
    cells: [[Option<u16>; FACTS]; 2],
}

/// Facts of the plug-in that reads the most.
const FACTS: usize = 8;

fn home() -> impl Strategy<Value = Home> {
    let cells = || {
        let cell = prop_oneof![9 => any::<u16>().prop_map(Some), 1 => Just(None)];
        proptest::array::uniform8(cell)
    };
    (0..31_u8, [cells(), cells()]).prop_map(|(second_from, cells)| Home { second_from, cells })
}

/// The homes as a batch. Names of codes are numbered by first use, so that their numbers differ from batch to batch.
fn batch(homes: &[&Home], facts: &[String]) -> FeeBatch {
    let period = fee_batch().period;
    let mut segments = Segments::default();
    let mut rows: Vec<&[Option<u16>; FACTS]> = Vec::new();
    for (subject, home) in (0..).zip(homes) {
        let middle = Date(period.start.0 + i32::from(home.second_from));
        let stretches = match home.second_from {
            0 => vec![(period.start, period.end)],
            _ => vec![(period.start, middle), (middle, period.end)],
        };
        for ((start, end), cells) in stretches.into_iter().zip(&home.cells) {
            segments.subject.push(subject);
            segments.start.push(start);
            segments.end.push(end);
            rows.push(cells);
        }
    }
    let facts = facts.iter().enumerate().map(|(index, fact)| column(fact, index, &rows)).collect();
    FeeBatch { subjects: u32::try_from(homes.len()).unwrap(), segments, facts, ..fee_batch() }
}

fn column(fact: &str, index: usize, rows: &[&[Option<u16>; FACTS]]) -> Column {
    let value = |row: &&[Option<u16>; FACTS]| row[index].unwrap_or_default();
    let cells = match FeeFact::by_name(fact).unwrap().definition().kind {
        FactKind::Number { scale } => {
            // Small enough that a reading times a multiplier times a price is an amount that is believed.
            let unit = if scale < 2 { 1 } else { 97 };
            let mantissas = rows.iter().map(|row| i64::from(value(row) % 500) * unit).collect();
            Cells::Numbers(Numbers { scale, mantissas })
        }
        FactKind::Flag => Cells::Flags(rows.iter().map(|row| value(row) % 2 == 0).collect()),
        FactKind::Date => Cells::Dates(rows.iter().map(|row| Date(i32::from(value(row)))).collect()),
        FactKind::Code => {
            let mut numbers = BTreeMap::new();
            let mut names = Vec::new();
            let mut cells = Vec::new();
            for row in rows {
                let name = ["residential", "shop", "sold", "leased", "vacant"][usize::from(value(row) % 5)];
                let number = *numbers.entry(name).or_insert_with(|| {
                    names.push(name.to_owned());
                    u16::try_from(names.len() - 1).unwrap()
                });
                cells.push(number);
            }
            Cells::Codes(Codes { names, cells })
        }
    };
    let missing = (0..).zip(rows).filter(|(_, row)| row[index].is_none()).map(|(row, _)| row).collect();
    Column { cells, missing }
}

/// One engine and the plug-ins on it, for all cases.
struct Bench {
    sandbox: Sandbox,
    plugins: Vec<InstalledPlugin>,
}

fn bench() -> &'static (tokio::runtime::Runtime, Bench) {
    static BENCH: OnceLock<(tokio::runtime::Runtime, Bench)> = OnceLock::new();
    BENCH.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bench = runtime.block_on(async {
            let sandbox = sandbox(Limits::default());
            let mut plugins = Vec::new();
            for (name, _) in STANDARD {
                plugins.push(sandbox.verify(component(name)).await.unwrap());
            }
            Bench { sandbox, plugins }
        });
        (runtime, bench)
    })
}

impl Bench {
    /// The believed answer in words, subject by subject.
    fn ask(&self, plugin: &InstalledPlugin, settings: &str, batch: &FeeBatch) -> Vec<Expected> {
        let description = description(plugin);
        let evaluation = self.sandbox.evaluate_here(&plugin.digest, settings, &asked(batch)).unwrap();
        let Outcome::Answer(Answer::Fee(answer)) = evaluation.outcome else { panic!("{:?}", evaluation.outcome) };
        check_answer(batch, &answer, description, &AnswerLimits::default()).unwrap();
        cases::outcome(batch, &answer, description).unwrap()
    }
}

/// An empty batch of the right period and currency.
fn fee_batch() -> FeeBatch {
    let Question::Fee(batch) = super::question(1) else { panic!("it is about fees") };
    Arc::unwrap_or_clone(batch)
}

fn asked(batch: &FeeBatch) -> Question {
    Question::Fee(Arc::new(batch.clone()))
}

fn description(plugin: &InstalledPlugin) -> &Description {
    &plugin.export(ExtensionPoint::FeePolicy).unwrap().description
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    /// Lines, verdicts and steps, for any borders and any order of the subjects.
    #[test]
    fn a_subjects_answer_depends_on_the_subject_alone(
        homes in vec(home(), 1..40),
        borders in vec(any::<prop::sample::Index>(), 0..8),
        order in vec(any::<u32>(), 40),
    ) {
        let (_, bench) = bench();
        for (plugin, (name, settings)) in bench.plugins.iter().zip(STANDARD) {
            let facts = &description(plugin).facts;
            let all: Vec<&Home> = homes.iter().collect();
            let whole = bench.ask(plugin, settings, &batch(&all, facts));

            let mut cuts: Vec<usize> = borders.iter().map(|border| border.index(homes.len())).collect();
            cuts.extend([0, homes.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).filter(|cut| cut[0] < cut[1]);
            let joined: Vec<Expected> =
                parts.flat_map(|cut| bench.ask(plugin, settings, &batch(&all[cut[0]..cut[1]], facts))).collect();
            prop_assert_eq!(&joined, &whole, "{} cut at {:?}", name, cuts);

            let mut shuffled: Vec<usize> = (0..homes.len()).collect();
            shuffled.sort_by_key(|home| order[*home]);
            let moved: Vec<&Home> = shuffled.iter().map(|home| all[*home]).collect();
            let answers = bench.ask(plugin, settings, &batch(&moved, facts));
            for (home, answer) in shuffled.iter().zip(answers) {
                prop_assert_eq!(&answer, &whole[*home], "{} in the order {:?}", name, shuffled);
            }
        }
    }
}

/// A fixed batch in which every plug-in decides, refuses and lacks something.
fn fixed_batch(facts: &[String]) -> FeeBatch {
    let cell = |home: u16, fact: u16| {
        let number = home.wrapping_mul(7_919) ^ fact.wrapping_mul(30_011);
        (number % 13 != 1).then_some(number)
    };
    let cells = |home: u16, segment: u16| std::array::from_fn(|fact| cell(home * 2 + segment, fact as u16));
    let homes: Vec<Home> = (0..500)
        .map(|home| Home { second_from: (home % 4 * 9) as u8, cells: [cells(home, 0), cells(home, 1)] })
        .collect();
    batch(&homes.iter().collect::<Vec<_>>(), facts)
}

#[test]
fn the_standard_plugins_decide_something_here() {
    let (_, bench) = bench();
    for (plugin, (name, settings)) in bench.plugins.iter().zip(STANDARD) {
        let answers = bench.ask(plugin, settings, &fixed_batch(&description(plugin).facts));
        let decided = answers.iter().filter(|answer| matches!(answer, Expected::Lines(_))).count();
        assert!(decided > 50, "{name} decides {decided} of 500, so these tests say little");
    }
}

/// Goal: how machine code was made does not show in answers or fuel.
/// Method: the same components on engines without and with optimisation, each with calls before that leave traces.
#[test]
fn an_engine_without_optimisation_answers_alike_and_counts_alike() {
    let (_, bench) = bench();
    let runtimes = [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize].map(|level| {
        let mut config = engine::config(Tier::Pure);
        config.cranelift_opt_level(level);
        Runtime::of(Tier::Pure, config, 1).unwrap()
    });
    for (plugin, (name, settings)) in bench.plugins.iter().zip(STANDARD) {
        let batch = fixed_batch(&description(plugin).facts);
        let evaluation = bench.sandbox.evaluate_here(&plugin.digest, settings, &asked(&batch)).unwrap();
        let Outcome::Answer(expected) = evaluation.outcome else { panic!("{:?}", evaluation.outcome) };
        for runtime in &runtimes {
            let component = Component::from_binary(&runtime.engine, &component(name)).unwrap();
            let compiled = Compiled { component, float_free: true };
            let prepared = Prepared::link(runtime, &compiled, name.to_owned()).unwrap();
            for _ in 0..3 {
                let policy = prepared.policy(ExtensionPoint::FeePolicy).unwrap();
                let called = policy.evaluate(runtime, &Limits::default(), settings, &asked(&batch)).unwrap();
                assert_eq!(i64::try_from(called.fuel), Ok(evaluation.fuel), "{name}");
                assert_eq!(canonical(&called.result.unwrap()).unwrap(), canonical(&expected).unwrap(), "{name}");
            }
        }
    }
}

/// A fresh sandbox, and one that has answered much else, say the same.
#[test]
fn what_was_asked_before_does_not_matter() {
    let (runtime, bench) = bench();
    let fresh = sandbox(Limits::default());
    for (plugin, (name, settings)) in bench.plugins.iter().zip(STANDARD) {
        let batch = fixed_batch(&description(plugin).facts);
        let before = bench.sandbox.evaluate_here(&plugin.digest, settings, &asked(&batch)).unwrap();
        runtime.block_on(fresh.verify(component(name))).unwrap();
        let first = fresh.evaluate_here(&plugin.digest, settings, &asked(&batch)).unwrap();
        assert_eq!((&before.outcome, before.fuel), (&first.outcome, first.fuel), "{name}");
    }
}
