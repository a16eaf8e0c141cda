//! Which part of a file is sent: its head, its tail, both, or all up to a cap. The cost is that of the part, however
//! large the file is or grows.
mod streamed;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::{fs::File, io, os::unix::fs::FileExt};

pub use streamed::Streamed;

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
        for end in newlines(&buffer[..got]) {
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
        for end in newlines(&buffer[..got])
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
    Ok(match newlines(&buffer[..got]).next() {
        Some(end) if at + (end as u64) < size => at + end as u64,
        _ => at,
    })
}

fn newlines(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
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
