//! Requests that a machine sends again because an answer got lost: each has its effect once.
//!
//! Whoever sends a request names it with a key of its own choosing. The first to come with a key claims it; everybody
//! after it gets the first one's answer, or hears that there is none yet.

use chrono::{DateTime, Utc};

use crate::ids::UserId;

/// How long a key stands for its request. What was interrupted is tried again within minutes, by people on the next
/// morning; after that a key would be kept for nobody.
pub const KEY_HOURS: i64 = 24;
/// Longest key, in characters. Senders use UUIDs or the numbers of their own documents, which are far shorter.
pub const KEY_LENGTH_MAX: usize = 255;
/// A request without an answer after so long was begun by a host that is gone: no request works for nearly as long. The
/// next one of the same key is run, so that a crash does not lock its sender out for a day.
pub const RUNNING_MINUTES_MAX: i64 = 10;

/// A request with its key.
#[derive(Debug, Clone, Copy)]
pub struct KeyedRequest<'a> {
    /// Keys are the sender's own: two users may choose the same.
    pub user_id: UserId,
    pub key: &'a str,
    /// Method and path with its query.
    pub route: &'a str,
    pub body: &'a [u8],
}

/// The right to answer a keyed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    pub user_id: UserId,
    pub key: String,
    /// When it was claimed. A claim that was given up and made again is another one.
    pub at: DateTime<Utc>,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// It is new: the request may be run, and its answer is kept under this claim.
    Claimed(KeyClaim),
    /// The same request is being worked on.
    Running,
    /// The same request was answered.
    Answered(StoredAnswer),
    /// The key stands for another request.
    Other,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Names and values of the headers that belong to the answer itself.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}
