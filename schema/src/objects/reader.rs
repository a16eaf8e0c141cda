//! A blocking `Read + Seek` over a packet's chunks, for zip readers.
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::{Folder, Objects};
use crate::records::Chunk;

/// Bytes read ahead: zip's directory and small entries come in one read.
const WINDOW: u64 = 256 * 1024;

/// Blocks its thread on the store: never use it on a runtime's own thread.
pub struct ChunkReader {
    objects: Objects,
    folder: Folder,
    chunks: Vec<Chunk>,
    runtime: Handle,
    bytes: u64,
    at: u64,
    window_at: u64,
    window: Bytes,
}

impl ChunkReader {
    pub(super) fn new(
        objects: Objects,
        folder: Folder,
        chunks: Vec<Chunk>,
        runtime: Handle,
    ) -> Self {
        Self {
            bytes: chunks.iter().map(|c| c.bytes).sum(),
            objects,
            folder,
            chunks,
            runtime,
            at: 0,
            window_at: 0,
            window: Bytes::new(),
        }
    }

    /// Bytes of the whole.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is in memory from where we stand on, empty at the end only.
    fn here(&mut self) -> io::Result<&[u8]> {
        let in_window = self.at.checked_sub(self.window_at);
        let known = in_window.filter(|skip| *skip < self.window.len() as u64);
        let skip = match known {
            Some(skip) => skip,
            None => {
                let end = self.bytes.min(self.at.saturating_add(WINDOW));
                if self.at >= end {
                    return Ok(&[]);
                }
                let range = self.at..end;
                let read = self.objects.read(&self.folder, &self.chunks, range.clone());
                let window = self.runtime.block_on(read).map_err(io::Error::other)?;
                if window.len() as u64 != range.end - range.start {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.window = window;
                self.window_at = self.at;
                0
            }
        };
        Ok(&self.window[usize::try_from(skip).map_err(io::Error::other)?..])
    }
}

impl Read for ChunkReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let here = self.here()?;
        let count = here.len().min(to.len());
        to[..count].copy_from_slice(&here[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for ChunkReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.bytes.checked_add_signed(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
