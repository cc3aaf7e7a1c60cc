//! The two tiers of plug-ins: those that are nothing but their rule, and those that bring a language's runtime.
//!
//! Each has an engine, limits and a code cache of its own, so that what an interpreter needs is not given to everybody.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use guanjia_domain::{Error, Result, plugin::Tier};
use guanjia_packaging::{ComponentInfo, Outline, Parts};

use crate::{
    cache::CodeCache,
    compile::compatibility,
    engine::{Runtime, profile},
    limits::{self, Limits},
};

/// The tier of a component, from its outline.
pub(crate) fn of_outline(outline: &Outline) -> Tier {
    of_parts(&outline.imports, outline.parts, outline.size)
}

/// Which engine of this host runs a component: the pure one, or the one for what brings a language's runtime.
#[must_use]
pub fn tier(info: &ComponentInfo) -> Tier {
    of_parts(&info.imports, info.parts, info.size)
}

/// It imports WASI, or is linked of more parts or larger than a rule in Rust, C and their like. WASI that was stubbed away
/// leaves behind the parts that stand in for it, or no more than the size of a runtime.
fn of_parts(imports: &[String], parts: Parts, size: usize) -> Tier {
    let imports_wasi = imports.iter().any(|name| name.starts_with("wasi:"));
    let is_linked_of_many = parts.core_instances > limits::CORE_INSTANCES || parts.memories > limits::MEMORIES;
    if imports_wasi || is_linked_of_many || size > limits::COMPONENT_BYTES { Tier::WithRuntime } else { Tier::Pure }
}

/// Where code lies in the cache directory. The engines do not read each other's.
fn cache_dir(tier: Tier, directory: &Path) -> PathBuf {
    match tier {
        Tier::Pure => directory.to_owned(),
        Tier::WithRuntime => directory.join("wasi"),
    }
}

/// Whether anything of this tier was ever kept there.
pub(crate) fn has_code(tier: Tier, directory: &Path) -> bool {
    cache_dir(tier, directory).is_dir()
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
    pub(crate) fn new(tier: Tier, concurrent_calls: u32, limits: Limits, directory: Option<&Path>) -> Result<Self> {
        let limits = Limits { tier, ..limits };
        let runtime = Runtime::new(tier, concurrent_calls)
            .map_err(|error| Error::unavailable("starting the plug-in engine", error))?;
        let code = directory.and_then(|directory| {
            let directory = cache_dir(tier, directory);
            let opened = CodeCache::open(&directory, compatibility(&runtime.engine));
            opened
                .inspect_err(|error| tracing::warn!(path = %directory.display(), %error, "compiled plug-ins are not kept on disk"))
                .ok()
        });
        Ok(Self { runtime, limits, profile: profile(&limits).into(), code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn made_of(imports: &[&str], core_instances: u32, memories: u32, size: usize) -> Tier {
        let imports: Vec<String> = imports.iter().map(|name| (*name).to_owned()).collect();
        of_parts(&imports, Parts { core_instances, memories }, size)
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
