//! What it costs to compile a plug-in in a process of its own: `cargo bench -p guanjia --bench install` prints, for each
//! standard plug-in, the time from the file to the verdict, compiled on a thread of this process and by the worker, and
//! the start of a host whose code cache has it, which starts no worker.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use guanjia::{boot, standard_plugins::STANDARD_PLUGINS};
use guanjia_domain::ports::{ComponentSource, PolicyEngine};
use guanjia_sandbox::{Compiler, Sandbox, SandboxOptions};

/// Of so many rounds the least is taken: what is above it is the machine's other work.
const ROUNDS: usize = 12;

/// A host whose code cache has everything asks for nothing.
struct Nothing;

#[async_trait::async_trait]
impl ComponentSource for Nothing {
    async fn component(&self, digest: &str) -> guanjia_domain::Result<Vec<u8>> {
        Err(guanjia_domain::Error::not_found("component", digest))
    }
}

fn host(compiler: &Compiler, cache: Option<&Path>) -> Sandbox {
    let options = SandboxOptions {
        compiler: compiler.clone(),
        cache_dir: cache.map(Path::to_owned),
        ..SandboxOptions::default()
    };
    Sandbox::new(options).unwrap()
}

async fn verify(compiler: &Compiler, component: &[u8]) -> Duration {
    let sandbox = host(compiler, None);
    let started = Instant::now();
    sandbox.verify(component.to_vec()).await.unwrap();
    started.elapsed()
}

async fn warm_start(compiler: &Compiler, cache: &Path, digest: &str) -> Duration {
    let started = Instant::now();
    host(compiler, Some(cache)).prepare(digest, &Nothing).await.unwrap();
    started.elapsed()
}

fn ms(time: Duration) -> String {
    let tenths = time.as_micros() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[tokio::main]
async fn main() {
    let worker = Compiler::Worker {
        program: env!("CARGO_BIN_EXE_guanjia").into(),
        args: vec![boot::COMPILE_WORKER.to_owned()],
    };
    println!("| plug-in | in process, ms | worker, ms | more, ms | start with cache: in process, ms | worker, ms |");
    println!("|---|---|---|---|---|---|");
    for plugin in STANDARD_PLUGINS {
        let cache = tempfile::tempdir().unwrap();
        host(&worker, Some(cache.path())).verify(plugin.component.to_vec()).await.unwrap();
        let mut least = [Duration::MAX; 4];
        for _ in 0..ROUNDS {
            let here = &Compiler::InProcess;
            let times = [
                verify(here, plugin.component).await,
                verify(&worker, plugin.component).await,
                warm_start(here, cache.path(), plugin.digest).await,
                warm_start(&worker, cache.path(), plugin.digest).await,
            ];
            least = std::array::from_fn(|index| least[index].min(times[index]));
        }
        let [here, there, warm_here, warm_there] = least;
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            plugin.id,
            ms(here),
            ms(there),
            ms(there.saturating_sub(here)),
            ms(warm_here),
            ms(warm_there)
        );
    }
}
