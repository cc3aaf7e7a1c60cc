//! Runs plug-ins: the only crate that knows wasmtime.
//!
//! [`Sandbox`] implements the domain's [`PolicyEngine`](guanjia_domain::ports::PolicyEngine). It **verifies** a component
//! file before anybody trusts it, keeps it **prepared** (compiled and linked, in memory and on disk), and makes **calls**,
//! each in a fresh instance with hard limits, dropped after the call, so that no state is hidden between two decisions.
//!
//! The same call gives the same bytes on every machine: fuel, memory, stack and output are bounded by counting, and the
//! only bound that depends on the clock, a deadline far above what the fuel lasts, is a backstop that is tried twice.
//!
//! Components that bring a language's runtime run on an engine of their own, with a virtual WASI in place of an operating
//! system; see `tier` and `wasi`.
//!
//! It is *not* a judge of answers: whether an answer can be true is the domain's to check. It is not a compile farm
//! either: one component at a time is compiled, in a process of its own where the host offers one ([`Compiler`]). Guests
//! run in this process; where that is not isolation enough, `call::run` is the seam: it takes values and gives values, so
//! that a worker process can make the call, too.
//!
//! ```no_run
//! # async fn example(component: Vec<u8>) -> guanjia_domain::Result<()> {
//! use guanjia_domain::ports::PolicyEngine;
//! use guanjia_sandbox::{Sandbox, SandboxOptions};
//!
//! let sandbox = Sandbox::new(SandboxOptions { cache_dir: Some("var/cache/components".into()), ..Default::default() })?;
//! let plugin = sandbox.verify(component).await?;
//! println!("{} {} can be bound", plugin.id, plugin.version);
//! # Ok(())
//! # }
//! ```

mod bindings;
mod cache;
mod call;
mod compile;
mod engine;
mod fee_policy;
mod install;
mod late_fee_policy;
mod limits;
mod log;
mod outline;
mod policy;
mod prepared;
mod sandbox;
#[cfg(test)]
mod tests;
mod ticket_policy;
mod tier;
mod unpack;
mod values;
mod wasi;

pub use compile::{Compiler, compile_worker};
pub use limits::{InstallLimits, Limits};
pub use outline::{golden_cases, outline};
pub use sandbox::{Sandbox, SandboxOptions};
pub use tier::tier;
