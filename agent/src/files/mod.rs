//! Opening files that others named: beneath granted directories only, regular files only, whatever changes meanwhile.
//!
//! The rules are trust.md §3: directories opened once; openat2 that stays beneath and follows no magic link, to an
//! `O_PATH` descriptor; `fstat` of that; then that very descriptor reopened for reading. So there is no moment at which
//! a name is looked up a second time.
pub mod ends;
mod never;
mod resolve;
pub mod unpack;
pub mod walk;

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use crate::{child::out::plain, policy::grants::Grants};
use never::Never;
use resolve::Resolver;

pub use never::holds_private_key;

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    #[error("it is beneath none of the directories that the policy grants")]
    NotGranted,
    #[error("it leads out of the granted directory")]
    Outside,
    #[error("it is {0}, which is never read")]
    Kind(&'static str),
    #[error("it has {0} hard links, so that it may be another file's second name")]
    HardLinks(u64),
    #[error("it is {0}, which no policy makes readable")]
    Never(&'static str),
    #[error("it is a directory")]
    Directory,
    #[error("it is not there")]
    Gone,
    #[error("{}", plain(.0))]
    System(io::Error),
}

impl Denied {
    /// Whether the customer's rules or ours refused, not the system.
    pub fn is_policy(&self) -> bool {
        match self {
            Self::NotGranted
            | Self::Outside
            | Self::Kind(_)
            | Self::HardLinks(_)
            | Self::Never(_) => true,
            Self::Directory | Self::Gone | Self::System(_) => false,
        }
    }

    pub fn is_system(&self) -> bool {
        matches!(self, Self::System(e) if e.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl From<Errno> for Denied {
    fn from(errno: Errno) -> Self {
        match errno {
            // What openat2 says of a path that leaves the directory.
            Errno::XDEV => Self::Outside,
            Errno::LOOP => Self::Kind("a symbolic link that goes round or is magic"),
            Errno::NOENT | Errno::NOTDIR => Self::Gone,
            other => Self::System(other.into()),
        }
    }
}

/// A granted directory, opened.
#[derive(Debug)]
pub struct Dir {
    /// As the policy names it.
    pub path: PathBuf,
    fd: OwnedFd,
}

/// All granted directories, opened once.
#[derive(Debug)]
pub struct Dirs {
    dirs: Vec<Dir>,
    resolver: Resolver,
    never: Never,
    /// Those that could not be opened, with why.
    pub missing: Vec<(PathBuf, io::Error)>,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    pub size: u64,
    /// Seconds since 1970.
    pub modified: i64,
    /// Device and inode.
    pub identity: (u64, u64),
}

impl Dirs {
    pub fn open(grants: &Grants) -> Self {
        Self::with(grants, Resolver::default())
    }

    fn with(grants: &Grants, resolver: Resolver) -> Self {
        let mut dirs = Vec::new();
        let mut missing = Vec::new();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        for path in &grants.directories {
            // The administrator's own path: its links are the administrator's, too.
            match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
                _ if !path.is_absolute() => {
                    missing.push((path.clone(), io::ErrorKind::InvalidInput.into()))
                }
                Ok(fd) => dirs.push(Dir {
                    path: path.clone(),
                    fd,
                }),
                Err(errno) => missing.push((path.clone(), errno.into())),
            }
        }
        Self {
            dirs,
            resolver,
            never: Never::new(&grants.own),
            missing,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Dir> {
        self.dirs.iter()
    }

    /// The granted directory that `path` is beneath (the deepest), and the rest of the path.
    pub fn beneath<'a>(&self, path: &'a Path) -> Option<(&Dir, &'a Path)> {
        let fits = |dir: &'_ Dir| path.strip_prefix(&dir.path).ok();
        self.dirs
            .iter()
            .filter_map(|dir| Some((dir, fits(dir)?)))
            .max_by_key(|(dir, _)| dir.path.components().count())
    }

    /// Opens a file by its absolute path.
    pub fn open_path(&self, path: &Path) -> Result<Opened, Denied> {
        let (dir, rest) = self.beneath(path).ok_or(Denied::NotGranted)?;
        self.open_beneath(dir, rest)
    }

    /// Opens the file `rest` beneath `dir`.
    pub fn open_beneath(&self, dir: &Dir, rest: &Path) -> Result<Opened, Denied> {
        let found = self.resolver.resolve(&dir.fd, rest, OFlags::empty())?;
        let stat = rustix::fs::fstat(&found)?;
        readable_kind(&stat)?;
        self.never.check(&found, &stat)?;
        let file = reopen(&found)?;
        Ok(Opened {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            identity: (stat.st_dev, stat.st_ino),
            file,
        })
    }

    /// Opens the directory `rest` beneath `dir` for listing.
    fn open_directory(&self, dir: &Dir, rest: &Path) -> Result<OwnedFd, Denied> {
        let found = self.resolver.resolve(&dir.fd, rest, OFlags::DIRECTORY)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&found, ".", flags, Mode::empty())?)
    }
}

/// Only regular files with one name.
fn readable_kind(stat: &Stat) -> Result<(), Denied> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(Denied::Directory),
        FileType::Fifo => return Err(Denied::Kind("a FIFO")),
        FileType::Socket => return Err(Denied::Kind("a socket")),
        FileType::CharacterDevice => return Err(Denied::Kind("a character device")),
        FileType::BlockDevice => return Err(Denied::Kind("a block device")),
        FileType::Symlink => return Err(Denied::Kind("a symbolic link")),
        _ => return Err(Denied::Kind("of an unknown kind")),
    }
    match stat.st_nlink {
        1 => Ok(()),
        0 => Err(Denied::Gone),
        more => Err(Denied::HardLinks(more)),
    }
}

/// The very file that `found` holds, for reading. NONBLOCK and NOCTTY mean nothing for the regular file that it is.
fn reopen(found: &OwnedFd) -> Result<File, Denied> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::openat(CWD, own_path(found), flags, Mode::empty())
        .map_err(io::Error::from)
        .map_err(Denied::System)?;
    Ok(File::from(fd))
}

/// The name in /proc of a descriptor of ours.
fn own_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Lists a directory that was opened.
fn list(fd: BorrowedFd<'_>) -> io::Result<rustix::fs::Dir> {
    Ok(rustix::fs::Dir::read_from(fd)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn granted(path: &Path) -> Grants {
        Grants {
            directories: vec![path.to_owned()],
            ..Grants::default()
        }
    }

    #[test]
    fn without_openat2_files_open_and_no_link_is_followed_at_all() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/file"), "x").unwrap();
        fs::write(other.path().join("secret"), "s").unwrap();
        symlink("sub/file", at("inside")).unwrap();
        symlink(other.path(), at("out")).unwrap();
        let dirs = Dirs::with(&granted(dir.path()), Resolver::by_parts());
        assert_eq!(dirs.open_path(&at("sub/file")).unwrap().size, 1);
        for refused in ["inside", "out", "out/secret"] {
            assert!(
                dirs.open_path(&at(refused)).unwrap_err().is_policy(),
                "{refused}"
            );
        }
        assert!(matches!(dirs.open_path(&at("absent")), Err(Denied::Gone)));
        assert!(matches!(
            dirs.open_path(&at("sub/file/x")),
            Err(Denied::Gone)
        ));
        assert!(matches!(
            dirs.open_path(&at("sub/../../x")),
            Err(Denied::Outside)
        ));
    }

    #[test]
    fn the_deepest_grant_counts_and_what_is_beneath_none_is_not_granted() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/f"), "x").unwrap();
        let mut grants = granted(dir.path());
        grants.directories.push(dir.path().join("a"));
        grants.directories.push("/no/such/place".into());
        let dirs = Dirs::open(&grants);
        assert_eq!(
            dirs.beneath(&dir.path().join("a/f")).unwrap().1,
            Path::new("f")
        );
        assert!(matches!(
            dirs.open_path(Path::new("/etc/hostname")),
            Err(Denied::NotGranted)
        ));
        assert_eq!(dirs.missing.len(), 1, "a grant that is not there is told");
    }
}
