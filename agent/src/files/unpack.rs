//! Packed logs (gzip, xz, zstd), unpacked as they are read: what a file unpacks to is bounded before and while it does.
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::fs::FileExt,
};

use super::ends::{Ends, Skipped, Streamed, Take};

/// Most that a file may unpack to, as a multiple of its size. Logs of one line over and over come to a few hundred.
const RATIO: u64 = 300;
/// What any file may unpack to.
const ALWAYS: u64 = 16 << 20;
/// The decoder of xz holds all that it unpacks in memory.
const XZ_MOST: u64 = 64 << 20;
/// Window of zstd, as a power of two: what its own tool unpacks without being asked.
const ZSTD_WINDOW: u32 = 27;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    Gzip,
    Xz,
    Zstd,
}

impl Packed {
    /// By how a file begins, whatever its name.
    pub fn known(head: &[u8]) -> Option<Self> {
        [
            (Self::Gzip, &[0x1f, 0x8b, 8][..]),
            (Self::Xz, XZ_MAGIC),
            (Self::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
        ]
        .into_iter()
        .find_map(|(kind, magic)| head.starts_with(magic).then_some(kind))
    }

    /// `name` without the ending that says how it is packed.
    pub fn unpacked_name(self, name: &str) -> &str {
        let ending = match self {
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        };
        name.strip_suffix(ending)
            .filter(|rest| !rest.ends_with('/'))
            .unwrap_or(name)
    }
}

/// Sends the ends of what the first `size` bytes of `file` unpack to. What could be unpacked before an error is sent.
/// Now and then `take` gets an empty piece, and can end what sends nothing for long.
pub fn unpack<E: From<io::Error>>(
    kind: Packed,
    file: &File,
    size: u64,
    ends: &Ends,
    take: Take<'_, E>,
) -> Result<Skipped, E> {
    let most = size.saturating_mul(RATIO).max(ALWAYS);
    if kind == Packed::Xz {
        let unpacks_to = xz_size(file, size)?;
        if unpacks_to > XZ_MOST.min(most) {
            return Err(too_much(XZ_MOST.min(most)).into());
        }
    }
    let mut sink = Sink {
        streamed: Streamed::new(*ends),
        left: most,
        most,
        enough: false,
        failed: None,
        take,
    };
    let input = BufReader::with_capacity(64 << 10, Pread { file, at: 0 }.take(size));
    let done = match kind {
        Packed::Gzip => {
            io::copy(&mut flate2::bufread::MultiGzDecoder::new(input), &mut sink).map(drop)
        }
        Packed::Zstd => zstd(input, &mut sink),
        Packed::Xz => xz(input, &mut sink),
    };
    let Sink {
        streamed,
        enough,
        failed,
        take,
        ..
    } = sink;
    if let Some(error) = failed {
        return Err(error);
    }
    let skipped = streamed.finish(take)?;
    match done {
        Err(error) if !enough => Err(error.into()),
        _ => Ok(skipped),
    }
}

fn zstd(input: impl BufRead, sink: &mut impl Write) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(ZSTD_WINDOW)?;
    io::copy(&mut decoder, sink).map(drop)
}

fn xz(mut input: impl BufRead, sink: &mut impl Write) -> io::Result<()> {
    lzma_rs::xz_decompress(&mut input, sink).map_err(|error| match error {
        lzma_rs::error::Error::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    })
}

fn too_much(most: u64) -> io::Error {
    io::Error::other(format!(
        "it unpacks to more than {most} bytes, and is not unpacked further"
    ))
}

/// Where unpacked bytes go. An error of the receiver is kept, since writers can only give an `io::Error`.
struct Sink<'a, E> {
    streamed: Streamed,
    left: u64,
    most: u64,
    /// Nothing more is wanted.
    enough: bool,
    failed: Option<E>,
    take: Take<'a, E>,
}

impl<E> Write for Sink<'_, E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(too_much(self.most));
        }
        self.left -= bytes.len() as u64;
        match (self.take)(&[]).and_then(|()| self.streamed.push(bytes, self.take)) {
            Ok(true) => Ok(bytes.len()),
            Ok(false) => {
                self.enough = true;
                Err(io::Error::other("enough"))
            }
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("not taken"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads without the file's own offset.
struct Pread<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Pread<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(buffer, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

const XZ_MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// Most chunks that are walked; each is 2 MiB unpacked at most, and seldom less than 64 KiB packed.
const XZ_CHUNKS: u32 = 1 << 20;

/// What an xz file unpacks to, from the headers of its LZMA2 chunks: the decoder obeys those, while the index at its end
/// may say anything. The xz file format 1.1.0, sections 2 and 3; of several streams the first, as the decoder does.
fn xz_size(file: &File, size: u64) -> io::Result<u64> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "it is no whole xz file");
    let bytes = |at: u64| -> io::Result<[u8; 5]> {
        let mut five = [0; 5];
        let got = file.read_at(&mut five, at)?;
        if got == 0 || at >= size {
            Err(broken())
        } else {
            Ok(five)
        }
    };
    // The low half of the second flag byte says the check: its size is 0, 4, 8, 16, 32 or 64 bytes by threes.
    let check = match bytes(7)?[0] & 0x0f {
        0 => 0,
        n => 4_u64 << ((n - 1) / 3),
    };
    let (mut at, mut total) = (12_u64, 0_u64);
    for _ in 0..XZ_CHUNKS {
        // A block's header says its own length; 0 begins the index, and with it the end.
        let header = bytes(at)?[0];
        if header == 0 {
            return Ok(total);
        }
        at += (u64::from(header) + 1) * 4;
        loop {
            let [control, a, b, c, d] = bytes(at)?;
            let (low, packed) = (
                u64::from(u16::from_be_bytes([a, b])),
                u64::from(u16::from_be_bytes([c, d])),
            );
            match control {
                0 => break,
                1 | 2 => {
                    total += low + 1;
                    at += 3 + low + 1;
                }
                0x80.. => {
                    total += (u64::from(control & 0x1f) << 16) + low + 1;
                    // With new properties there is one byte more.
                    at += 5 + u64::from(control >= 0xc0) + packed + 1;
                }
                _ => return Err(broken()),
            }
            if total > XZ_MOST {
                return Ok(total);
            }
        }
        at = (at + 1).next_multiple_of(4) + check;
    }
    Err(broken())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::files::ends::Amount;

    const ALL: Ends = Ends {
        head: None,
        tail: None,
        cap: 1 << 30,
    };

    fn packed(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn xz_of(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        lzma_rs::xz_compress(&mut &bytes[..], &mut out).unwrap();
        out
    }

    fn read(bytes: &[u8], ends: &Ends) -> (Vec<u8>, io::Result<Skipped>) {
        let kind = Packed::known(bytes).unwrap();
        let mut out = Vec::new();
        let result = unpack(
            kind,
            &packed(bytes),
            bytes.len() as u64,
            ends,
            &mut |piece: &[u8]| {
                out.extend_from_slice(piece);
                Ok::<(), io::Error>(())
            },
        );
        (out, result)
    }

    fn text() -> Vec<u8> {
        (0..50_000)
            .flat_map(|n| format!("line {n} {}\n", n * 7919 % 10_007).into_bytes())
            .collect()
    }

    #[test]
    fn all_three_unpack_to_what_was_packed() {
        let text = text();
        let packed = [
            gzip(&text),
            xz_of(&text),
            zstd::encode_all(&text[..], 3).unwrap(),
        ];
        for bytes in packed {
            let (out, result) = read(&bytes, &ALL);
            result.unwrap();
            assert!(out == text, "{:?}", Packed::known(&bytes));
            let tail = Ends {
                tail: Some(Amount::Lines(2)),
                ..ALL
            };
            assert_eq!(read(&bytes, &tail).0, b"line 49998 7207\nline 49999 5119\n");
            let head = Ends {
                head: Some(Amount::Bytes(6)),
                ..ALL
            };
            let (out, result) = read(&bytes, &head);
            assert_eq!(out, b"line 0");
            result.unwrap();
        }
    }

    #[test]
    fn several_members_and_frames_are_one_file() {
        let two = [gzip(b"one\n"), gzip(b"two\n")].concat();
        assert_eq!(read(&two, &ALL).0, b"one\ntwo\n");
        let two = [
            zstd::encode_all(&b"one\n"[..], 1).unwrap(),
            zstd::encode_all(&b"two\n"[..], 1).unwrap(),
        ]
        .concat();
        assert_eq!(read(&two, &ALL).0, b"one\ntwo\n");
    }

    #[test]
    fn a_bomb_is_not_unpacked_further() {
        let zeros = vec![0; 20 << 20];
        for bomb in [gzip(&zeros), zstd::encode_all(&zeros[..], 1).unwrap()] {
            let (out, result) = read(&bomb, &ALL);
            assert!(
                result
                    .unwrap_err()
                    .to_string()
                    .contains("unpacks to more than")
            );
            assert!(out.len() as u64 <= (bomb.len() as u64 * RATIO).max(ALWAYS));
        }
    }

    #[test]
    fn an_xz_file_that_would_fill_the_memory_is_not_even_begun() {
        // Chunks that say 2 MiB each, over and over; not one of them would decode.
        let mut bomb = [
            XZ_MAGIC,
            &[0, 4],
            &[0; 4],
            &[2, 0, 0x21, 1, 0x16, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        for _ in 0..64 {
            bomb.extend([0xff, 0xff, 0xff, 0, 0, 0x5d, 0]);
        }
        let (out, result) = read(&bomb, &ALL);
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("unpacks to more than")
        );
        assert!(out.is_empty());
    }

    #[test]
    fn of_a_broken_file_what_came_before_is_sent() {
        let text = text();
        let whole = gzip(&text);
        let (out, result) = read(&whole[..whole.len() / 2], &ALL);
        assert!(result.is_err() && !out.is_empty() && text.starts_with(&out));
        let tail = Ends {
            tail: Some(Amount::Lines(1)),
            ..ALL
        };
        assert!(!read(&whole[..whole.len() / 2], &tail).0.is_empty());
        let xz = xz_of(&text);
        assert!(read(&xz[..xz.len() / 2], &ALL).1.is_err());
        assert!(read(&[XZ_MAGIC, &[0]].concat(), &ALL).1.is_err());
    }

    #[test]
    fn an_error_of_the_receiver_comes_back_as_it_was() {
        #[derive(Debug, PartialEq)]
        enum Mine {
            Full,
            Other,
        }
        impl From<io::Error> for Mine {
            fn from(_: io::Error) -> Self {
                Self::Other
            }
        }
        let bytes = gzip(&text());
        let result = unpack(
            Packed::Gzip,
            &packed(&bytes),
            bytes.len() as u64,
            &ALL,
            &mut |_| Err(Mine::Full),
        );
        assert_eq!(result, Err(Mine::Full));
    }

    #[test]
    fn names_lose_only_their_own_ending() {
        assert_eq!(
            Packed::Gzip.unpacked_name("/var/log/syslog.2.gz"),
            "/var/log/syslog.2"
        );
        assert_eq!(
            Packed::Gzip.unpacked_name("/var/log/strange.xz"),
            "/var/log/strange.xz"
        );
        assert_eq!(Packed::Gzip.unpacked_name("/var/log/.gz"), "/var/log/.gz");
        assert_eq!(Packed::known(b"plain"), None);
    }
}
