//! The virtual WASI: what languages that carry a runtime ask an operating system for, answered without one.
//!
//! An interpreter is compiled against files, clocks and streams, whether or not a rule ever touches them. Here the clock
//! stands still, the generator always gives the same bytes, there are no files, arguments or variables, standard input is
//! at its end, and what is printed goes to the bounded log of the call. Whatever else of the known interfaces is called
//! ends the call and says what it asked for. So a call depends on its arguments alone, as it does without WASI.
//!
//! It is written out instead of taken from `wasmtime-wasi`, because denying what a library can do is more code, and more
//! to trust, than answering these few questions: most of wasmtime's advisories are about WASI, and this host would link
//! sockets, files and an async runtime only to switch them off.

pub(crate) mod limits;
mod link;
mod types;

use std::fmt;

pub(crate) use link::link;

use crate::{
    limits::LOG_LINE_BYTES,
    log::{CallLog, cut},
};
use limits::{HANDLES, RANDOM_BYTES};

/// What this host answers, or ends with a sentence. Networks, HTTP and whatever else is not here is refused when a
/// plug-in is installed.
const INTERFACES: [&str; 18] = [
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/random",
];
/// Two more of the generator, with names of their own.
const INSECURE_INTERFACES: [&str; 2] = ["random/insecure", "random/insecure-seed"];
/// The WASI that these interfaces belong to.
const VERSION: &str = "0.2.";

/// The interface without namespace and version, if it is one that this host answers: `cli/stdout` of
/// `wasi:cli/stdout@0.2.12`.
pub(crate) fn interface(import: &str) -> Option<&str> {
    let (name, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let known = INTERFACES.contains(&name) || INSECURE_INTERFACES.contains(&name);
    (known && version.starts_with(VERSION)).then_some(name)
}

/// A guest called what no rule has a use for. Carried through wasmtime as the error that ends the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoUse {
    /// Name of the function.
    Function(String),
    Exit,
    Handles,
    Random,
}

impl fmt::Display for NoUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "it called {name}, and a rule has no files, network or waiting"),
            Self::Exit => f.write_str("it ended itself instead of answering"),
            Self::Handles => write!(f, "it holds more than {HANDLES} handles of streams"),
            Self::Random => write!(f, "it asked for more than {RANDOM_BYTES} random bytes at once"),
        }
    }
}

impl std::error::Error for NoUse {}

/// Where a guest prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

/// What the virtual WASI remembers of one call.
#[derive(Debug, Default)]
pub(crate) struct WasiState {
    /// How many numbers the generator has given.
    random_count: u64,
    /// Handles that the guest holds. Each costs the host memory that no meter sees.
    handles: u32,
    stdout: OpenLine,
    stderr: OpenLine,
}

impl WasiState {
    /// The next number of the one sequence that there is (SplitMix64 from 0): it looks random to whoever shuffles or
    /// hashes, and is no secret.
    fn random(&mut self) -> u64 {
        self.random_count = self.random_count.wrapping_add(1);
        let mut mixed = self.random_count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn take_handle(&mut self) -> Result<(), NoUse> {
        if self.handles >= HANDLES {
            return Err(NoUse::Handles);
        }
        self.handles += 1;
        Ok(())
    }

    fn give_handle_back(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    fn print(&mut self, output: Output, bytes: &[u8], log: &mut CallLog) {
        match output {
            Output::Stdout => self.stdout.print("info", bytes, log),
            Output::Stderr => self.stderr.print("warn", bytes, log),
        }
    }

    /// Ends the lines that are still open.
    pub(crate) fn flush(&mut self, log: &mut CallLog) {
        for (level, line) in [("info", &mut self.stdout), ("warn", &mut self.stderr)] {
            if !line.0.is_empty() {
                line.end(level, log);
            }
        }
    }
}

/// Printing comes in pieces that are no lines, and cut anywhere.
#[derive(Debug, Default)]
struct OpenLine(Vec<u8>);

impl OpenLine {
    fn print(&mut self, level: &str, bytes: &[u8], log: &mut CallLog) {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            // What is beyond the limit of a line would be cut anyway.
            let room = LOG_LINE_BYTES.saturating_sub(self.0.len());
            self.0.extend_from_slice(&piece[..piece.len().min(room)]);
            if pieces.peek().is_some() {
                self.end(level, log);
            }
        }
    }

    fn end(&mut self, level: &str, log: &mut CallLog) {
        let line = String::from_utf8_lossy(&self.0);
        log.write(level, cut(&line, LOG_LINE_BYTES));
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::known("wasi:cli/stdout@0.2.12", Some("cli/stdout"))]
    #[case::another_patch("wasi:cli/stdout@0.2.0", Some("cli/stdout"))]
    #[case::seed("wasi:random/insecure-seed@0.2.9", Some("random/insecure-seed"))]
    #[case::network("wasi:sockets/tcp@0.2.9", None)]
    #[case::web("wasi:http/outgoing-handler@0.2.9", None)]
    #[case::next_wasi("wasi:cli/stdout@0.3.0", None)]
    #[case::not_wasi("acme:cli/stdout@0.2.0", None)]
    fn only_what_a_runtime_drags_in_is_known(#[case] import: &str, #[case] expected: Option<&str>) {
        assert_eq!(interface(import), expected);
    }

    #[test]
    fn pieces_become_lines() {
        let (mut state, mut log) = (WasiState::default(), CallLog::default());
        state.print(Output::Stdout, "单".as_bytes().split_at(2).0, &mut log);
        state.print(Output::Stderr, b"oops\n", &mut log);
        state.print(Output::Stdout, "单".as_bytes().split_at(2).1, &mut log);
        state.print(Output::Stdout, b"\n\nopen", &mut log);
        state.flush(&mut log);
        assert_eq!(log.into_lines(), ["warn: oops", "info: 单", "info: ", "info: open"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_not_kept() {
        let (mut state, mut log) = (WasiState::default(), CallLog::default());
        for _ in 0..100 {
            state.print(Output::Stdout, &[b'x'; 1_000], &mut log);
        }
        assert_eq!(state.stdout.0.len(), LOG_LINE_BYTES);
        state.flush(&mut log);
        assert_eq!(log.into_lines()[0].len(), "info: ".len() + LOG_LINE_BYTES);
    }

    #[test]
    fn the_generator_gives_one_sequence() {
        let sequence = || {
            let mut state = WasiState::default();
            [state.random(), state.random(), state.random()]
        };
        assert_eq!(sequence(), sequence());
        // The reference implementation of SplitMix64, seeded with 0.
        assert_eq!(sequence()[0], 0xe220_a839_7b1d_cdaf);
    }
}
