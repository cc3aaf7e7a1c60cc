//! A proof's file: what is read is written the same again, and running it ends, whatever question and answer it holds.
//!
//! The engine behind it answers what the proof says that was answered, as a component that came with the proof could.
#![no_main]

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::FutureExt;
use guanjia_domain::{
    Error, Result,
    decision::Outcome,
    plugin::{ExtensionPoint, InstalledPlugin, PluginExport, PluginSignature, Text, Tier},
    point::Question,
    ports::{ComponentSource, Evaluation, PolicyEngine},
    proof::Proof,
    values::{Description, Problem},
};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

/// As the sandbox has it.
const SUBJECTS_MAX: usize = 65_536;

fuzz_target!(|file: &[u8]| {
    let Ok(mut proof) = Proof::from_json(file) else { return };
    let written = proof.to_json().expect("what was read can be written");
    assert_eq!(Proof::from_json(&written).expect("what was written can be read"), proof);
    // No chance makes a digest: the component is the empty one, by its right name.
    proof.component = String::new();
    proof.plugin.digest = hex::encode(Sha256::digest([]));
    let engine = Echo(proof.clone());
    let report = proof.replay(&engine).now_or_never().expect("an engine that waits for nothing");
    if let Ok(report) = report {
        assert_eq!((report.decisions, usize::from(report.identical == 1)), (1, 1 - report.different.len()));
    }
});

struct Echo(Proof);

#[async_trait]
impl PolicyEngine for Echo {
    async fn signatures(&self, _: Vec<u8>) -> Result<Vec<PluginSignature>> {
        Ok(Vec::new())
    }

    async fn verify(&self, _: Vec<u8>) -> Result<InstalledPlugin> {
        let words = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let facts = self.0.question.columns().iter().map(|_| "unit.area".to_owned()).collect();
        let description = Description { facts, steps: words(&["base", "rounded"]), measures: words(&["m2", "month"]) };
        let export = |point| PluginExport { point, wit: "1.0.0".to_owned(), description: description.clone() };
        Ok(InstalledPlugin {
            id: self.0.plugin.id.clone(),
            version: self.0.plugin.version.clone(),
            digest: self.0.plugin.digest.clone(),
            publisher: String::new(),
            title: Text::default(),
            summary: Text::default(),
            exports: [ExtensionPoint::FeePolicy, ExtensionPoint::LateFeePolicy].map(export).into(),
            settings_schema: serde_json::json!({}),
            settings_renames: BTreeMap::new(),
            custom_facts: BTreeMap::new(),
            steps: BTreeMap::new(),
            messages: BTreeMap::new(),
            float_free: true,
            tier: Tier::Pure,
            size_bytes: 0,
            signatures: Vec::new(),
        })
    }

    async fn prepare(&self, _: &str, _: &(dyn ComponentSource + '_)) -> Result<()> {
        Ok(())
    }

    async fn check_settings(&self, _: &str, _: ExtensionPoint, _: &str) -> Result<Vec<Problem>> {
        Ok(Vec::new())
    }

    async fn evaluate(&self, _: &str, _: &str, question: &Question) -> Result<Evaluation> {
        if question.subjects() > SUBJECTS_MAX {
            return Err(Error::invalid("too many subjects"));
        }
        let outcome: Outcome = self.0.outcome.clone();
        Ok(Evaluation::unmeasured(outcome))
    }
}
