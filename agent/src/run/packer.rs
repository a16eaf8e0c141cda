//! The child's frames into the packet: every string and every file through the door, the whole within its limit.
use std::{
    io::{Seek, Write},
    path::PathBuf,
};

use boathook_hooks::{
    ids::SectionName,
    keys::SecretKey,
    packet::{Content, Finished, Outcome, PacketWriter, RunFacts, WriteError, WriteLimits},
    redaction::{RedactionError, Redactor},
    time::Time,
};

use super::notes::{Begun, Notes};
use crate::child::wire::Frame;

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the redaction rules: {0}")]
    Redaction(#[from] RedactionError),
    #[error("the packet was given no frame")]
    Nothing,
}

/// What becomes a [`PacketWriter`] with the first frame, which says under which rights the run was made.
struct Start<W> {
    notes: Option<NotesAt>,
    out: W,
    facts: RunFacts,
    limit: u64,
    redactor: Box<dyn FnOnce() -> Result<Redactor, RedactionError> + Send>,
}

/// Where notes are to be made, and of which sections.
struct NotesAt {
    path: PathBuf,
    expected: Vec<(SectionName, String)>,
}

pub struct Packer<W: Write + Seek> {
    start: Option<Start<W>>,
    notes: Option<Notes>,
    writer: Option<PacketWriter<W>>,
    /// A child ran, whatever came of it.
    begun: bool,
    sections: usize,
    /// Those that ended by themselves, not by the daemon's word for a child that is gone.
    good: usize,
}

impl<W: Write + Seek> Packer<W> {
    /// `redactor` is called once, while the child starts.
    pub fn new(
        out: W,
        facts: RunFacts,
        limit: u64,
        redactor: impl FnOnce() -> Result<Redactor, RedactionError> + Send + 'static,
    ) -> Self {
        let start = Start {
            notes: None,
            out,
            facts,
            limit,
            redactor: Box::new(redactor),
        };
        Self {
            start: Some(start),
            notes: None,
            writer: None,
            begun: false,
            sections: 0,
            good: 0,
        }
    }

    /// Notes for [`super::rescue`], at `path`.
    pub fn with_notes(mut self, path: PathBuf, expected: Vec<(SectionName, String)>) -> Self {
        if let Some(start) = &mut self.start {
            start.notes = Some(NotesAt { path, expected });
        }
        self
    }

    pub fn take(&mut self, frame: Frame) -> Result<(), PackError> {
        if let Frame::Begun(begun) = frame {
            self.begun = true;
            if let Some(start) = &mut self.start {
                start.facts.privileges = begun.privileges;
            }
            self.writer()?;
            return Ok(());
        }
        self.writer()?;
        let writer = self.writer.as_mut().ok_or(PackError::Nothing)?;
        match frame {
            Frame::SectionBegin(head) => {
                writer.begin_section(head.section, &head.collector, head.at)?
            }
            Frame::FileBegin(head) => {
                writer.begin_file(
                    &head.path,
                    if head.raw {
                        Content::Raw
                    } else {
                        Content::Text
                    },
                )?;
            }
            // A full packet drops what comes, and says so.
            Frame::Data(bytes) => drop(writer.write(&bytes)?),
            Frame::FileEnd => drop(writer.finish_file()?),
            Frame::FileCut => drop(writer.finish_cut_file()?),
            Frame::SectionEnd(end) => {
                writer.finish_section(end.outcome, &end.reason, end.left_out, end.elapsed_ms)?;
                self.sections += 1;
                self.good += usize::from(matches!(end.outcome, Outcome::Ok | Outcome::Truncated));
                if let Some(notes) = &mut self.notes
                    && let Some(section) = writer.last_section()
                    && let Err(error) = notes.finished(section)
                {
                    tracing::warn!(%error, "no notes for a rescue after a crash");
                    self.notes = None;
                }
            }
            // The end of the stream, and what never reaches a packet.
            Frame::Begun(_) | Frame::Done | Frame::Refused(_) => {}
        }
        Ok(())
    }

    fn writer(&mut self) -> Result<&mut PacketWriter<W>, PackError> {
        if let Some(start) = self.start.take() {
            let redactor = (start.redactor)()?;
            if let Some(NotesAt { path, expected }) = start.notes {
                let begun = Begun {
                    facts: start.facts.clone(),
                    limit: start.limit,
                    expected,
                };
                self.notes = Notes::begin(&path, &begun)
                    .inspect_err(
                        |error| tracing::warn!(%error, "no notes for a rescue after a crash"),
                    )
                    .ok();
            }
            self.writer = Some(PacketWriter::new(
                start.out,
                redactor,
                start.facts,
                WriteLimits::zip_bytes(start.limit),
            )?);
        }
        self.writer.as_mut().ok_or(PackError::Nothing)
    }

    #[cfg(test)]
    pub(super) fn start_facts(self) -> RunFacts {
        self.start.map(|s| s.facts).expect("no frame was taken yet")
    }

    pub fn begun(&self) -> bool {
        self.begun
    }

    /// How many sections brought something.
    pub fn good(&self) -> usize {
        self.good
    }

    pub fn finish(
        self,
        at: Time,
        interrupted: bool,
        key: &SecretKey,
    ) -> Result<(W, Finished), PackError> {
        let writer = self.writer.ok_or(PackError::Nothing)?;
        Ok(writer.finish(at, interrupted, key)?)
    }
}
