//! The ends of what can only be read once, such as of a packed file.
use std::collections::VecDeque;

use super::{Amount, Ends, LINE_SEARCH, Skipped, Take, marker, newlines};

/// Tails of unpacked files wait in memory.
const UNPACKED_TAIL: u64 = 16 << 20;

/// As [`line_start`], in `bytes` of which the first is the one before.
fn first_line(bytes: &[u8]) -> usize {
    let near = &bytes[..bytes.len().min(LINE_SEARCH as usize + 1)];
    let end = newlines(near).next();
    end.map(|end| end + 1)
        .filter(|start| *start < bytes.len())
        .unwrap_or(1)
}

/// The ends of what can only be read once, from its beginning.
pub struct Streamed {
    ends: Ends,
    head_left: Amount,
    sent: u64,
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
        if end > 0 {
            take(&bytes[..end])?;
        }
        self.sent += end as u64;
        Ok(&bytes[end..])
    }

    /// Sends the tail.
    pub fn finish<E>(mut self, take: Take<'_, E>) -> Result<Skipped, E> {
        let most = self.most();
        let full = self.tail.len() > most;
        let bytes = self.tail.make_contiguous();
        let mut cut = full;
        let start = match self.ends.tail {
            Some(Amount::Lines(lines)) => {
                let ends: Vec<usize> = newlines(bytes).filter(|at| at + 1 < bytes.len()).collect();
                let wanted = usize::try_from(lines)
                    .ok()
                    .and_then(|n| ends.len().checked_sub(n))
                    .map(|at| ends[at] + 1);
                cut &= wanted.is_none();
                wanted.unwrap_or(if full { first_line(bytes) } else { 0 })
            }
            Some(Amount::Bytes(n)) => {
                cut &= n > most as u64;
                if full { first_line(bytes) } else { 0 }
            }
            None => 0,
        };
        self.tail.drain(..start);
        self.dropped += start as u64;
        if self.dropped > 0 && self.sent > 0 && !self.tail.is_empty() {
            take(marker(self.dropped).as_bytes())?;
        }
        if !self.tail.is_empty() {
            take(self.tail.make_contiguous())?;
        }
        let head_capped = self.ends.tail.is_none() && self.sent >= self.ends.cap;
        Ok(if cut || head_capped {
            Skipped {
                asked: 0,
                capped: self.dropped,
            }
        } else {
            Skipped {
                asked: self.dropped,
                capped: 0,
            }
        })
    }
}
