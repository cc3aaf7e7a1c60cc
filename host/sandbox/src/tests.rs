//! The sandbox against real components: hand-written ones that do what no SDK would, and the workspace's own plug-ins.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod determinism;
mod guest;
mod installing;
mod languages;
mod limits;
mod standard;
mod storage;
mod wasi;

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use guanjia_domain::{
    Date, Error, Period, Result,
    point::Question,
    ports::ComponentSource,
    values::{Currency, FeeBatch, Segments},
};
use sha2::{Digest, Sha256};

use crate::{InstallLimits, Limits, Sandbox, SandboxOptions};

/// Components by digest, as the store keeps them.
#[derive(Default)]
struct Components(HashMap<String, Vec<u8>>);

impl Components {
    fn of(component: &[u8]) -> Self {
        Self(HashMap::from([(digest(component), component.to_vec())]))
    }
}

#[async_trait]
impl ComponentSource for Components {
    async fn component(&self, digest: &str) -> Result<Vec<u8>> {
        self.0.get(digest).cloned().ok_or_else(|| Error::not_found("component", digest))
    }
}

fn digest(component: &[u8]) -> String {
    hex::encode(Sha256::digest(component))
}

/// Components are compiled on threads that all tests share, and one of another test may be an interpreter.
fn options() -> SandboxOptions {
    let install_limits = InstallLimits::with_runtime();
    SandboxOptions { install_limits, concurrent_calls: 2, ..SandboxOptions::default() }
}

fn sandbox(limits: Limits) -> Sandbox {
    Sandbox::new(SandboxOptions { limits, ..options() }).unwrap()
}

/// So many subjects with one segment each and no facts.
fn question(subjects: u32) -> Question {
    let period = Period { start: Date(20_148), end: Date(20_179) };
    let rows = subjects as usize;
    let segments =
        Segments { subject: (0..subjects).collect(), start: vec![period.start; rows], end: vec![period.end; rows] };
    Question::Fee(Arc::new(FeeBatch { period, currency: Currency::cny(), subjects, segments, facts: Vec::new() }))
}

#[test]
fn the_profile_names_the_engine_of_the_lock_file() {
    let lock: toml::Value = toml::from_str(include_str!("../../../Cargo.lock")).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let wasmtime = packages.iter().find(|package| package["name"].as_str() == Some("wasmtime")).unwrap();
    assert_eq!(wasmtime["version"].as_str(), Some(crate::engine::WASMTIME_VERSION));
}
