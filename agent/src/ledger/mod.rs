//! The ledger: an append-only file with a line for every run, answer and consent, synced before anything follows from
//! it. What a crash cut off is found here at the next start.
mod next;
mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use boathook_hooks::{
    ids::{Digest, HookId},
    protocol::AnswerKind,
    time::Time,
};

pub use next::{Asked, Next, next};
pub use record::{Answered, Begun, End, Fate, Record, RunId, Said};

use crate::{durable, policy::Used};

/// In the state directory.
pub const FILE: &str = "ledger.jsonl";

/// What a refusal was decided on: trust documents, policy, agent version.
pub type Mark = Digest;

/// Largest ledger that is read, in bytes: a million runs.
const MAX_LEDGER: u64 = 512 << 20;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the ledger {path} is damaged at line {line}: {what}. Nothing runs until it is repaired or moved away (then \
         hooks that ran before may run again)"
    )]
    Damaged {
        path: PathBuf,
        line: usize,
        what: String,
    },
    #[error("the ledger {0} could not be written before; restart the agent once the disk is well")]
    Poisoned(PathBuf),
}

/// A run as all its lines tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub begun: Begun,
    pub end: Option<(Time, End)>,
    pub fate: Option<Fate>,
    /// An answer was sent for it.
    pub answered: bool,
}

/// The last answer to a hook that no run stands behind, and the last of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAnswer {
    pub kind: AnswerKind,
    pub mark: Mark,
    pub reason: String,
}

#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    poisoned: bool,
    runs: Vec<Run>,
    answers: HashMap<Digest, LastAnswer>,
    consents: HashMap<Digest, Said>,
}

impl Ledger {
    /// Reads all lines. A last line that a crash cut off was never acted upon, and is cut away.
    pub fn open(state_dir: &Path) -> Result<Self, LedgerError> {
        let path = state_dir.join(FILE);
        let io = |source| LedgerError::Io {
            path: path.clone(),
            source,
        };
        let existed = path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        durable::owner_only(&path).map_err(io)?;
        if !existed {
            file.sync_all()
                .and_then(|()| durable::sync_dir(&path))
                .map_err(io)?;
        }
        let mut text = Vec::new();
        (&mut file)
            .take(MAX_LEDGER)
            .read_to_end(&mut text)
            .map_err(io)?;
        let length = text
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        if length < text.len() {
            tracing::warn!(
                bytes = text.len() - length,
                "the ledger's last line was cut off by a crash and is left out"
            );
            file.set_len(length as u64)
                .and_then(|()| file.sync_all())
                .map_err(io)?;
        }
        let mut ledger = Self {
            path: path.clone(),
            file,
            length: length as u64,
            poisoned: false,
            runs: Vec::new(),
            answers: HashMap::new(),
            consents: HashMap::new(),
        };
        for (at, line) in text[..length].split_inclusive(|b| *b == b'\n').enumerate() {
            let record = serde_json::from_slice(line).map_err(|e| LedgerError::Damaged {
                path: path.clone(),
                line: at + 1,
                what: e.to_string(),
            })?;
            ledger.take(record);
        }
        ledger
            .file
            .seek(SeekFrom::Start(ledger.length))
            .map_err(io)?;
        Ok(ledger)
    }

    /// Every line, for people.
    pub fn read_all(state_dir: &Path) -> Result<Vec<Record>, LedgerError> {
        let path = state_dir.join(FILE);
        let bytes = durable::read(&path, MAX_LEDGER)
            .map_err(|source| LedgerError::Io {
                path: path.clone(),
                source,
            })?
            .unwrap_or_default();
        let whole = bytes
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        bytes[..whole]
            .split_inclusive(|b| *b == b'\n')
            .enumerate()
            .map(|(at, line)| {
                serde_json::from_slice(line).map_err(|e| LedgerError::Damaged {
                    path: path.clone(),
                    line: at + 1,
                    what: e.to_string(),
                })
            })
            .collect()
    }

    /// On the disk when it returns. What must follow only from a synced line follows from `Ok`.
    pub fn append(&mut self, record: Record) -> Result<(), LedgerError> {
        if self.poisoned {
            return Err(LedgerError::Poisoned(self.path.clone()));
        }
        let write = |file: &mut File| {
            let mut line = serde_json::to_vec(&record)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()?;
            Ok(line.len() as u64)
        };
        match write(&mut self.file) {
            Ok(bytes) => {
                self.length += bytes;
                self.take(record);
                Ok(())
            }
            Err(source) => {
                // Half a line must not stand before a whole one.
                let undone = self
                    .file
                    .set_len(self.length)
                    .and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
                self.poisoned = undone.is_err();
                Err(LedgerError::Io {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Begun(begun) => self.runs.push(Run {
                begun,
                end: None,
                fate: None,
                answered: false,
            }),
            Record::Ended { at, run, end } => {
                if let Some(found) = self.run_mut(&run) {
                    found.end = Some((at, end));
                }
            }
            Record::Settled { run, mut fate, .. } => {
                // Receipts stay in the file; memory needs only that there was one.
                if let Fate::Accepted { receipt } = &mut fate {
                    receipt.0 = Vec::new();
                }
                if let Some(found) = self.run_mut(&run) {
                    found.fate = Some(fate);
                }
            }
            Record::Answered(answered) => {
                if let Some(found) = answered.run.as_deref().and_then(|run| self.run_mut(run)) {
                    found.answered = true;
                }
                let last = LastAnswer {
                    kind: answered.kind,
                    mark: answered.mark,
                    reason: answered.reason,
                };
                self.answers.insert(answered.digest, last);
            }
            Record::Consent { digest, said, .. } => {
                self.consents.insert(digest, said);
            }
        }
    }

    fn run_mut(&mut self, run: &str) -> Option<&mut Run> {
        self.runs.iter_mut().rev().find(|r| r.begun.run == run)
    }

    pub fn run(&self, run: &str) -> Option<&Run> {
        self.runs.iter().rev().find(|r| r.begun.run == run)
    }

    /// Runs of all revisions of a hook, in the order they began.
    pub fn runs_of(&self, hook: &HookId) -> Vec<&Run> {
        self.runs.iter().filter(|r| r.begun.hook == *hook).collect()
    }

    pub fn last_run_of(&self, digest: &Digest) -> Option<&Run> {
        self.runs.iter().rev().find(|r| r.begun.digest == *digest)
    }

    /// Runs that a crash cut off.
    pub fn unfinished(&self) -> Vec<Run> {
        self.runs
            .iter()
            .filter(|r| r.end.is_none())
            .cloned()
            .collect()
    }

    /// Runs whose packets the server has not said its last word on.
    pub fn awaiting_server(&self) -> Vec<RunId> {
        let waits = |r: &&Run| matches!(r.end, Some((_, End::Packed { .. }))) && r.fate.is_none();
        self.runs
            .iter()
            .filter(waits)
            .map(|r| r.begun.run.clone())
            .collect()
    }

    pub fn answer_to(&self, digest: &Digest) -> Option<&LastAnswer> {
        self.answers.get(digest)
    }

    pub fn consent_to(&self, digest: &Digest) -> Option<&Said> {
        self.consents.get(digest)
    }

    /// Whether nothing remains to be done about a revision, told without its bytes. `mark` is what a decision would
    /// stand on now.
    pub fn is_settled(&self, digest: &Digest, mark: &Mark) -> bool {
        if let Some(run) = self.last_run_of(digest) {
            return next::of_run(run, Time::from_ms(i64::MAX)) == Next::Done;
        }
        self.answers
            .get(digest)
            .is_some_and(|last| match last.kind {
                AnswerKind::Declined | AnswerKind::AnsweredBefore => true,
                AnswerKind::Refused | AnswerKind::Unsupported => last.mark == *mark,
                AnswerKind::Waiting | AnswerKind::Failed | AnswerKind::Interrupted => false,
            })
    }

    /// Runs and packet bytes since midnight UTC.
    pub fn used(&self, now: Time) -> Used {
        let today = now.day();
        let mut used = Used::default();
        for run in self
            .runs
            .iter()
            .rev()
            .take_while(|r| r.begun.at.day() == today)
        {
            used.runs += 1;
            if let Some((_, End::Packed { bytes, .. })) = &run.end {
                used.bytes += bytes;
            }
        }
        used
    }
}
