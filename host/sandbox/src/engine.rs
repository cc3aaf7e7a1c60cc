//! A wasmtime engine, and the clock of its deadlines.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, StoreContextMut, WasmFeatures,
    component::{Linker, WasmStr},
};

use guanjia_domain::plugin::Tier;

use crate::{
    bindings::log::Level,
    call::CallState,
    limits::{self, Limits, Shape},
    log::cut,
};

/// Version of the engine. A test compares it with the lock file, because wasmtime does not tell it.
pub(crate) const WASMTIME_VERSION: &str = "48.0.8";
/// Bytes of a memory that stay with its place in the pool after a call, so that the next one does not fault them in again.
/// A guest that answers 4,096 subjects touches about as much.
const KEEP_RESIDENT_BYTES: usize = 4 << 20;
/// The same of a table; Rust guests have a few hundred elements.
const TABLE_KEEP_RESIDENT_BYTES: usize = 16 << 10;

/// Engine, linker and clock: everything that is made once for a tier.
pub(crate) struct Runtime {
    pub tier: Tier,
    pub engine: Engine,
    pub linker: Linker<CallState>,
    _ticker: Ticker,
}

impl Runtime {
    pub(crate) fn new(tier: Tier, concurrent_calls: u32) -> wasmtime::Result<Self> {
        Self::of(tier, config(tier), concurrent_calls)
    }

    /// An engine with these switches. Pure components live in a pool for so many calls.
    pub(crate) fn of(tier: Tier, mut config: Config, concurrent_calls: u32) -> wasmtime::Result<Self> {
        config.allocation_strategy(match tier {
            Tier::Pure => pool(concurrent_calls),
            Tier::WithRuntime => InstanceAllocationStrategy::OnDemand,
        });
        let engine = Engine::new(&config)?;
        let linker = linker(&engine)?;
        let ticker = Ticker::start(engine.clone());
        Ok(Self { tier, engine, linker, _ticker: ticker })
    }
}

/// Everything that an answer may depend on, in one line. Decisions store it.
pub(crate) fn profile(limits: &Limits) -> String {
    let (target, tier) = (std::env::consts::ARCH, limits.tier);
    format!("wasmtime {WASMTIME_VERSION} {target}; {tier}; nan-canonical, no simd, no threads; {limits}")
}

/// All switches that code depends on. Where instances live is not one of them, nor are limits that a call counts.
pub(crate) fn config(tier: Tier) -> Config {
    let mut config = Config::new();
    // Fuel is the limit, the epoch its backstop.
    config.consume_fuel(true).epoch_interruption(true).max_wasm_stack(Shape::of(tier).stack_bytes);
    // The same bits on every machine.
    config.cranelift_nan_canonicalization(true).wasm_simd(false).wasm_relaxed_simd(false);
    // What a rule has no use for is not there to be attacked.
    config.concurrency_support(false).wasm_memory64(false).wasm_tail_call(false);
    // Copying between the parts of a component is done by code with the memories of both; what is pure has one.
    config.wasm_multi_memory(tier == Tier::WithRuntime);
    config.wasm_custom_page_sizes(false).wasm_wide_arithmetic(false);
    for unused in [
        WasmFeatures::THREADS,
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        WasmFeatures::EXCEPTIONS,
        WasmFeatures::LEGACY_EXCEPTIONS,
        WasmFeatures::FUNCTION_REFERENCES,
        WasmFeatures::GC,
        WasmFeatures::STACK_SWITCHING,
        WasmFeatures::MEMORY_CONTROL,
    ] {
        config.wasm_features(unused, false);
    }
    // Nobody reads backtraces of stripped guests, and code without their tables loads faster.
    config.wasm_backtrace_max_frames(None).generate_address_map(false).native_unwind_info(false);
    config
}

fn pool(concurrent_calls: u32) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(concurrent_calls)
        .total_core_instances(concurrent_calls * limits::CORE_INSTANCES)
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .total_memories(concurrent_calls * limits::MEMORIES)
        .max_memories_per_component(limits::MEMORIES)
        .max_memory_size(limits::MEMORY_BYTES)
        .total_tables(concurrent_calls * limits::TABLES)
        .max_tables_per_component(limits::TABLES)
        .table_elements(limits::TABLE_ELEMENTS)
        .max_unused_warm_slots(concurrent_calls)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        // Resets only the pages that a guest has touched, where the kernel can tell them (Linux 6.7). It halves the cost of
        // a lone decision.
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
}

/// The log is all that a guest can call.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    // Types only; a component that uses them imports their interface.
    linker.instance("guanjia:types/types@1.0.0")?;
    linker.instance("guanjia:effects/effects@1.0.0")?;
    linker.instance("guanjia:types/log@1.0.0")?.func_wrap("write", write_log)?;
    Ok(linker)
}

/// Reading a line is the host's work, which fuel does not count: so a log that is full reads nothing more.
fn write_log(mut store: StoreContextMut<'_, CallState>, (level, line): (Level, WasmStr)) -> wasmtime::Result<()> {
    if store.data().log.is_full() {
        return Ok(());
    }
    let text = line.to_str(&store)?;
    let text = cut(&text, limits::LOG_LINE_BYTES).to_owned();
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
    };
    store.data_mut().log.write(level, &text);
    Ok(())
}

/// Moves the engine's epoch forward until it is dropped.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: Engine) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::park_timeout(limits::EPOCH_TICK);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(run);
        if let Err(error) = &thread {
            tracing::error!(%error, "the deadline of plug-ins does not run; fuel still bounds them");
        }
        Self { stop, thread: thread.ok() }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing that could panic, and nothing to say.
            let _ = thread.join();
        }
    }
}
