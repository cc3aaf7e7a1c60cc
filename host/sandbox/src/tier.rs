//! The two tiers of plug-ins: those that are nothing but their rule, and those that bring a language's runtime.
//!
//! Each has an engine, limits and a code cache of its own, so that what an interpreter needs is not given to everybody.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use guanjia_domain::{Error, Result};
use guanjia_packaging::{ComponentError, Outline, outline};

use crate::{
    cache::CodeCache,
    engine::{Runtime, profile},
    limits::{self, Limits},
    wasi,
};

/// Which engine a component runs on. It follows from the component's bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Imports the contract only, in the shape that Rust, C and their like give.
    Pure,
    /// Brings a language's runtime: it imports WASI, or is linked of as many parts or as large as those are.
    WithRuntime,
}

impl Tier {
    pub(crate) fn of(component: &[u8]) -> std::result::Result<Self, ComponentError> {
        Ok(Self::of_outline(&outline(component)?, component.len()))
    }

    /// WASI that was stubbed away leaves behind the parts that stand in for it, or no more than the size of a runtime.
    fn of_outline(outline: &Outline, size: usize) -> Self {
        let imports_wasi = outline.imports.iter().any(|name| name.starts_with("wasi:"));
        let is_linked_of_many = outline.core_instances > limits::CORE_INSTANCES || outline.memories > limits::MEMORIES;
        if imports_wasi || is_linked_of_many || size > limits::COMPONENT_BYTES { Self::WithRuntime } else { Self::Pure }
    }

    /// How the engine profile names it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::WithRuntime => "virtual wasi",
        }
    }

    /// How long installing waits for validation and compilation.
    pub(crate) fn compile_time(self) -> Duration {
        match self {
            Self::Pure => limits::COMPILE_TIME,
            Self::WithRuntime => wasi::limits::COMPILE_TIME,
        }
    }

    /// Where code lies in the cache directory. The engines do not read each other's.
    fn cache_dir(self, directory: &Path) -> PathBuf {
        match self {
            Self::Pure => directory.to_owned(),
            Self::WithRuntime => directory.join("wasi"),
        }
    }

    /// Whether anything of this tier was ever kept there.
    pub(crate) fn has_code(self, directory: &Path) -> bool {
        self.cache_dir(directory).is_dir()
    }
}

/// What a tier has to itself.
pub(crate) struct Engine {
    pub runtime: Runtime,
    pub limits: Limits,
    /// Everything that its answers may depend on.
    pub profile: Arc<str>,
    pub code: Option<CodeCache>,
}

impl Engine {
    /// A cache directory that cannot be used is left alone, with a warning.
    pub(crate) fn new(tier: Tier, concurrent_calls: u32, limits: Limits, cache_dir: Option<&Path>) -> Result<Self> {
        let runtime = Runtime::new(tier, concurrent_calls, &limits)
            .map_err(|error| Error::unavailable("starting the plug-in engine", error))?;
        let code = cache_dir.and_then(|directory| {
            let directory = tier.cache_dir(directory);
            let opened = CodeCache::open(&directory, runtime.code_compatibility());
            opened
                .inspect_err(|error| tracing::warn!(path = %directory.display(), %error, "compiled plug-ins are not kept on disk"))
                .ok()
        });
        Ok(Self { runtime, limits, profile: profile(tier, &limits).into(), code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn made_of(imports: &[&str], core_instances: u32, memories: u32, size: usize) -> Tier {
        let imports = imports.iter().map(|name| (*name).to_owned()).collect();
        Tier::of_outline(&Outline { imports, core_instances, memories, tables: 1 }, size)
    }

    #[rstest]
    #[case::rust(&["guanjia:types/types@1.0.0"], 3, 1, 100_000, Tier::Pure)]
    #[case::all_that_the_pure_engine_gives(&[], limits::CORE_INSTANCES, limits::MEMORIES, limits::COMPONENT_BYTES, Tier::Pure)]
    #[case::one_instance_more(&[], limits::CORE_INSTANCES + 1, limits::MEMORIES, 100_000, Tier::WithRuntime)]
    #[case::one_memory_more(&[], 3, limits::MEMORIES + 1, 100_000, Tier::WithRuntime)]
    #[case::wasi(&["wasi:cli/stdout@0.2.0"], 3, 1, 100_000, Tier::WithRuntime)]
    #[case::one_byte_more(&[], 3, 1, limits::COMPONENT_BYTES + 1, Tier::WithRuntime)]
    // It is refused on any tier; which one says so does not matter.
    #[case::another_import(&["acme:rates/rates@1.0.0"], 3, 1, 100_000, Tier::Pure)]
    fn the_tier_follows_from_the_component(
        #[case] imports: &[&str],
        #[case] core_instances: u32,
        #[case] memories: u32,
        #[case] size: usize,
        #[case] tier: Tier,
    ) {
        assert_eq!(made_of(imports, core_instances, memories, size), tier);
    }
}
