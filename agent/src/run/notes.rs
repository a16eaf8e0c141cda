//! Notes beside a packet that is being written: what its statement would say of the sections finished so far. After a
//! crash they make a packet of what the zip holds by then.
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use boathook_hooks::{
    documents::hook::CollectorEntry,
    ids::SectionName,
    packet::{RunFacts, Section},
};
use serde::{Deserialize, Serialize};

/// Largest notes that are read, in bytes: a statement's size and some.
const MAX_NOTES: u64 = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Begun(Box<Begun>),
    Finished { section: Section },
}

/// What stands fixed when a run begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    pub facts: RunFacts,
    /// Of the packet, in bytes.
    pub limit: u64,
    /// The hook's sections with their collectors, in order.
    pub expected: Vec<(SectionName, String)>,
}

impl Begun {
    pub fn expect(entries: &[CollectorEntry]) -> Vec<(SectionName, String)> {
        entries
            .iter()
            .map(|e| (e.section.clone(), e.collector.clone()))
            .collect()
    }
}

/// The notes of the run that goes on. What cannot be noted costs nothing but the rescue after a crash.
#[derive(Debug)]
pub struct Notes(File);

impl Notes {
    pub fn begin(path: &Path, begun: &Begun) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let mut notes = Self(file);
        notes.line(&Line::Begun(Box::new(begun.clone())))?;
        Ok(notes)
    }

    pub fn finished(&mut self, section: &Section) -> io::Result<()> {
        self.line(&Line::Finished {
            section: section.clone(),
        })
    }

    /// Not synced: a crash of the machine may lose lines, and what the zip does not hold is found out by its digest.
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.0.write_all(&bytes)
    }
}

/// What was noted before a crash. None when not even the begin was; a last line that was cut off does not count.
pub fn read(path: &Path) -> io::Result<Option<(Begun, Vec<Section>)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut lines = BufReader::new(file.take(MAX_NOTES)).split(b'\n');
    let mut next = || -> io::Result<Option<Line>> {
        Ok(lines
            .next()
            .transpose()?
            .and_then(|line| serde_json::from_slice(&line).ok()))
    };
    let Some(Line::Begun(begun)) = next()? else {
        return Ok(None);
    };
    let mut sections = Vec::new();
    while let Some(Line::Finished { section }) = next()? {
        sections.push(section);
    }
    Ok(Some((*begun, sections)))
}
