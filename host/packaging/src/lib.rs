//! From a crate to an installable plug-in: the manifest, the component around it, and the nested build of guests.
//!
//! - [`manifest`] reads `plugin.toml`, checks it and inlines the settings schema and the golden cases.
//! - [`component`] turns a core module into a component that carries its manifest, and reads both back.
//! - [`build`] runs the nested `cargo build` for `wasm32-unknown-unknown`, for build scripts and tests.
//! - [`languages`] builds the plug-ins in JavaScript and Python with their own tools.
//!
//! It is *not* a sandbox: nothing here runs a plug-in. What it reads may come from anybody, so it reads with limits and
//! answers with sentences.

pub mod build;
pub mod component;
pub mod languages;
pub mod manifest;
mod outline;

pub use build::{BuildError, BuiltPlugin, build_plugins, watched_paths};
pub use component::{ComponentError, ComponentInfo, componentise, embed_manifest, inspect, read_manifest};
pub use languages::{build_language_plugins, package_component};
pub use manifest::{Export, Localized, Manifest, ManifestError, MessageText, StepText};
pub use outline::{Outline, outline};
