//! A part of a text file: at most 2,000 rows or 256 KiB. Parts always begin at the same rows, so that addresses last.
use std::io::{self, Read};

use super::rows::{ROW_BYTES, Rows, Spot};

pub const PART_ROWS: usize = 2_000;
pub const PART_BYTES: usize = 256 * 1024;

/// The part in which the wanted row stands, or the last one.
#[derive(Debug)]
pub struct Part {
    pub rows: Vec<(Spot, Vec<u8>)>,
    /// Where the part before and the part after it begin.
    pub prev: Option<Spot>,
    pub next: Option<Spot>,
    /// How many lines the file has; known when it was read to its end, which is when it was compared with the statement.
    pub lines: Option<u64>,
}

impl Part {
    /// Reads up to the part's end, or to the file's.
    pub fn read(from: impl Read, want: Spot, to_the_end: bool) -> io::Result<Self> {
        let mut rows = Rows::new(from);
        let mut part = Buffer::default();
        let mut prev = None;
        let mut last = None;
        while let Some(spot) = rows.advance()? {
            if part.is_full(rows.row()) {
                if want < spot {
                    let mut made = part.made(prev);
                    made.next = Some(spot);
                    made.lines = match to_the_end {
                        true => Some(rest(&mut rows, spot.line)?),
                        false => None,
                    };
                    return Ok(made);
                }
                prev = part.spots.first().map(|(spot, _)| *spot);
                part.clear();
            }
            part.push(spot, rows.row());
            last = Some(spot.line);
        }
        let mut made = part.made(prev);
        made.lines = Some(last.unwrap_or(0));
        Ok(made)
    }
}

fn rest(rows: &mut Rows<impl Read>, mut last: u64) -> io::Result<u64> {
    while let Some(spot) = rows.advance()? {
        last = spot.line;
    }
    Ok(last)
}

/// What is kept of the part that is read, in one piece: most are passed over.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    spots: Vec<(Spot, usize)>,
}

impl Buffer {
    fn is_full(&self, more: &[u8]) -> bool {
        !self.spots.is_empty()
            && (self.spots.len() >= PART_ROWS || self.bytes.len() + more.len() > PART_BYTES)
    }

    fn push(&mut self, spot: Spot, row: &[u8]) {
        debug_assert!(row.len() <= ROW_BYTES);
        self.spots.push((spot, self.bytes.len()));
        self.bytes.extend_from_slice(row);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spots.clear();
    }

    fn made(self, prev: Option<Spot>) -> Part {
        let ends = self.spots.iter().skip(1).map(|(_, at)| *at);
        let ends = ends.chain([self.bytes.len()]);
        let row = |((spot, from), to): (&(Spot, usize), usize)| {
            let bytes = self.bytes[*from..to].to_vec();
            (*spot, bytes)
        };
        Part {
            rows: self.spots.iter().zip(ends).map(row).collect(),
            prev,
            next: None,
            lines: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Spot {
        text.parse().unwrap()
    }

    fn part(bytes: &[u8], want: &str) -> Part {
        Part::read(bytes, at(want), true).unwrap()
    }

    #[test]
    fn parts_follow_one_another_and_hold_every_line_once() {
        let text: String = (1..=4_500).map(|n| format!("line {n}\n")).collect();
        let (mut want, mut seen, mut prev) = (Some(Spot::START), Vec::new(), None);
        while let Some(from) = want {
            let part = Part::read(text.as_bytes(), from, true).unwrap();
            assert_eq!(part.lines, Some(4_500));
            assert_eq!(part.prev, prev);
            assert_eq!(part.rows[0].0, from, "parts begin where they are told to");
            prev = Some(from);
            want = part.next;
            seen.extend(part.rows.into_iter().map(|(_, row)| row));
        }
        let seen: Vec<String> = seen
            .into_iter()
            .map(|r| String::from_utf8(r).unwrap())
            .collect();
        assert_eq!(seen.join("\n") + "\n", text);
        // Any line gets the part that it stands in.
        assert_eq!(part(text.as_bytes(), "2500").rows[0].0, at("2001"));
        assert_eq!(part(text.as_bytes(), "9999").rows[0].0, at("4001"));
    }

    #[test]
    fn a_line_of_megabytes_is_read_by_the_part_too() {
        let text = "x".repeat(1_000_000);
        let second = part(text.as_bytes(), "1.300000");
        assert_eq!(second.rows[0].0, at("1.262144"));
        assert_eq!(second.prev, Some(Spot::START));
        assert_eq!(second.next, Some(at("1.524288")));
        let bytes: usize = second.rows.iter().map(|(_, row)| row.len()).sum();
        assert_eq!((bytes, second.lines), (PART_BYTES, Some(1)));
    }

    #[test]
    fn what_follows_is_read_only_when_it_is_asked_for() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::InvalidData.into())
            }
        }
        let text = "a\n".repeat(200_000);
        let file = || text.as_bytes().chain(Fails);
        let first = Part::read(file(), Spot::START, false).unwrap();
        assert_eq!((first.rows.len(), first.lines), (PART_ROWS, None));
        assert!(Part::read(file(), Spot::START, true).is_err());
    }

    #[test]
    fn an_empty_file_is_an_empty_part() {
        let empty = part(b"", "7");
        assert!(empty.rows.is_empty() && empty.next.is_none());
        assert_eq!(empty.lines, Some(0));
    }
}
