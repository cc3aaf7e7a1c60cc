//! The host as a whole: command line, configuration and the wiring of store, sandbox and web.
//!
//! Only [`boot`] knows every crate. The commands talk to the domain's services; they hold no rule of their own.

pub mod boot;
pub mod cli;
mod files;
pub mod generate;
pub mod presence;
pub mod registries;
pub mod standard_plugins;
pub mod worker;
