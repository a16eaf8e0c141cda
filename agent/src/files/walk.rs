//! Which files match the globs: a walk that is bounded in entries and depth, follows no link to a directory, and never
//! leaves the granted directories.
use std::{
    collections::HashMap,
    ffi::{CStr, OsStr},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use boathook_hooks::collectors::file::{fixed_directory, glob};
use globset::{GlobMatcher, GlobSet};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Denied, Dirs, list};

/// Entries of directories that one section looks at.
pub const MAX_ENTRIES: u32 = 200_000;
/// Directories within directories, from where a walk begins.
pub const MAX_DEPTH: usize = 24;

/// A name that matches; what is behind it is seen when it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// Seconds since 1970, as it was when it was found.
    pub modified: i64,
    /// The hook names this very path, without a glob.
    pub named: bool,
    /// The fixed directory of the path or glob that found it, which no link may lead out of.
    pub beneath: PathBuf,
}

/// Everything found by one section's globs.
#[derive(Debug, Default)]
pub struct Findings {
    pub found: Vec<Found>,
    /// Paths and globs, or directories, that were refused.
    pub denied: Vec<(PathBuf, Denied)>,
    /// Why the walk did not see everything.
    pub cut: Option<String>,
    /// Where in `found` a path is.
    seen: HashMap<PathBuf, usize>,
    entries: u32,
}

impl Findings {
    fn add(&mut self, found: Found) {
        match self.seen.get(&found.path) {
            // Two globs found it: the one that reaches further was reviewed as such.
            Some(at) => {
                let known = &mut self.found[*at].beneath;
                if known.starts_with(&found.beneath) {
                    *known = found.beneath;
                }
            }
            None => {
                self.seen.insert(found.path.clone(), self.found.len());
                self.found.push(found);
            }
        }
    }
}

/// Looks for one glob. `tick` is asked now and then; false ends the walk.
pub fn find(
    dirs: &Dirs,
    pattern: &str,
    exclude: &GlobSet,
    findings: &mut Findings,
    tick: &mut impl FnMut() -> bool,
) {
    let path = Path::new(pattern);
    if !is_glob(pattern) {
        if exclude.is_match(path) {
            return;
        }
        match dirs.beneath(path) {
            Some(_) => findings.add(Found {
                path: path.to_owned(),
                modified: i64::MAX,
                named: true,
                beneath: fixed_directory(pattern).into(),
            }),
            None => findings.denied.push((path.to_owned(), Denied::NotGranted)),
        }
        return;
    }
    let Ok(matcher) = glob(pattern).map(|g| g.compile_matcher()) else {
        findings
            .denied
            .push((path.to_owned(), Denied::Kind("a glob that cannot be read")));
        return;
    };
    let fixed = Path::new(fixed_directory(pattern));
    let depth = depth_of(pattern);
    let mut granted = false;
    for dir in dirs.iter() {
        // The walk begins at the deeper of the two.
        let begin = if fixed.starts_with(&dir.path) {
            fixed
        } else if dir.path.starts_with(fixed) {
            &dir.path
        } else {
            continue;
        };
        granted = true;
        match dirs.base(dir, fixed).and_then(|base| base.open()) {
            Ok(fd) => {
                let mut walk = Walk {
                    matcher: &matcher,
                    fixed,
                    exclude,
                    deepest: depth,
                    findings,
                    tick,
                };
                walk.directory(fd, begin, 0);
            }
            Err(Denied::Gone) => {}
            Err(denied) => findings.denied.push((begin.to_owned(), denied)),
        }
    }
    if !granted {
        findings.denied.push((path.to_owned(), Denied::NotGranted));
    }
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

/// How many parts a path that matches can have; none when that has no end.
fn depth_of(pattern: &str) -> Option<usize> {
    // Alternatives may hold slashes.
    let endless = pattern.contains("**") || pattern.contains('{');
    (!endless).then(|| Path::new(pattern).components().count())
}

struct Walk<'a, T> {
    matcher: &'a GlobMatcher,
    fixed: &'a Path,
    exclude: &'a GlobSet,
    deepest: Option<usize>,
    findings: &'a mut Findings,
    tick: &'a mut T,
}

impl<T: FnMut() -> bool> Walk<'_, T> {
    fn directory(&mut self, fd: OwnedFd, path: &Path, depth: usize) {
        let mut entries = match list(fd.as_fd()) {
            Ok(entries) => entries,
            Err(error) => {
                self.findings
                    .denied
                    .push((path.to_owned(), Denied::System(error)));
                return;
            }
        };
        while let Some(Ok(entry)) = entries.read() {
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            if self.over() {
                return;
            }
            let at = path.join(OsStr::from_bytes(entry.file_name().to_bytes()));
            self.entry(&fd, entry.file_name(), &at, depth);
        }
    }

    fn entry(&mut self, dir: &OwnedFd, name: &CStr, at: &Path, depth: usize) {
        // Asked anew: not every file system tells the kind with the name.
        let Ok(stat) = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return;
        };
        if self.exclude.is_match(at) {
            return;
        }
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            if self
                .deepest
                .is_some_and(|deepest| at.components().count() >= deepest)
            {
                return;
            }
            if depth >= MAX_DEPTH {
                self.cut(format!(
                    "directories deeper than {MAX_DEPTH} were not searched"
                ));
                return;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(dir, name, flags, Mode::empty()) {
                Ok(fd) => self.directory(fd, at, depth + 1),
                Err(errno) => match Denied::from(errno) {
                    // Swapped or removed meanwhile.
                    Denied::Gone | Denied::Kind(_) => {}
                    denied => self.findings.denied.push((at.to_owned(), denied)),
                },
            }
        } else if self.matcher.is_match(at) {
            self.findings.add(Found {
                path: at.to_owned(),
                modified: stat.st_mtime,
                named: false,
                beneath: self.fixed.to_owned(),
            });
        }
    }

    fn over(&mut self) -> bool {
        self.findings.entries += 1;
        if self.findings.entries > MAX_ENTRIES {
            self.cut(format!(
                "more than {MAX_ENTRIES} entries of directories; the rest was not searched"
            ));
            return true;
        }
        if self.findings.entries.is_multiple_of(256) && !(self.tick)() {
            self.cut("the time was over before everything was searched".to_owned());
            self.findings.entries = MAX_ENTRIES;
            return true;
        }
        false
    }

    fn cut(&mut self, why: String) {
        self.findings.cut.get_or_insert(why);
    }
}
