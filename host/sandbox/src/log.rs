//! The log of one call: the only thing that a guest may ask of the host.

use crate::limits::{LOG_BYTES, LOG_LINE_BYTES, LOG_LINE_BYTES_MIN};

/// Lines of one call, bounded.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    lines: Vec<String>,
    bytes: usize,
    full: bool,
}

impl CallLog {
    /// Keeps a line, cut to its limit. After the first that no longer fits, all others are dropped, so that what is kept
    /// is a beginning without gaps.
    pub(crate) fn write(&mut self, level: &str, line: &str) {
        if self.full {
            return;
        }
        let line = cut(line, LOG_LINE_BYTES);
        let bytes = line.len().max(LOG_LINE_BYTES_MIN);
        if self.bytes + bytes > LOG_BYTES {
            self.full = true;
            self.lines.push("the rest of the log was dropped".to_owned());
            return;
        }
        self.bytes += bytes;
        self.lines.push(format!("{level}: {line}"));
    }

    /// Whether whatever comes now is dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// The longest beginning of at most so many bytes that ends between two characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(cut("面积", 6), "面积");
        assert_eq!(cut("面积", 5), "面");
        assert_eq!(cut("面积", 2), "");
    }

    #[test]
    fn a_log_ends_with_its_sixteenth_kilobyte() {
        let mut log = CallLog::default();
        for _ in 0..100 {
            log.write("info", &"x".repeat(5_000));
        }
        log.write("info", "short enough, but after a gap");
        let lines = log.into_lines();
        assert_eq!(lines.len(), LOG_BYTES / LOG_LINE_BYTES + 1);
        assert_eq!(lines[0].len(), "info: ".len() + LOG_LINE_BYTES);
        assert!(lines[LOG_BYTES / LOG_LINE_BYTES].contains("dropped"));
    }

    #[test]
    fn empty_lines_fill_it_too() {
        let mut log = CallLog::default();
        for _ in 0..100_000 {
            log.write("info", "");
        }
        assert!(log.is_full());
        assert_eq!(log.into_lines().len(), LOG_BYTES / LOG_LINE_BYTES_MIN + 1);
    }
}
