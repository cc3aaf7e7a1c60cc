//! From a crate to an installable plug-in: the manifest, the component around it, and the nested build of guests.
//!
//! - [`manifest`] reads `plugin.toml`, checks it and inlines the settings schema and the golden cases.
//! - [`component`] turns a core module into a component that carries its manifest, and reads both back.
//! - [`signature`] says who vouches for a component, in the component's own file.
//! - [`bundle`] packs several components into one file.
//! - [`gate`] counts what a component declares, so that what is out of proportion is refused before it costs anything.
//! - [`build`] runs the nested `cargo build` for `wasm32-unknown-unknown`, for build scripts and tests.
//! - [`languages`] builds the plug-ins in JavaScript and Python with their own tools.
//!
//! It is *not* a sandbox: nothing here runs a plug-in. What it reads may come from anybody, so it reads with limits and
//! answers with sentences.

pub mod build;
pub mod bundle;
pub mod component;
pub mod gate;
pub mod languages;
pub mod manifest;
pub mod signature;

pub use build::{BuildError, BuiltPlugin, build_plugins, watched_paths};
pub use bundle::{BundleEntry, BundleError, Packed, is_bundle, pack, read_bundle};
pub use component::{
    ComponentError, ComponentInfo, Outline, Parts, Validated, componentise, embed_manifest, inspect, outline,
    read_manifest, validate,
};
pub use languages::{build_language_plugins, package_component};
pub use manifest::{Export, Localized, Manifest, ManifestError, MessageText, StepText};
pub use signature::{PrivateKey, PublicKey, Signature, SignatureError, SignedFile, read_signatures, sign};
