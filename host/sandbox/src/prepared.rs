//! Components that are compiled and linked, kept by their digest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use wasmtime::component::Component;

use crate::{
    engine::Runtime,
    fee_policy::{self, FeePolicy},
    late_fee_policy::{self, LateFeePolicy},
    tier::Tier,
    wasi,
};

/// A component that only has to be instantiated.
pub(crate) struct Prepared {
    /// `id@version`, for logs and metrics.
    pub label: String,
    /// Whose engine compiled it.
    pub tier: Tier,
    pub fee_policy: Option<FeePolicy>,
    pub late_fee_policy: Option<LateFeePolicy>,
}

impl Prepared {
    /// Links the extension points that the component exports.
    pub(crate) fn link(runtime: &Runtime, component: &Component, label: String) -> wasmtime::Result<Self> {
        let pre = match runtime.tier {
            Tier::Pure => runtime.linker.instantiate_pre(component)?,
            Tier::WithRuntime => wasi::link(&runtime.linker, component)?.instantiate_pre(component)?,
        };
        let exports = |name: &str| component.get_export_index(None, name).is_some();
        let fee_policy = exports(fee_policy::EXPORT).then(|| FeePolicy::new(pre.clone())).transpose()?;
        let late_fee_policy = exports(late_fee_policy::EXPORT).then(|| LateFeePolicy::new(pre)).transpose()?;
        Ok(Self { label, tier: runtime.tier, fee_policy, late_fee_policy })
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
        Arc::new(Prepared { label: String::new(), tier: Tier::Pure, fee_policy: None, late_fee_policy: None })
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
