//! Redaction of files of any size: by lines, with a bound on their length and on what is held back.
mod held;
mod report;

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use super::{
    kinds::{Counts, Kind},
    line::{Context, Line, Rules},
};
use held::{Held, HeldLineRef};
pub use report::{Place, StreamLimits, StreamReport};

/// How much of a file's begin tells whether it is text.
const SNIFF: usize = 8 * 1024;
/// What of a cut line is dropped so that no secret is cut in two, in bytes.
const OVERLAP: usize = 4 * 1024;

/// Redacts what is pushed, piece by piece. The output does not depend on where the pieces were cut.
pub struct Stream {
    rules: Arc<Rules>,
    line_bytes: usize,
    overlap: usize,
    limits: StreamLimits,
    /// The begin of the file until it is known to be text.
    sniffing: Option<Vec<u8>>,
    carry: Vec<u8>,
    /// Bytes of the present line that were dropped because it is too long.
    dropped: Option<u64>,
    context: Context,
    held: Held,
    report: StreamReport,
}

impl Stream {
    pub(super) fn new(rules: Arc<Rules>, limits: StreamLimits) -> Self {
        let overlap = OVERLAP.max(2 * rules.longest_literal());
        Self {
            rules,
            line_bytes: limits.line_bytes.max(2 * overlap),
            overlap,
            limits,
            sniffing: limits.text_only.then(Vec::new),
            carry: Vec::new(),
            dropped: None,
            context: Context::default(),
            held: Held::Nothing,
            report: StreamReport::default(),
        }
    }

    /// Takes a piece of the file and appends to `out` what is redacted by now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.report.bytes_in += bytes.len() as u64;
        if self.report.binary {
            return;
        }
        let before = out.len();
        match self.sniffing.take() {
            None => self.take(bytes, out),
            Some(mut begin) => {
                begin.extend_from_slice(bytes);
                if begin.len() < SNIFF {
                    self.sniffing = Some(begin);
                } else {
                    self.begin(&begin, out);
                }
            }
        }
        self.report.bytes_out += (out.len() - before) as u64;
    }

    /// Appends the rest to `out` and tells what was done.
    pub fn finish(self, out: &mut Vec<u8>) -> StreamReport {
        self.end(false, out)
    }

    /// As [`Self::finish`], of something that went on behind what was pushed: what may be half of a secret is left out.
    pub fn finish_cut(self, out: &mut Vec<u8>) -> StreamReport {
        self.end(true, out)
    }

    fn end(mut self, cut: bool, out: &mut Vec<u8>) -> StreamReport {
        let before = out.len();
        if let Some(begin) = self.sniffing.take() {
            self.begin(&begin, out);
        }
        if !self.report.binary {
            if self.dropped.is_some() {
                self.end_cut("", out);
            } else if cut {
                self.unended(out);
            } else if !self.carry.is_empty() {
                let line = std::mem::take(&mut self.carry);
                self.line(&line, "", out);
            }
            self.release(out);
        }
        self.report.bytes_out += (out.len() - before) as u64;
        self.report
    }

    fn begin(&mut self, begin: &[u8], out: &mut Vec<u8>) {
        if memchr::memchr(0, &begin[..begin.len().min(SNIFF)]).is_some() {
            self.report.binary = true;
        } else {
            self.take(begin, out);
        }
    }

    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            bytes = end.map_or(&[][..], |n| &bytes[n + 1..]);
            if self.dropped.is_none()
                && self.carry.is_empty()
                && end.is_some()
                && piece.len() <= self.line_bytes
            {
                self.line(piece, "\n", out);
                continue;
            }
            if self.dropped.is_none() {
                let room = self.line_bytes - self.carry.len();
                self.carry
                    .extend_from_slice(&piece[..piece.len().min(room)]);
                if piece.len() > room {
                    self.begin_cut(out);
                    self.dropped = self.dropped.map(|n| n + (piece.len() - room) as u64);
                }
            } else {
                self.dropped = self.dropped.map(|n| n + piece.len() as u64);
            }
            if end.is_some() {
                if self.dropped.is_some() {
                    self.end_cut("\n", out);
                } else {
                    let line = std::mem::take(&mut self.carry);
                    self.line(&line, "\n", out);
                    self.carry = line;
                    self.carry.clear();
                }
            }
        }
    }

    /// The end was cut off: nothing is passed on that could have been hidden, had the rest come.
    fn unended(&mut self, out: &mut Vec<u8>) {
        self.end_held(out);
        if self.carry.is_empty() {
            return;
        }
        let dropped = if self.carry.len() > 2 * self.overlap {
            self.window(out)
        } else {
            self.report.lines += 1;
            std::mem::take(&mut self.carry).len() as u64
        };
        self.report.unended_bytes += dropped;
        out.extend_from_slice(
            format!("[cut: {dropped} bytes of a line whose end was cut off]").as_bytes(),
        );
    }

    /// The present line is too long: pass on its begin, but for what could be a secret cut in two.
    fn begin_cut(&mut self, out: &mut Vec<u8>) {
        self.report.cut_lines += 1;
        self.dropped = Some(self.window(out));
    }

    /// Passes on the carried line but for its last `overlap` bytes, and says how many bytes that left out.
    fn window(&mut self, out: &mut Vec<u8>) -> u64 {
        self.release(out);
        self.report.lines += 1;
        let window = std::mem::take(&mut self.carry);
        let valid = match std::str::from_utf8(&window) {
            Ok(text) => text,
            // Only a character that the cut itself broke is forgiven.
            Err(e) if e.error_len().is_none() => {
                std::str::from_utf8(&window[..e.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => "",
        };
        let mut keep = valid.len().saturating_sub(self.overlap);
        while !valid.is_char_boundary(keep) {
            keep -= 1;
        }
        let rules = Arc::clone(&self.rules);
        let line = rules.redact_window(valid, keep, &mut self.context);
        // What the dropped rest would have closed is not known.
        self.context = Context::default();
        let number = self.report.lines;
        self.write(&line, number, out);
        (window.len() - keep) as u64
    }

    fn end_cut(&mut self, ending: &str, out: &mut Vec<u8>) {
        let dropped = self.dropped.take().unwrap_or(0);
        self.report.cut_bytes += dropped;
        out.extend_from_slice(
            format!(
                " [cut: {dropped} bytes of a line longer than {} bytes]{ending}",
                self.line_bytes
            )
            .as_bytes(),
        );
    }

    fn line(&mut self, raw: &[u8], ending: &'static str, out: &mut Vec<u8>) {
        self.report.lines += 1;
        let number = self.report.lines;
        let (raw, ending) = match (raw, ending) {
            ([head @ .., b'\r'], "\n") => (head, "\r\n"),
            (all, ending) => (all, ending),
        };
        let text = std::str::from_utf8(raw)
            .ok()
            .filter(|_| !self.limits.text_only || memchr::memchr(0, raw).is_none());
        let Some(text) = text else {
            self.release(out);
            self.report.unreadable_lines += 1;
            self.report.unreadable_bytes += raw.len() as u64;
            out.extend_from_slice(
                format!(
                    "[left out: {} bytes that are not UTF-8 text]{ending}",
                    raw.len()
                )
                .as_bytes(),
            );
            return;
        };
        self.text(
            HeldLineRef {
                number,
                text,
                ending,
            },
            out,
        );
    }

    fn redact(&mut self, line: HeldLineRef<'_>, out: &mut Vec<u8>) {
        let rules = Arc::clone(&self.rules);
        let redacted = rules.redact(line.text, &mut self.context);
        self.write(&redacted, line.number, out);
        if redacted.opens_key {
            self.held = Held::Key {
                lines: Vec::new(),
                bytes: 0,
            };
        }
        out.extend_from_slice(line.ending.as_bytes());
    }

    fn write(&mut self, line: &Line<'_>, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(line.text.as_bytes());
        self.count(number, &line.hidden);
    }

    fn count(&mut self, line: u64, hidden: &[Kind]) {
        let mut of_line = Counts::default();
        hidden.iter().for_each(|kind| of_line.add(*kind, 1));
        for (kind, count) in of_line.iter() {
            self.report.counts.add(kind, count);
            if self.report.places.len() < self.limits.listed {
                self.report.places.push(Place {
                    line,
                    kind,
                    count: u32::try_from(count).unwrap_or(u32::MAX),
                });
            } else {
                self.report.unlisted += count;
            }
        }
    }
}

/// Redacts all of `reader` into `writer`, in pieces of 64 KiB.
pub(super) fn pump(
    mut stream: Stream,
    reader: &mut dyn Read,
    writer: &mut dyn Write,
) -> io::Result<StreamReport> {
    let mut piece = vec![0; 64 * 1024];
    let mut out = Vec::with_capacity(96 * 1024);
    loop {
        let n = match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        stream.push(&piece[..n], &mut out);
        writer.write_all(&out)?;
        out.clear();
    }
    let report = stream.finish(&mut out);
    writer.write_all(&out)?;
    Ok(report)
}
