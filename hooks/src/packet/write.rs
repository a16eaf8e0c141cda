//! Making a packet: sections and files one after the other, each string through the redactor, the whole within a limit.
mod files;
mod room;

use std::{
    collections::HashSet,
    io::{self, Seek, Write},
};

use serde::{Deserialize, Serialize};

use super::{
    ENVELOPE, PACKET_PAYLOAD_TYPE, REDACTIONS, STATEMENT,
    entry::folded,
    name::packet_name,
    statement::{
        Consent, FORMAT, HookRef, LeftOut, Mode, Outcome, Section, Statement, StatementError,
    },
    zip_out::ZipOut,
};
use crate::{
    documents::hook::Subject,
    envelope::Envelope,
    ids::{ClaimId, CustomerId, Digest, InstanceId, PersonId, SectionName},
    keys::SecretKey,
    redaction::{Counts, Redactor, StreamLimits},
    time::Time,
};
pub(super) use files::OpenFile;
pub(super) use room::{ListedFile, json_bound};

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

    fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.zip.begin(name.to_owned())?;
        self.zip.write(bytes)?;
        Ok(self.zip.end()?)
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
pub(super) mod tests;
