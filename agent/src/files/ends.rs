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
    /// For what is to be redacted: no part of a line is sent whose beginning is not, and no line that is cut before the
    /// mark between head and tail. Half a line may be half of a secret, without the name that redaction knows it by.
    pub whole_lines: bool,
}

/// What was not sent of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// As the hook asked: outside of head and tail.
    pub asked: u64,
    /// Beyond the cap.
    pub capped: u64,
    /// Of lines of which only a part was to be sent.
    pub halves: u64,
    /// The file goes on behind what was sent last, maybe within a line.
    pub cut: bool,
}

impl Skipped {
    fn of(gap: u64, halves: u64, by_cap: bool, cut: bool) -> Self {
        let gap = gap - halves;
        let (asked, capped) = if by_cap { (0, gap) } else { (gap, 0) };
        Self {
            asked,
            capped,
            halves,
            cut,
        }
    }
}

const BLOCK: usize = 64 << 10;
/// Of the last line of a head that is cut before a tail so much is kept back: more than any secret has.
const KEPT_BACK: usize = 64 << 10;
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
    let (wanted, from) = match tail {
        Amount::Bytes(n) => (
            size.saturating_sub(n),
            Start {
                at: size.saturating_sub(n.min(room)),
                cut: true,
            },
        ),
        Amount::Lines(n) => {
            let from = before_lines(file, n, size, room)?;
            // Where the cap ended the search, lines were lost.
            (if from.cut { 0 } else { from.at }, from)
        }
    };
    if from.at <= head_end {
        copy_range(file, 0, size, take)?;
        return Ok(Skipped {
            cut: goes_on(file, size)?,
            ..Skipped::default()
        });
    }
    let start = if from.cut && ends.whole_lines {
        line_start(file, from.at, size)?
    } else {
        from.at
    };
    let head = if ends.whole_lines {
        whole_end(file, head_end)?
    } else {
        head_end
    };
    copy_range(file, 0, head, take)?;
    let gap = start - head;
    if head > 0 && start < size {
        take(marker(gap).as_bytes())?;
    }
    copy_range(file, start, size, take)?;
    Ok(Skipped::of(
        gap,
        (head_end - head) + (start - from.at),
        room < size - wanted.min(size),
        start == size || goes_on(file, size)?,
    ))
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
    let cut = end < size || goes_on(file, end)?;
    Ok(Skipped::of(size - end, 0, !asked_for_less, cut))
}

/// Whether anything stands at `end`: more than was asked for, or what was written meanwhile.
fn goes_on(file: &File, end: u64) -> io::Result<bool> {
    Ok(read_at(file, &mut [0], end)? > 0)
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
    /// Maybe within a line: the limit came before the lines were found.
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
    Ok(Start {
        at: floor,
        cut: floor > 0,
    })
}

/// The beginning of the first whole line from `at` on, however far; `size` when no line begins there.
fn line_start(file: &File, at: u64, size: u64) -> io::Result<u64> {
    if at == 0 {
        return Ok(0);
    }
    let mut buffer = vec![0; BLOCK];
    // From one byte before: `at` may be the beginning of a line already.
    let mut begin = at - 1;
    while begin < size {
        let want = block(size - begin);
        let got = read_at(file, &mut buffer[..want], begin)?;
        if got == 0 {
            break;
        }
        if let Some(end) = newlines(&buffer[..got]).next() {
            return Ok(begin + end as u64 + 1);
        }
        begin += got as u64;
    }
    Ok(size)
}

/// Where a head that ends at `end`, before something is left out, may end: with a line, or far enough before.
fn whole_end(file: &File, end: u64) -> io::Result<u64> {
    let begin = end.saturating_sub(KEPT_BACK as u64);
    let mut buffer = vec![0; block(end - begin)];
    let got = read_at(file, &mut buffer, begin)?;
    Ok(newlines(&buffer[..got])
        .last()
        .map_or(begin, |at| begin + at as u64 + 1))
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
