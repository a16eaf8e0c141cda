//! The spool: packets on their way, owner-only and bounded, kept until the server has them or will never take them.
//!
//! A run's files: `RUN.part` with `RUN.notes` while it is written, `RUN.left` what a crash left of it, `RUN.zip` with `RUN.json` once it is whole, `sent-RUN.zip` afterwards
//! where copies are kept.
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use boathook_hooks::{
    ids::{ClaimId, Digest},
    time::Time,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{durable, ledger::RunId};

/// A packet below this is never worth a run: room for the statement alone.
pub const LEAST: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool: {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the spool: {path}: {what}")]
    Unreadable { path: PathBuf, what: String },
}

/// A packet that waits for the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub run: RunId,
    pub claim: ClaimId,
    /// The hook's.
    pub hook: Digest,
    /// SHA-256 of the zip.
    pub sha256: Digest,
    pub bytes: u64,
    pub name: String,
    pub made_at: Time,
    /// Of a run that was cut off.
    #[serde(default)]
    pub interrupted: bool,
}

#[derive(Clone, Debug)]
pub struct Spool {
    dir: PathBuf,
    limit: u64,
    keep: Duration,
}

impl Spool {
    pub fn open(dir: &Path, limit: u64, keep: Duration) -> Result<Self, SpoolError> {
        durable::owner_dir(dir).map_err(|source| SpoolError::Io {
            path: dir.into(),
            source,
        })?;
        Ok(Self {
            dir: dir.into(),
            limit,
            keep,
        })
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    fn path(&self, run: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{run}.{end}"))
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> SpoolError + '_ {
        move |source| SpoolError::Io {
            path: path.into(),
            source,
        }
    }

    /// Bytes of all files.
    pub fn used(&self) -> Result<u64, SpoolError> {
        let mut used = 0;
        for entry in fs::read_dir(&self.dir).map_err(Self::io(&self.dir))? {
            let entry = entry.map_err(Self::io(&self.dir))?;
            // A file that goes meanwhile takes no room.
            used += entry.metadata().map_or(0, |m| m.len());
        }
        Ok(used)
    }

    /// How many bytes a new packet may have. Copies of sent packets make way.
    pub fn room(&self) -> Result<u64, SpoolError> {
        while self.used()? + LEAST > self.limit {
            let Some(oldest) = self.sent()?.into_iter().min_by_key(|(_, at)| *at) else {
                break;
            };
            fs::remove_file(&oldest.0).map_err(Self::io(&oldest.0))?;
        }
        Ok(self.limit.saturating_sub(self.used()?))
    }

    /// The file that a run writes its packet into; what an earlier try left is gone.
    pub fn begin(&self, run: &str) -> Result<File, SpoolError> {
        let path = self.path(run, "part");
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
        };
        open().map_err(Self::io(&path))
    }

    /// What a crash left of a run's packet, put aside so that a new one can be begun. What was put aside before stays:
    /// then the crash was within the rescue.
    pub fn set_aside(&self, run: &str) -> Result<Option<File>, SpoolError> {
        let (part, left) = (self.path(run, "part"), self.path(run, "left"));
        if !left.exists() {
            match fs::rename(&part, &left) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                renamed => renamed.map_err(Self::io(&left))?,
            }
        }
        File::open(&left).map(Some).map_err(Self::io(&left))
    }

    /// Notes beside a packet that is being written, for whoever comes after a crash.
    pub fn notes(&self, run: &str) -> PathBuf {
        self.path(run, "notes")
    }

    /// The packet is whole: synced, hashed, and listed from now on.
    pub fn finish(
        &self,
        run: &str,
        claim: ClaimId,
        hook: Digest,
        name: String,
        made_at: Time,
        interrupted: bool,
    ) -> Result<Entry, SpoolError> {
        let part = self.path(run, "part");
        let mut file = File::open(&part).map_err(Self::io(&part))?;
        file.sync_all().map_err(Self::io(&part))?;
        let (sha256, bytes) = hash(&mut file).map_err(Self::io(&part))?;
        let entry = Entry {
            run: run.to_owned(),
            claim,
            hook,
            sha256,
            bytes,
            name,
            made_at,
            interrupted,
        };
        let meta = self.path(run, "json");
        let json = serde_json::to_vec(&entry).map_err(|e| SpoolError::Unreadable {
            path: meta.clone(),
            what: e.to_string(),
        })?;
        // The entry first: a crash between the two leaves a whole packet that `complete` finds by it.
        durable::replace(&meta, &json).map_err(Self::io(&meta))?;
        if let Err(error) = self.take_name(run) {
            remove(&meta)?;
            return Err(error);
        }
        self.forget_part(run)?;
        Ok(entry)
    }

    /// A packet that is whole gets its name.
    fn take_name(&self, run: &str) -> Result<(), SpoolError> {
        let zip = self.path(run, "zip");
        fs::rename(self.path(run, "part"), &zip)
            .and_then(|()| durable::sync_dir(&zip))
            .map_err(Self::io(&zip))
    }

    /// At the start: goes on where a crash cut [`Self::finish`] off. An entry without any packet is no entry.
    pub fn complete(&self) -> Result<(), SpoolError> {
        for entry in self.entries()? {
            if self.zip(&entry.run).exists() {
                continue;
            }
            if self.path(&entry.run, "part").exists() {
                self.take_name(&entry.run)?;
            } else {
                remove(&self.path(&entry.run, "json"))?;
            }
        }
        Ok(())
    }

    /// Nothing of the run is kept.
    pub fn discard(&self, run: &str) -> Result<(), SpoolError> {
        self.forget_part(run)?;
        // The list first: a zip without its entry is cleaned up at the next start.
        remove(&self.path(run, "json"))?;
        remove(&self.path(run, "zip"))
    }

    pub fn forget_part(&self, run: &str) -> Result<(), SpoolError> {
        remove(&self.path(run, "part"))?;
        remove(&self.path(run, "left"))?;
        remove(&self.notes(run))
    }

    /// The server has it: gone, or kept as a copy for a while.
    pub fn sent(&self) -> Result<Vec<(PathBuf, SystemTime)>, SpoolError> {
        let mut out = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(Self::io(&self.dir))? {
            let entry = entry.map_err(Self::io(&self.dir))?;
            if entry.file_name().to_string_lossy().starts_with("sent-")
                && let Ok(at) = entry.metadata().and_then(|m| m.modified())
            {
                out.push((entry.path(), at));
            }
        }
        Ok(out)
    }

    pub fn accepted(&self, run: &str) -> Result<(), SpoolError> {
        remove(&self.path(run, "json"))?;
        let zip = self.path(run, "zip");
        if self.keep.is_zero() {
            return remove(&zip);
        }
        let copy = self.dir.join(format!("sent-{run}.zip"));
        match fs::rename(&zip, &copy) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Self::io(&copy)(e)),
            _ => Ok(()),
        }
    }

    /// Removes copies that were kept long enough.
    pub fn prune(&self, now: SystemTime) -> Result<(), SpoolError> {
        for (path, at) in self.sent()? {
            if now.duration_since(at).is_ok_and(|age| age > self.keep) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Packets that wait, the oldest first.
    pub fn entries(&self) -> Result<Vec<Entry>, SpoolError> {
        let mut out = Vec::new();
        for file in fs::read_dir(&self.dir).map_err(Self::io(&self.dir))? {
            let path = file.map_err(Self::io(&self.dir))?.path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let bytes = durable::read(&path, 64 * 1024)
                .map_err(Self::io(&path))?
                .unwrap_or_default();
            let entry = serde_json::from_slice(&bytes).map_err(|e| SpoolError::Unreadable {
                path: path.clone(),
                what: e.to_string(),
            })?;
            out.push(entry);
        }
        out.sort_by(|a: &Entry, b: &Entry| a.run.cmp(&b.run));
        Ok(out)
    }

    pub fn zip(&self, run: &str) -> PathBuf {
        self.path(run, "zip")
    }

    /// Removes what belongs to no run that `wanted` names: leftovers of crashes.
    pub fn clean(&self, wanted: &[RunId]) -> Result<(), SpoolError> {
        for file in fs::read_dir(&self.dir).map_err(Self::io(&self.dir))? {
            let path = file.map_err(Self::io(&self.dir))?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let run = name.split('.').next().unwrap_or_default();
            if !name.starts_with("sent-") && !wanted.iter().any(|w| w == run) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), SpoolError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(SpoolError::Io {
            path: path.into(),
            source: e,
        }),
        _ => Ok(()),
    }
}

fn hash(file: &mut File) -> io::Result<(Digest, u64)> {
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((Digest(sha.finalize().into()), bytes)),
            n => {
                sha.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}
