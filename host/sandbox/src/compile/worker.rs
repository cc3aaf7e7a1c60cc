//! The other side: a process that reads one component, compiles it, and ends.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use wasmtime::Engine;

use super::{
    compatibility, invalid, not_compiled,
    protocol::{HEADER_BYTES, Job, Reply},
};
use crate::engine;

/// What a worker may say on its way out, in bytes: enough for a panic and its place.
pub(super) const WORDS_BYTES: usize = 4 << 10;
/// Threads that compile. Each has a stack and a share of the allocator, which the limit of memory counts, and beyond these
/// the components of this trade gain nothing.
const THREADS_MAX: usize = 4;
/// Places of the allocator for threads; each reserves 64 MB of address space.
const ALLOCATOR_ARENAS: &str = "2";

/// All that a worker finds in its environment: how it uses the machine. Nothing of the host's.
pub(super) fn environment() -> [(&'static str, String); 2] {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    [("RAYON_NUM_THREADS", threads.to_string()), ("MALLOC_ARENA_MAX", ALLOCATOR_ARENAS.to_owned())]
}

/// The whole life of a worker: a job on the standard input, its reply on the standard output. The host gives its hidden
/// command to it before it does anything else.
#[must_use]
pub fn compile_worker() -> ExitCode {
    match work(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The host keeps the first words for its log.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn work(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    close_inherited();
    let mut header = [0; HEADER_BYTES];
    input.read_exact(&mut header)?;
    let (job, length) = Job::read(&header).ok_or_else(|| io::Error::other("this is no job of this build"))?;
    // Before the first byte of the component.
    limit(&job)?;
    let mut component = Vec::new();
    input.take(length).read_to_end(&mut component)?;
    if u64::try_from(component.len()) != Ok(length) {
        return Err(io::Error::other("the host went away"));
    }
    let reply = compile(&job, &component)?;
    let (kind, rest) = reply.parts();
    output.write_all(&[kind])?;
    output.write_all(rest)?;
    output.flush()
}

fn compile(job: &Job, component: &[u8]) -> io::Result<Reply> {
    // Without the pool of the host's engine, whose address space is far beyond the limit: code does not depend on it.
    let engine = Engine::new(&engine::config(job.tier)).map_err(io::Error::other)?;
    if compatibility(&engine) != job.engine {
        return Ok(Reply::OtherEngine);
    }
    let float_free = match guanjia_packaging::validate(component) {
        Ok(validated) => validated.float_free,
        Err(error) => return Ok(Reply::Refused(invalid(&error))),
    };
    match engine.precompile_component(component) {
        Ok(code) => Ok(Reply::Code { float_free, code }),
        Err(error) if is_out_of_memory(&error) => Err(io::Error::other(format!("memory allocation failed: {error:#}"))),
        Err(error) => Ok(Reply::Refused(not_compiled(&format!("{error:#}")))),
    }
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::OutOfMemory))
}

#[cfg(unix)]
pub(super) const SIGNAL_PROCESSOR: i32 = nix::sys::signal::Signal::SIGXCPU as i32;
#[cfg(unix)]
pub(super) const SIGNAL_KILL: i32 = nix::sys::signal::Signal::SIGKILL as i32;

/// Closes whatever the host has inherited itself and not closed: its own files and sockets do not reach a child anyway, so
/// that a system that does not list what is open loses a second lock and not the first.
#[cfg(unix)]
fn close_inherited() {
    /// Standard input, output and error are the lowest three.
    const FIRST_OTHER: i32 = 3;
    let Ok(entries) = std::fs::read_dir("/dev/fd") else {
        return;
    };
    let number = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<i32>().ok();
    // The list is whole before anything is closed; its own number is closed by then, and closing it again is an error that
    // says nothing.
    let open: Vec<i32> = entries.filter_map(number).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor >= FIRST_OTHER) {
        let _ = nix::unistd::close(descriptor);
    }
}

#[cfg(not(unix))]
fn close_inherited() {}

/// Lowers what this process may take. It cannot be raised again.
#[cfg(unix)]
fn limit(job: &Job) -> io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    /// The three pipes and what reading the number of cores opens for a moment.
    const FILES: u64 = 16;
    setrlimit(Resource::RLIMIT_AS, job.memory_bytes, job.memory_bytes)?;
    // The first limit says which one it was by its signal; the second, a second later, kills.
    setrlimit(Resource::RLIMIT_CPU, job.processor_seconds, job.processor_seconds.saturating_add(1))?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_NOFILE, FILES, FILES)?;
    Ok(())
}

/// Elsewhere only the clock of the host bounds a worker.
#[cfg(not(unix))]
fn limit(_job: &Job) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_domain::plugin::Tier;

    #[test]
    fn the_workers_engine_makes_code_for_the_hosts() {
        for tier in Tier::ALL {
            let host = engine::Runtime::new(*tier, 1).expect("an engine").engine;
            let worker = Engine::new(&engine::config(*tier)).expect("an engine");
            assert_eq!(compatibility(&worker), compatibility(&host), "{tier}");
        }
    }
}
