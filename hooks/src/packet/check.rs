//! Checking packets that others made: structure, signature, and that every file is the one that was signed for.
//!
//! Nothing is unpacked to disk. [`OpenPacket`] has a verified statement; [`CheckedPacket`] also had all contents compared
//! with it. Both only come from here.
use std::{
    collections::HashMap,
    io::{self, Read, Seek},
};

use super::{
    ENVELOPE, PACKET_PAYLOAD_TYPE, REDACTIONS, STATEMENT,
    entry::folded,
    file_reader::FileReader,
    statement::{FileEntry, Statement, StatementError},
    zip_in::{self, ZipEntry},
};
use crate::{
    envelope::{Envelope, EnvelopeError},
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    keys::PublicKey,
    strict::MAX_STATEMENT,
};

/// A packet unpacks to at most so many times its limit; writers keep to it.
pub const UNPACKED_FACTOR: u64 = 100;
/// The envelope holds the statement as base64, and one signature.
const MAX_ENVELOPE: usize = MAX_STATEMENT / 3 * 4 + 8 * 1024;

#[derive(Clone, Copy, Debug)]
pub struct CheckLimits {
    /// Largest zip, in bytes.
    pub zip_bytes: u64,
    /// Most bytes that all files together may unpack to.
    pub unpacked_bytes: u64,
}

impl CheckLimits {
    /// For packets of at most `zip_bytes`.
    pub fn zip_bytes(zip_bytes: u64) -> Self {
        Self {
            zip_bytes,
            unpacked_bytes: zip_bytes.saturating_mul(UNPACKED_FACTOR),
        }
    }

    /// For a packet whose hook's limit is not at hand, by its own size: what was well packed within a larger limit is no
    /// bomb, so only deflate's own greatest ratio (1032 to 1) bounds it. For readers that keep nothing in memory.
    pub fn of_size(zip_bytes: u64) -> Self {
        Self {
            zip_bytes,
            unpacked_bytes: zip_bytes.saturating_mul(1_032),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("reading the packet")]
    Io(#[source] io::Error),
    #[error("this is not a zip")]
    NotAZip,
    #[error("bytes stand behind the zip's end; expected none")]
    BehindEnd,
    #[error("the zip has a comment; expected none")]
    Comment,
    #[error("the zip uses zip64, which no packet needs")]
    Zip64,
    #[error("the packet has {found} bytes, where at most {limit} are allowed")]
    TooLarge { found: u64, limit: u64 },
    #[error("the packet has {found} entries, where at most {limit} are allowed", limit = super::MAX_ENTRIES)]
    TooManyEntries { found: usize },
    #[error("the packet would unpack to {found} bytes, where at most {limit} are allowed")]
    UnpacksTooLarge { found: u64, limit: u64 },
    #[error("the zip's directory {0}")]
    Directory(&'static str),
    #[error("the entry's name {name:?} {what}")]
    Name { name: String, what: &'static str },
    #[error("the entry {name:?} {what}")]
    Entry { name: String, what: &'static str },
    #[error("{0}")]
    Contents(String),
    #[error("the packet has no entry {0:?}")]
    Missing(String),
    #[error("the entry {0:?} is not listed in the statement")]
    Unlisted(String),
    #[error("the statement lists {0:?} twice")]
    ListedTwice(String),
    #[error("the statement names the section {0:?} twice")]
    SectionTwice(String),
    #[error(
        "the statement lists {path:?}, which is not in the folder of its section; expected a name beginning with {expected:?}"
    )]
    OtherFolder { path: String, expected: String },
    #[error("the entry {path:?} has {found} bytes; expected {expected} as in the statement")]
    OtherSize {
        path: String,
        found: u64,
        expected: u64,
    },
    #[error("{ENVELOPE} {0}")]
    Envelope(#[from] EnvelopeError),
    #[error("{ENVELOPE} signs other bytes than those of {STATEMENT}")]
    OtherPayload,
    #[error("{ENVELOPE} has {0} signatures; expected the instance's one")]
    Signatures(usize),
    #[error("{STATEMENT} is not signed by the instance's key {expected}")]
    Signature { expected: PublicKey },
    #[error("{STATEMENT} names another key than the one that signs it")]
    OtherKey,
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error("the packet is of another {what}: expected {expected}, found {found}")]
    Other {
        what: &'static str,
        expected: String,
        found: String,
    },
}

/// What a packet must be of, where the server knows.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    pub hook: &'a Digest,
    pub claim: &'a ClaimId,
    pub instance: &'a InstanceId,
    pub customer: &'a CustomerId,
}

/// A packet whose structure and signature hold, and whose statement lists its entries. Contents are compared as they are
/// read.
#[derive(Clone, Debug)]
pub struct OpenPacket {
    statement: Statement,
    statement_digest: Digest,
    files: Vec<File>,
    by_path: HashMap<String, usize>,
}

#[derive(Clone, Debug)]
struct File {
    entry: ZipEntry,
    sha256: Digest,
}

/// A packet all of which is as its statement says.
#[derive(Clone, Debug)]
pub struct CheckedPacket(OpenPacket);

/// Checks all of a packet that the instance with `key` made.
pub fn check<R: Read + Seek>(
    zip: &mut R,
    key: &PublicKey,
    limits: CheckLimits,
) -> Result<CheckedPacket, CheckError> {
    open(zip, Some(key), limits)?.check_contents(zip)
}

/// Checks all of a packet whose instance is not known: it is whole, and was made by whoever has the key that it names.
pub fn check_unknown<R: Read + Seek>(
    zip: &mut R,
    limits: CheckLimits,
) -> Result<CheckedPacket, CheckError> {
    open(zip, None, limits)?.check_contents(zip)
}

/// Checks structure and signature, not the contents: for a packet that was checked before and is only read from.
pub fn open<R: Read + Seek>(
    zip: &mut R,
    key: Option<&PublicKey>,
    limits: CheckLimits,
) -> Result<OpenPacket, CheckError> {
    let entries = zip_in::read(zip, limits.zip_bytes, limits.unpacked_bytes)?;
    let payload = small(zip, &entries, STATEMENT, MAX_STATEMENT)?;
    let envelope =
        Envelope::from_json(&small(zip, &entries, ENVELOPE, MAX_ENVELOPE)?, MAX_ENVELOPE)?;
    envelope.expect_type(PACKET_PAYLOAD_TYPE)?;
    if envelope.payload.0 != payload {
        return Err(CheckError::OtherPayload);
    }
    if envelope.signatures.len() != 1 {
        return Err(CheckError::Signatures(envelope.signatures.len()));
    }
    if let Some(key) = key
        && !envelope.is_signed_by(key)
    {
        return Err(CheckError::Signature { expected: *key });
    }
    let statement = Statement::from_json(&payload)?;
    match key {
        Some(key) if statement.instance_key != *key => return Err(CheckError::OtherKey),
        Some(_) => {}
        None if envelope.is_signed_by(&statement.instance_key) => {}
        None => {
            return Err(CheckError::Signature {
                expected: statement.instance_key,
            });
        }
    }
    let files = listed(&statement, entries)?;
    let by_path = files
        .iter()
        .enumerate()
        .map(|(i, f)| (f.entry.name.clone(), i))
        .collect();
    Ok(OpenPacket {
        statement_digest: Digest::of(&payload),
        statement,
        files,
        by_path,
    })
}

/// One of the two entries that the statement cannot list.
fn small<R: Read + Seek>(
    zip: &mut R,
    entries: &[ZipEntry],
    name: &str,
    limit: usize,
) -> Result<Vec<u8>, CheckError> {
    let entry = entries
        .iter()
        .find(|e| e.name == name)
        .ok_or_else(|| CheckError::Missing(name.to_owned()))?;
    if entry.size > limit as u64 {
        return Err(CheckError::Entry {
            name: name.to_owned(),
            what: "is larger than a statement can be",
        });
    }
    let mut bytes = Vec::with_capacity(entry.size.min(1 << 20) as usize);
    contents(FileReader::new(zip, entry, None)?.read_to_end(&mut bytes))?;
    Ok(bytes)
}

/// Entries and statement name the same files, each once, with the same sizes, in the folders of their sections.
fn listed(statement: &Statement, entries: Vec<ZipEntry>) -> Result<Vec<File>, CheckError> {
    let mut listed: HashMap<&str, &FileEntry> = HashMap::new();
    let mut sections = HashMap::new();
    for section in &statement.sections {
        if sections.insert(folded(section.name.as_str()), ()).is_some() {
            return Err(CheckError::SectionTwice(section.name.to_string()));
        }
        section
            .files
            .iter()
            .try_for_each(|f| list(&mut listed, f, format!("{}/", section.name)))?;
    }
    statement
        .files
        .iter()
        .try_for_each(|f| list(&mut listed, f, REDACTIONS.to_owned()))?;
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        if matches!(entry.name.as_str(), STATEMENT | ENVELOPE) {
            continue;
        }
        let Some(file) = listed.remove(entry.name.as_str()) else {
            return Err(CheckError::Unlisted(entry.name));
        };
        if file.bytes != entry.size {
            return Err(CheckError::OtherSize {
                path: entry.name,
                found: entry.size,
                expected: file.bytes,
            });
        }
        files.push(File {
            sha256: file.sha256,
            entry,
        });
    }
    // The smallest, so that the same packet gets the same words.
    match listed.into_keys().min() {
        Some(path) => Err(CheckError::Missing(path.to_owned())),
        None => Ok(files),
    }
}

/// Notes a file that must be, or be within, `expected`.
fn list<'a>(
    listed: &mut HashMap<&'a str, &'a FileEntry>,
    file: &'a FileEntry,
    expected: String,
) -> Result<(), CheckError> {
    let path = &file.path;
    if !path.starts_with(&expected) || (!expected.ends_with('/') && *path != expected) {
        return Err(CheckError::OtherFolder {
            path: path.clone(),
            expected,
        });
    }
    match listed.insert(path, file) {
        Some(_) => Err(CheckError::ListedTwice(path.clone())),
        None => Ok(()),
    }
}

/// Faults of contents in their own words, apart from those of the disk.
fn contents<T>(read: io::Result<T>) -> Result<T, CheckError> {
    read.map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => CheckError::Contents(e.to_string()),
        _ => CheckError::Io(e),
    })
}

impl OpenPacket {
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// SHA-256 of `packet.json`.
    pub fn statement_digest(&self) -> Digest {
        self.statement_digest
    }

    /// Reads all files and compares them with the statement.
    pub fn check_contents<R: Read + Seek>(self, zip: &mut R) -> Result<CheckedPacket, CheckError> {
        let mut piece = vec![0; 64 * 1024];
        for file in &self.files {
            let mut reader = FileReader::new(zip, &file.entry, Some(file.sha256))?;
            while contents(reader.read(&mut piece))? > 0 {}
        }
        Ok(CheckedPacket(self))
    }

    /// The contents of one file, by its path in the zip. They are compared with the statement as they are read.
    pub fn file<'r, R: Read + Seek>(
        &self,
        zip: &'r mut R,
        path: &str,
    ) -> Result<FileReader<'r, R>, CheckError> {
        let file = self
            .by_path
            .get(path)
            .and_then(|i| self.files.get(*i))
            .ok_or_else(|| CheckError::Missing(path.to_owned()))?;
        Ok(FileReader::new(zip, &file.entry, Some(file.sha256))?)
    }

    /// Whether the packet is the one that was claimed.
    pub fn expect(&self, expected: &Expected<'_>) -> Result<(), CheckError> {
        let s = &self.statement;
        same("hook", expected.hook, s.hook.as_ref().map(|h| &h.digest))?;
        same("claim", expected.claim, s.claim.as_ref())?;
        same("instance", expected.instance, s.instance.as_ref())?;
        same("customer", expected.customer, s.customer.as_ref())
    }
}

impl CheckedPacket {
    pub fn statement(&self) -> &Statement {
        &self.0.statement
    }

    pub fn into_statement(self) -> Statement {
        self.0.statement
    }

    /// The same packet, to read files from.
    pub fn as_open(&self) -> &OpenPacket {
        &self.0
    }

    /// See [`OpenPacket::file`].
    pub fn file<'r, R: Read + Seek>(
        &self,
        zip: &'r mut R,
        path: &str,
    ) -> Result<FileReader<'r, R>, CheckError> {
        self.0.file(zip, path)
    }

    /// See [`OpenPacket::expect`].
    pub fn expect(&self, expected: &Expected<'_>) -> Result<(), CheckError> {
        self.0.expect(expected)
    }
}

fn same<T: PartialEq + ToString>(
    what: &'static str,
    expected: &T,
    found: Option<&T>,
) -> Result<(), CheckError> {
    if found == Some(expected) {
        return Ok(());
    }
    let found = found.map_or_else(|| "none".to_owned(), T::to_string);
    Err(CheckError::Other {
        what,
        expected: expected.to_string(),
        found,
    })
}

#[cfg(test)]
#[path = "check_tests/mod.rs"]
mod tests;
