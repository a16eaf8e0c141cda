//! Packed logs (gzip, xz, zstd), unpacked as they are read: what a file unpacks to is bounded before and while it does.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod xz;

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
            (Self::Xz, xz::MAGIC),
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
        let unpacks_to = xz::unpacked_size(file, size, XZ_MOST)?;
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
        Packed::Zstd => zstd_into(input, &mut sink),
        Packed::Xz => xz_into(input, &mut sink),
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

fn zstd_into(input: impl BufRead, sink: &mut impl Write) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(ZSTD_WINDOW)?;
    io::copy(&mut decoder, sink).map(drop)
}

fn xz_into(mut input: impl BufRead, sink: &mut impl Write) -> io::Result<()> {
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
