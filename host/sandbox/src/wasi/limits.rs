//! What a guest with a language's runtime may use. Every reason compares it with what the samples of the two languages
//! take; `host/docs/measurements.md` has the figures.

use std::time::Duration;

use guanjia_domain::plugin::Tier;

use crate::limits::{
    ANSWER_BYTES_BASE, ANSWER_BYTES_PER_SUBJECT, FUEL_PER_SETTINGS_BYTE, GOLDEN_CASES_TIME, InstallLimits, Limits,
    Shape,
};

/// A component file: CPython gives 18.5 MB, StarlingMonkey 12 MB, QuickJS 1.7 MB.
pub const COMPONENT_BYTES: usize = 24 << 20;
/// Fuel of a call before its first subject.
pub const FUEL_BASE: u64 = 100_000_000;
/// Fuel a subject.
pub const FUEL_PER_SUBJECT: u64 = 2_000_000;
/// Fuel for start functions.
pub const FUEL_INSTANTIATE: u64 = 50_000_000;
/// Ticks of the deadline.
pub const DEADLINE_TICKS: u64 = 3_000;
/// Linear memory, all memories of a component together.
pub const MEMORY_BYTES: usize = 256 << 20;
/// Memories of a component.
pub const MEMORIES: u32 = 64;
/// Tables of a component.
pub const TABLES: u32 = 64;
/// Elements of a table.
pub const TABLE_ELEMENTS: usize = 65_536;
/// Core instances of a component.
pub const CORE_INSTANCES: u32 = 256;
/// Stack of a guest.
pub const STACK_BYTES: usize = 1 << 20;
/// How long installing waits for validation and compilation: ten times what CPython takes on a loaded machine.
pub const COMPILE_TIME: Duration = Duration::from_secs(300);
/// Processor time of validation and compilation, all threads together, in seconds: several times what CPython takes.
pub const COMPILE_PROCESSOR_SECONDS: u64 = 300;
/// Address space of a process that validates and compiles: CPython takes 560 MB on two threads, and each further thread
/// some more.
pub const COMPILE_MEMORY_BYTES: u64 = 2 << 30;
/// Handles of streams that a guest may hold at the same time: a runtime opens three, and one more for each piece that it
/// prints.
pub const HANDLES: u32 = 1_024;
/// Random bytes of one call of the host. Whoever wants more asks again.
pub const RANDOM_BYTES: usize = 64 << 10;

/// What an instance may be made of.
pub(crate) const SHAPE: Shape = Shape {
    core_instances: CORE_INSTANCES,
    memories: MEMORIES,
    tables: TABLES,
    table_elements: TABLE_ELEMENTS,
    stack_bytes: STACK_BYTES,
    fuel_instantiate: FUEL_INSTANTIATE,
};

impl Limits {
    /// Those of plug-ins with a language's runtime.
    #[must_use]
    pub fn with_runtime() -> Self {
        Self {
            fuel_base: FUEL_BASE,
            fuel_per_subject: FUEL_PER_SUBJECT,
            fuel_per_settings_byte: FUEL_PER_SETTINGS_BYTE,
            deadline_ticks: DEADLINE_TICKS,
            memory_bytes: MEMORY_BYTES,
            answer_bytes_base: ANSWER_BYTES_BASE,
            answer_bytes_per_subject: ANSWER_BYTES_PER_SUBJECT,
            tier: Tier::WithRuntime,
        }
    }
}

impl InstallLimits {
    /// Those of plug-ins with a language's runtime.
    #[must_use]
    pub fn with_runtime() -> Self {
        Self {
            compile_time: COMPILE_TIME,
            compile_processor_seconds: COMPILE_PROCESSOR_SECONDS,
            compile_memory_bytes: COMPILE_MEMORY_BYTES,
            golden_cases_time: GOLDEN_CASES_TIME,
        }
    }
}
