//! Decisions: what one call of a plug-in was asked and what it answered, in a form that runs again bit for bit.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

use crate::{
    Error, Result,
    access::codes,
    hold::HoldCause,
    ids::*,
    values::{FeeAnswer, FeeBatch},
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
    Answer(FeeAnswer),
    Failure(CallFailure),
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
    pub input: FeeBatch,
    pub outcome: Outcome,
    /// Amounts that the host allocated from weights, one per line; empty where the policy answered money.
    pub allocated: Vec<i64>,
    /// Fuel that the call used; 0 where a failure hides it.
    pub fuel: i64,
    /// Number of lines of the run before this decision: charge ids follow from it.
    pub first_line: i64,
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
const DECODED_BYTES_MAX: usize = 256 << 20;

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
    let plain =
        zstd::stream::decode_all(bytes).map_err(|error| Error::unavailable("decompressing a decision", error))?;
    if plain.len() > DECODED_BYTES_MAX {
        return Err(Error::invalid("a decision is larger than any batch can be"));
    }
    postcard::from_bytes(&plain).map_err(|error| Error::unavailable("decoding a decision", error))
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
