//! Making a packet: sections and files one after the other, each string through the redactor, the whole within a limit.
use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Seek, Write},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    ENVELOPE, MAX_ENTRIES, PACKET_PAYLOAD_TYPE, REDACTIONS, STATEMENT,
    check::UNPACKED_FACTOR,
    entry::{folded, safe_path},
    name::packet_name,
    statement::{
        Consent, FORMAT, FileEntry, HookRef, LeftOut, Mode, Outcome, Section, Statement,
        StatementError,
    },
    zip_out::{LARGEST, ZipOut, deflated_bound, header_bytes},
};
use crate::{
    documents::hook::Subject,
    envelope::Envelope,
    ids::{ClaimId, CustomerId, Digest, InstanceId, PersonId, SectionName},
    keys::SecretKey,
    redaction::{Counts, Place, Redactor, Stream, StreamLimits, StreamReport},
    strict::MAX_STATEMENT,
    time::Time,
};

/// Less room than this is not worth another piece of a file, in bytes.
const LEAST_ROOM: u64 = 512;
/// Longest reason or other text of a section, in bytes.
const LONGEST_TEXT: usize = 2_000;
/// Most things that one section lists as left out; the rest is summed up.
const MOST_LEFT_OUT: usize = 50;
/// Most places that `redactions.json` lists.
const MOST_PLACES: usize = 20_000;
/// What a place in `redactions.json` takes of the zip, about.
const PLACE_BYTES: u64 = 16;

/// What is known of a run when it begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    pub mode: Mode,
    pub hook: Option<HookRef>,
    pub subject: Option<Subject>,
    pub claim: Option<ClaimId>,
    pub instance: Option<InstanceId>,
    pub customer: Option<CustomerId>,
    pub policy: Digest,
    pub consent: Consent,
    pub signed_by: Vec<PersonId>,
    pub privileges: Vec<String>,
    pub agent_version: String,
    pub started_at: Time,
}

#[derive(Clone, Copy, Debug)]
pub struct WriteLimits {
    /// Largest finished zip, in bytes.
    pub zip_bytes: u64,
    pub stream: StreamLimits,
}

impl WriteLimits {
    pub fn zip_bytes(zip_bytes: u64) -> Self {
        Self {
            zip_bytes,
            stream: StreamLimits::default(),
        }
    }
}

/// How a file's bytes are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Through the redactor; binary data is left out.
    Text,
    /// As it is: only when the hook says `raw` and the policy allows it.
    Raw,
}

/// Whether a piece of a file found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    All,
    /// The packet is full: nothing more of this file is taken.
    Full,
}

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("writing the packet")]
    Io(#[from] io::Error),
    #[error("writing the packet: {0}")]
    Order(&'static str),
    #[error("writing the packet: the section {0} stands twice")]
    SectionTwice(SectionName),
    #[error("the packet's statement needs {needed} bytes, and the limit is {limit}")]
    TooSmall { needed: u64, limit: u64 },
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// A finished packet.
#[derive(Clone, Debug)]
pub struct Finished {
    pub statement: Statement,
    /// The name that the file should have.
    pub name: String,
    /// Size of the zip.
    pub bytes: u64,
}

/// Writes one packet into `W`, which is empty. Memory does not grow with the files' sizes.
pub struct PacketWriter<W> {
    pub(super) zip: ZipOut<W>,
    redactor: Redactor,
    facts: RunFacts,
    limits: WriteLimits,
    pub(super) sections: Vec<Section>,
    pub(super) section: Option<Section>,
    pub(super) file: Option<OpenFile>,
    /// Names so far, as they are on systems that ignore case.
    pub(super) names: HashSet<String>,
    pub(super) listed: Vec<ListedFile>,
    places: usize,
    /// Bytes of all files before compression.
    unpacked: u64,
    own_redactions: Counts,
    /// The most that the statement has so far, in bytes.
    pub(super) statement_bound: u64,
}

pub(super) struct OpenFile {
    path: String,
    stream: Option<Stream>,
    buffer: Vec<u8>,
    pub(super) sha256: Sha256,
    /// The entry was begun in the zip; that waits for the first byte, since binary files have no entry.
    pub(super) begun: bool,
    pub(super) full: Option<&'static str>,
    dropped: u64,
}

impl OpenFile {
    /// One whose bytes pass as they are.
    pub(super) fn raw(path: String) -> Self {
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

/// A file in `redactions.json`.
#[derive(Serialize)]
pub(super) struct ListedFile {
    pub(super) path: String,
    pub(super) places: Vec<Place>,
    /// Places that are counted in the statement and not listed here.
    pub(super) unlisted: u64,
}

impl<W: Write + Seek> PacketWriter<W> {
    pub fn new(
        out: W,
        redactor: Redactor,
        facts: RunFacts,
        limits: WriteLimits,
    ) -> Result<Self, WriteError> {
        let mut writer = Self {
            zip: ZipOut::new(out),
            redactor,
            facts,
            limits,
            sections: Vec::new(),
            section: None,
            file: None,
            names: [STATEMENT, ENVELOPE, REDACTIONS].map(folded).into(),
            listed: Vec::new(),
            places: 0,
            unpacked: 0,
            own_redactions: Counts::default(),
            statement_bound: 0,
        };
        let privileges = std::mem::take(&mut writer.facts.privileges);
        writer.facts.privileges = privileges.iter().map(|p| writer.door(p)).collect();
        writer.facts.agent_version = writer.door(&writer.facts.agent_version.clone());
        let empty = writer.statement(Time::from_ms(0), false, &SecretKey::from_seed(&[1; 32]));
        // The list of the statement's own redactions comes at the end.
        writer.statement_bound = empty.to_json()?.len() as u64 + 2_000;
        let (needed, limit) = (writer.needed(), writer.limit());
        if needed > limit {
            Err(WriteError::TooSmall { needed, limit })
        } else {
            Ok(writer)
        }
    }

    /// `name` becomes a folder; it may not stand twice.
    pub fn begin_section(
        &mut self,
        name: SectionName,
        collector: &str,
        started_at: Time,
    ) -> Result<(), WriteError> {
        if self.section.is_some() {
            return Err(WriteError::Order(
                "a section begins before the last one was finished",
            ));
        }
        // A folder may not have the name of a file beside it.
        if !self.names.insert(format!("{}/", folded(name.as_str())))
            || self.names.contains(name.as_str())
        {
            return Err(WriteError::SectionTwice(name));
        }
        let collector = self.door(collector);
        let section = Section {
            name,
            collector,
            outcome: Outcome::Ok,
            started_at,
            elapsed_ms: 0,
            reason: String::new(),
            left_out: vec![],
            files: vec![],
        };
        // Room for the reason and for what is left out comes with the section, so that it can always be said.
        self.statement_bound += json_bound(&section)? + 600;
        self.section = Some(section);
        Ok(())
    }

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

    /// Ends the open section. An `ok` section of which something found no room is *truncated*.
    pub fn finish_section(
        &mut self,
        outcome: Outcome,
        reason: &str,
        left_out: Vec<LeftOut>,
        elapsed_ms: u64,
    ) -> Result<(), WriteError> {
        if self.file.is_some() {
            return Err(WriteError::Order(
                "a section ends before its file was finished",
            ));
        }
        let reason = self.door(reason);
        for left in left_out {
            let text = self.door(&left.text);
            self.leave_out(text, left.bytes, left.items);
        }
        let Some(mut section) = self.section.take() else {
            return Err(WriteError::Order("a section ends that was not begun"));
        };
        section.elapsed_ms = elapsed_ms;
        if outcome != Outcome::Ok || section.outcome == Outcome::Ok {
            section.outcome = outcome;
        }
        section.reason = match (section.reason.is_empty(), reason.is_empty()) {
            (false, false) => format!("{reason}; {}", section.reason),
            (false, true) => section.reason,
            _ => reason,
        };
        self.statement_bound += 2 * section.reason.len() as u64;
        self.sections.push(section);
        Ok(())
    }

    /// The section that was finished last.
    pub fn last_section(&self) -> Option<&Section> {
        self.sections.last()
    }

    /// What was written so far, as a crash would leave it.
    #[cfg(test)]
    pub(super) fn abandon(self) -> W {
        self.zip.abandon()
    }

    /// Bytes that the zip has by now, about.
    pub fn bytes(&self) -> u64 {
        self.zip.bound()
    }

    /// Writes `redactions.json`, the statement and its signature, and gives the writer back.
    pub fn finish(
        mut self,
        finished_at: Time,
        interrupted: bool,
        key: &SecretKey,
    ) -> Result<(W, Finished), WriteError> {
        if self.section.is_some() || self.file.is_some() {
            return Err(WriteError::Order(
                "the packet ends before its last section was finished",
            ));
        }
        let redactions = self.put_redactions()?;
        let mut statement = self.statement(finished_at, interrupted, key);
        statement.files.push(redactions);
        let payload = statement.to_json()?;
        let envelope = Envelope::sign(PACKET_PAYLOAD_TYPE, payload.clone(), &[key]).to_json();
        self.entry(STATEMENT, &payload)?;
        self.entry(ENVELOPE, envelope.as_bytes())?;
        let limit = self.limit();
        let (out, bytes) = self.zip.finish()?;
        if bytes > limit {
            return Err(WriteError::TooSmall {
                needed: bytes,
                limit,
            });
        }
        let name = packet_name(&statement);
        Ok((
            out,
            Finished {
                statement,
                name,
                bytes,
            },
        ))
    }

    fn statement(&self, finished_at: Time, interrupted: bool, key: &SecretKey) -> Statement {
        let facts = self.facts.clone();
        Statement {
            format: FORMAT,
            mode: facts.mode,
            hook: facts.hook,
            subject: facts.subject,
            claim: facts.claim,
            instance: facts.instance,
            instance_key: key.public(),
            customer: facts.customer,
            policy: facts.policy,
            consent: facts.consent,
            signed_by: facts.signed_by,
            privileges: facts.privileges,
            agent_version: facts.agent_version,
            started_at: facts.started_at,
            finished_at,
            interrupted,
            sections: self.sections.clone(),
            files: Vec::new(),
            redactions: self.own_redactions.by_name(),
        }
    }

    /// The one door for the statement's own texts.
    fn door(&mut self, text: &str) -> String {
        let mut redacted = self.redactor.redact_text(text);
        self.own_redactions.merge(&redacted.counts);
        if redacted.text.len() > LONGEST_TEXT {
            let mut end = LONGEST_TEXT;
            while !redacted.text.is_char_boundary(end) {
                end -= 1;
            }
            redacted.text.truncate(end);
            redacted.text.push('…');
        }
        redacted.text
    }

    fn unique(&mut self, wanted: String) -> String {
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

    fn leave_out(&mut self, text: String, bytes: u64, items: u64) {
        let Some(section) = &mut self.section else {
            return;
        };
        if section.left_out.len() < MOST_LEFT_OUT {
            self.statement_bound += 2 * text.len() as u64 + 120;
            section.left_out.push(LeftOut { text, bytes, items });
        } else if let Some(last) = section.left_out.last_mut() {
            last.text = "and more".to_owned();
            last.bytes += bytes;
            last.items += items.max(1);
        }
    }

    fn truncated(&mut self, why: &str) {
        if let Some(section) = &mut self.section {
            section.outcome = Outcome::Truncated;
            section.reason = why.to_owned();
        }
    }

    pub(super) fn put(&mut self, file: &mut OpenFile, mut bytes: &[u8]) -> Result<(), WriteError> {
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

    fn limit(&self) -> u64 {
        self.limits.zip_bytes.min(LARGEST)
    }

    fn room(&self, reserve: u64) -> u64 {
        self.limit().saturating_sub(self.needed() + reserve)
    }

    /// What the zip would have at most if it were finished now.
    fn needed(&self) -> u64 {
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

    fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.zip.begin(name.to_owned())?;
        self.zip.write(bytes)?;
        Ok(self.zip.end()?)
    }

    /// `redactions.json`, with as many places as there is room for.
    fn put_redactions(&mut self) -> Result<FileEntry, WriteError> {
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
fn file_bound(path: &str) -> u64 {
    // The fields with their indentation, and every kind of redaction.
    path.len() as u64 * 2 + 320 + 14 * 44
}

pub(super) fn json_bound(section: &Section) -> Result<u64, WriteError> {
    let bytes = serde_json::to_vec_pretty(section)
        .map_err(io::Error::from)?
        .len() as u64;
    // Each line is indented deeper in the statement.
    Ok(bytes + bytes / 8 + 200)
}

#[cfg(test)]
#[path = "write_tests.rs"]
pub(super) mod tests;
