//! One call in a fresh sandbox, and what it means when it comes to nothing.

use guanjia_domain::{Error, Result, decision::CallFailure, hold::HoldCause};
use wasmtime::{Store, Trap};

use crate::{
    engine::Runtime,
    limits::{Budget, EPOCH_TICK, LimitHit, Meter},
    log::CallLog,
    wasi::{NoUse, WasiState},
};

/// What the host keeps beside a guest while it runs.
#[derive(Debug)]
pub(crate) struct CallState {
    meter: Meter,
    pub log: CallLog,
    pub wasi: WasiState,
}

impl CallState {
    /// The log of the call, with what was printed and not ended by a newline.
    fn into_lines(mut self) -> Vec<String> {
        self.wasi.flush(&mut self.log);
        self.log.into_lines()
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Called<T> {
    pub result: std::result::Result<T, CallFailure>,
    /// Fuel used; 0 where a failure hides it.
    pub fuel: u64,
    /// Bytes of linear memory at the end, which never shrinks; 0 where a failure hides it.
    pub memory: usize,
    pub log: Vec<String>,
}

impl<T> Called<T> {
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Called<U> {
        Called { result: self.result.map(map), fuel: self.fuel, memory: self.memory, log: self.log }
    }
}

/// Instantiates and calls, in a store of its own that is dropped afterwards: a trap poisons a store.
///
/// A deadline is met by a slow machine as well as by a slow guest, so it counts only when it is met twice.
///
/// # Errors
/// [`Error::Unavailable`] when the host, not the guest, is at fault.
pub(crate) fn run<I, T>(
    runtime: &Runtime,
    budget: &Budget,
    instantiate: impl Fn(&mut Store<CallState>) -> wasmtime::Result<I>,
    call: impl Fn(&mut Store<CallState>, &I) -> wasmtime::Result<T>,
) -> Result<Called<T>> {
    let attempt = || run_once(runtime, budget, &instantiate, &call);
    match attempt() {
        Err(Fault::Deadline) => tracing::warn!("a plug-in met the deadline; it is called once more"),
        other => return other.or_else(|fault| fault.into_called(budget)),
    }
    attempt().or_else(|fault| fault.into_called(budget))
}

fn run_once<I, T>(
    runtime: &Runtime,
    budget: &Budget,
    instantiate: impl Fn(&mut Store<CallState>) -> wasmtime::Result<I>,
    call: impl Fn(&mut Store<CallState>, &I) -> wasmtime::Result<T>,
) -> std::result::Result<Called<T>, Fault> {
    let state = CallState { meter: Meter::new(budget), log: CallLog::default(), wasi: WasiState::default() };
    let mut store = Store::new(&runtime.engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(budget.answer_bytes);
    store.set_epoch_deadline(budget.deadline_ticks);
    store.set_fuel(budget.shape.fuel_instantiate).map_err(Fault::Host)?;
    let instance = instantiate(&mut store).map_err(|error| Fault::of(error, Phase::Instantiate))?;
    store.set_fuel(budget.fuel).map_err(Fault::Host)?;
    let result = call(&mut store, &instance);
    let fuel = budget.fuel.saturating_sub(store.get_fuel().map_err(Fault::Host)?);
    let (result, fuel) = match result {
        Ok(value) => (Ok(value), fuel),
        Err(error) => match Fault::of(error, Phase::Call) {
            Fault::Guest(kind) => (Err(kind.failure(budget)), 0),
            fault => return Err(fault),
        },
    };
    let state = store.into_data();
    Ok(Called { result, fuel, memory: state.meter.memory(), log: state.into_lines() })
}

/// When something went wrong: an error of lifting an answer is told from one of linking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Instantiate,
    Call,
}

/// Who failed.
#[derive(Debug)]
enum Fault {
    Guest(GuestFault),
    Deadline,
    Host(wasmtime::Error),
}

#[derive(Debug)]
enum GuestFault {
    Trap(String),
    Fuel,
    Deadline,
    Stack,
    AnswerSize,
    Hit(LimitHit),
    /// What came back breaks the rules of the component model.
    Malformed(String),
    NotStarted(String),
}

/// What wasmtime says when an answer is larger than allowed. Its type is private, so that only its words tell it from an
/// invalid answer; the version is pinned, and the test of an oversized answer fails when the words change.
const ANSWER_TOO_LARGE: &str = "fuel allocated for hostcalls has been exhausted";

impl Fault {
    fn of(error: wasmtime::Error, phase: Phase) -> Self {
        if let Some(hit) = error.downcast_ref::<LimitHit>() {
            return Self::Guest(GuestFault::Hit(*hit));
        }
        if let Some(no_use) = error.downcast_ref::<NoUse>() {
            return Self::Guest(GuestFault::Trap(no_use.to_string()));
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => return Self::Guest(GuestFault::Fuel),
            Some(Trap::Interrupt) => return Self::Deadline,
            Some(Trap::StackOverflow) => return Self::Guest(GuestFault::Stack),
            Some(trap) => return Self::Guest(GuestFault::Trap(trap.to_string())),
            None => {}
        }
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return Self::Host(error);
        }
        let words = format!("{error:#}");
        Self::Guest(match phase {
            Phase::Instantiate => GuestFault::NotStarted(words),
            Phase::Call if words.contains(ANSWER_TOO_LARGE) => GuestFault::AnswerSize,
            Phase::Call => GuestFault::Malformed(words),
        })
    }

    fn into_called<T>(self, budget: &Budget) -> Result<Called<T>> {
        let failure = match self {
            Self::Guest(guest) => guest.failure(budget),
            Self::Deadline => GuestFault::Deadline.failure(budget),
            Self::Host(error) => return Err(Error::unavailable("making a sandbox for a plug-in", error)),
        };
        Ok(Called { result: Err(failure), fuel: 0, memory: 0, log: Vec::new() })
    }
}

impl GuestFault {
    /// The failure as the clerk and the developer read it. Both name a limit with its figure.
    fn failure(self, budget: &Budget) -> CallFailure {
        let (cause, reason) = match self {
            Self::Trap(words) => (HoldCause::Broken, format!("the plug-in broke: {words}")),
            Self::Fuel => (
                HoldCause::Fuel { units: budget.fuel },
                format!("the plug-in used up its fuel of {} units", budget.fuel),
            ),
            Self::Deadline => {
                let time = EPOCH_TICK.saturating_mul(u32::try_from(budget.deadline_ticks).unwrap_or(u32::MAX));
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                (HoldCause::Deadline { millis }, format!("the plug-in did not answer within {time:?}, twice"))
            }
            Self::Stack => {
                let bytes = budget.shape.stack_bytes;
                (
                    HoldCause::Stack { bytes: as_limit(bytes) },
                    format!("the plug-in needs more than {bytes} bytes of stack"),
                )
            }
            Self::AnswerSize => (
                HoldCause::AnswerSize { bytes: as_limit(budget.answer_bytes) },
                format!("the plug-in answered more than {} bytes", budget.answer_bytes),
            ),
            Self::Hit(hit) => {
                let cause = match hit {
                    LimitHit::Memory { allowed, .. } => HoldCause::Memory { bytes: as_limit(allowed) },
                    LimitHit::Table { allowed, .. } => HoldCause::Table { elements: as_limit(allowed) },
                };
                (cause, format!("the plug-in ran out of memory: {hit}"))
            }
            Self::Malformed(words) => {
                (HoldCause::Malformed, format!("the plug-in answered what the contract does not allow: {words}"))
            }
            Self::NotStarted(words) => (HoldCause::NotStarted, format!("the plug-in does not start: {words}")),
        };
        CallFailure::new(cause, reason)
    }
}

fn as_limit(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
