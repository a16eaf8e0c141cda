//! What daemon and child say to each other: one `Job` down the child's stdin, frames up its stdout.
//!
//! A job is a `u32` little-endian length and BSON. A frame is a kind (`u8`), a length (`u32` little-endian) and bytes:
//! BSON, or raw bytes for [`Frame::Data`]. The daemon trusts no length and no order (see [`super::order`]). Raw bytes only:
//! redaction is the daemon's.
use std::{
    fmt,
    io::{self, Read, Write},
};

use boathook_hooks::{
    documents::identity::Facts,
    ids::{Blob, CustomerId, InstanceId, SectionName},
    packet::{LeftOut, Outcome},
    strict,
    time::Time,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::policy::grants::Grants;

/// Largest job: a trust bundle and a hook.
pub const MAX_JOB: usize = 32 << 20;
/// Most bytes of a file in one frame.
pub const MAX_DATA: usize = 64 << 10;
/// Largest other frame.
pub const MAX_HEAD: usize = 64 << 10;

/// What vouches for the run (trust.md §1), and so what [`Job::work`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The hook's DSSE envelope, as BSON.
    Verified,
    /// The hook's DSSE envelope, as BSON.
    Offline,
    /// The hook's payload (BSON), unsigned.
    Trial,
    /// Empty: what is collected follows from the grants' directories.
    Local,
}

/// Who verifies: `boathook_hooks::verify::Me` on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub facts: Facts,
    pub agent_version: String,
}

/// All that a child gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub kind: RunKind,
    pub work: Blob,
    /// BSON of `boathook_hooks::verify::TrustBundle`; empty for `Trial` and `Local`.
    pub trust: Blob,
    /// None when not enrolled; a `Verified` run needs it.
    pub me: Option<Who>,
    /// The time that trust documents and the hook are judged by.
    pub now: Time,
    pub grants: Grants,
    /// Only those that the hook names.
    pub credentials: Vec<Credential>,
    /// The whole run's time, in milliseconds from its start.
    pub run_ms: u64,
    /// Most raw bytes of all sections together.
    pub total_bytes: u64,
    /// Sections that ran already (an earlier child of this run died): never begun again.
    pub skip: Vec<SectionName>,
}

/// A named credential of `credentials.toml`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    pub name: String,
    pub user: String,
    /// Empty where none is needed (peer authentication).
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, hidden)", self.name)
    }
}

/// What a child says. In order: `Begun`, then sections, each with files one after the other, then `Done`; or `Refused`
/// alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Begun(Begun),
    SectionBegin(SectionBegin),
    FileBegin(FileBegin),
    /// At most [`MAX_DATA`] raw bytes of the open file.
    Data(Vec<u8>),
    FileEnd,
    /// Ends a file of which more could have come: its last line may be half of one.
    FileCut,
    SectionEnd(SectionEnd),
    Done,
    Refused(Refused),
}

/// What held for this run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// Layers of isolation and rights, in plain words, for `packet.json`.
    pub privileges: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionBegin {
    pub section: SectionName,
    pub collector: String,
    pub at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileBegin {
    /// Any text (collected file names are hostile); the packet's writer makes a safe entry name of it.
    pub path: String,
    /// The hook said `raw` and the policy allows it: to be passed on without redaction.
    pub raw: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionEnd {
    pub outcome: Outcome,
    /// Why the outcome is not `ok`; empty otherwise.
    pub reason: String,
    pub left_out: Vec<LeftOut>,
    pub elapsed_ms: u64,
}

/// Why the child would not run the job at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{text}")]
pub struct Refused {
    /// `boathook_hooks::verify::Refusal::code`, or `job` for a job that does not read.
    pub code: String,
    pub text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the child's pipe")]
    Pipe(#[from] io::Error),
    #[error("a frame of kind {kind} says {found} bytes, where at most {limit} are allowed")]
    TooLarge {
        kind: u8,
        found: usize,
        limit: usize,
    },
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    #[error("a frame does not read: {0}")]
    Fields(#[from] strict::StrictError),
    #[error("a frame out of order: {0}")]
    Order(&'static str),
    #[error("a job of {found} bytes, where at most {MAX_JOB} are allowed")]
    JobTooLarge { found: usize },
}

const BEGUN: u8 = 1;
const SECTION_BEGIN: u8 = 2;
const FILE_BEGIN: u8 = 3;
const DATA: u8 = 4;
const FILE_END: u8 = 5;
const SECTION_END: u8 = 6;
const DONE: u8 = 7;
const REFUSED: u8 = 8;
const FILE_CUT: u8 = 9;

/// Kind and length before a frame's bytes.
pub const HEADER: usize = 5;

/// Reads a header. The length is bounded by what its kind may have.
pub fn header(bytes: [u8; HEADER]) -> Result<(u8, usize), WireError> {
    let [kind, rest @ ..] = bytes;
    let found = u32::from_le_bytes(rest) as usize;
    let limit = match kind {
        DATA => MAX_DATA,
        FILE_END | FILE_CUT | DONE => 0,
        BEGUN | SECTION_BEGIN | FILE_BEGIN | SECTION_END | REFUSED => MAX_HEAD,
        other => return Err(WireError::Kind(other)),
    };
    if found > limit {
        Err(WireError::TooLarge { kind, found, limit })
    } else {
        Ok((kind, found))
    }
}

impl Frame {
    /// `body` is as long as the header said.
    pub fn decode(kind: u8, body: Vec<u8>) -> Result<Self, WireError> {
        fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
            Ok(strict::decode(body, MAX_HEAD)?)
        }
        Ok(match kind {
            BEGUN => Self::Begun(read(&body)?),
            SECTION_BEGIN => Self::SectionBegin(read(&body)?),
            FILE_BEGIN => Self::FileBegin(read(&body)?),
            DATA => Self::Data(body),
            FILE_END => Self::FileEnd,
            FILE_CUT => Self::FileCut,
            SECTION_END => Self::SectionEnd(read(&body)?),
            DONE => Self::Done,
            REFUSED => Self::Refused(read(&body)?),
            other => return Err(WireError::Kind(other)),
        })
    }

    pub fn write(&self, out: &mut impl Write) -> Result<(), WireError> {
        match self {
            Self::Begun(head) => put(out, BEGUN, &strict::encode(head)?),
            Self::SectionBegin(head) => put(out, SECTION_BEGIN, &strict::encode(head)?),
            Self::FileBegin(head) => put(out, FILE_BEGIN, &strict::encode(head)?),
            Self::Data(bytes) => write_data(out, bytes),
            Self::FileEnd => put(out, FILE_END, &[]),
            Self::FileCut => put(out, FILE_CUT, &[]),
            Self::SectionEnd(head) => put(out, SECTION_END, &strict::encode(head)?),
            Self::Done => put(out, DONE, &[]),
            Self::Refused(head) => put(out, REFUSED, &strict::encode(head)?),
        }
    }
}

/// Writes `bytes` as data frames without a copy.
pub fn write_data(out: &mut impl Write, bytes: &[u8]) -> Result<(), WireError> {
    bytes
        .chunks(MAX_DATA)
        .try_for_each(|chunk| put(out, DATA, chunk))
}

fn put(out: &mut impl Write, kind: u8, body: &[u8]) -> Result<(), WireError> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let head = [kind, length[0], length[1], length[2], length[3]];
    // What the reader would refuse is not sent.
    header(head)?;
    out.write_all(&head)?;
    out.write_all(body)?;
    Ok(())
}

impl Job {
    /// The bytes for the child's stdin, length included.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let body = strict::encode(self)?;
        if body.len() > MAX_JOB {
            return Err(WireError::JobTooLarge { found: body.len() });
        }
        let mut out = u32::try_from(body.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes()
            .to_vec();
        out.extend_from_slice(&body);
        Ok(out)
    }

    pub fn read(input: &mut impl Read) -> Result<Self, WireError> {
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let found = u32::from_le_bytes(length) as usize;
        if found > MAX_JOB {
            return Err(WireError::JobTooLarge { found });
        }
        let mut body = vec![0; found];
        input.read_exact(&mut body)?;
        Ok(strict::decode(&body, MAX_JOB)?)
    }

    pub fn credential(&self, name: &str) -> Option<&Credential> {
        self.credentials.iter().find(|c| c.name == name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back() {
        let frames = [
            Frame::Begun(Begun {
                privileges: vec!["no_new_privs".into()],
            }),
            Frame::SectionBegin(SectionBegin {
                section: "logs".parse().unwrap(),
                collector: "file".into(),
                at: Time::from_ms(5),
            }),
            Frame::FileBegin(FileBegin {
                path: "var/log/syslog".into(),
                raw: false,
            }),
            Frame::Data(b"hello".to_vec()),
            Frame::FileEnd,
            Frame::FileCut,
            Frame::SectionEnd(SectionEnd {
                outcome: Outcome::Truncated,
                reason: "the limit".into(),
                left_out: vec![LeftOut {
                    text: "rest".into(),
                    bytes: 7,
                    items: 0,
                }],
                elapsed_ms: 3,
            }),
            Frame::Done,
        ];
        let mut bytes = Vec::new();
        frames.iter().for_each(|f| f.write(&mut bytes).unwrap());
        let mut rest = bytes.as_slice();
        for frame in frames {
            let (head, after) = rest.split_at(HEADER);
            let (kind, length) = header(head.try_into().unwrap()).unwrap();
            let (body, after) = after.split_at(length);
            assert_eq!(Frame::decode(kind, body.to_vec()).unwrap(), frame);
            rest = after;
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_length_beyond_what_its_kind_may_have_is_refused_before_it_is_read() {
        assert!(matches!(
            header([DATA, 1, 0, 1, 0]),
            Err(WireError::TooLarge { found: 65537, .. })
        ));
        assert!(matches!(
            header([DONE, 1, 0, 0, 0]),
            Err(WireError::TooLarge { limit: 0, .. })
        ));
        assert!(matches!(
            header([SECTION_END, 255, 255, 255, 255]),
            Err(WireError::TooLarge { .. })
        ));
        assert!(matches!(header([99, 0, 0, 0, 0]), Err(WireError::Kind(99))));
    }

    #[test]
    fn a_credential_is_hidden_in_debug_output() {
        let secret = Credential {
            name: "db".into(),
            user: "u".into(),
            password: "hunter2".into(),
        };
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_job_that_says_more_bytes_than_allowed_is_refused() {
        let mut bytes: &[u8] = &[255, 255, 255, 255, 0];
        assert!(matches!(
            Job::read(&mut bytes),
            Err(WireError::JobTooLarge { .. })
        ));
    }
}
