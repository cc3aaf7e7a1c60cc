//! Extism, with the same rule in the same Rust: only the engine and the way in and out differ.

use std::time::Duration;

use extism::{
    Manifest, Plugin, PluginBuilder, Wasm,
    convert::{Json, Msgpack},
};
use guanjia_domain::values::{FeeAnswer, FeeBatch};

/// How values cross.
#[derive(Debug, Clone, Copy)]
pub enum Encoding {
    Json,
    Msgpack,
}

pub struct Engine {
    plugin: Plugin,
    encoding: Encoding,
}

impl Engine {
    pub fn new(module: &[u8], encoding: Encoding, timeout: Duration) -> Self {
        let manifest = Manifest::new([Wasm::data(module)]).with_timeout(timeout);
        let plugin = PluginBuilder::new(manifest).with_cache_disabled().build().unwrap();
        Self { plugin, encoding }
    }

    pub fn evaluate(&mut self, settings: &str, batch: &FeeBatch) -> FeeAnswer {
        match self.encoding {
            Encoding::Json => {
                let Json(answer) = self.plugin.call("evaluate_json", Json((settings, batch))).unwrap();
                answer
            }
            Encoding::Msgpack => {
                let Msgpack(answer) = self.plugin.call("evaluate_msgpack", Msgpack((settings, batch))).unwrap();
                answer
            }
        }
    }

    /// Whether an endless loop ends.
    pub fn stops(&mut self) -> bool {
        self.plugin.call::<&str, &str>("endless", "").is_err()
    }
}
