//! Lines that wait for what tells whether they are a private key's.
use std::{collections::VecDeque, sync::Arc};

use super::Stream;
use crate::redaction::{
    kinds::{Kind, Span},
    pem,
};

/// A key of 16,384 bits has 198 lines; what is longer is none.
const HELD_LINES: usize = 220;
const HELD_BYTES: usize = 64 * 1024;
/// Lines of others, in a log that several write, between two of a key.
const BETWEEN: usize = 8;
/// Lines of one width that look like key material are taken for it where neither begin nor end is there.
const FULL_LINES: usize = 3;

/// Lines that may be part of a private key and wait for what decides it.
pub(super) enum Held {
    Nothing,
    /// Base64 without a begin: a key's, if its end mark follows.
    Body(VecDeque<HeldLine>),
    /// Lines with base64 of a key's width behind what a log writes before it: a key's, if its end mark follows or there are
    /// enough of them.
    Behind {
        lines: Vec<HeldLine>,
        bytes: usize,
        /// So many of the first are base64 and nothing else, which is no key's by its width alone.
        bare: usize,
        /// Lines since the last one that has such a run.
        others: usize,
    },
    /// Behind a begin mark, which is hidden already.
    Key {
        lines: Vec<HeldLine>,
        bytes: usize,
    },
}

pub(super) struct HeldLine {
    number: u64,
    text: String,
    ending: &'static str,
}

#[derive(Clone, Copy)]
pub(super) struct HeldLineRef<'a> {
    pub(super) number: u64,
    pub(super) text: &'a str,
    pub(super) ending: &'static str,
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

impl Stream {
    pub(super) fn text(&mut self, line: HeldLineRef<'_>, out: &mut Vec<u8>) {
        let bytes = line.text.as_bytes();
        match &mut self.held {
            Held::Nothing => {
                if pem::is_body(bytes) {
                    self.held = Held::Body(VecDeque::from([line.keep()]));
                } else if !pem::runs(bytes).is_empty() && !pem::has_dashes(bytes) {
                    self.held = Held::Behind {
                        lines: vec![line.keep()],
                        bytes: bytes.len(),
                        bare: 0,
                        others: 0,
                    };
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
                } else if pem::has_dashes(bytes) {
                    self.release(out);
                    self.text(line, out);
                } else {
                    let lines = Vec::from(std::mem::take(lines));
                    self.held = Held::Behind {
                        bytes: lines.iter().map(|l| l.text.len()).sum(),
                        bare: lines.len(),
                        others: 0,
                        lines,
                    };
                    self.text(line, out);
                }
            }
            Held::Behind {
                lines,
                bytes: held_bytes,
                others,
                ..
            } => {
                if pem::end_mark(bytes).is_some() {
                    self.hide_behind(true, out);
                    self.text(line, out);
                } else if pem::has_begin(bytes) {
                    self.hide_behind(false, out);
                    self.text(line, out);
                } else if pem::has_dashes(bytes) {
                    // The end of a certificate, or the begin of one.
                    let held = std::mem::replace(&mut self.held, Held::Nothing);
                    if let Held::Behind { lines, .. } = held {
                        lines.iter().for_each(|l| self.redact(l.borrow(), out));
                    }
                    self.text(line, out);
                } else {
                    *others = match pem::runs(bytes).is_empty() {
                        false => 0,
                        true => *others + 1,
                    };
                    *held_bytes += bytes.len();
                    lines.push(line.keep());
                    if *others > BETWEEN || lines.len() > HELD_LINES || *held_bytes > HELD_BYTES {
                        self.release(out);
                    }
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

    /// Nothing more comes of what was cut off: the end mark that would have told a key may be among what is missing.
    pub(super) fn end_held(&mut self, out: &mut Vec<u8>) {
        match &self.held {
            Held::Body(lines) => {
                let first = lines.front().map_or(self.report.lines, |l| l.number);
                self.held = Held::Nothing;
                self.count(first, &[Kind::PrivateKey]);
                out.extend_from_slice(b"[redacted:private-key]\n");
            }
            Held::Behind { .. } => self.hide_behind(true, out),
            Held::Nothing | Held::Key { .. } => {}
        }
    }

    /// Passes on the lines of [`Held::Behind`] without what is a key's: all that may be, or what is by its width.
    fn hide_behind(&mut self, is_key: bool, out: &mut Vec<u8>) {
        let Held::Behind { lines, bare, .. } = std::mem::replace(&mut self.held, Held::Nothing)
        else {
            return;
        };
        let runs: Vec<Vec<pem::Run>> = lines.iter().map(|l| pem::runs(l.text.as_bytes())).collect();
        // One a line: a log says one line of a key in each of its own.
        let fitting = |runs: &Vec<pem::Run>| runs.iter().rfind(|r| r.fits).copied();
        let voting: Vec<pem::Run> = runs.iter().skip(bare).filter_map(fitting).collect();
        let is_hidden = |run: &pem::Run| {
            let same = voting.iter().filter(|r| r.width() == run.width());
            same.filter(|r| r.is_mixed).count() >= FULL_LINES
        };
        let mut behind_hidden = false;
        for (n, (held, runs)) in lines.iter().zip(&runs).enumerate() {
            let mut hidden: Vec<(usize, usize)> =
                match fitting(runs).filter(|r| n >= bare && is_hidden(r)) {
                    _ if is_key => runs.iter().map(|r| (r.start, r.end)).collect(),
                    run => run.iter().map(|r| (r.start, r.end)).collect(),
                };
            // A key's last line is short: it stands behind a full one, or right before the end mark.
            let before_end = is_key && n + 1 == lines.len();
            let full = !hidden.is_empty();
            if !full && (behind_hidden || before_end) {
                hidden.extend(pem::last_word(held.text.as_bytes(), before_end));
            }
            behind_hidden = full;
            if hidden.is_empty() {
                self.redact(held.borrow(), out);
                continue;
            }
            let kind = Kind::PrivateKey;
            let spans = hidden
                .into_iter()
                .map(|(start, end)| Span { start, end, kind })
                .collect();
            let rules = Arc::clone(&self.rules);
            let redacted = rules.redact_beside(&held.text, spans, &mut self.context);
            self.write(&redacted, held.number, out);
            out.extend_from_slice(held.ending.as_bytes());
        }
    }

    /// Nothing decided over the held lines: they are no key, or one whose end is missing.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        if let Held::Behind { .. } = self.held {
            return self.hide_behind(false, out);
        }
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing | Held::Behind { .. } => {}
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
}
