//! Opening files that others named: beneath granted directories only, regular files only, whatever changes meanwhile.
//!
//! The rules are trust.md §3: directories opened once; openat2 that stays beneath and follows no magic link, to an
//! `O_PATH` descriptor; `fstat` of that; then that very descriptor reopened for reading. So there is no moment at which
//! a name is looked up a second time.
//!
//! A grant may be far wider than what a hook names, and reviewers judged the hook by its names. So links may lead no
//! further than the directory that the hook names, even where the policy grants more.
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

use globset::GlobSet;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use crate::{child::out::plain, policy::grants::Grants};
use never::Never;
use resolve::Resolver;

pub use never::holds_private_key;

/// f_type of procfs and sysfs (statfs(2)).
const PROC: u64 = 0x9fa0;
const SYS: u64 = 0x6265_6572;

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    #[error("it is beneath none of the directories that the policy grants")]
    NotGranted,
    #[error("it leads out of the granted directory")]
    Outside,
    #[error("it leads out of {}, which is as far as the hook's path goes", .0.display())]
    OutsideNamed(PathBuf),
    #[error(
        "the directory that the hook names is behind a symbolic link, so that it may be any other"
    )]
    Linked,
    #[error("it leads to what the hook excludes")]
    Excluded,
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
    /// What was refused, and why. No colon stands right behind the name: `passwd:` would read as a password to redaction.
    pub fn of(&self, name: &str) -> String {
        match self {
            Self::NotGranted => format!("no allowed directory holds {name}"),
            why => format!("{name} is left out: {why}"),
        }
    }

    /// Whether the customer's rules or ours refused, not the system.
    pub fn is_policy(&self) -> bool {
        match self {
            Self::NotGranted
            | Self::Outside
            | Self::OutsideNamed(_)
            | Self::Linked
            | Self::Kind(_)
            | Self::HardLinks(_)
            | Self::Never(_) => true,
            Self::Excluded | Self::Directory | Self::Gone | Self::System(_) => false,
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

    /// Opens the file `path`, which a path or glob of the hook's named, whose fixed directory is `named`. Links are
    /// followed no further than the deeper of that and the granted directory.
    pub fn open_path(
        &self,
        path: &Path,
        named: &Path,
        exclude: &GlobSet,
    ) -> Result<Opened, Denied> {
        let (dir, rest) = self.beneath(path).ok_or(Denied::NotGranted)?;
        let base = self.base(dir, named)?;
        let rest = match &base.deeper {
            Some(_) => path.strip_prefix(base.path).map_err(|_| Denied::Outside)?,
            None => rest,
        };
        let outside = || match &base.deeper {
            Some(_) => Denied::OutsideNamed(base.path.to_owned()),
            None => Denied::Outside,
        };
        let found = match self.resolver.resolve(base.fd(), rest, OFlags::empty()) {
            Err(Denied::Outside) => return Err(outside()),
            other => other?,
        };
        let stat = rustix::fs::fstat(&found)?;
        readable_kind(&stat)?;
        let real = real_path(&found)?;
        self.never.check(&found, &real, &stat)?;
        let top = real_path(base.fd())?;
        // A directory that was moved away meanwhile shows here, too.
        let inner = real.strip_prefix(&top).map_err(|_| outside())?;
        if is_excluded(exclude, &top, inner) || is_excluded(exclude, base.path, inner) {
            return Err(Denied::Excluded);
        }
        let file = reopen(&found)?;
        Ok(Opened {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            identity: (stat.st_dev, stat.st_ino),
            file,
        })
    }

    /// Where looking beneath `dir` begins for what names the directory `named`: there, if it is the deeper of the two.
    fn base<'a>(&self, dir: &'a Dir, named: &'a Path) -> Result<Base<'a>, Denied> {
        match named.strip_prefix(&dir.path) {
            Ok(deeper) if !deeper.as_os_str().is_empty() => {
                let deeper = if is_kernels_own(&dir.fd) {
                    self.resolver.resolve(&dir.fd, deeper, OFlags::DIRECTORY)
                } else {
                    self.resolver.directory(&dir.fd, deeper)
                };
                Ok(Base {
                    path: named,
                    granted: &dir.fd,
                    deeper: Some(deeper?),
                })
            }
            _ => Ok(Base {
                path: &dir.path,
                granted: &dir.fd,
                deeper: None,
            }),
        }
    }
}

/// What nothing may lead out of.
struct Base<'a> {
    path: &'a Path,
    granted: &'a OwnedFd,
    /// The directory that the hook names, where it is deeper than the granted one.
    deeper: Option<OwnedFd>,
}

impl Base<'_> {
    fn fd(&self) -> &OwnedFd {
        self.deeper.as_ref().unwrap_or(self.granted)
    }

    /// For listing.
    fn open(&self) -> Result<OwnedFd, Denied> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(self.fd(), ".", flags, Mode::empty())?)
    }
}

/// Whether `inner` beneath `top`, or a directory between the two, is excluded: the walk enters no excluded directory
/// either. `top` itself is where the walk begins, and is not asked about.
fn is_excluded(exclude: &GlobSet, top: &Path, inner: &Path) -> bool {
    inner
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .any(|part| exclude.is_match(top.join(part)))
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

/// Whether it is in /proc or /sys, where nobody but the kernel makes links (`/proc/net`, `/sys/class/…`).
fn is_kernels_own(fd: &OwnedFd) -> bool {
    rustix::fs::fstatfs(fd)
        .is_ok_and(|fs| u64::try_from(fs.f_type).is_ok_and(|t| t == PROC || t == SYS))
}

/// Where what `fd` holds really is, without any link.
fn real_path(fd: &OwnedFd) -> Result<PathBuf, Denied> {
    std::fs::read_link(own_path(fd)).map_err(Denied::System)
}

/// Lists a directory that was opened.
fn list(fd: BorrowedFd<'_>) -> io::Result<rustix::fs::Dir> {
    Ok(rustix::fs::Dir::read_from(fd)?)
}

#[cfg(test)]
mod tests;
