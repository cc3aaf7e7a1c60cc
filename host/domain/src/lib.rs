//! What a property office is made of, and every rule that the host itself keeps.
//!
//! The domain holds types, pure rules, services and the *ports* that store, sandbox and clock implement. It is *not* a
//! place for IO: no SQL, no HTTP, no wasmtime, and it reads no clock. It receives facts and returns decisions, so that a
//! table can test it.
//!
//! Money is [`Fen`]: signed 64-bit minor units, always checked. Dates are civil ([`Date`]), instants are UTC.

pub mod access;
pub mod audit;
pub mod billing;
pub mod calendar;
pub mod decision;
pub mod difference;
pub mod error;
pub mod estate;
pub mod facts;
pub mod fee_item;
pub mod hold;
pub mod idempotency;
pub mod ids;
pub mod import;
pub mod job;
pub mod journal;
pub mod meter;
pub mod money;
pub mod plugin;
pub mod point;
pub mod ports;
pub mod proof;
pub mod ticket;
pub mod trial;

pub use error::{Error, Result};
pub use guanjia_values as values;
pub use guanjia_values::{Date, Decimal, Period};
pub use money::Fen;
