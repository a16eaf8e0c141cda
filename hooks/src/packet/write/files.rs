//! Files of a packet: each through the redactor, as long as there is room.
use std::io::{self, Seek, Write};

use sha2::{Digest as _, Sha256};

use super::{Content, ListedFile, MOST_PLACES, PacketWriter, WriteError, Wrote, room::file_bound};
use crate::{
    ids::Digest,
    packet::{
        FileEntry, MAX_ENTRIES,
        check::UNPACKED_FACTOR,
        entry::{folded, safe_path},
        zip_out::{LARGEST, deflated_bound, header_bytes},
    },
    redaction::{Stream, StreamLimits, StreamReport},
    strict::MAX_STATEMENT,
};

/// Less room than this is not worth another piece of a file, in bytes.
const LEAST_ROOM: u64 = 512;

pub(in crate::packet) struct OpenFile {
    pub(super) path: String,
    pub(super) stream: Option<Stream>,
    pub(super) buffer: Vec<u8>,
    pub(in crate::packet) sha256: Sha256,
    /// The entry was begun in the zip; that waits for the first byte, since binary files have no entry.
    pub(in crate::packet) begun: bool,
    pub(in crate::packet) full: Option<&'static str>,
    pub(super) dropped: u64,
}

impl OpenFile {
    /// One whose bytes pass as they are.
    pub(in crate::packet) fn raw(path: String) -> Self {
        Self {
            path,
            stream: None,
            buffer: Vec::new(),
            sha256: Sha256::new(),
            begun: false,
            full: None,
            dropped: 0,
        }
    }
}

impl<W: Write + Seek> PacketWriter<W> {
    /// Begins a file of the open section. `path` is any text; what cannot stand in a zip becomes `_`, and a path that
    /// stands already gets a number.
    pub fn begin_file(&mut self, path: &str, content: Content) -> Result<(), WriteError> {
        if self.file.is_some() {
            return Err(WriteError::Order(
                "a file begins before the last one was finished",
            ));
        }
        let path = self.door(path);
        let Some(section) = &self.section else {
            return Err(WriteError::Order("a file begins outside a section"));
        };
        let wanted = format!("{}/{}", section.name, safe_path(&path));
        let path = self.unique(wanted);
        let cost = file_bound(&path);
        let too_many = self.zip.entries() + 4 > MAX_ENTRIES
            || self.statement_bound + cost > MAX_STATEMENT as u64 / 10 * 9;
        let no_room = self.needed() + cost * 3 + header_bytes(&path) + LEAST_ROOM > self.limit();
        let full = if too_many {
            Some("the packet has too many files")
        } else if no_room {
            Some("the packet is full")
        } else {
            None
        };
        self.file = Some(OpenFile {
            path,
            stream: (content == Content::Text).then(|| {
                let listed = self
                    .limits
                    .stream
                    .listed
                    .min(MOST_PLACES.saturating_sub(self.places));
                self.redactor.stream(StreamLimits {
                    listed,
                    ..self.limits.stream
                })
            }),
            buffer: Vec::new(),
            sha256: Sha256::new(),
            begun: false,
            full,
            dropped: 0,
        });
        Ok(())
    }

    /// Takes a piece of the open file, as the collector read it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Wrote, WriteError> {
        let Some(mut file) = self.file.take() else {
            return Err(WriteError::Order("bytes without a file"));
        };
        if file.full.is_some() {
            file.dropped += bytes.len() as u64;
        } else if let Some(stream) = &mut file.stream {
            let mut buffer = std::mem::take(&mut file.buffer);
            buffer.clear();
            stream.push(bytes, &mut buffer);
            self.put(&mut file, &buffer)?;
            file.buffer = buffer;
        } else {
            self.put(&mut file, bytes)?;
        }
        let wrote = if file.full.is_some() {
            Wrote::Full
        } else {
            Wrote::All
        };
        self.file = Some(file);
        Ok(wrote)
    }

    /// Ends the open file. None when nothing of it is in the packet; the section then says why.
    pub fn finish_file(&mut self) -> Result<Option<FileEntry>, WriteError> {
        self.end_file(false)
    }

    /// As [`Self::finish_file`], of a file that went on behind what was written: a last line that was cut could be half
    /// of a secret, and is left out.
    pub fn finish_cut_file(&mut self) -> Result<Option<FileEntry>, WriteError> {
        self.end_file(true)
    }

    fn end_file(&mut self, cut: bool) -> Result<Option<FileEntry>, WriteError> {
        let Some(mut file) = self.file.take() else {
            return Err(WriteError::Order("a file ends that was not begun"));
        };
        let raw = file.stream.is_none();
        let mut report = StreamReport::default();
        if let Some(stream) = file.stream.take() {
            let mut rest = Vec::new();
            // A full packet cuts behind the redactor, which saw the whole.
            report = if cut {
                stream.finish_cut(&mut rest)
            } else {
                stream.finish(&mut rest)
            };
            self.put(&mut file, &rest)?;
        }
        if let Some(text) = report.left_out() {
            self.leave_out(
                format!("{}: {text}", file.path),
                report.left_out_bytes(),
                u64::from(report.binary),
            );
        }
        if let Some(why) = file.full {
            let all = if file.begun { "the rest" } else { "all" };
            self.leave_out(
                format!("{}: {all}, because {why}", file.path),
                file.dropped,
                u64::from(!file.begun),
            );
            self.truncated(why);
        }
        if !file.begun && (file.full.is_some() || report.binary) {
            self.names.remove(&folded(&file.path));
            return Ok(None);
        }
        if !file.begun {
            self.zip.begin(file.path.clone())?;
        }
        let entry = FileEntry {
            path: file.path.clone(),
            bytes: self.zip.open_size(),
            sha256: Digest(file.sha256.finalize().into()),
            raw,
            redactions: report.counts.by_name(),
        };
        self.zip.end()?;
        // Each line is indented deeper in the statement.
        let lines = 12 + entry.redactions.len() as u64;
        self.statement_bound += serde_json::to_vec_pretty(&entry)
            .map_err(io::Error::from)?
            .len() as u64
            + 12 * lines;
        if !report.places.is_empty() || report.unlisted > 0 {
            self.places += report.places.len();
            self.listed.push(ListedFile {
                path: file.path,
                places: report.places,
                unlisted: report.unlisted,
            });
        }
        if let Some(section) = &mut self.section {
            section.files.push(entry.clone());
        }
        Ok(Some(entry))
    }

    pub(super) fn unique(&mut self, wanted: String) -> String {
        let mut path = wanted.clone();
        let mut number = 1;
        while !self.names.insert(folded(&path)) {
            number += 1;
            path = match wanted.rsplit_once('.') {
                Some((stem, end)) if !end.contains('/') && !stem.ends_with('/') => {
                    format!("{stem}~{number}.{end}")
                }
                _ => format!("{wanted}~{number}"),
            };
        }
        path
    }

    pub(in crate::packet) fn put(
        &mut self,
        file: &mut OpenFile,
        mut bytes: &[u8],
    ) -> Result<(), WriteError> {
        let reserve = file_bound(&file.path) * 3;
        while !bytes.is_empty() && file.full.is_none() {
            if !file.begun {
                self.zip.begin(file.path.clone())?;
                file.begun = true;
            }
            let mut room = self.room(reserve);
            if deflated_bound(bytes.len() as u64) > room && self.zip.has_pending() {
                self.zip.sync()?;
                room = self.room(reserve);
            }
            if room < LEAST_ROOM || self.zip.open_size() + bytes.len() as u64 > LARGEST {
                file.full = Some("the packet is full");
                break;
            }
            // What unpacks to more is refused as a bomb by whoever receives it.
            let others = self.statement_bound * 4 + self.places as u64 * 80 + 64 * 1024;
            if self.unpacked + others + bytes.len() as u64
                > self.limits.zip_bytes.saturating_mul(UNPACKED_FACTOR)
            {
                file.full = Some("the packet would unpack to too much");
                break;
            }
            // What fits even if it does not shrink.
            let fits = usize::try_from(room - room / 256 - 64)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let (now, later) = bytes.split_at(fits);
            self.zip.write(now)?;
            self.unpacked += now.len() as u64;
            file.sha256.update(now);
            bytes = later;
        }
        file.dropped += bytes.len() as u64;
        Ok(())
    }
}
