//! The few types of WASI whose values the host makes.

#![allow(
    unsafe_code,
    reason = "the derived conversions implement wasmtime's unsafe traits; nothing here is written by hand"
)]

use wasmtime::component::{ComponentType, Lower, Resource};

/// `wasi:clocks/wall-clock.datetime`.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct DateTime {
    pub seconds: u64,
    pub nanoseconds: u32,
}

/// `wasi:io/streams.stream-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum StreamError {
    /// Never answered: nothing here fails half-way.
    #[allow(dead_code, reason = "the type has to be whole")]
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// Kinds of resources. Those of which nobody ever gets one share a type.
pub(crate) struct InputStream;
pub(crate) struct OutputStream;
pub(crate) struct Pollable;
pub(crate) struct IoError;
pub(crate) struct Terminal;
pub(crate) struct NeverGiven;
