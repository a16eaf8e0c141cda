//! A plain zip, written entry by entry: deflate, no dates, no zip64, sizes in the local headers.
use std::io::{self, Seek, SeekFrom, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Sizes and offsets beyond this would need zip64.
pub(super) const LARGEST: u64 = 0xFFFF_FFFE;

pub(super) const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
const DEFLATE: u16 = 8;
/// 1980-01-01: packets with the same contents have the same bytes.
const DOS_DATE: u16 = 0x0021;
/// Version 2.0, made on Unix.
const MADE_BY: u16 = 3 << 8 | 20;
/// A regular file that its owner may write and all may read.
const UNIX_MODE: u32 = 0o100_644 << 16;

pub(super) struct ZipOut<W> {
    inner: W,
    /// Bytes written so far.
    position: u64,
    entries: Vec<Entry>,
    open: Option<Open>,
    buffer: Vec<u8>,
}

struct Entry {
    name: String,
    at: u64,
    crc: u32,
    packed: u64,
    size: u64,
}

struct Open {
    name: String,
    at: u64,
    data_at: u64,
    crc: Crc,
    size: u64,
    /// Bytes that went in since the compressor gave out all it had.
    pending: u64,
    pack: Compress,
}

/// The most that `n` bytes can become when deflated.
pub(super) fn deflated_bound(n: u64) -> u64 {
    n + n / 512 + 64
}

/// What an entry's two headers take beside its data.
pub(super) fn header_bytes(name: &str) -> u64 {
    30 + 46 + 2 * name.len() as u64
}

/// The end record.
pub(super) const END_BYTES: u64 = 22;

impl<W: Write + Seek> ZipOut<W> {
    /// `inner` is empty and stands at its begin.
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            position: 0,
            entries: Vec::new(),
            open: None,
            buffer: Vec::with_capacity(64 * 1024),
        }
    }

    pub(super) fn entries(&self) -> usize {
        self.entries.len() + usize::from(self.open.is_some())
    }

    /// The most that the zip has at this moment, the open entry's end and the directory's records included.
    pub(super) fn bound(&self) -> u64 {
        let open = self
            .open
            .as_ref()
            .map_or(0, |o| deflated_bound(o.pending) + 46 + o.name.len() as u64);
        let directory: u64 = self.entries.iter().map(|e| 46 + e.name.len() as u64).sum();
        self.position + open + directory + END_BYTES
    }

    pub(super) fn open_size(&self) -> u64 {
        self.open.as_ref().map_or(0, |o| o.size)
    }

    pub(super) fn has_pending(&self) -> bool {
        self.open.as_ref().is_some_and(|o| o.pending > 0)
    }

    pub(super) fn begin(&mut self, name: String) -> io::Result<()> {
        let at = self.position;
        let mut header = Vec::with_capacity(30 + name.len());
        put32(&mut header, LOCAL);
        for field in [20, FLAGS, DEFLATE, 0, DOS_DATE] {
            put16(&mut header, field);
        }
        header.extend_from_slice(&[0; 12]);
        put16(&mut header, name.len() as u16);
        put16(&mut header, 0);
        header.extend_from_slice(name.as_bytes());
        self.put(&header)?;
        self.open = Some(Open {
            name,
            at,
            data_at: self.position,
            crc: Crc::new(),
            size: 0,
            pending: 0,
            pack: Compress::new(Compression::default(), false),
        });
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(open) = &mut self.open {
            open.crc.update(bytes);
            open.size += bytes.len() as u64;
            open.pending += bytes.len() as u64;
        }
        self.pack(bytes, FlushCompress::None)
    }

    /// Writes out all that the compressor holds, so that [`Self::bound`] is exact.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.pack(&[], FlushCompress::Sync)?;
        if let Some(open) = &mut self.open {
            open.pending = 0;
        }
        Ok(())
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        self.pack(&[], FlushCompress::Finish)?;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let entry = Entry {
            crc: open.crc.sum(),
            packed: self.position - open.data_at,
            size: open.size,
            name: open.name,
            at: open.at,
        };
        let mut sizes = Vec::with_capacity(12);
        put32(&mut sizes, entry.crc);
        put32(&mut sizes, entry.packed as u32);
        put32(&mut sizes, entry.size as u32);
        self.inner.seek(SeekFrom::Start(entry.at + 14))?;
        self.inner.write_all(&sizes)?;
        self.inner.seek(SeekFrom::Start(self.position))?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory. Gives the writer back, and the zip's size.
    pub(super) fn finish(mut self) -> io::Result<(W, u64)> {
        let at = self.position;
        let mut directory = Vec::new();
        for entry in &self.entries {
            put32(&mut directory, CENTRAL);
            for field in [MADE_BY, 20, FLAGS, DEFLATE, 0, DOS_DATE] {
                put16(&mut directory, field);
            }
            put32(&mut directory, entry.crc);
            put32(&mut directory, entry.packed as u32);
            put32(&mut directory, entry.size as u32);
            put16(&mut directory, entry.name.len() as u16);
            // No extra field, no comment, disk 0, no internal attributes.
            directory.extend_from_slice(&[0; 8]);
            put32(&mut directory, UNIX_MODE);
            put32(&mut directory, entry.at as u32);
            directory.extend_from_slice(entry.name.as_bytes());
        }
        let size = directory.len() as u32;
        let count = self.entries.len() as u16;
        put32(&mut directory, END);
        for field in [0, 0, count, count] {
            put16(&mut directory, field);
        }
        put32(&mut directory, size);
        put32(&mut directory, at as u32);
        put16(&mut directory, 0);
        self.put(&directory)?;
        self.inner.flush()?;
        Ok((self.inner, self.position))
    }

    #[cfg(test)]
    pub(super) fn abandon(self) -> W {
        self.inner
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    fn pack(&mut self, mut bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            buffer.clear();
            let before = open.pack.total_in();
            let status = open
                .pack
                .compress_vec(bytes, &mut buffer, flush)
                .map_err(io::Error::other)?;
            bytes = &bytes[(open.pack.total_in() - before) as usize..];
            self.put(&buffer)?;
            let is_full = buffer.len() == buffer.capacity();
            let done = match flush {
                FlushCompress::Finish => matches!(status, Status::StreamEnd),
                _ => bytes.is_empty() && !is_full,
            };
            if done {
                break;
            }
        }
        self.buffer = buffer;
        self.open = Some(open);
        Ok(())
    }
}

fn put16(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}
