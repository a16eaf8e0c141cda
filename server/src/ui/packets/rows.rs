//! The lines of a file, one after another, never more than a piece of one in memory.
use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

/// A longer line is several rows.
pub const ROW_BYTES: usize = 8 * 1024;
const PIECE: usize = 64 * 1024;

/// Where a row begins: in addresses `120`, or `120.8192` within line 120.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// From 1.
    pub line: u64,
    /// Within the line.
    pub byte: u64,
}

impl Spot {
    pub const START: Self = Self { line: 1, byte: 0 };
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.byte {
            0 => write!(f, "{}", self.line),
            byte => write!(f, "{}.{byte}", self.line),
        }
    }
}

impl FromStr for Spot {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse().ok(),
            false => None,
        };
        let (line, byte) = text.split_once('.').unwrap_or((text, "0"));
        match (number(line), number(byte)) {
            (Some(line), Some(byte)) if line > 0 => Ok(Self { line, byte }),
            _ => Err("this is no line's number"),
        }
    }
}

/// Reads rows; see [`Rows::advance`].
pub struct Rows<R> {
    from: R,
    piece: Box<[u8]>,
    at: usize,
    end: usize,
    row: Vec<u8>,
    /// Of `row`: what was told.
    told: usize,
    ended: bool,
    next: Spot,
}

impl<R: Read> Rows<R> {
    pub fn new(from: R) -> Self {
        Self {
            from,
            piece: vec![0; PIECE].into(),
            at: 0,
            end: 0,
            row: Vec::new(),
            told: 0,
            ended: false,
            next: Spot::START,
        }
    }

    /// Goes to the next row: where it begins, or none at the end. Its bytes are [`Rows::row`].
    pub fn advance(&mut self) -> io::Result<Option<Spot>> {
        self.row.drain(..self.told);
        self.told = 0;
        let here = self.next;
        loop {
            if self.at == self.end {
                self.end = self.from.read(&mut self.piece)?;
                self.at = 0;
                if self.end == 0 {
                    let is_over = self.row.is_empty();
                    return Ok((!is_over).then(|| self.tell(here, true)));
                }
            }
            let rest = &self.piece[self.at..self.end];
            let room = ROW_BYTES - self.row.len();
            // One byte on: a line that just fits ends there.
            let look = &rest[..rest.len().min(room + 1)];
            if let Some(n) = memchr::memchr(b'\n', look) {
                self.row.extend_from_slice(&rest[..n]);
                self.at += n + 1;
                return Ok(Some(self.tell(here, true)));
            }
            let taken = rest.len().min(room);
            self.row.extend_from_slice(&rest[..taken]);
            self.at += taken;
            if look.len() > room {
                return Ok(Some(self.tell(here, false)));
            }
        }
    }

    /// Without the line's end.
    pub fn row(&self) -> &[u8] {
        let row = &self.row[..self.told];
        match self.ended {
            true => row.strip_suffix(b"\r").unwrap_or(row),
            false => row,
        }
    }

    fn tell(&mut self, here: Spot, ended: bool) -> Spot {
        self.ended = ended;
        if ended {
            self.told = self.row.len();
            self.next = Spot {
                line: here.line + 1,
                byte: 0,
            };
        } else {
            self.told = whole_characters(&self.row);
            self.next = Spot {
                line: here.line,
                byte: here.byte + self.told as u64,
            };
        }
        here
    }
}

/// How much of `row` does not end within a character.
fn whole_characters(row: &[u8]) -> usize {
    let begin = row.iter().rev().take(4).position(|b| b & 0xC0 != 0x80);
    let Some(back) = begin else {
        return row.len();
    };
    let at = row.len() - 1 - back;
    let needs = match row[at] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0.. => 4,
        _ => 1,
    };
    if at > 0 && at + needs > row.len() {
        at
    } else {
        row.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(to.len());
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn rows(bytes: &[u8], at_once: usize) -> Vec<(String, Vec<u8>)> {
        let mut rows = Rows::new(Slowly(bytes, at_once));
        let mut all = Vec::new();
        while let Some(spot) = rows.advance().unwrap() {
            all.push((spot.to_string(), rows.row().to_vec()));
        }
        all
    }

    fn lines(bytes: &[u8]) -> Vec<(String, String)> {
        let text = |(spot, row): (String, Vec<u8>)| (spot, String::from_utf8(row).unwrap());
        rows(bytes, 3).into_iter().map(text).collect()
    }

    #[test]
    fn lines_are_numbered_as_editors_do() {
        let of = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter()
                .map(|(n, l)| (n.to_string(), l.to_string()))
                .collect()
        };
        assert_eq!(lines(b""), of(&[]));
        assert_eq!(lines(b"a"), of(&[("1", "a")]));
        assert_eq!(lines(b"a\n"), of(&[("1", "a")]));
        assert_eq!(
            lines(b"a\r\n\nlonger"),
            of(&[("1", "a"), ("2", ""), ("3", "longer")])
        );
        assert_eq!(lines(b"\n\n"), of(&[("1", ""), ("2", "")]));
    }

    #[test]
    fn a_long_line_is_several_rows_and_every_byte_stands_once() {
        for more in [0, 1, 5, ROW_BYTES] {
            for at_once in [1_000, ROW_BYTES, PIECE] {
                let line = vec![b'x'; ROW_BYTES + more];
                let bytes = [&line[..], b"\nend\n"].concat();
                let all = rows(&bytes, at_once);
                let spots: Vec<&str> = all.iter().map(|(spot, _)| spot.as_str()).collect();
                match more {
                    0 => assert_eq!(spots, ["1", "2"]),
                    _ => assert_eq!(spots, ["1", "1.8192", "2"]),
                }
                let joined: Vec<u8> = all.iter().flat_map(|(_, row)| row.clone()).collect();
                assert_eq!(joined, [&line[..], b"end"].concat(), "{more} {at_once}");
            }
        }
    }

    #[test]
    fn no_row_ends_within_a_character() {
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "€😀".repeat(5_000));
            let all = rows(text.as_bytes(), 777);
            assert!(all.len() > 3);
            let joined: String = all
                .into_iter()
                .map(|(_, row)| String::from_utf8(row).unwrap())
                .collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn what_is_no_text_goes_on_too() {
        for byte in [0x80_u8, 0xC3, 0xFF] {
            let bytes = vec![byte; 3 * ROW_BYTES];
            let joined: Vec<u8> = rows(&bytes, PIECE).into_iter().flat_map(|r| r.1).collect();
            assert_eq!(joined, bytes);
        }
    }

    #[test]
    fn spots_are_read_strictly() {
        for text in ["1", "120", "1.8192"] {
            assert_eq!(text.parse::<Spot>().unwrap().to_string(), text);
        }
        for odd in [
            "",
            "0",
            "-1",
            "+1",
            "1.",
            "a",
            "1.2.3",
            "99999999999999999999",
        ] {
            assert!(odd.parse::<Spot>().is_err(), "{odd}");
        }
    }
}
