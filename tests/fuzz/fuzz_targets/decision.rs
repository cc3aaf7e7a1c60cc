//! Parts of a decision, packed and unpacked: whatever the bytes are, decoding ends and takes no more than it may. What can
//! be decoded is encoded to the same value, an answer of any shape is judged, and one that is believed can be told.
#![no_main]

use std::{fmt::Debug, sync::Arc, sync::LazyLock};

use guanjia_domain::{
    Date, Period,
    billing::{AnswerLimits, explain_row, render_problem},
    decision::{Outcome, Subjects, canonical, decode, encode},
    plugin::{InstalledPlugin, Language},
    point::{Answer, Question},
    values::{Balances, Currency, FeeBatch, LateFeeBatch, OverdueCharges, Segments, cases},
};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

fuzz_target!(|bytes: &[u8]| {
    // As they are: nearly always no frame at all, which has to be said and not to break.
    let _ = decode::<Question>(bytes);
    let packed = zstd::bulk::compress(bytes, 1).expect("a buffer can be compressed");
    if let Ok(question) = decode::<Question>(&packed) {
        again(&question);
    }
    if let Ok(subjects) = decode::<Subjects>(&packed) {
        again(&subjects);
    }
    if let Ok(allocated) = decode::<Vec<i64>>(&packed) {
        again(&allocated);
    }
    if let Ok(outcome) = decode::<Outcome>(&packed) {
        again(&outcome);
        assert!(outcome.is_same(&outcome));
        if let Outcome::Answer(answer) = &outcome {
            for question in [fee(), late_fee()] {
                judge(&question, answer);
            }
        }
    }
});

fn again<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: &T) {
    let decoded: T = decode(&encode(value).expect("can be encoded")).expect("can be decoded");
    assert_eq!(canonical(&decoded).expect("is canonical"), canonical(value).expect("is canonical"));
    assert_eq!(decoded, *value);
}

/// An answer that is believed can be told in every way in which answers are told.
fn judge(question: &Question, answer: &Answer) {
    let description = &PLUGIN.export(question.point()).expect("both points").description;
    if question.check(answer, description, &AnswerLimits::default()).is_err() {
        return;
    }
    assert_eq!(question.results(answer).len(), question.subjects());
    if let (Question::Fee(batch), Answer::Fee(answer)) = (question, answer) {
        cases::outcome(batch, answer, description).expect("what is believed can be told");
    }
    for row in 0..u32::try_from(answer.values().len()).expect("a small answer") {
        for language in [Language::Zh, Language::En] {
            explain_row(answer, row, &PLUGIN, language).expect("what is believed can be explained");
        }
    }
    for problem in answer.problems() {
        let _ = render_problem(&problem.problem, &PLUGIN, Language::En);
    }
}

static PLUGIN: LazyLock<InstalledPlugin> = LazyLock::new(|| {
    let export = |point: &str| {
        let description = serde_json::json!({ "facts": [], "steps": ["base", "rounded"], "measures": ["m2", "month"] });
        serde_json::json!({ "point": point, "wit": "1.0.0", "description": description })
    };
    let text = serde_json::json!({ "zh": "{price:date}{value}", "en": "{price} {value}" });
    let plugin = serde_json::json!({
        "id": "fuzzed", "version": "1.0.0", "digest": "", "publisher": "", "title": text, "summary": text,
        "exports": [export("fee-policy"), export("late-fee-policy")], "settings_schema": {},
        "steps": { "base": { "args": ["price"], "label": text, "text": text } },
        "messages": { "no": { "args": ["price"], "text": text } }, "float_free": true, "size_bytes": 0,
    });
    serde_json::from_value(plugin).expect("a plug-in")
});

fn fee() -> Question {
    let (start, end) = (Date(0), Date(31));
    Question::Fee(Arc::new(FeeBatch {
        period: Period { start, end },
        currency: Currency::cny(),
        subjects: 3,
        segments: Segments {
            subject: vec![0, 1, 1, 2],
            start: vec![start, start, Date(10), start],
            end: vec![end, Date(10), end, end],
        },
        facts: Vec::new(),
    }))
}

fn late_fee() -> Question {
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
