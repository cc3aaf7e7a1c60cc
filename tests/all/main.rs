//! The one integration binary: the real host as a process, on both databases, with real plug-ins, good and bad, and a real
//! browser.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test that cannot go on panics")]

mod activation;
mod api;
mod attachments;
mod bad_plugins;
mod billing;
mod browser;
mod bundles;
mod contract;
mod crash;
mod custom_fields;
mod demo;
mod host;
mod hostile;
mod house;
mod imports;
mod inspect;
mod languages;
mod parties;
mod proof;
mod quarantine;
mod registry;
mod rerate;
mod trials;
mod trust;
