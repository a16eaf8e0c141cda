//! The bounds of a stream, and what it did.
use crate::redaction::kinds::{Counts, Kind};

/// Bounds of a [`Stream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Longer lines are cut, in bytes. Raised to twice what the rules need to see of a line (8 KiB or more).
    pub line_bytes: usize,
    /// How many places are told with their line's number; all are counted.
    pub listed: usize,
    /// Whether a file that holds NUL among its first 8 KiB is left out whole, and later a line that does.
    pub text_only: bool,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            line_bytes: 1024 * 1024,
            listed: 1000,
            text_only: true,
        }
    }
}

/// Something hidden, by its line (from 1) in the file before redaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    pub line: u64,
    pub kind: Kind,
    pub count: u32,
}

/// What a stream did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamReport {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub lines: u64,
    pub counts: Counts,
    /// The first [`StreamLimits::listed`] places.
    pub places: Vec<Place>,
    /// Places that are counted and not listed.
    pub unlisted: u64,
    pub cut_lines: u64,
    /// Bytes of cut lines that were left out.
    pub cut_bytes: u64,
    /// Lines that are not UTF-8 text.
    pub unreadable_lines: u64,
    pub unreadable_bytes: u64,
    /// Bytes of a last line that was cut off before it came here.
    pub unended_bytes: u64,
    /// The whole file is binary and nothing of it was passed on.
    pub binary: bool,
}

impl StreamReport {
    /// What was left out, in plain words; none when all was passed on (redacted).
    pub fn left_out(&self) -> Option<String> {
        if self.binary {
            return Some(format!(
                "all {} bytes: binary data cannot be redacted",
                self.bytes_in
            ));
        }
        let mut words = Vec::new();
        if self.cut_lines > 0 {
            words.push(format!(
                "{} bytes of {} lines that were too long",
                self.cut_bytes, self.cut_lines
            ));
        }
        if self.unreadable_lines > 0 {
            words.push(format!(
                "{} bytes in {} lines that are not UTF-8 text",
                self.unreadable_bytes, self.unreadable_lines
            ));
        }
        if self.unended_bytes > 0 {
            words.push(format!(
                "{} bytes of a last line that was cut",
                self.unended_bytes
            ));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Bytes that were left out, redactions aside.
    pub fn left_out_bytes(&self) -> u64 {
        if self.binary {
            self.bytes_in
        } else {
            self.cut_bytes + self.unreadable_bytes + self.unended_bytes
        }
    }
}
