//! Which part of a file is sent: its head, its tail, both, or all up to a cap. The cost is that of the part, however
//! large the file is or grows.
use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt};

/// What one end of a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Bytes(u64),
    Lines(u64),
}

/// Without `head` and `tail` the beginning, up to `cap` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub head: Option<Amount>,
    pub tail: Option<Amount>,
    /// Most bytes of one file.
    pub cap: u64,
}

/// What was not sent of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// As the hook asked: outside of head and tail.
    pub asked: u64,
    /// Beyond the cap.
    pub capped: u64,
}

const BLOCK: usize = 64 << 10;
/// A tail by bytes begins with a whole line, when one begins within so many bytes: half a line could be half of a
/// secret that redaction would have known by its name.
const LINE_SEARCH: u64 = 4 << 10;
/// Tails of unpacked files wait in memory.
pub const UNPACKED_TAIL: u64 = 16 << 20;

/// Takes pieces of a file; an error ends the copying.
pub type Take<'a, E> = &'a mut dyn FnMut(&[u8]) -> Result<(), E>;

/// Sends the ends of `file`, of which only the first `size` bytes count (it may grow meanwhile).
pub fn copy<E: From<io::Error>>(
    file: &File,
    size: u64,
    ends: &Ends,
    take: Take<'_, E>,
) -> Result<Skipped, E> {
    let Some(tail) = ends.tail else {
        return copy_head(file, size, ends, take);
    };
    let head_end = match ends.head {
        None => 0,
        Some(Amount::Bytes(n)) => n.min(ends.cap).min(size),
        Some(Amount::Lines(n)) => after_lines(file, n, ends.cap.min(size))?,
    };
    let room = ends.cap - head_end;
    let (wanted, start) = match tail {
        Amount::Bytes(n) => (
            size.saturating_sub(n),
            line_start(file, size.saturating_sub(n.min(room)), size)?,
        ),
        Amount::Lines(n) => {
            let start = before_lines(file, n, size, room)?;
            // Where the cap ended the search, lines were lost.
            (if start.cut { 0 } else { start.at }, start.at)
        }
    };
    if start <= head_end {
        copy_range(file, 0, size, take)?;
        return Ok(Skipped::default());
    }
    copy_range(file, 0, head_end, take)?;
    let gap = start - head_end;
    if head_end > 0 {
        take(marker(gap).as_bytes())?;
    }
    copy_range(file, start, size, take)?;
    let capped = if room < size - wanted.min(size) {
        gap
    } else {
        0
    };
    Ok(Skipped {
        asked: gap - capped,
        capped,
    })
}

fn copy_head<E: From<io::Error>>(
    file: &File,
    size: u64,
    ends: &Ends,
    take: Take<'_, E>,
) -> Result<Skipped, E> {
    let cap = ends.cap.min(size);
    let end = match ends.head {
        None => cap,
        Some(Amount::Bytes(n)) => n.min(cap),
        Some(Amount::Lines(n)) => after_lines(file, n, cap)?,
    };
    copy_range(file, 0, end, take)?;
    let asked_for_less = match ends.head {
        None => false,
        Some(Amount::Bytes(n)) => n <= ends.cap,
        Some(Amount::Lines(_)) => end < ends.cap,
    };
    let rest = size - end;
    Ok(if asked_for_less {
        Skipped {
            asked: rest,
            capped: 0,
        }
    } else {
        Skipped {
            asked: 0,
            capped: rest,
        }
    })
}

/// The line between head and tail.
fn marker(gap: u64) -> String {
    format!("\n--- boathook: {gap} bytes left out ---\n")
}

fn copy_range<E: From<io::Error>>(
    file: &File,
    from: u64,
    to: u64,
    take: Take<'_, E>,
) -> Result<(), E> {
    let mut buffer = vec![0; BLOCK];
    let mut at = from;
    while at < to {
        let want = block(to - at);
        let got = read_at(file, &mut buffer[..want], at)?;
        if got == 0 {
            // It shrank.
            break;
        }
        take(&buffer[..got])?;
        at += got as u64;
    }
    Ok(())
}

/// Where the first `lines` lines end, at most at `limit`.
fn after_lines(file: &File, lines: u64, limit: u64) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let (mut at, mut left) = (0, lines);
    while at < limit && left > 0 {
        let want = block(limit - at);
        let got = read_at(file, &mut buffer[..want], at)?;
        if got == 0 {
            return Ok(at);
        }
        for end in memchr_iter(&buffer[..got]) {
            left -= 1;
            if left == 0 {
                return Ok(at + end as u64 + 1);
            }
        }
        at += got as u64;
    }
    Ok(at)
}

struct Start {
    at: u64,
    /// The limit came before the lines were found.
    cut: bool,
}

/// Where the last `lines` lines of the first `size` bytes begin, looking at most `limit` bytes back.
fn before_lines(file: &File, lines: u64, size: u64, limit: u64) -> io::Result<Start> {
    let floor = size.saturating_sub(limit);
    let mut buffer = vec![0; BLOCK];
    let (mut at, mut left) = (size, lines);
    while at > floor {
        let want = block(at - floor);
        let begin = at - want as u64;
        let got = read_at(file, &mut buffer[..want], begin)?;
        for end in memchr_iter(&buffer[..got])
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            let end = begin + end as u64 + 1;
            // The newline that ends the last line begins none.
            if end == size {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(Start {
                    at: end,
                    cut: false,
                });
            }
        }
        at = begin;
    }
    if floor == 0 {
        Ok(Start { at: 0, cut: false })
    } else {
        Ok(Start {
            at: line_start(file, floor, size)?,
            cut: true,
        })
    }
}

/// The beginning of the first whole line from `at` on, if it is near; else `at`.
fn line_start(file: &File, at: u64, size: u64) -> io::Result<u64> {
    if at == 0 || at >= size {
        return Ok(at);
    }
    // From one byte before: `at` may be the beginning of a line already.
    let mut buffer = vec![0; block(LINE_SEARCH.min(size - at) + 1)];
    let got = read_at(file, &mut buffer, at - 1)?;
    Ok(match memchr_iter(&buffer[..got]).next() {
        Some(end) if at + (end as u64) < size => at + end as u64,
        _ => at,
    })
}

fn memchr_iter(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(at, _)| at)
}

fn block(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK)
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// As [`line_start`], in `bytes` of which the first is the one before.
fn first_line(bytes: &[u8]) -> usize {
    let near = &bytes[..bytes.len().min(LINE_SEARCH as usize + 1)];
    let end = memchr_iter(near).next();
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
                for at in memchr_iter(&bytes[..cap]) {
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
                let ends: Vec<usize> = memchr_iter(bytes)
                    .filter(|at| at + 1 < bytes.len())
                    .collect();
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use Amount::{Bytes, Lines};
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn ends(head: Option<Amount>, tail: Option<Amount>, cap: u64) -> Ends {
        Ends { head, tail, cap }
    }

    fn copied(bytes: &[u8], ends: &Ends) -> (String, Skipped) {
        let mut out = Vec::new();
        let skipped = copy::<io::Error>(&file(bytes), bytes.len() as u64, ends, &mut |piece| {
            out.extend_from_slice(piece);
            Ok(())
        });
        (String::from_utf8_lossy(&out).into_owned(), skipped.unwrap())
    }

    fn streamed(bytes: &[u8], ends: &Ends) -> (String, Skipped) {
        let mut out = Vec::new();
        let mut take = |piece: &[u8]| -> Result<(), io::Error> {
            out.extend_from_slice(piece);
            Ok(())
        };
        let mut stream = Streamed::new(*ends);
        for piece in bytes.chunks(3) {
            stream.push(piece, &mut take).unwrap();
        }
        let skipped = stream.finish(&mut take).unwrap();
        (String::from_utf8_lossy(&out).into_owned(), skipped)
    }

    fn both(bytes: &[u8], ends: &Ends) -> (String, Skipped) {
        let (text, skipped) = copied(bytes, ends);
        assert_eq!(
            streamed(bytes, ends).0,
            text,
            "a packed file gives the same"
        );
        (text, skipped)
    }

    const TEXT: &[u8] = b"one\ntwo\nthree\nfour\nfive\n";

    #[test]
    fn without_ends_the_beginning_is_sent_up_to_the_cap() {
        assert_eq!(both(TEXT, &ends(None, None, 100)).0.as_bytes(), TEXT);
        assert_eq!(
            both(TEXT, &ends(None, None, 5)),
            (
                "one\nt".into(),
                Skipped {
                    asked: 0,
                    capped: 19
                }
            )
        );
    }

    #[test]
    fn heads_and_tails_by_lines() {
        assert_eq!(
            both(TEXT, &ends(Some(Lines(2)), None, 100)),
            (
                "one\ntwo\n".into(),
                Skipped {
                    asked: 16,
                    capped: 0
                }
            )
        );
        assert_eq!(
            both(TEXT, &ends(None, Some(Lines(2)), 100)),
            (
                "four\nfive\n".into(),
                Skipped {
                    asked: 14,
                    capped: 0
                }
            )
        );
        assert_eq!(
            both(b"a\nb\nc", &ends(None, Some(Lines(2)), 100)).0,
            "b\nc",
            "an unfinished last line is a line"
        );
        assert_eq!(
            both(TEXT, &ends(None, Some(Lines(99)), 100)).0.as_bytes(),
            TEXT
        );
    }

    #[test]
    fn a_tail_by_bytes_begins_with_a_whole_line() {
        assert_eq!(
            both(TEXT, &ends(None, Some(Bytes(12)), 100)).0,
            "four\nfive\n"
        );
        assert_eq!(
            both(TEXT, &ends(None, Some(Bytes(10)), 100)).0,
            "four\nfive\n",
            "one that begins there stays"
        );
    }

    #[test]
    fn both_ends_have_a_mark_between_them_or_are_the_whole() {
        let (text, skipped) = both(TEXT, &ends(Some(Lines(1)), Some(Lines(1)), 100));
        assert_eq!(text, "one\n\n--- boathook: 15 bytes left out ---\nfive\n");
        assert_eq!(
            skipped,
            Skipped {
                asked: 15,
                capped: 0
            }
        );
        assert_eq!(
            copied(TEXT, &ends(Some(Bytes(20)), Some(Bytes(20)), 100))
                .0
                .as_bytes(),
            TEXT
        );
    }

    #[test]
    fn a_cap_below_what_was_asked_is_told_as_such() {
        let (text, skipped) = copied(TEXT, &ends(None, Some(Lines(4)), 10));
        assert_eq!((text.as_str(), skipped.capped > 0), ("four\nfive\n", true));
        let (text, skipped) = copied(TEXT, &ends(Some(Bytes(50)), None, 4));
        assert_eq!(
            (text.as_str(), skipped),
            (
                "one\n",
                Skipped {
                    asked: 0,
                    capped: 20
                }
            )
        );
    }

    #[test]
    fn a_terabyte_of_nothing_costs_no_more_than_the_cap() {
        let sparse = tempfile::tempfile().unwrap();
        let size = 1 << 40;
        sparse.set_len(size).unwrap();
        let begun = std::time::Instant::now();
        for ends in [
            ends(None, None, 1 << 20),
            ends(None, Some(Lines(10)), 1 << 20),
            ends(Some(Lines(10)), Some(Bytes(1 << 40)), 1 << 20),
        ] {
            let mut got = 0;
            copy::<io::Error>(&sparse, size, &ends, &mut |piece| {
                got += piece.len() as u64;
                Ok(())
            })
            .unwrap();
            assert!(got <= (1 << 20) + 100, "{got}");
        }
        assert!(begun.elapsed().as_secs() < 5);
    }

    #[test]
    fn what_is_added_while_it_is_read_is_not_waited_for() {
        let mut growing = file(b"abc");
        let mut got = Vec::new();
        let mut other = growing.try_clone().unwrap();
        copy::<io::Error>(&growing, 3, &ends(None, None, 1 << 20), &mut |piece| {
            got.extend_from_slice(piece);
            other.write_all(b"more")
        })
        .unwrap();
        assert_eq!(got, b"abc");
        growing.flush().unwrap();
    }

    proptest! {
        #[test]
        fn never_more_than_the_cap_and_the_mark(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            head in proptest::option::of(prop_oneof![(0u64..400).prop_map(Bytes), (1u64..9).prop_map(Lines)]),
            tail in proptest::option::of(prop_oneof![(0u64..400).prop_map(Bytes), (1u64..9).prop_map(Lines)]),
            cap in 1u64..400,
        ) {
            let ends = ends(head, tail, cap);
            for way in [copied, streamed] {
                let (_, skipped) = way(&bytes, &ends);
                let mut out = Vec::new();
                let mut stream = Streamed::new(ends);
                let mut take = |piece: &[u8]| -> Result<(), io::Error> { out.push(piece.len() as u64); Ok(()) };
                for piece in bytes.chunks(7) { stream.push(piece, &mut take).unwrap(); }
                stream.finish(&mut take).unwrap();
                prop_assert!(out.iter().sum::<u64>() <= cap + 60);
                prop_assert!(skipped.asked + skipped.capped <= bytes.len() as u64);
            }
        }
    }
}
