//! Writes what fuzzing begins with: `cargo run --release --example seeds` in this folder fills `corpus/` from the standard
//! plug-ins, which it builds, and from the table of hostile components.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use guanjia_domain::{
    decision::{CallFailure, Outcome, Subjects, canonical},
    hold::HoldCause,
    ids::{PartyId, UnitId},
    point::{Answer, Question},
    values::{
        Amounts, Balances, Cells, Codes, Column, Currency, Date, Decimal, FeeAnswer, FeeBatch, FeeLines, LateFeeAnswer,
        LateFeeBatch, Numbers, OverdueCharges, Period, Problem, Rounding, Segments, Steps, SubjectProblem, Verdict,
    },
};
use guanjia_hostile::{Guest, corpus, package};
use guanjia_packaging::{Manifest, PrivateKey, build, build_plugins, pack, sign};
use serde_json::{Value, json};

/// Larger files make each try slow, and hold nothing that smaller ones do not.
const SEED_BYTES_MAX: usize = 200_000;
const STANDARD_PLUGINS: [&str; 6] =
    ["area-fee", "daily-late-fee", "fixed-fee", "metered-fee", "parking-fee", "shared-cost-fee"];

type Seeds = Vec<Vec<u8>>;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let built = build_plugins(&root, &STANDARD_PLUGINS, &root.join("target/guests"), build::PROFILE)?;
    let mut standard: Seeds = Vec::new();
    for plugin in &built {
        standard.push(fs::read(&plugin.path)?);
    }
    let honest = Guest::honest().component();
    let signed = signed(&honest)?;
    let mut files = vec![honest.clone()];
    files.extend(signed.iter().cloned());
    let hostile: Seeds = corpus().iter().map(|entry| (entry.make)()).collect();
    write("package", standard.iter().chain(&hostile).chain(&files))?;
    write("signature", files.iter().chain(&key_texts()?))?;
    write("bundle", &bundles(&standard, &signed, &honest)?)?;
    let manifests = manifests(&root)?;
    let mut texts = vec![package::good_manifest().to_string().into_bytes()];
    for manifest in &manifests {
        texts.push(manifest.to_json()?);
    }
    write("manifest", &texts)?;
    write("settings", &settings(&manifests))?;
    write("decision", &decisions()?)?;
    write("proof", &proofs())?;
    Ok(())
}

fn write<'a>(target: &str, seeds: impl IntoIterator<Item = &'a Vec<u8>>) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    let mut count = 0;
    for (number, seed) in seeds.into_iter().filter(|seed| seed.len() <= SEED_BYTES_MAX).enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed)?;
        count += 1;
    }
    println!("{target}: {count} seeds");
    Ok(())
}

fn manifests(root: &PathBuf) -> Result<Vec<Manifest>, Box<dyn Error>> {
    STANDARD_PLUGINS.iter().map(|name| Ok(Manifest::from_directory(&root.join("plugins").join(name))?)).collect()
}

/// Once, and twice.
fn signed(file: &[u8]) -> Result<Seeds, Box<dyn Error>> {
    let once = sign(file, &PrivateKey::generate()?, "作者")?;
    let twice = sign(&once, &PrivateKey::generate()?, "reviewer")?;
    Ok(vec![once, twice])
}

fn key_texts() -> Result<Seeds, Box<dyn Error>> {
    let key = PrivateKey::generate()?;
    Ok(vec![key.public().to_string().into_bytes(), key.to_pem()?.as_ref().as_bytes().to_vec()])
}

fn bundles(standard: &[Vec<u8>], signed: &[Vec<u8>], honest: &[u8]) -> Result<Seeds, Box<dyn Error>> {
    let mut other = package::manifest_with("/version", json!("1.0.1"));
    other["id"] = json!("another");
    let files = [signed[1].clone(), package::honest_with(&other)];
    Ok(vec![pack(&[honest.to_vec()])?, pack(&files)?, pack(&[standard[2].clone(), signed[0].clone()])?])
}

/// Each schema with the settings of each of its golden cases.
fn settings(manifests: &[Manifest]) -> Seeds {
    let of = |manifest: &Manifest| {
        let schema = manifest.settings_schema.to_string();
        let with = |case: &Value| format!("{schema}\0{}", case["settings"]).into_bytes();
        manifest.cases.iter().map(with).collect::<Vec<_>>()
    };
    let references = r##"{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"pattern":"^(a|b{1,9})+$"}}}"##;
    let written = format!("{references}\0{}", r#"{"a":"ab","b":[1,-2.5,1e3,null,true]}"#).into_bytes();
    manifests.iter().flat_map(of).chain([written]).collect()
}

fn decisions() -> Result<Seeds, Box<dyn Error>> {
    let subjects =
        Subjects { units: vec![UnitId::generate(), UnitId::generate()], payers: vec![PartyId::generate(); 3] };
    let allocated = vec![0_i64, -1, 25_060, i64::MAX];
    let mut seeds = vec![canonical(&subjects)?, canonical(&allocated)?];
    for question in [fee_question(), late_fee_question()] {
        seeds.push(canonical(&question)?);
    }
    for outcome in [fee_outcome(), weights(), late_fee_outcome(), failure()] {
        seeds.push(canonical(&outcome)?);
    }
    Ok(seeds)
}

fn fee_question() -> Question {
    let (start, end) = (Date(20_148), Date(20_179));
    let cells = [
        Cells::Numbers(Numbers { scale: 2, mantissas: vec![8_950, 12_000, 1, 7] }),
        Cells::Codes(Codes { names: vec!["shop".to_owned(), "residential".to_owned()], cells: vec![1, 0, 0, 1] }),
        Cells::Dates(vec![start; 4]),
        Cells::Flags(vec![true, false, true, false]),
    ];
    Question::Fee(Arc::new(FeeBatch {
        period: Period { start, end },
        currency: Currency::cny(),
        subjects: 3,
        segments: Segments { subject: vec![0, 1, 1, 2], start: vec![start; 4], end: vec![end; 4] },
        facts: cells.into_iter().map(|cells| Column { cells, missing: vec![1] }).collect(),
    }))
}

fn late_fee_question() -> Question {
    Question::LateFee(Arc::new(LateFeeBatch {
        as_of: Date(100),
        currency: Currency::cny(),
        charges: OverdueCharges { due_on: vec![Date(10), Date(20), Date(30)], principal: vec![10_000, 500, 700] },
        balances: Balances {
            charge: vec![0, 1, 2],
            start: vec![Date(11), Date(21), Date(31)],
            end: vec![Date(100); 3],
            open: vec![10_000, 500, 700],
        },
        facts: Vec::new(),
    }))
}

/// A believable answer to the questions about three subjects, of whom the last is not decided.
fn steps(values: Vec<i64>, scale: u8) -> Steps {
    let rows = values.len();
    Steps {
        row: (0..).take(rows).collect(),
        kind: vec![0; rows],
        value: values,
        value_scale: vec![scale; rows],
        arg_count: [1].into_iter().chain(std::iter::repeat(0)).take(rows).collect(),
        arg: vec![280],
        arg_scale: vec![2],
    }
}

fn no(subject: u32) -> Vec<SubjectProblem> {
    let problem = Problem { code: "no".to_owned(), about: "unit.area".to_owned(), args: vec![Decimal::new(280, 2)] };
    vec![SubjectProblem { subject, problem }]
}

const VERDICTS: [Verdict; 3] = [Verdict::Decided, Verdict::Decided, Verdict::Undecided];

fn fee_answer(amounts: Amounts, steps: Steps) -> Outcome {
    Outcome::Answer(Answer::Fee(FeeAnswer {
        verdicts: VERDICTS.to_vec(),
        problems: no(2),
        lines: FeeLines {
            segment: vec![0, 1, 2],
            measure: vec![0, 1, 0],
            quantity: vec![8_950; 3],
            quantity_scale: vec![2; 3],
            unit_price: vec![280; 3],
            unit_price_scale: vec![2; 3],
            rounding: vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Down],
            amounts,
        },
        steps,
    }))
}

fn fee_outcome() -> Outcome {
    let amounts = vec![25_060, -800, 17_060];
    fee_answer(Amounts::Money(amounts.clone()), steps(amounts, 2))
}

fn weights() -> Outcome {
    let weights = vec![895_000_000, 1, 0];
    fee_answer(Amounts::Weights(weights.clone()), steps(weights, 7))
}

fn late_fee_outcome() -> Outcome {
    Outcome::Answer(Answer::LateFee(LateFeeAnswer {
        verdicts: VERDICTS.to_vec(),
        problems: no(2),
        totals: vec![89, 1, 0],
        steps: steps(vec![89, 1], 2),
    }))
}

fn failure() -> Outcome {
    Outcome::Failure(CallFailure::new(HoldCause::Fuel { units: 1 }, "it used up its fuel"))
}

fn proofs() -> Seeds {
    let questions = [fee_question(), fee_question(), late_fee_question(), late_fee_question()];
    let outcomes = [fee_outcome(), weights(), late_fee_outcome(), failure()];
    questions.into_iter().zip(outcomes).map(|(question, outcome)| proof(&question, &outcome).into_bytes()).collect()
}

fn proof(question: &Question, outcome: &Outcome) -> String {
    let step = json!({ "key": "base", "label": "base", "text": "", "value": "250.60" });
    json!({
        "format": "guanjia-proof/1", "issued_at": "2025-02-01T08:00:00Z", "issued_by": "wang",
        "about": { "project": "p", "place": "1-1-101", "fee_item": "f", "from": "2025-03-01", "to": "2025-04-01", "amount_fen": 25_060 },
        "decision": "0190a5f0-0000-7000-8000-000000000001",
        "plugin": { "id": "area-fee", "version": "1.0.0", "publisher": "Guanjia", "digest": "00", "wit": "1.0.0" },
        "engine": "wasmtime", "settings": "{\"price\":\"2.80\"}", "question": question, "outcome": outcome,
        "allocated_fen": null, "steps": { "zh": [step], "en": [step] }, "component": STANDARD.encode("component"),
    })
    .to_string()
}
