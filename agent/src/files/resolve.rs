//! From a granted directory and a path to an `O_PATH` descriptor beneath it, by openat2 or, where that is missing, part
//! by part.
use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::Denied;

/// openat2 says EAGAIN when something is renamed beside it, and might then not see a way out.
const TRIES: u32 = 100;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

#[derive(Debug, Default)]
pub struct Resolver {
    /// The system has no openat2.
    by_parts: AtomicBool,
}

impl Resolver {
    /// As on a kernel without openat2.
    #[cfg(test)]
    pub fn by_parts() -> Self {
        Self {
            by_parts: AtomicBool::new(true),
        }
    }

    /// Follows links that stay beneath `dir`. `rest` has only plain parts; empty is `dir` itself.
    pub fn resolve(&self, dir: &OwnedFd, rest: &Path, more: OFlags) -> Result<OwnedFd, Denied> {
        self.with(dir, rest, more, BENEATH)
    }

    /// The directory `rest` beneath `dir` to which no link leads, so that its name is where it really is.
    pub fn directory(&self, dir: &OwnedFd, rest: &Path) -> Result<OwnedFd, Denied> {
        let plain = BENEATH.union(ResolveFlags::NO_SYMLINKS);
        match self.with(dir, rest, OFlags::DIRECTORY, plain) {
            Err(Denied::Kind(_)) => Err(Denied::Linked),
            other => other,
        }
    }

    fn with(
        &self,
        dir: &OwnedFd,
        rest: &Path,
        more: OFlags,
        resolve: ResolveFlags,
    ) -> Result<OwnedFd, Denied> {
        if !rest.components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(Denied::Outside);
        }
        let rest = if rest.as_os_str().is_empty() {
            Path::new(".")
        } else {
            rest
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC | more;
        if !self.by_parts.load(Ordering::Relaxed) {
            match whole(dir, rest, flags, resolve) {
                // EPERM too: older container runtimes answer so for calls that they do not know.
                Err(Errno::NOSYS) => self.by_parts.store(true, Ordering::Relaxed),
                Err(Errno::PERM) if !has_openat2(dir) => {
                    self.by_parts.store(true, Ordering::Relaxed)
                }
                other => return Ok(other?),
            }
        }
        by_parts(dir, rest, flags)
    }
}

fn whole(
    dir: &OwnedFd,
    rest: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(dir, rest, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) if tries < TRIES => tries += 1,
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Whether openat2 works for the directory itself, where nothing can be forbidden.
fn has_openat2(dir: &OwnedFd) -> bool {
    whole(dir, Path::new("."), OFlags::PATH | OFlags::CLOEXEC, BENEATH).is_ok()
}

/// Follows no link at all.
fn by_parts(dir: &OwnedFd, rest: &Path, flags: OFlags) -> Result<OwnedFd, Denied> {
    let mut at = dir.try_clone().map_err(Denied::System)?;
    let mut parts = rest.components().peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let flags = if last {
            flags
        } else {
            OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY
        };
        at = match rustix::fs::openat(
            at.as_fd(),
            part.as_os_str(),
            flags | OFlags::NOFOLLOW,
            Mode::empty(),
        ) {
            Ok(next) => next,
            // A link where a directory should be.
            Err(Errno::NOTDIR) if is_link(&at, part.as_os_str()) => {
                return Err(Denied::Kind("behind a symbolic link"));
            }
            Err(errno) => return Err(errno.into()),
        };
    }
    Ok(at)
}

fn is_link(dir: &OwnedFd, name: &std::ffi::OsStr) -> bool {
    rustix::fs::statat(dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|s| rustix::fs::FileType::from_raw_mode(s.st_mode).is_symlink())
}
