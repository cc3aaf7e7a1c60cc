//! The sandbox as the domain sees it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    decision::{CallFailure, HoldKind, Outcome},
    plugin::{ExtensionPoint, InstalledPlugin, PluginSignature},
    point::Question,
    ports::{ComponentSource, Evaluation, PolicyEngine},
    values::Problem,
};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use crate::{
    cache::CodeCache,
    call::Called,
    compile::{Compiled, Compiler, Workshop, compatibility},
    engine::{Runtime, profile},
    install,
    limits::{self, InstallLimits, Limits},
    prepared::{Prepared, PreparedComponents},
};

/// How a sandbox is made.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where compiled code is kept; `None` compiles anew in every process.
    pub cache_dir: Option<PathBuf>,
    /// Where components are compiled that are not kept.
    pub compiler: Compiler,
    /// The largest component file that is installed.
    pub component_bytes_max: usize,
    /// Guests that may run at the same time; each may take the whole of `limits.memory_bytes`.
    pub concurrent_calls: u32,
    pub limits: Limits,
    pub install_limits: InstallLimits,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            compiler: Compiler::default(),
            component_bytes_max: limits::COMPONENT_BYTES,
            concurrent_calls: limits::CONCURRENT_CALLS,
            limits: Limits::default(),
            install_limits: InstallLimits::default(),
        }
    }
}

/// Runs plug-ins. Cheap to clone; all clones share one engine.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
    /// One permit for each place in the engine's pool.
    places: Arc<Semaphore>,
    workshop: Workshop,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("profile", &self.inner.profile).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub runtime: Runtime,
    pub limits: Limits,
    pub component_bytes_max: usize,
    profile: String,
    prepared: PreparedComponents,
    code: Option<CodeCache>,
}

impl Sandbox {
    /// Makes the engine. A cache directory that cannot be used is left alone, with a warning.
    ///
    /// # Errors
    /// `Unavailable` when the machine cannot give the address space of the pool.
    pub fn new(options: SandboxOptions) -> Result<Self> {
        let SandboxOptions { cache_dir, compiler, component_bytes_max, concurrent_calls, limits, install_limits } =
            options;
        let runtime =
            Runtime::new(concurrent_calls).map_err(|error| Error::unavailable("starting the plug-in engine", error))?;
        let profile = profile(&limits);
        let code = cache_dir.and_then(|directory| {
            let opened = CodeCache::open(&directory, compatibility(&runtime.engine));
            opened
                .inspect_err(|error| tracing::warn!(path = %directory.display(), %error, "compiled plug-ins are not kept on disk"))
                .ok()
        });
        let prepared = PreparedComponents::new(limits::PREPARED_COMPONENTS);
        let inner = Inner { runtime, limits, component_bytes_max, profile, prepared, code };
        Ok(Self {
            inner: Arc::new(inner),
            places: Arc::new(Semaphore::new(concurrent_calls as usize)),
            workshop: Workshop::new(compiler, install_limits),
        })
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
    pub(crate) async fn compile(&self, bytes: Arc<[u8]>, label: String) -> Result<(Compiled, Arc<Prepared>)> {
        let started = Instant::now();
        let compiled = self.workshop.compile(&self.inner.runtime.engine, bytes).await?;
        let (inner, component) = (Arc::clone(&self.inner), compiled.component.clone());
        let link = tokio::task::spawn_blocking(move || inner.link(&component, label));
        let prepared = link.await.map_err(|error| Error::unavailable("linking a plug-in", error))??;
        metrics::histogram!("guanjia_plugin_compile_seconds").record(started.elapsed());
        tracing::info!(plugin = %prepared.label, duration_ms = millis(started.elapsed()), "compiled a plug-in");
        Ok((compiled, prepared))
    }

    async fn load_or_compile(&self, digest: &str, source: &(dyn ComponentSource + '_)) -> Result<()> {
        let (inner, wanted) = (Arc::clone(&self.inner), digest.to_owned());
        let loaded = tokio::task::spawn_blocking(move || inner.load(&wanted).map(|found| found.is_some()));
        if loaded.await.map_err(|error| Error::unavailable("loading a compiled plug-in", error))?? {
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
        let (compiled, prepared) = self.compile(bytes.into(), label).await?;
        self.keep(digest, &compiled.component, prepared).await
    }

    /// Keeps a compiled component in memory and on disk.
    pub(crate) async fn keep(&self, digest: &str, component: &Component, prepared: Arc<Prepared>) -> Result<()> {
        self.inner.prepared.keep(digest, Arc::clone(&prepared));
        let (inner, digest, component) = (Arc::clone(&self.inner), digest.to_owned(), component.clone());
        let write = tokio::task::spawn_blocking(move || {
            if let Some(code) = &inner.code {
                code.store(&digest, &prepared.label, &component);
            }
        });
        write.await.map_err(|error| Error::unavailable("keeping a compiled plug-in", error))
    }

    pub(crate) fn component_bytes_max(&self) -> usize {
        self.inner.component_bytes_max
    }

    pub(crate) fn install_limits(&self) -> InstallLimits {
        self.workshop.limits
    }
}

#[async_trait]
impl PolicyEngine for Sandbox {
    fn profile(&self) -> String {
        self.inner.profile.clone()
    }

    async fn signatures(&self, file: Vec<u8>) -> Result<Vec<PluginSignature>> {
        install::signatures(self, file).await
    }

    async fn verify(&self, component: Vec<u8>) -> Result<InstalledPlugin> {
        install::verify(self, component).await
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
    fn link(&self, component: &Component, label: String) -> Result<Arc<Prepared>> {
        let prepared = Prepared::link(&self.runtime, component, label).map_err(|error| {
            Error::invalid(format!(
                "the component does not fit this host: {error:#}. Build it with the SDK of this host"
            ))
        })?;
        Ok(Arc::new(prepared))
    }

    /// A component from memory, or from disk: one that was pushed out of memory comes back by itself.
    fn load(&self, digest: &str) -> Result<Option<Arc<Prepared>>> {
        check_digest(digest)?;
        if let Some(prepared) = self.prepared.get(digest) {
            return Ok(Some(prepared));
        }
        let Some(cached) = self.code.as_ref().and_then(|code| code.load(&self.runtime.engine, digest)) else {
            return Ok(None);
        };
        let prepared = self.link(&cached.component, cached.label)?;
        self.prepared.keep(digest, Arc::clone(&prepared));
        Ok(Some(prepared))
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
        let called = policy.check_settings(&self.runtime, &self.limits, settings)?;
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
        let called = policy.evaluate(&self.runtime, &self.limits, settings, question)?;
        record(prepared, point.code(), &called, started);
        let allowed = self.limits.budget(u32::try_from(subjects).unwrap_or(u32::MAX), settings);
        Ok(Evaluation {
            fuel: count(called.fuel),
            fuel_allowed: count(allowed.fuel),
            memory_bytes: count(called.memory as u64),
            memory_allowed: count(allowed.memory_bytes as u64),
            outcome: called.result.map_or_else(Outcome::Failure, Outcome::Answer),
            log: called.log,
        })
    }
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
        tracing::warn!(plugin = %prepared.label, function, %kind, %reason, duration_ms = millis(duration), "a call came to nothing");
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
