//! How much a packet may still take, and the list of what was hidden in what is left.
use std::{
    collections::BTreeMap,
    io::{self, Seek, Write},
};

use serde::Serialize;

use super::{PLACE_BYTES, PacketWriter, WriteError};
use crate::{
    ids::Digest,
    packet::{
        ENVELOPE, FileEntry, REDACTIONS, STATEMENT, Section,
        zip_out::{LARGEST, deflated_bound, header_bytes},
    },
    redaction::Place,
};

/// A file in `redactions.json`.
#[derive(Serialize)]
pub(in crate::packet) struct ListedFile {
    pub(in crate::packet) path: String,
    pub(in crate::packet) places: Vec<Place>,
    /// Places that are counted in the statement and not listed here.
    pub(in crate::packet) unlisted: u64,
}

impl<W: Write + Seek> PacketWriter<W> {
    pub(super) fn limit(&self) -> u64 {
        self.limits.zip_bytes.min(LARGEST)
    }

    pub(super) fn room(&self, reserve: u64) -> u64 {
        self.limit().saturating_sub(self.needed() + reserve)
    }

    /// What the zip would have at most if it were finished now.
    pub(super) fn needed(&self) -> u64 {
        let statement = self.statement_bound;
        let envelope = statement / 3 * 4 + 1_000;
        let places = (self.places as u64 * PLACE_BYTES).min(self.limits.zip_bytes / 16);
        let headers: u64 = [STATEMENT, ENVELOPE, REDACTIONS]
            .map(header_bytes)
            .iter()
            .sum();
        self.zip.bound()
            + deflated_bound(statement)
            + deflated_bound(envelope)
            + places
            + headers
            + 400
    }

    /// `redactions.json`, with as many places as there is room for.
    pub(super) fn put_redactions(&mut self) -> Result<FileEntry, WriteError> {
        #[derive(Serialize)]
        struct Redactions<'a> {
            format: u32,
            /// Line numbers are those of the file before redaction.
            files: &'a [ListedFile],
        }
        let mut files = std::mem::take(&mut self.listed);
        let spare = self.limit().saturating_sub(self.needed());
        let room = spare + (self.places as u64 * PLACE_BYTES).min(self.limits.zip_bytes / 16);
        let bytes = loop {
            let mut bytes = serde_json::to_vec(&Redactions {
                format: 1,
                files: &files,
            })
            .map_err(io::Error::from)?;
            bytes.push(b'\n');
            // Lists of places shrink to a fifth at least; what is short needs no guess.
            if bytes.len() as u64 / 5 + 300 <= room || files.is_empty() {
                break bytes;
            }
            files.truncate(files.len() / 2);
        };
        self.entry(REDACTIONS, &bytes)?;
        Ok(FileEntry {
            path: REDACTIONS.to_owned(),
            bytes: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            raw: false,
            redactions: BTreeMap::new(),
        })
    }
}

/// The most that a file takes in the statement.
pub(super) fn file_bound(path: &str) -> u64 {
    // The fields with their indentation, and every kind of redaction.
    path.len() as u64 * 2 + 320 + 14 * 44
}

pub(in crate::packet) fn json_bound(section: &Section) -> Result<u64, WriteError> {
    let bytes = serde_json::to_vec_pretty(section)
        .map_err(io::Error::from)?
        .len() as u64;
    // Each line is indented deeper in the statement.
    Ok(bytes + bytes / 8 + 200)
}
