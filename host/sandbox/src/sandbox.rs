//! The sandbox as the domain sees it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    decision::{CallFailure, HoldKind, Outcome},
    job::Watch,
    plugin::{CallLimits, ExtensionPoint, Inspection, InstalledPlugin, PackedFile, PluginSignature, Tier},
    point::Question,
    ports::{ComponentSource, Evaluation, PolicyEngine},
    values::Problem,
};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::{
    call::Called,
    compile::{Compiled, Compiler, Workshop, bounded},
    install,
    limits::{self, InstallLimits, Limits},
    prepared::{Prepared, PreparedComponents},
    tier::{self, Engine},
    unpack::unpack,
    wasi,
};

/// How a sandbox is made.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where compiled code is kept; `None` compiles anew in every process.
    pub cache_dir: Option<PathBuf>,
    /// Where components are compiled that are not kept.
    pub compiler: Compiler,
    /// The largest file of a pure component that is installed.
    pub component_bytes_max: usize,
    /// The largest file of a component that brings a language's runtime.
    pub component_with_runtime_bytes_max: usize,
    /// Guests that may run at the same time; each may take the whole of `limits.memory_bytes`.
    pub concurrent_calls: u32,
    /// Of pure components.
    pub limits: Limits,
    /// Of components that bring a language's runtime.
    pub limits_with_runtime: Limits,
    /// Of pure components.
    pub install_limits: InstallLimits,
    /// Of components that bring a language's runtime.
    pub install_limits_with_runtime: InstallLimits,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            compiler: Compiler::default(),
            component_bytes_max: limits::COMPONENT_BYTES,
            component_with_runtime_bytes_max: wasi::limits::COMPONENT_BYTES,
            concurrent_calls: limits::CONCURRENT_CALLS,
            limits: Limits::default(),
            limits_with_runtime: Limits::with_runtime(),
            install_limits: InstallLimits::default(),
            install_limits_with_runtime: InstallLimits::with_runtime(),
        }
    }
}

/// Runs plug-ins. Cheap to clone; all clones share their engines.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
    /// One permit for each place in the pure engine's pool; guests of either tier need one.
    places: Arc<Semaphore>,
    workshop: Workshop,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("profile", &self.inner.pure.profile).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    options: SandboxOptions,
    pure: Engine,
    /// Made when the first such component comes: most companies have none.
    with_runtime: OnceLock<Engine>,
    making: Mutex<()>,
    prepared: PreparedComponents,
}

impl Sandbox {
    /// Makes the engine of pure components; the other one comes with its first component. A cache directory that cannot
    /// be used is left alone, with a warning.
    ///
    /// # Errors
    /// `Unavailable` when the machine cannot give the address space of the pool.
    pub fn new(options: SandboxOptions) -> Result<Self> {
        let concurrent_calls = options.concurrent_calls;
        let pure = Engine::new(Tier::Pure, concurrent_calls, options.limits, options.cache_dir.as_deref())?;
        let workshop =
            Workshop::new(options.compiler.clone(), options.install_limits, options.install_limits_with_runtime);
        let prepared = PreparedComponents::new(limits::PREPARED_COMPONENTS);
        let inner = Inner { options, pure, with_runtime: OnceLock::new(), making: Mutex::new(()), prepared };
        Ok(Self { inner: Arc::new(inner), places: Arc::new(Semaphore::new(concurrent_calls as usize)), workshop })
    }

    /// One call on the calling thread, for benchmarks and for tools without a runtime. Prepare the component first, and do
    /// not make more of these at the same time than the sandbox has places.
    ///
    /// # Errors
    /// As [`PolicyEngine::evaluate`].
    pub fn evaluate_here(&self, digest: &str, settings: &str, question: &Question) -> Result<Evaluation> {
        self.inner.evaluate(digest, settings, question)
    }

    /// Runs guests on a blocking thread, when a place of the pool is free: a guest that uses up its limits must not hold
    /// up a thread that serves requests.
    pub(crate) async fn in_place<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|error| Error::unavailable("waiting for a sandbox", error))?;
        let inner = Arc::clone(&self.inner);
        let run = tokio::task::spawn_blocking(move || {
            let result = work(&inner);
            drop(place);
            result
        });
        run.await.map_err(|error| Error::unavailable("running a plug-in", error))
    }

    /// Compiles and links a component.
    pub(crate) async fn compile(
        &self,
        tier: Tier,
        bytes: Arc<[u8]>,
        label: String,
    ) -> Result<(Compiled, Arc<Prepared>)> {
        let started = Instant::now();
        let compiled = self.workshop.compile(&self.inner.engine(tier)?.runtime, bytes).await?;
        let (inner, linked) = (Arc::clone(&self.inner), compiled.clone());
        let link = tokio::task::spawn_blocking(move || link(inner.engine(tier)?, &linked, label));
        let prepared = link.await.map_err(|error| Error::unavailable("linking a plug-in", error))??;
        metrics::histogram!("guanjia_plugin_compile_seconds").record(started.elapsed());
        tracing::info!(plugin = %prepared.label, duration_ms = millis(started.elapsed()), "compiled a plug-in");
        Ok((compiled, prepared))
    }

    /// What was compiled before, from memory or from disk.
    pub(crate) async fn load(&self, digest: &str) -> Result<Option<Arc<Prepared>>> {
        let (inner, wanted) = (Arc::clone(&self.inner), digest.to_owned());
        let loaded = tokio::task::spawn_blocking(move || inner.load(&wanted));
        loaded.await.map_err(|error| Error::unavailable("loading a compiled plug-in", error))?
    }

    async fn load_or_compile(&self, digest: &str, source: &(dyn ComponentSource + '_)) -> Result<()> {
        if self.load(digest).await?.is_some() {
            return Ok(());
        }
        let bytes = source.component(digest).await?;
        if hex::encode(Sha256::digest(&bytes)) != digest {
            return Err(Error::invalid(format!(
                "the stored component {digest} is damaged: its bytes have another digest. Install the plug-in again from its file"
            )));
        }
        let label = guanjia_packaging::read_manifest(&bytes)
            .map_or_else(|_| digest.to_owned(), |manifest| manifest.to_string());
        let outline = guanjia_packaging::outline(&bytes).map_err(|error| Error::invalid(error.to_string()))?;
        let (compiled, prepared) = self.compile(tier::of_outline(&outline), bytes.into(), label).await?;
        self.keep(digest, compiled, prepared).await
    }

    /// Keeps a compiled component in memory and on disk.
    pub(crate) async fn keep(&self, digest: &str, compiled: Compiled, prepared: Arc<Prepared>) -> Result<()> {
        self.inner.prepared.keep(digest, Arc::clone(&prepared));
        let (inner, digest) = (Arc::clone(&self.inner), digest.to_owned());
        let write = tokio::task::spawn_blocking(move || {
            if let Some(code) = &inner.engine(prepared.tier)?.code {
                code.store(&digest, &prepared.label, &compiled);
            }
            Ok(())
        });
        write.await.map_err(|error| Error::unavailable("keeping a compiled plug-in", error))?
    }

    /// The largest component file of a tier.
    pub(crate) fn component_bytes_max(&self, tier: Tier) -> usize {
        let SandboxOptions { component_bytes_max, component_with_runtime_bytes_max, .. } = self.inner.options;
        match tier {
            Tier::Pure => component_bytes_max,
            Tier::WithRuntime => component_with_runtime_bytes_max,
        }
    }

    pub(crate) fn install_limits(&self, tier: Tier) -> InstallLimits {
        self.workshop.limits(tier)
    }
}

#[async_trait]
impl PolicyEngine for Sandbox {
    async fn signatures(&self, file: Vec<u8>) -> Result<Vec<PluginSignature>> {
        install::signatures(self, file).await
    }

    async fn verify_watched(&self, component: Vec<u8>, watch: &mut dyn Watch) -> Result<InstalledPlugin> {
        install::verify(self, component, watch).await
    }

    async fn examine(&self, file: Vec<u8>) -> Result<Inspection> {
        install::examined(self, file).await
    }

    async fn inspect(&self, file: Vec<u8>) -> Result<Inspection> {
        install::inspected(self, file).await
    }

    async fn unpack(&self, file: Vec<u8>) -> Result<Option<Vec<PackedFile>>> {
        let read = tokio::task::spawn_blocking(move || unpack(&file));
        bounded(self.install_limits(Tier::Pure).compile_time, read).await?
    }

    fn call_limits(&self, tier: Tier) -> CallLimits {
        match tier {
            Tier::Pure => self.inner.options.limits.told(),
            Tier::WithRuntime => self.inner.options.limits_with_runtime.told(),
        }
    }

    async fn prepare(&self, digest: &str, component: &(dyn ComponentSource + '_)) -> Result<()> {
        check_digest(digest)?;
        if self.inner.prepared.get(digest).is_some() {
            return Ok(());
        }
        self.load_or_compile(digest, component).await
    }

    async fn check_settings(&self, digest: &str, point: ExtensionPoint, settings: &str) -> Result<Vec<Problem>> {
        let (digest, settings) = (digest.to_owned(), settings.to_owned());
        self.in_place(move |inner| inner.check_settings(&digest, point, &settings)).await?
    }

    async fn evaluate(&self, digest: &str, settings: &str, question: &Question) -> Result<Evaluation> {
        let (digest, settings, question) = (digest.to_owned(), settings.to_owned(), question.clone());
        self.in_place(move |inner| inner.evaluate(&digest, &settings, &question)).await?
    }
}

impl Inner {
    /// Everything of a tier.
    pub(crate) fn engine(&self, tier: Tier) -> Result<&Engine> {
        if tier == Tier::Pure {
            return Ok(&self.pure);
        }
        if let Some(engine) = self.with_runtime.get() {
            return Ok(engine);
        }
        // Whoever comes second waits and finds the engine of the first.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = self.with_runtime.get() {
            return Ok(engine);
        }
        let SandboxOptions { cache_dir, concurrent_calls, limits_with_runtime, .. } = &self.options;
        let engine = Engine::new(tier, *concurrent_calls, *limits_with_runtime, cache_dir.as_deref())?;
        tracing::debug!(profile = %engine.profile, "made the engine of plug-ins with a language's runtime");
        Ok(self.with_runtime.get_or_init(|| engine))
    }

    /// A component from memory, or from disk: one that was pushed out of memory comes back by itself.
    fn load(&self, digest: &str) -> Result<Option<Arc<Prepared>>> {
        check_digest(digest)?;
        if let Some(prepared) = self.prepared.get(digest) {
            return Ok(Some(prepared));
        }
        let had_runtimes = |directory: &PathBuf| tier::has_code(Tier::WithRuntime, directory);
        for tier in [Tier::Pure, Tier::WithRuntime] {
            if tier == Tier::WithRuntime && !self.options.cache_dir.as_ref().is_some_and(had_runtimes) {
                continue;
            }
            let engine = self.engine(tier)?;
            let Some(cached) = engine.code.as_ref().and_then(|code| code.load(&engine.runtime.engine, digest)) else {
                continue;
            };
            let prepared = link(engine, &cached.compiled, cached.label)?;
            self.prepared.keep(digest, Arc::clone(&prepared));
            return Ok(Some(prepared));
        }
        Ok(None)
    }

    fn ready(&self, digest: &str) -> Result<Arc<Prepared>> {
        self.load(digest)?
            .ok_or_else(|| Error::invalid(format!("the plug-in {digest} was not prepared before it was called")))
    }

    pub(crate) fn check_settings(&self, digest: &str, point: ExtensionPoint, settings: &str) -> Result<Vec<Problem>> {
        let prepared = self.ready(digest)?;
        let _span = tracing::debug_span!("check_settings", plugin = %prepared.label, %point).entered();
        let started = Instant::now();
        let policy = prepared.policy(point).ok_or_else(|| not_exported(&prepared, point))?;
        let Engine { runtime, limits, .. } = self.engine(prepared.tier)?;
        let called = policy.check_settings(runtime, limits, settings)?;
        record(&prepared, "check-settings", &called, started);
        called.result.map_err(|failure| {
            Error::invalid(format!("the plug-in {} could not check the settings: {}", prepared.label, failure.reason))
        })
    }

    pub(crate) fn evaluate(&self, digest: &str, settings: &str, question: &Question) -> Result<Evaluation> {
        let prepared = self.ready(digest)?;
        self.evaluate_prepared(&prepared, settings, question)
    }

    pub(crate) fn evaluate_prepared(
        &self,
        prepared: &Prepared,
        settings: &str,
        question: &Question,
    ) -> Result<Evaluation> {
        let (point, subjects) = (question.point(), question.subjects());
        let policy = prepared.policy(point).ok_or_else(|| not_exported(prepared, point))?;
        check_size(subjects)?;
        let _span = tracing::debug_span!("evaluate", plugin = %prepared.label, %point, subjects).entered();
        let started = Instant::now();
        let Engine { runtime, limits, profile, .. } = self.engine(prepared.tier)?;
        let called = policy.evaluate(runtime, limits, settings, question)?;
        record(prepared, point.code(), &called, started);
        let allowed = limits.budget(u32::try_from(subjects).unwrap_or(u32::MAX), settings);
        Ok(Evaluation {
            fuel: count(called.fuel),
            fuel_allowed: count(allowed.fuel),
            memory_bytes: count(called.memory as u64),
            memory_allowed: count(allowed.memory_bytes as u64),
            outcome: called.result.map_or_else(Outcome::Failure, Outcome::Answer),
            log: called.log,
            engine: Arc::clone(profile),
        })
    }
}

fn link(engine: &Engine, compiled: &Compiled, label: String) -> Result<Arc<Prepared>> {
    let prepared = Prepared::link(&engine.runtime, compiled, label).map_err(|error| {
        Error::invalid(format!("the component does not fit this host: {error:#}. Build it with the SDK of this host"))
    })?;
    Ok(Arc::new(prepared))
}

/// Counts of a call are bounded far below 2^63; one that is not says so by its size.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Counts a call, and logs it when it came to nothing. The plug-in's own log may name what a rule knows of a unit, so it
/// is only traced.
fn record<T>(prepared: &Prepared, function: &'static str, called: &Called<T>, started: Instant) {
    let plugin = || prepared.label.clone();
    let duration = started.elapsed();
    let outcome = called.result.as_ref().map_or_else(|failure| failure.kind.code(), |_| "answer");
    metrics::counter!("guanjia_plugin_calls_total", "plugin" => plugin(), "function" => function, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("guanjia_plugin_call_seconds", "plugin" => plugin(), "function" => function).record(duration);
    metrics::counter!("guanjia_plugin_fuel_total", "plugin" => plugin(), "function" => function).increment(called.fuel);
    for line in &called.log {
        tracing::trace!(plugin = %prepared.label, %line, "a plug-in logged");
    }
    if let Err(CallFailure { kind, reason, .. }) = &called.result {
        debug_assert_ne!(*kind, HoldKind::PolicyError, "a policy's own words are an answer");
        // What becomes of it is for whoever asked: a plug-in that keeps breaking is quarantined with a warning of its own.
        tracing::debug!(plugin = %prepared.label, function, %kind, %reason, duration_ms = millis(duration), "a call came to nothing");
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn not_exported(prepared: &Prepared, point: ExtensionPoint) -> Error {
    Error::invalid(format!("the plug-in {} does not export {point}", prepared.label))
}

fn check_size(subjects: usize) -> Result<()> {
    if subjects > limits::SUBJECTS as usize {
        return Err(Error::invalid(format!(
            "a call of {subjects} subjects is too large; {} are allowed",
            limits::SUBJECTS
        )));
    }
    Ok(())
}

/// Digests become file names, so they must be what they are said to be.
fn check_digest(digest: &str) -> Result<()> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digest.len() == 64 && digest.bytes().all(hex) {
        return Ok(());
    }
    Err(Error::invalid(format!("{digest:?} is not a SHA-256 digest in lower-case hex")))
}
