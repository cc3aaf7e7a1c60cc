//! Writes what fuzzing begins with: `cargo run --bin seeds` in this folder fills `corpus/`.

use std::{fs, path::Path};

use guanjia_domain::{
    decision::{CallFailure, HoldKind, Outcome, canonical},
    values::{
        Amounts, Cells, Codes, Column, Currency, Date, FeeAnswer, FeeBatch, FeeLines, Numbers, Period, Problem, Rounding,
        Segments, Steps, SubjectProblem, Verdict,
    },
};
use guanjia_hostile::{Guest, corpus, package};

/// Larger files make each try slow, and hold nothing that smaller ones do not.
const SEED_BYTES_MAX: usize = 200_000;

fn main() -> std::io::Result<()> {
    let components: Vec<Vec<u8>> = corpus().iter().map(|entry| (entry.make)()).collect();
    write("package", components.into_iter().chain([Guest::honest().component()]))?;
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let manifests: Vec<_> = fs::read_dir(plugins)?
        .filter_map(|entry| guanjia_packaging::Manifest::from_directory(&entry.ok()?.path()).ok())
        .collect();
    let json = manifests.iter().filter_map(|manifest| manifest.to_json().ok());
    write("manifest", json.chain([package::good_manifest().to_string().into_bytes()]))?;
    let settings = manifests.iter().flat_map(|manifest| {
        let schema = manifest.settings_schema.to_string();
        let with = move |case: &serde_json::Value| format!("{schema}\0{}", case["settings"]).into_bytes();
        manifest.cases.iter().map(with).collect::<Vec<_>>()
    });
    write("settings", settings)?;
    write("decision", [canonical(&batch()), canonical(&outcome()), canonical(&failure())].into_iter().flatten())
}

fn write(target: &str, seeds: impl IntoIterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.into_iter().filter(|seed| seed.len() <= SEED_BYTES_MAX).enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed)?;
    }
    Ok(())
}

fn batch() -> FeeBatch {
    let (start, end) = (Date(20_148), Date(20_179));
    let cells = [
        Cells::Numbers(Numbers { scale: 2, mantissas: vec![8_950, 12_000] }),
        Cells::Codes(Codes { names: vec!["shop".to_owned(), "residential".to_owned()], cells: vec![1, 0] }),
        Cells::Dates(vec![start, end]),
        Cells::Flags(vec![true, false]),
    ];
    FeeBatch {
        period: Period { start, end },
        currency: Currency::cny(),
        subjects: 2,
        segments: Segments { subject: vec![0, 1], start: vec![start; 2], end: vec![end; 2] },
        facts: cells.into_iter().map(|cells| Column { cells, missing: vec![1] }).collect(),
    }
}

fn outcome() -> Outcome {
    Outcome::Answer(FeeAnswer {
        verdicts: vec![Verdict::Decided, Verdict::Decided, Verdict::Undecided],
        problems: vec![SubjectProblem {
            subject: 2,
            problem: Problem { code: "missing-fact".to_owned(), about: "unit.area".to_owned(), args: Vec::new() },
        }],
        lines: FeeLines {
            segment: vec![0, 1, 2],
            measure: vec![0; 3],
            quantity: vec![895_000; 3],
            quantity_scale: vec![4; 3],
            unit_price: vec![280; 3],
            unit_price_scale: vec![2; 3],
            rounding: vec![Rounding::HalfUp; 3],
            amounts: Amounts::Money(vec![25_060, 8_000, 17_060]),
        },
        steps: Steps {
            row: vec![0, 1, 2],
            kind: vec![0; 3],
            value: vec![25_060, 800, 1_706_000],
            value_scale: vec![2, 1, 4],
            arg_count: vec![1, 0, 0],
            arg: vec![5],
            arg_scale: vec![0],
        },
    })
}

fn failure() -> Outcome {
    Outcome::Failure(CallFailure { kind: HoldKind::Trap, reason: "the plug-in broke: unreachable".to_owned() })
}
