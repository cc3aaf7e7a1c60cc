//! Decisions: what one call of a plug-in was asked and what it answered, in a form that runs again bit for bit.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, io::Read, ops::Range, str::FromStr};

use crate::{
    Error, Result,
    access::codes,
    billing::{AnswerLimits, ReversedLine},
    hold::HoldCause,
    ids::*,
    point::{Answer, Question},
    ports::{Evaluation, PolicyEngine},
    values::{Description, FeeAnswer, FeeBatch},
};

codes! {
    /// Why a subject was held: the kinds of "no" are never mixed up.
    HoldKind {
        /// The rule could not decide or refused: its own words.
        PolicyError = "policy-error",
        /// The plug-in broke.
        Trap = "trap",
        /// It ran out of fuel, time, memory or output.
        Limit = "limit",
        /// It answered something that cannot be true.
        InvalidOutput = "invalid-output",
        /// It was not asked, because it is quarantined.
        Quarantined = "quarantined",
    }
}

/// A call that came to nothing: the whole batch failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFailure {
    pub kind: HoldKind,
    /// What is told to the clerk.
    pub cause: HoldCause,
    /// For the log and the developer: which trap, what was wrong.
    pub reason: String,
}

impl CallFailure {
    #[must_use]
    pub fn new(cause: HoldCause, reason: impl Into<String>) -> Self {
        Self { kind: cause.kind(), cause, reason: reason.into() }
    }
}

/// What came of a call.
#[allow(clippy::large_enum_variant, reason = "nearly every outcome is an answer: a box would only cost")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Answer(Answer),
    Failure(CallFailure),
}

impl Outcome {
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Failure(_) => None,
        }
    }

    /// What a fee policy answered.
    #[must_use]
    pub fn fee(&self) -> Option<&FeeAnswer> {
        match self {
            Self::Answer(Answer::Fee(answer)) => Some(answer),
            _ => None,
        }
    }

    /// Whether the clock ended the call, and not a count: the one outcome that another machine may not repeat.
    #[must_use]
    pub fn ended_by_the_clock(&self) -> bool {
        matches!(self, Self::Failure(CallFailure { cause: HoldCause::Deadline { .. }, .. }))
    }

    /// Whether the same came out. Answers are compared whole; of failures only the kind, because the sentence may name a
    /// wall-clock figure.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failure(left), Self::Failure(right)) => left.kind == right.kind,
            (left, right) => left == right,
        }
    }
}

/// What has to be known to run the call again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub id: DecisionId,
    pub run_id: BillingRunId,
    pub binding_id: BindingId,
    pub fee_item_id: FeeItemId,
    /// SHA-256 of the component.
    pub component_digest: String,
    pub settings: String,
    /// WIT package version that was served.
    pub wit: String,
    /// Engine profile: wasmtime version, limits and switches that an answer may depend on.
    pub engine: String,
    /// Which unit and payer each subject and segment stands for. Not shown to the plug-in.
    pub subjects: Subjects,
    pub question: Question,
    pub outcome: Outcome,
    /// Amounts that the host allocated from weights, one per line; empty where the policy answered money.
    pub allocated: Vec<i64>,
    /// Posted lines that this decision takes back, because its own stand instead; empty in a regular run. They are numbered
    /// after its own lines.
    pub reverses: Vec<ReversedLine>,
    /// Fuel that the call used; 0 where a failure hides it.
    pub fuel: i64,
    /// Number of lines of the run before this decision: charge ids follow from it.
    pub first_line: i64,
    /// What the plug-in logged during the call.
    pub log: Vec<String>,
}

impl Decision {
    /// What a fee policy was asked.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a decision of another extension point.
    pub fn fee_batch(&self) -> Result<&FeeBatch> {
        match &self.question {
            Question::Fee(batch) => Ok(batch),
            other => Err(Error::invalid(format!("decision {} is one of {}, not of a fee", self.id, other.point()))),
        }
    }

    /// Lines of the run that the decision makes: its own, and those that take a posted line back.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.own_line_count() + self.reverses.len()
    }

    /// Lines that the policy answered.
    #[must_use]
    pub fn own_line_count(&self) -> usize {
        self.outcome.fee().map_or(0, |answer| answer.lines.segment.len())
    }
}

/// A prepared component with its settings.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "an engine has nothing to show")]
pub struct Asked<'a> {
    pub engine: &'a dyn PolicyEngine,
    pub digest: &'a str,
    pub settings: &'a str,
}

impl Asked<'_> {
    /// One call, with the host's own check of the answer: what cannot be true is a failure like a trap.
    ///
    /// # Errors
    /// When the engine itself fails; what the plug-in does wrong is an outcome.
    pub async fn ask(&self, question: &Question, description: &Description) -> Result<Evaluation> {
        let mut evaluation = self.engine.evaluate(self.digest, self.settings, question).await?;
        if let Outcome::Answer(answer) = &evaluation.outcome
            && let Err(reason) = question.check(answer, description, &AnswerLimits::default())
        {
            evaluation.outcome = Outcome::Failure(CallFailure::new(HoldCause::Unbelievable, reason));
        }
        Ok(evaluation)
    }

    /// Asks, and takes a failing batch apart until the subjects that fail stand alone. The parts are in the order of the
    /// subjects and together cover them all. `failures` counts failing subjects over many calls.
    ///
    /// # Errors
    /// As [`Asked::ask`].
    pub async fn ask_apart(
        &self,
        question: Question,
        description: &Description,
        failures: &mut usize,
    ) -> Result<Vec<Part>> {
        let mut parts = Vec::with_capacity(1);
        let whole = 0..question.subjects();
        let mut waiting = vec![(whole, question)];
        while let Some((subjects, question)) = waiting.pop() {
            let count = subjects.len();
            if count == 0 {
                continue;
            }
            let evaluation = self.ask(&question, description).await?;
            if matches!(evaluation.outcome, Outcome::Failure(_)) {
                if count > 1 && *failures < ISOLATED_FAILURES_MAX {
                    let middle = count / 2;
                    let half =
                        |from: usize, to: usize| (subjects.start + from..subjects.start + to, question.slice(from..to));
                    waiting.push(half(middle, count));
                    waiting.push(half(0, middle));
                    continue;
                }
                *failures += count;
            }
            parts.push(Part { subjects, question, evaluation });
        }
        Ok(parts)
    }
}

/// Subjects that may fail one by one before a failing batch is no longer taken apart. A plug-in that breaks on so many is
/// broken: what is left of its failing batches is held whole, and nothing is decided by accident.
const ISOLATED_FAILURES_MAX: usize = 4_096;

/// Some subjects of a question that were asked about in one call.
#[derive(Debug, Clone)]
pub struct Part {
    /// Their numbers in the whole question.
    pub subjects: Range<usize>,
    pub question: Question,
    pub evaluation: Evaluation,
}

/// Who the numbered subjects and segments of a batch are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subjects {
    /// One per subject.
    pub units: Vec<UnitId>,
    /// One per segment.
    pub payers: Vec<PartyId>,
}

/// How far zstd goes: level 1 halves a batch at several hundred MB/s; higher levels gain little on columns of varints.
const COMPRESSION_LEVEL: i32 = 1;
/// A decoded part of a decision may not be larger: a batch of the largest size with full answers stays below.
const DECODED_BYTES_MAX: u64 = 256 << 20;

/// Encodes a part of a decision: postcard in zstd. The same value gives the same bytes before compression, which is what
/// [`digest`] and replay compare.
///
/// # Errors
/// [`Error::Unavailable`] when the compressor fails.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let plain = canonical(value)?;
    zstd::bulk::compress(&plain, COMPRESSION_LEVEL).map_err(|error| Error::unavailable("compressing a decision", error))
}

/// # Errors
/// [`Error::Unavailable`] when the bytes are damaged.
pub fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    let plain = unpack(bytes, DECODED_BYTES_MAX)?;
    postcard::from_bytes(&plain).map_err(|error| Error::unavailable("decoding a decision", error))
}

/// Bytes are counted while they come out: a few kilobytes can be made to unpack to as many gigabytes.
fn unpack(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>> {
    let damaged = |error| Error::unavailable("decompressing a decision", error);
    let mut plain = Vec::new();
    let unpacked = zstd::stream::Decoder::with_buffer(bytes).map_err(damaged)?;
    let length = unpacked.take(bytes_max + 1).read_to_end(&mut plain).map_err(damaged)?;
    if u64::try_from(length).is_ok_and(|length| length <= bytes_max) {
        return Ok(plain);
    }
    Err(Error::invalid("a decision is larger than any batch can be"))
}

/// The bytes that are compared bit for bit.
///
/// # Errors
/// [`Error::Unavailable`] when the value cannot be serialised.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|error| Error::unavailable("encoding a decision", error))
}

/// SHA-256 of a value's canonical bytes, in hex.
///
/// # Errors
/// See [`canonical`].
pub fn digest<T: Serialize>(value: &T) -> Result<String> {
    Ok(hex::encode(Sha256::digest(canonical(value)?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        Date, Period,
        billing::{AnswerLimits, check_answer},
        values::{Currency, Description, Segments, cases},
    };
    use proptest::{collection::vec, prelude::*, test_runner::Config};

    /// Fuel and memory are counted, so that they end a call on every machine; only the deadline looks at a clock.
    #[test]
    fn the_clock_is_told_from_counts() {
        let ended = |cause| Outcome::Failure(CallFailure::new(cause, "")).ended_by_the_clock();
        assert!(ended(HoldCause::Deadline { millis: 10_000 }));
        assert!(!ended(HoldCause::Fuel { units: 1 }) && !ended(HoldCause::Broken));
    }

    fn batch() -> FeeBatch {
        let (start, end) = (Date(0), Date(31));
        let segments = Segments { subject: vec![0, 1], start: vec![start; 2], end: vec![end; 2] };
        FeeBatch { period: Period { start, end }, currency: Currency::cny(), subjects: 2, segments, facts: vec![] }
    }

    fn answer() -> FeeAnswer {
        let json = r#"{"verdicts": ["Decided", "Decided"], "problems": [], "lines": {"segment": [0, 1], "measure": [0, 0],
            "quantity": [1, 1], "quantity_scale": [0, 0], "unit_price": [100, 100], "unit_price_scale": [2, 2],
            "rounding": ["half-up", "half-up"], "amounts": {"Money": [100, 100]}}, "steps": {"row": [0, 1], "kind": [0, 0],
            "value": [100, 100], "value_scale": [2, 2], "arg_count": [0, 0], "arg": [], "arg_scale": []}}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_value_comes_back_as_it_was() {
        assert_eq!(decode::<FeeBatch>(&encode(&batch()).unwrap()).unwrap(), batch());
    }

    #[test]
    fn what_unpacks_to_more_than_any_batch_is_refused_before_it_is_all_there() {
        let bomb = zstd::bulk::compress(&vec![0; 1 << 24], 1).unwrap();
        assert!(bomb.len() < 10_000, "ten kilobytes that become sixteen megabytes");
        assert_eq!(unpack(&bomb, 1 << 24).unwrap().len(), 1 << 24);
        let error = unpack(&bomb, (1 << 24) - 1).unwrap_err().to_string();
        assert!(error.contains("larger than any batch"), "{error}");
    }

    proptest! {
        #![proptest_config(Config { cases: 512, failure_persistence: None, ..Config::default() })]

        /// Whatever the bytes are, reading them ends.
        #[test]
        fn whatever_is_unpacked_is_an_error_or_a_value(
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), length in 0..200_usize, whole in any::<bool>(),
        ) {
            let mut plain = canonical(&Outcome::Answer(Answer::Fee(answer()))).unwrap();
            for (at, value) in changes {
                let at = at.index(plain.len());
                plain[at] = value;
            }
            if !whole {
                plain.truncate(length);
            }
            prop_assert!(decode::<Outcome>(&plain).is_err(), "it is not packed");
            let packed = zstd::bulk::compress(&plain, 1).unwrap();
            if let Ok(outcome) = decode::<Outcome>(&packed) {
                prop_assert_eq!(&decode::<Outcome>(&encode(&outcome).unwrap()).unwrap(), &outcome);
                if let Outcome::Answer(Answer::Fee(answer)) = outcome {
                    let description =
                        Description { facts: vec![], steps: vec!["base".into()], measures: vec!["m2".into()] };
                    if check_answer(&batch(), &answer, &description, &AnswerLimits::default()).is_ok() {
                        prop_assert!(cases::outcome(&batch(), &answer, &description).is_ok());
                    }
                }
            }
        }
    }
}
