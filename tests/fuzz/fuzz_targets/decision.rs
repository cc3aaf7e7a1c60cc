//! Parts of a decision, packed and unpacked: whatever the bytes are, decoding ends and takes no more than it may. What can
//! be decoded is encoded to the same value, and an answer of any shape is judged.
#![no_main]

use guanjia_domain::{
    Date, Period,
    billing::{AnswerLimits, check_answer},
    decision::{Outcome, Subjects, canonical, decode, encode},
    values::{Currency, Description, FeeBatch, Segments, cases},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // As they are: nearly always no frame at all, which has to be said and not to break.
    let _ = decode::<FeeBatch>(bytes);
    let packed = zstd::bulk::compress(bytes, 1).expect("a buffer can be compressed");
    if let Ok(batch) = decode::<FeeBatch>(&packed) {
        again(&batch);
    }
    if let Ok(subjects) = decode::<Subjects>(&packed) {
        again(&subjects);
    }
    if let Ok(outcome) = decode::<Outcome>(&packed) {
        again(&outcome);
        if let Outcome::Answer(answer) = outcome {
            let batch = batch();
            let description = Description {
                facts: Vec::new(),
                steps: vec!["base".to_owned(), "rounded".to_owned()],
                measures: vec!["m2".to_owned(), "month".to_owned()],
            };
            let believed = check_answer(&batch, &answer, &description, &AnswerLimits::default());
            let told = cases::outcome(&batch, &answer, &description);
            if let (Ok(()), Err(error)) = (believed, told) {
                panic!("believed, and cannot be told: {error}");
            }
        }
    }
});

fn again<T: serde::Serialize + for<'de> serde::Deserialize<'de> + PartialEq + std::fmt::Debug>(value: &T) {
    let decoded: T = decode(&encode(value).expect("can be encoded")).expect("can be decoded");
    assert_eq!(canonical(&decoded).expect("is canonical"), canonical(value).expect("is canonical"));
    assert_eq!(decoded, *value);
}

fn batch() -> FeeBatch {
    let (start, end) = (Date(0), Date(31));
    FeeBatch {
        period: Period { start, end },
        currency: Currency::cny(),
        subjects: 3,
        segments: Segments {
            subject: vec![0, 1, 1, 2],
            start: vec![start, start, Date(10), start],
            end: vec![end, Date(10), end, end],
        },
        facts: Vec::new(),
    }
}
