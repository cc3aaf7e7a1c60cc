//! Components that are compiled and linked, kept by their digest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use guanjia_domain::plugin::{ExtensionPoint, Tier};

use crate::{
    compile::Compiled,
    engine::Runtime,
    policy::{Policy, SERVED},
    wasi,
};

/// A component that only has to be instantiated.
pub(crate) struct Prepared {
    /// `id@version`, for logs and metrics.
    pub label: String,
    /// Whose engine compiled it.
    pub tier: Tier,
    /// Whether no instruction, type or constant in it is floating point.
    pub float_free: bool,
    policies: Vec<(ExtensionPoint, Box<dyn Policy>)>,
}

impl Prepared {
    /// Links the extension points that the component exports.
    pub(crate) fn link(runtime: &Runtime, compiled: &Compiled, label: String) -> wasmtime::Result<Self> {
        let Compiled { component, float_free } = compiled;
        let pre = match runtime.tier {
            Tier::Pure => runtime.linker.instantiate_pre(component)?,
            Tier::WithRuntime => wasi::link(&runtime.linker, component)?.instantiate_pre(component)?,
        };
        let exports = |name: &str| component.get_export_index(None, name).is_some();
        let served = SERVED.iter().filter(|served| exports(served.export));
        let policies = served.map(|served| Ok((served.point, (served.link)(pre.clone())?)));
        Ok(Self {
            label,
            tier: runtime.tier,
            float_free: *float_free,
            policies: policies.collect::<wasmtime::Result<_>>()?,
        })
    }

    /// What answers for an extension point, if the component does.
    pub(crate) fn policy(&self, point: ExtensionPoint) -> Option<&dyn Policy> {
        self.policies.iter().find(|(served, _)| *served == point).map(|(_, policy)| policy.as_ref())
    }
}

/// At most so many prepared components; the one that was not used for the longest time goes first.
pub(crate) struct PreparedComponents {
    entries: Mutex<Entries>,
    count_max: usize,
}

#[derive(Default)]
struct Entries {
    by_digest: HashMap<String, (Arc<Prepared>, u64)>,
    /// Counts uses: a clock that is always right.
    uses: u64,
}

impl PreparedComponents {
    pub(crate) fn new(count_max: usize) -> Self {
        Self { entries: Mutex::default(), count_max }
    }

    pub(crate) fn get(&self, digest: &str) -> Option<Arc<Prepared>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let now = entries.uses;
        let (prepared, used) = entries.by_digest.get_mut(digest)?;
        *used = now;
        Some(Arc::clone(prepared))
    }

    pub(crate) fn keep(&self, digest: &str, prepared: Arc<Prepared>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let now = entries.uses;
        entries.by_digest.insert(digest.to_owned(), (prepared, now));
        if entries.by_digest.len() > self.count_max {
            let oldest = entries.by_digest.iter().min_by_key(|(_, (_, used))| *used).map(|(digest, _)| digest.clone());
            if let Some(oldest) = oldest {
                entries.by_digest.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Arc<Prepared> {
        Arc::new(Prepared { label: String::new(), tier: Tier::Pure, float_free: true, policies: Vec::new() })
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let components = PreparedComponents::new(2);
        components.keep("a", nothing());
        components.keep("b", nothing());
        assert!(components.get("a").is_some());
        components.keep("c", nothing());
        assert!(components.get("b").is_none());
        assert!(components.get("a").is_some() && components.get("c").is_some());
    }
}
