//! What a guest may use. Every limit is a number that is compared with a count, so that the same call meets the same limit
//! on every machine; only the deadline looks at a clock.

use std::{fmt, time::Duration};

use guanjia_domain::plugin::{CallLimits, Tier};

use crate::wasi;

/// Fuel of a call before its first subject: reading settings and building tables. Settings of the standard plug-ins take
/// a fiftieth of it.
pub const FUEL_BASE: u64 = 5_000_000;
/// Fuel a subject. The standard plug-ins use 1,000 to 6,000, so this leaves rules of another order of size alone, and
/// stops an endless loop over a full batch within half a second.
pub const FUEL_PER_SUBJECT: u64 = 100_000;
/// Fuel a byte of settings: a JSON parser uses about 100.
pub const FUEL_PER_SETTINGS_BYTE: u64 = 1_000;
/// Fuel for start functions. It is apart from the call's, because how much an instantiation uses differs between
/// platforms.
pub const FUEL_INSTANTIATE: u64 = 5_000_000;
/// How often the clock of the deadline ticks. Coarse enough to cost nothing, fine enough for a deadline of seconds.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Ticks of the deadline: ten seconds, many times what a full batch's fuel lasts on a loaded machine. It catches what fuel
/// does not count.
pub const DEADLINE_TICKS: u64 = 1_000;
/// Linear memory, all memories of a component together. A Rust guest uses 50 KiB, and 1.5 MiB after 4,096 subjects.
pub const MEMORY_BYTES: usize = 64 << 20;
/// Memories of a component: a guest without an adapter has one, and the pool reserves address space for each.
pub const MEMORIES: u32 = 1;
/// Tables of a component: its own and the one of the shim that links it.
pub const TABLES: u32 = 4;
/// Elements of a table: function pointers. An interpreter has a few thousand.
pub const TABLE_ELEMENTS: usize = 20_000;
/// Core instances of a component: a Rust guest has three, its own and two that link it.
pub const CORE_INSTANCES: u32 = 8;
/// Stack of a guest. Threads of the blocking pool have 2 MiB, so that an overflow is always the guest's.
pub const STACK_BYTES: usize = 512 << 10;
/// Size of an answer before its first subject, as the host holds it.
pub const ANSWER_BYTES_BASE: usize = 1 << 20;
/// Size of an answer a subject: about thirty times a usual one, and what 32 lines of a few steps take.
pub const ANSWER_BYTES_PER_SUBJECT: usize = 4 << 10;
/// Subjects of one call. Beyond this, a batch is slower than two halves, and answers grow past what is checked at once.
pub const SUBJECTS: u32 = 1 << 16;
/// A longer line of the log is cut.
pub const LOG_LINE_BYTES: usize = 1 << 10;
/// Log of one call. What comes after it is dropped.
pub const LOG_BYTES: usize = 16 << 10;
/// What the shortest line counts, because it costs the host that much: otherwise empty lines would have no end.
pub const LOG_LINE_BYTES_MIN: usize = 64;
/// A component file. Rust and C give 20 to 140 kB; what carries an interpreter has limits of its own (`wasi/limits.rs`).
pub const COMPONENT_BYTES: usize = 4 << 20;
/// Guests that run at the same time. More than the cores of an office machine, and few enough that all of them at the
/// limit of memory still fit one.
pub const CONCURRENT_CALLS: u32 = 16;
/// How long installing waits for validation and compilation: a hundred times what a standard plug-in takes, loaded.
pub const COMPILE_TIME: Duration = Duration::from_secs(30);
/// Processor time of validation and compilation, all threads together, in seconds.
pub const COMPILE_PROCESSOR_SECONDS: u64 = 30;
/// Address space of a process that validates and compiles. A standard plug-in fits into a tenth of it, most of which
/// is the program itself; a component forty times as large, the largest that is installed, has room if it is no bomb.
pub const COMPILE_MEMORY_BYTES: u64 = 1 << 30;
/// Compiled code. It is three to five times its component, so this is no component of the size that is installed.
pub const CODE_BYTES: usize = 256 << 20;
/// How long all golden cases of a plug-in may run.
pub const GOLDEN_CASES_TIME: Duration = Duration::from_secs(60);
/// Components kept compiled and linked in memory, at about 100 kB each. More than a company's projects use together.
pub const PREPARED_COMPONENTS: usize = 256;

/// The limits of one call. The defaults are the product's; tests and tools may narrow them. They are part of the engine
/// profile that decisions name, because what meets a limit is an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub fuel_base: u64,
    pub fuel_per_subject: u64,
    pub fuel_per_settings_byte: u64,
    /// Ticks of 10 ms.
    pub deadline_ticks: u64,
    pub memory_bytes: usize,
    pub answer_bytes_base: usize,
    pub answer_bytes_per_subject: usize,
    /// What an instance may be made of follows from it.
    pub tier: Tier,
}

/// What an instance may be made of. The engine of a tier is made for it, so that nobody can narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub core_instances: u32,
    pub memories: u32,
    pub tables: u32,
    pub table_elements: usize,
    pub stack_bytes: usize,
    /// Fuel for start functions.
    pub fuel_instantiate: u64,
}

impl Shape {
    pub(crate) fn of(tier: Tier) -> Self {
        match tier {
            Tier::Pure => Self {
                core_instances: CORE_INSTANCES,
                memories: MEMORIES,
                tables: TABLES,
                table_elements: TABLE_ELEMENTS,
                stack_bytes: STACK_BYTES,
                fuel_instantiate: FUEL_INSTANTIATE,
            },
            Tier::WithRuntime => wasi::limits::SHAPE,
        }
    }
}

impl Default for Limits {
    /// Those of pure plug-ins.
    fn default() -> Self {
        Self {
            fuel_base: FUEL_BASE,
            fuel_per_subject: FUEL_PER_SUBJECT,
            fuel_per_settings_byte: FUEL_PER_SETTINGS_BYTE,
            deadline_ticks: DEADLINE_TICKS,
            memory_bytes: MEMORY_BYTES,
            answer_bytes_base: ANSWER_BYTES_BASE,
            answer_bytes_per_subject: ANSWER_BYTES_PER_SUBJECT,
            tier: Tier::Pure,
        }
    }
}

impl Limits {
    /// Those of the product for a tier.
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        match tier {
            Tier::Pure => Self::default(),
            Tier::WithRuntime => Self::with_runtime(),
        }
    }

    /// As people are told them.
    #[must_use]
    pub fn told(&self) -> CallLimits {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let tick = u64::try_from(EPOCH_TICK.as_millis()).unwrap_or(u64::MAX);
        CallLimits {
            memory_bytes: count(self.memory_bytes as u64),
            fuel_base: count(self.fuel_base),
            fuel_per_subject: count(self.fuel_per_subject),
            deadline_ms: count(self.deadline_ticks.saturating_mul(tick)),
        }
    }

    /// What a call over so many subjects with settings of that length may use.
    pub(crate) fn budget(&self, subjects: u32, settings: &str) -> Budget {
        let settings_bytes = u64::try_from(settings.len()).unwrap_or(u64::MAX);
        let fuel = self
            .fuel_base
            .saturating_add(self.fuel_per_subject.saturating_mul(u64::from(subjects)))
            .saturating_add(self.fuel_per_settings_byte.saturating_mul(settings_bytes));
        let subjects_bytes = self.answer_bytes_per_subject.saturating_mul(subjects as usize);
        Budget {
            fuel,
            deadline_ticks: self.deadline_ticks,
            memory_bytes: self.memory_bytes,
            answer_bytes: self.answer_bytes_base.saturating_add(subjects_bytes),
            shape: Shape::of(self.tier),
        }
    }
}

impl fmt::Display for Limits {
    /// The part of the profile that these numbers are. The deadline is not in it: what meets it is tried again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = Shape::of(self.tier);
        write!(
            f,
            "fuel {}+{}/subject+{}/byte; memory {}; table {}; stack {}; answer {}+{}/subject; log {LOG_LINE_BYTES}/{LOG_BYTES}",
            self.fuel_base,
            self.fuel_per_subject,
            self.fuel_per_settings_byte,
            self.memory_bytes,
            shape.table_elements,
            shape.stack_bytes,
            self.answer_bytes_base,
            self.answer_bytes_per_subject,
        )
    }
}

/// The limits of installing. Nothing that is decided depends on them, so that they are no part of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallLimits {
    /// Validation and compilation, by the clock.
    pub compile_time: Duration,
    pub compile_processor_seconds: u64,
    pub compile_memory_bytes: u64,
    /// All golden cases of a plug-in together.
    pub golden_cases_time: Duration,
}

impl Default for InstallLimits {
    /// Those of pure plug-ins.
    fn default() -> Self {
        Self {
            compile_time: COMPILE_TIME,
            compile_processor_seconds: COMPILE_PROCESSOR_SECONDS,
            compile_memory_bytes: COMPILE_MEMORY_BYTES,
            golden_cases_time: GOLDEN_CASES_TIME,
        }
    }
}

/// What one call may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub fuel: u64,
    pub deadline_ticks: u64,
    pub memory_bytes: usize,
    pub answer_bytes: usize,
    pub shape: Shape,
}

/// A limit that the host itself enforces, carried through wasmtime as the error that ends the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitHit {
    #[error("it asked for {wanted} bytes of memory; {allowed} are allowed")]
    Memory { wanted: usize, allowed: usize },
    #[error("it asked for a table of {wanted} elements; {allowed} are allowed")]
    Table { wanted: usize, allowed: usize },
}

/// Counts what a store has given out.
///
/// Growing past a limit ends the guest at once instead of failing `memory.grow`: an allocator that is refused aborts, and
/// that could not be told from a bug.
#[derive(Debug)]
pub(crate) struct Meter {
    allowed: usize,
    memory: usize,
    shape: Shape,
}

impl Meter {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self { allowed: budget.memory_bytes, memory: 0, shape: budget.shape }
    }

    /// Bytes given out so far.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl wasmtime::ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_sub(current).saturating_add(desired);
        if wanted > self.allowed {
            return Err(wasmtime::Error::new(LimitHit::Memory { wanted, allowed: self.allowed }));
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = self.shape.table_elements;
        if desired > allowed {
            return Err(wasmtime::Error::new(LimitHit::Table { wanted: desired, allowed }));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.shape.core_instances as usize
    }

    fn tables(&self) -> usize {
        self.shape.tables as usize
    }

    fn memories(&self) -> usize {
        self.shape.memories as usize
    }
}
