//! Components that this host has not compiled before become machine code here.
//!
//! Validating and compiling take time and memory that grow with what a component declares, faster than its bytes, and a
//! thread that does it cannot be stopped. So a host lets a process of its own binary do it ([`Compiler::Worker`]): the
//! worker has hard limits, it has no environment, no files and no sockets, and when it dies, one installation is refused.
//!
//! One component of each tier is compiled at a time, so that a small one does not wait for one that takes half a minute.

mod protocol;
mod worker;

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use guanjia_domain::{Error, Result, plugin::Tier};
use guanjia_packaging::ComponentError;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
    sync::Semaphore,
};
use wasmtime::component::Component;

pub use worker::compile_worker;

use crate::{
    engine::Runtime,
    limits::{CODE_BYTES, InstallLimits},
};
use protocol::{Job, Reply};

/// Where components are validated and compiled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Compiler {
    /// On a thread of this process, for tests and tools that bring their own components: nothing bounds its memory, and it
    /// goes on when nobody waits for it any more.
    #[default]
    InProcess,
    /// In a process of this command, which has to end up in [`compile_worker`] of the very same build.
    Worker { program: PathBuf, args: Vec<String> },
}

/// The compiler of one host.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    compiler: Arc<Compiler>,
    pure: Bench,
    with_runtime: Bench,
}

/// Where components of one tier are compiled.
#[derive(Debug, Clone)]
struct Bench {
    limits: InstallLimits,
    /// One permit: a compilation takes all cores by itself, and hostile components queue up.
    place: Arc<Semaphore>,
}

/// A component that runs on the engine that it was compiled for.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub component: Component,
    /// Whether no instruction, type or constant in it is floating point.
    pub float_free: bool,
}

impl Workshop {
    pub(crate) fn new(compiler: Compiler, pure: InstallLimits, with_runtime: InstallLimits) -> Self {
        let bench = |limits| Bench { limits, place: Arc::new(Semaphore::new(1)) };
        Self { compiler: Arc::new(compiler), pure: bench(pure), with_runtime: bench(with_runtime) }
    }

    fn bench(&self, tier: Tier) -> &Bench {
        match tier {
            Tier::Pure => &self.pure,
            Tier::WithRuntime => &self.with_runtime,
        }
    }

    pub(crate) fn limits(&self, tier: Tier) -> InstallLimits {
        self.bench(tier).limits
    }

    /// Compiles for the engine of a tier.
    ///
    /// # Errors
    /// `Invalid` for what is not valid, cannot be compiled, or takes more than is given; `Unavailable` when the host is at
    /// fault.
    pub(crate) async fn compile(&self, runtime: &Runtime, bytes: Arc<[u8]>) -> Result<Compiled> {
        let unavailable = |error| Error::unavailable("waiting for the compiler", error);
        let (engine, bench) = (&runtime.engine, self.bench(runtime.tier));
        let place = Arc::clone(&bench.place).acquire_owned().await.map_err(unavailable)?;
        match &*self.compiler {
            Compiler::InProcess => {
                let engine = engine.clone();
                let work = tokio::task::spawn_blocking(move || {
                    let compiled = compile_here(&engine, &bytes);
                    // The thread keeps the permit for as long as it runs, also when nobody waits.
                    drop(place);
                    compiled
                });
                bounded(bench.limits.compile_time, work).await?
            }
            Compiler::Worker { program, args } => {
                let job = Job {
                    tier: runtime.tier,
                    engine: compatibility(engine),
                    memory_bytes: bench.limits.compile_memory_bytes,
                    processor_seconds: bench.limits.compile_processor_seconds,
                };
                let mut command = Command::new(program);
                command.args(args);
                let reply = ask_worker(command, bench.limits, &job, &bytes).await?;
                let engine = engine.clone();
                let load = tokio::task::spawn_blocking(move || load(&engine, reply));
                load.await.map_err(|error| Error::unavailable("loading a compiled plug-in", error))?
            }
        }
    }
}

async fn ask_worker(mut command: Command, limits: InstallLimits, job: &Job, component: &[u8]) -> Result<Reply> {
    let failed = |error| Error::unavailable("starting the compiler's process", error);
    command.env_clear().envs(worker::environment()).current_dir("/").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(Error::unavailable("starting the compiler's process", "it has no pipes"));
    };
    let send = async {
        // A worker that ends early does not read everything; how it ended says why.
        let _ = stdin.write_all(&job.header(component.len())).await;
        let _ = stdin.write_all(component).await;
        drop(stdin);
    };
    let talk = async {
        let ((), code, words) = tokio::join!(send, read(stdout, CODE_BYTES), read(stderr, worker::WORDS_BYTES));
        Ok::<_, std::io::Error>((code?, words?, child.wait().await?))
    };
    // What is dropped here kills the process.
    let Ok(answered) = tokio::time::timeout(limits.compile_time, talk).await else {
        return Err(too_long(limits.compile_time));
    };
    let (code, words, status) =
        answered.map_err(|error| Error::unavailable("talking to the compiler's process", error))?;
    // The pipe is closed after one byte too many, so that such a worker does not end well.
    if code.len() > CODE_BYTES {
        return Err(Error::invalid(format!(
            "the component compiles to more than {} MB of machine code and is refused. {SMALLER}",
            CODE_BYTES >> 20
        )));
    }
    if !status.success() {
        return Err(died(limits, status, &words));
    }
    Reply::read(code).ok_or_else(|| {
        let words = String::from_utf8_lossy(&words).into_owned();
        Error::unavailable("reading the answer of the compiler's process", words)
    })
}

/// A worker that does not end well was stopped by its limits: it has nothing else to do.
fn died(limits: InstallLimits, status: ExitStatus, words: &[u8]) -> Error {
    let words = String::from_utf8_lossy(words);
    tracing::warn!(%status, %words, "the compiler's process ended badly; the component is refused");
    match ending(status, &words) {
        Ending::Processor => Error::invalid(format!(
            "the component takes more than {} s of processor time to compile and is refused. {SMALLER}",
            limits.compile_processor_seconds
        )),
        Ending::Memory => Error::invalid(format!(
            "the component takes more than {} MB of memory to compile and is refused. {SMALLER}",
            limits.compile_memory_bytes >> 20
        )),
        Ending::Other => Error::invalid(format!(
            "the compiler broke off over the component ({status}), and it is refused. {SMALLER}"
        )),
    }
}

/// What the author of a component can do about it.
const SMALLER: &str = "Make it smaller, or split its largest functions";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Processor,
    Memory,
    Other,
}

#[cfg(unix)]
fn ending(status: ExitStatus, words: &str) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal();
    if signal == Some(worker::SIGNAL_PROCESSOR) {
        return Ending::Processor;
    }
    // Rust's allocator says this and aborts; a machine that is out of memory kills without a word.
    if words.contains("memory allocation") || signal == Some(worker::SIGNAL_KILL) {
        return Ending::Memory;
    }
    Ending::Other
}

#[cfg(not(unix))]
fn ending(_status: ExitStatus, words: &str) -> Ending {
    if words.contains("memory allocation") { Ending::Memory } else { Ending::Other }
}

/// At most one byte more than `bytes_max`, so that too much can be told from just enough.
async fn read(from: impl AsyncRead + Unpin, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit).read_to_end(&mut read).await?;
    Ok(read)
}

/// Waits for work on a blocking thread, but not longer than `time`.
pub(crate) async fn bounded<T>(time: Duration, work: tokio::task::JoinHandle<T>) -> Result<T> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done.map_err(|error| Error::unavailable("compiling a plug-in", error)),
        Err(_) => Err(too_long(time)),
    }
}

fn too_long(time: Duration) -> Error {
    Error::invalid(format!("the component was not compiled within {time:?} and is refused. {SMALLER}"))
}

/// What compiled code depends on: wasmtime's own number for version, switches and target.
pub(crate) fn compatibility(engine: &wasmtime::Engine) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn compile_here(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Compiled> {
    let validated = guanjia_packaging::validate(bytes).map_err(|error| Error::invalid(invalid(&error)))?;
    let component =
        Component::from_binary(engine, bytes).map_err(|error| Error::invalid(not_compiled(&format!("{error:#}"))))?;
    Ok(Compiled { component, float_free: validated.float_free })
}

/// The one sentence about what is not valid, from the worker and from this process.
fn invalid(error: &ComponentError) -> String {
    format!("{error}. Build it again; the file may be cut or use an extension of WebAssembly")
}

fn not_compiled(reason: &str) -> String {
    format!(
        "the component cannot be compiled: {reason}. Build it without threads, SIMD and other extensions of WebAssembly"
    )
}

fn load(engine: &wasmtime::Engine, reply: Reply) -> Result<Compiled> {
    let (code, float_free) = match reply {
        Reply::Code { code, float_free } => (code, float_free),
        Reply::Refused(sentence) => return Err(Error::invalid(sentence)),
        Reply::OtherEngine => {
            return Err(Error::unavailable(
                "compiling a plug-in",
                "the compiler's process is of another build than this host; start the host again",
            ));
        }
    };
    if wasmtime::Engine::detect_precompiled(&code).is_none() {
        return Err(Error::unavailable("loading a compiled plug-in", "the compiler's process answered something else"));
    }
    // SAFETY: `deserialize` must only see bytes that `precompile_component` made. These came, whole and followed by a
    // successful exit, through a pipe that nobody but this process and its own child holds, and the child is a process
    // of the same binary that compiled them with the same engine: they are as much ours as if a thread had made them.
    #[allow(unsafe_code, reason = "there is no safe way to load compiled code; only our own child wrote it")]
    let component = unsafe { Component::deserialize(engine, code) };
    // The worker does not know the pool that components live in; what has more memories, tables or instances than a place
    // of the pool is refused by it here.
    let component = component.map_err(|error| Error::invalid(not_compiled(&format!("{error:#}"))))?;
    Ok(Compiled { component, float_free })
}
