//! Lines for the log of the decision. Natively they go nowhere.

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
}

/// Leaves a line in the log of the decision. The host cuts long lines and drops what is too much.
pub fn write(level: Level, line: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::log(level, line);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, line);
}
