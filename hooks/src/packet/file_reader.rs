//! Reading one file of a packet: unpacked as it is read, never more than its size, checked at its end.
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use flate2::{Crc, bufread::DeflateDecoder};
use sha2::{Digest as _, Sha256};

use super::zip_in::{Method, ZipEntry};
use crate::ids::Digest;

/// The contents of one file. The last `read` fails when they are not those of the headers and the statement, so what was
/// read counts only once the end was reached.
pub struct FileReader<'r, R> {
    source: Source<'r, R>,
    name: String,
    packed: u64,
    size: u64,
    crc32: u32,
    sha256: Option<Digest>,
    done: u64,
    crc: Crc,
    hash: Sha256,
    is_checked: bool,
}

enum Source<'r, R> {
    Stored(Take<&'r mut R>),
    Deflated(Box<DeflateDecoder<BufReader<Take<&'r mut R>>>>),
}

impl<'r, R: Read + Seek> FileReader<'r, R> {
    /// `sha256` is none only for the statement and its envelope, which are verified by their signature.
    pub(super) fn new(
        zip: &'r mut R,
        entry: &ZipEntry,
        sha256: Option<Digest>,
    ) -> io::Result<Self> {
        zip.seek(SeekFrom::Start(entry.data_at))?;
        let data = zip.take(entry.packed);
        let source = match entry.method {
            Method::Stored => Source::Stored(data),
            Method::Deflated => Source::Deflated(Box::new(DeflateDecoder::new(
                BufReader::with_capacity(32 * 1024, data),
            ))),
        };
        Ok(Self {
            source,
            name: entry.name.clone(),
            packed: entry.packed,
            size: entry.size,
            crc32: entry.crc,
            sha256,
            done: 0,
            crc: Crc::new(),
            hash: Sha256::new(),
            is_checked: false,
        })
    }

    /// Size when unpacked, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn fault(&self, what: &str) -> io::Error {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the entry {:?} {what}", self.name),
        )
    }

    fn check_end(&mut self) -> io::Result<()> {
        if self.is_checked {
            return Ok(());
        }
        if self.done < self.size {
            return Err(self.fault("unpacks to fewer bytes than its header says"));
        }
        if let Source::Deflated(decoder) = &self.source
            && decoder.total_in() != self.packed
        {
            return Err(self.fault("has bytes behind its packed data"));
        }
        if self.crc.sum() != self.crc32 {
            return Err(self.fault("has another checksum than its header says"));
        }
        if let Some(expected) = self.sha256
            && Digest(self.hash.finalize_reset().into()) != expected
        {
            return Err(self.fault("has another SHA-256 than the statement says"));
        }
        self.is_checked = true;
        Ok(())
    }
}

impl<R: Read + Seek> Read for FileReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let n = match &mut self.source {
            Source::Stored(data) => data.read(buffer)?,
            Source::Deflated(decoder) => match decoder.read(buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
                Err(_) => return Err(self.fault("does not unpack")),
            },
        };
        if n == 0 {
            self.check_end()?;
            return Ok(0);
        }
        self.done += n as u64;
        if self.done > self.size {
            return Err(self.fault("unpacks to more bytes than its header says"));
        }
        self.crc.update(&buffer[..n]);
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
