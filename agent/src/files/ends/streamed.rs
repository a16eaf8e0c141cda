//! The ends of what can only be read once, such as of a packed file.
use std::collections::VecDeque;

use super::{Amount, Ends, KEPT_BACK, Skipped, Take, marker, newlines};

/// Tails of unpacked files wait in memory.
const UNPACKED_TAIL: u64 = 16 << 20;

/// As [`super::line_start`], in `bytes` of which the first is the one before.
fn first_line(bytes: &[u8]) -> usize {
    newlines(bytes).next().map_or(bytes.len(), |end| end + 1)
}

/// The ends of what can only be read once, from its beginning.
pub struct Streamed {
    ends: Ends,
    head_left: Amount,
    /// Bytes of the head, of which the last may wait in `kept_back`.
    sent: u64,
    /// The head's last line as far as it came: not sent when it is cut and a tail follows.
    kept_back: Vec<u8>,
    tail: VecDeque<u8>,
    tail_most: u64,
    /// Seen and no more held.
    dropped: u64,
}

impl Streamed {
    pub fn new(ends: Ends) -> Self {
        let head_left = ends.head.unwrap_or(if ends.tail.is_some() {
            Amount::Bytes(0)
        } else {
            Amount::Bytes(ends.cap)
        });
        let tail_most = match ends.tail {
            None => 0,
            Some(Amount::Bytes(n)) => n.min(ends.cap).min(UNPACKED_TAIL),
            Some(Amount::Lines(_)) => ends.cap.min(UNPACKED_TAIL),
        };
        Self {
            ends,
            head_left,
            sent: 0,
            kept_back: Vec::new(),
            tail: VecDeque::new(),
            tail_most,
            dropped: 0,
        }
    }

    /// False when nothing more is wanted.
    pub fn push<E>(&mut self, bytes: &[u8], take: Take<'_, E>) -> Result<bool, E> {
        let rest = self.head(bytes, take)?;
        if self.ends.tail.is_none() {
            self.dropped += rest.len() as u64;
            return Ok(rest.is_empty());
        }
        // And the byte before: it tells whether a line begins there.
        let most = self.most() + 1;
        let keep = &rest[rest.len().saturating_sub(most)..];
        let over = (self.tail.len() + keep.len()).saturating_sub(most);
        self.tail.drain(..over);
        self.dropped += (over + rest.len() - keep.len()) as u64;
        self.tail.extend(keep);
        Ok(true)
    }

    /// Bytes that the tail may have.
    fn most(&self) -> usize {
        usize::try_from(self.tail_most.min(self.ends.cap - self.sent)).unwrap_or(usize::MAX - 1)
    }

    /// Sends what belongs to the head; gives back the rest.
    fn head<'b, E>(&mut self, bytes: &'b [u8], take: Take<'_, E>) -> Result<&'b [u8], E> {
        let cap = usize::try_from(self.ends.cap - self.sent)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let end = match &mut self.head_left {
            Amount::Bytes(left) => {
                let end = usize::try_from(*left).unwrap_or(usize::MAX).min(cap);
                *left -= end as u64;
                end
            }
            Amount::Lines(0) => 0,
            Amount::Lines(left) => {
                let mut end = cap;
                for at in newlines(&bytes[..cap]) {
                    *left -= 1;
                    if *left == 0 {
                        end = at + 1;
                        break;
                    }
                }
                end
            }
        };
        self.sent += end as u64;
        self.send_head(&bytes[..end], take)?;
        Ok(&bytes[end..])
    }

    fn send_head<E>(&mut self, bytes: &[u8], take: Take<'_, E>) -> Result<(), E> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.ends.tail.is_none() || !self.ends.whole_lines {
            return take(bytes);
        }
        self.kept_back.extend_from_slice(bytes);
        let line = newlines(&self.kept_back).last().map_or(0, |at| at + 1);
        let far = self.kept_back.len().saturating_sub(KEPT_BACK);
        let sure = line.max(far);
        if sure > 0 {
            take(&self.kept_back[..sure])?;
            self.kept_back.drain(..sure);
        }
        Ok(())
    }

    /// Sends the tail.
    pub fn finish<E>(mut self, take: Take<'_, E>) -> Result<Skipped, E> {
        let most = self.most();
        let full = self.tail.len() > most;
        let bytes = self.tail.make_contiguous();
        let mut by_cap = full;
        let whole_lines = self.ends.whole_lines;
        // Where the tail begins by its limits, and where it may begin.
        let cut_start = |bytes: &[u8]| {
            let from = usize::from(full);
            let start = if full && whole_lines {
                first_line(bytes)
            } else {
                from
            };
            (from, start)
        };
        let (from, start) = match self.ends.tail {
            Some(Amount::Lines(lines)) => {
                let ends: Vec<usize> = newlines(bytes).filter(|at| at + 1 < bytes.len()).collect();
                let wanted = usize::try_from(lines)
                    .ok()
                    .and_then(|n| ends.len().checked_sub(n))
                    .map(|at| ends[at] + 1);
                by_cap &= wanted.is_none();
                wanted.map_or_else(|| cut_start(bytes), |at| (at, at))
            }
            Some(Amount::Bytes(n)) => {
                by_cap &= n > most as u64;
                cut_start(bytes)
            }
            None => (0, 0),
        };
        let mut halves = (start - from) as u64;
        self.tail.drain(..start);
        self.dropped += start as u64;
        if self.dropped == 0 {
            if !self.kept_back.is_empty() {
                take(&self.kept_back)?;
            }
        } else {
            let kept_back = self.kept_back.len() as u64;
            halves += kept_back;
            self.dropped += kept_back;
            self.sent -= kept_back;
        }
        if self.dropped > 0 && self.sent > 0 && !self.tail.is_empty() {
            take(marker(self.dropped).as_bytes())?;
        }
        // A head alone is cut where more came; a tail ends with the file.
        let cut = self.dropped > 0 && self.tail.is_empty();
        if !self.tail.is_empty() {
            take(self.tail.make_contiguous())?;
        }
        let head_capped = self.ends.tail.is_none() && self.sent >= self.ends.cap;
        Ok(Skipped::of(
            self.dropped,
            halves,
            by_cap || head_capped,
            cut,
        ))
    }
}
