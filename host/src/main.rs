//! `guanjia`: parses, runs, and turns the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    guanjia::cli::main()
}
