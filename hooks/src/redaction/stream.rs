//! Redaction of files of any size: by lines, with a bound on their length and on what is held back.
use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::Arc,
};

use super::{
    kinds::{Counts, Kind},
    line::{Context, Line, Rules},
    pem,
};

/// A key of 16,384 bits has 198 lines; what is longer is none.
const HELD_LINES: usize = 220;
const HELD_BYTES: usize = 64 * 1024;
/// How much of a file's begin tells whether it is text.
const SNIFF: usize = 8 * 1024;
/// What of a cut line is dropped so that no secret is cut in two, in bytes.
const OVERLAP: usize = 4 * 1024;

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

/// Lines that may be part of a private key and wait for what decides it.
enum Held {
    Nothing,
    /// Base64 without a begin: a key's, if its end mark follows.
    Body(VecDeque<HeldLine>),
    /// Behind a begin mark, which is hidden already.
    Key {
        lines: Vec<HeldLine>,
        bytes: usize,
    },
}

struct HeldLine {
    number: u64,
    text: String,
    ending: &'static str,
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
        if let Held::Body(lines) = &self.held {
            // The end mark that would have told a key may be among what is missing.
            let first = lines.front().map_or(self.report.lines, |l| l.number);
            self.held = Held::Nothing;
            self.count(first, &[Kind::PrivateKey]);
            out.extend_from_slice(b"[redacted:private-key]\n");
        }
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

    fn text(&mut self, line: HeldLineRef<'_>, out: &mut Vec<u8>) {
        let bytes = line.text.as_bytes();
        match &mut self.held {
            Held::Nothing => {
                if pem::is_body(bytes) {
                    self.held = Held::Body(VecDeque::from([line.keep()]));
                } else {
                    self.redact(line, out);
                }
            }
            Held::Body(lines) => {
                if let Some((_, end)) = pem::end_mark(bytes) {
                    let first = lines.front().map_or(line.number, |l| l.number);
                    self.held = Held::Nothing;
                    self.count(first, &[Kind::PrivateKey]);
                    out.extend_from_slice(b"[redacted:private-key]\n");
                    self.rest_of(line, end, out);
                } else if pem::is_body(bytes)
                    || (!bytes.trim_ascii().is_empty()
                        && bytes.len() < 100
                        && pem::is_base64(bytes.trim_ascii()))
                {
                    lines.push_back(line.keep());
                    if lines.len() > HELD_LINES
                        && let Some(oldest) = lines.pop_front()
                    {
                        let held = std::mem::replace(&mut self.held, Held::Nothing);
                        self.redact(oldest.borrow(), out);
                        self.held = held;
                    }
                } else {
                    self.release(out);
                    self.text(line, out);
                }
            }
            Held::Key {
                lines,
                bytes: held_bytes,
            } => {
                if let Some((_, end)) = pem::end_mark(bytes) {
                    self.held = Held::Nothing;
                    self.rest_of(line, end, out);
                } else if pem::has_begin(bytes) {
                    self.release(out);
                    self.text(line, out);
                } else {
                    *held_bytes += bytes.len();
                    lines.push(line.keep());
                    if lines.len() > HELD_LINES || *held_bytes > HELD_BYTES {
                        self.release(out);
                    }
                }
            }
        }
    }

    /// What stands on a line behind a key's end mark.
    fn rest_of(&mut self, line: HeldLineRef<'_>, end: usize, out: &mut Vec<u8>) {
        let rest = &line.text[end..];
        if !rest.trim().is_empty() {
            self.redact(HeldLineRef { text: rest, ..line }, out);
        }
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

    /// Nothing decided over the held lines: they are no key, or one whose end is missing.
    fn release(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => {}
            Held::Body(lines) => lines.iter().for_each(|l| self.redact(l.borrow(), out)),
            Held::Key { lines, .. } => {
                let rules = Arc::clone(&self.rules);
                for held in lines {
                    let redacted = rules.redact_unended(&held.text, &mut self.context);
                    self.write(&redacted, held.number, out);
                    out.extend_from_slice(held.ending.as_bytes());
                }
            }
        }
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

#[derive(Clone, Copy)]
struct HeldLineRef<'a> {
    number: u64,
    text: &'a str,
    ending: &'static str,
}

impl HeldLineRef<'_> {
    fn keep(self) -> HeldLine {
        HeldLine {
            number: self.number,
            text: self.text.to_owned(),
            ending: self.ending,
        }
    }
}

impl HeldLine {
    fn borrow(&self) -> HeldLineRef<'_> {
        HeldLineRef {
            number: self.number,
            text: &self.text,
            ending: self.ending,
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
