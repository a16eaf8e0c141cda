//! `file`: the ends of files that match globs, the newest first, within the hook's limits and the policy's directories.
use std::{collections::HashSet, io, path::Path};

use boathook_hooks::collectors::file::{Params, glob};
use globset::{GlobSet, GlobSetBuilder};

use crate::{
    child::{
        out::{Section, Stop},
        wire::Job,
    },
    files::{
        Denied, Dirs, Opened,
        ends::{Amount, Ends, Skipped, copy},
        holds_private_key,
        unpack::{Packed, unpack},
        walk::{Findings, Found, find},
    },
};

/// The beginning of a file, which tells a private key and how it is packed.
const HEAD: usize = 4 << 10;

pub fn collect(params: &Params, job: &Job, section: &mut Section) -> Result<(), Stop> {
    let dirs = Dirs::open(&job.grants);
    for (path, error) in &dirs.missing {
        section.leave_out(
            &format!(
                "{}: granted, but {}",
                path.display(),
                crate::child::out::plain(error)
            ),
            0,
            0,
        );
    }
    let mut findings = Findings::default();
    let exclude = excluded(&params.exclude)?;
    for pattern in &params.paths {
        find(&dirs, pattern, &exclude, &mut findings, &mut || {
            section.check_time().is_ok()
        });
    }
    section.check_time()?;
    let mut files = Files {
        dirs: &dirs,
        exclude: &exclude,
        raw: params.raw && job.grants.raw,
        oldest: params.max_age.map_or(i64::MIN, |age| {
            job.now.ms() / 1000 - i64::try_from(age).unwrap_or(i64::MAX)
        }),
        ends: ends(params),
        left: params.total_bytes.unwrap_or(u64::MAX),
        seen: HashSet::new(),
        names: HashSet::new(),
        sent: 0,
        old: 0,
        denied: std::mem::take(&mut findings.denied)
            .into_iter()
            .map(|(p, d)| (p.display().to_string(), d))
            .collect(),
    };
    if params.raw && !job.grants.raw {
        section.leave_out("raw bytes: the policy does not allow them, so that all is redacted and only text is sent", 0, 0);
    }
    if let Some(why) = &findings.cut {
        section.truncate(why);
    }
    // The newest first; those that the hook names come before all.
    findings.found.sort_by(|a, b| {
        b.modified
            .cmp(&a.modified)
            .then_with(|| a.path.cmp(&b.path))
    });
    let nothing_matches = findings.found.is_empty();
    files.all(&findings.found, params.max_files, section)?;
    files.outcome(nothing_matches, section)
}

fn excluded(patterns: &[String]) -> Result<GlobSet, Stop> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // Something that must stay out and cannot be understood stays out with all the rest.
        set.add(glob(pattern).map_err(|e| Stop::Failed(format!("exclude: {e}")))?);
    }
    set.build()
        .map_err(|e| Stop::Failed(format!("exclude: {e}")))
}

fn ends(params: &Params) -> Ends {
    let one = |bytes: Option<u64>, lines: Option<u64>| {
        bytes.map(Amount::Bytes).or(lines.map(Amount::Lines))
    };
    Ends {
        head: one(params.head_bytes, params.head_lines),
        tail: one(params.tail_bytes, params.tail_lines),
        cap: params.file_bytes,
        whole_lines: true,
    }
}

struct Files<'a> {
    dirs: &'a Dirs,
    exclude: &'a GlobSet,
    raw: bool,
    /// Seconds since 1970; what was changed before is not sent.
    oldest: i64,
    ends: Ends,
    /// Bytes that all files together may still have.
    left: u64,
    seen: HashSet<(u64, u64)>,
    /// Of the files sent.
    names: HashSet<String>,
    sent: u64,
    old: u64,
    denied: Vec<(String, Denied)>,
}

impl Files<'_> {
    fn all(&mut self, found: &[Found], most: u32, section: &mut Section) -> Result<(), Stop> {
        for (at, one) in found.iter().enumerate() {
            section.check_time()?;
            if !one.named && one.modified < self.oldest {
                self.old += 1;
                continue;
            }
            let rest = (found.len() - at) as u64;
            if self.sent >= u64::from(most) {
                section.truncate(&format!("more than {most} files match"));
                section.leave_out("files beyond the most that the hook asks for", 0, rest);
                break;
            }
            if self.left == 0 {
                section.truncate("the limit of all files together is reached");
                section.leave_out("files beyond the limit of all together", 0, rest);
                break;
            }
            match self.one(one, section) {
                Err(Stop::Full) if rest > 1 => {
                    section.leave_out("files for which no room was left", 0, rest - 1);
                    return Err(Stop::Full);
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn one(&mut self, found: &Found, section: &mut Section) -> Result<(), Stop> {
        let name = found.path.display().to_string();
        let opened = self
            .dirs
            .open_path(&found.path, &found.beneath, self.exclude);
        let opened = match opened {
            Ok(opened) => opened,
            // A link to a directory that a glob met, or a file that was rotated away: nothing to tell.
            Err(Denied::Directory | Denied::Gone) if !found.named => return Ok(()),
            // The hook wanted it so.
            Err(denied @ Denied::Excluded) if !found.named => {
                section.leave_out(&denied.of(&name), 0, 1);
                return Ok(());
            }
            Err(denied) => {
                self.denied.push((name, denied));
                return Ok(());
            }
        };
        if opened.modified < self.oldest {
            self.old += 1;
            return Ok(());
        }
        if !self.seen.insert(opened.identity) {
            return Ok(());
        }
        let head = match beginning(&opened) {
            Ok(head) => head,
            Err(error) => {
                self.denied.push((name, Denied::System(error)));
                return Ok(());
            }
        };
        if holds_private_key(&head) {
            self.denied.push((name, Denied::Never("a private key")));
            return Ok(());
        }
        let packed = if self.raw { None } else { Packed::known(&head) };
        self.send(&found.path, &opened, packed, section)
    }

    fn send(
        &mut self,
        path: &Path,
        opened: &Opened,
        packed: Option<Packed>,
        section: &mut Section,
    ) -> Result<(), Stop> {
        let name = path.display().to_string();
        let capped_by_all = self.left < self.ends.cap;
        let ends = Ends {
            cap: self.ends.cap.min(self.left),
            whole_lines: !self.raw,
            ..self.ends
        };
        let unpacked = packed.map_or(name.as_str(), |packed| packed.unpacked_name(&name));
        // Beside its unpacked self a packed file keeps its own name.
        let called = if self.names.contains(unpacked) {
            &name
        } else {
            unpacked
        };
        self.names.insert(called.to_owned());
        section.begin_file(called.trim_start_matches('/'), self.raw)?;
        let mut sent = 0;
        let mut take = |piece: &[u8]| -> Result<(), Broken> {
            section.check_time()?;
            if piece.is_empty() {
                return Ok(());
            }
            sent += piece.len() as u64;
            Ok(section.write(piece)?)
        };
        // Files of /proc and the like have no size, and end by themselves.
        let size = if opened.size == 0 {
            ends.cap
        } else {
            opened.size
        };
        let copied = match packed {
            Some(packed) => unpack(packed, &opened.file, size, &ends, &mut take),
            None => copy(&opened.file, size, &ends, &mut take),
        };
        self.left = self.left.saturating_sub(sent);
        self.sent += 1;
        match copied {
            Ok(skipped) => {
                if skipped.cut {
                    section.cut_file()?;
                }
                if opened.size > 0 {
                    self.tell_skipped(&name, skipped, capped_by_all, section);
                }
            }
            Err(Broken::Stop(stop)) => return Err(stop),
            Err(Broken::File(error)) => {
                section.cut_file()?;
                section.leave_out(
                    &format!("{name}: the rest, {}", crate::child::out::plain(&error)),
                    0,
                    0,
                );
                section.truncate("a file could not be read to its end");
            }
        }
        section.end_file()
    }

    fn tell_skipped(&self, name: &str, skipped: Skipped, by_all: bool, section: &mut Section) {
        let halves = match skipped.halves {
            0 => String::new(),
            bytes => format!(", and {bytes} bytes of lines that it would cut in two"),
        };
        if skipped.asked > 0 || (skipped.halves > 0 && skipped.capped == 0) {
            section.leave_out(
                &format!("{name}: what the hook does not ask for{halves}"),
                skipped.asked + skipped.halves,
                0,
            );
        }
        if skipped.capped > 0 {
            let limit = if by_all {
                "the limit of all files together"
            } else {
                "the limit of one file"
            };
            section.leave_out(
                &format!("{name}: beyond {limit}{halves}"),
                skipped.capped + skipped.halves,
                0,
            );
            section.truncate("a file is longer than its limit");
        }
    }

    /// What the section is, once everything was tried.
    fn outcome(self, nothing_matches: bool, section: &mut Section) -> Result<(), Stop> {
        for (name, denied) in &self.denied {
            section.leave_out(&denied.of(name), 0, 1);
        }
        if self.old > 0 {
            section.leave_out("files older than the hook asks for", 0, self.old);
        }
        let refused = self.denied.len();
        if self.sent > 0 {
            if refused > 0 {
                section.truncate(&format!("{refused} of the paths could not be read"));
            }
            return Ok(());
        }
        let words = |pick: &dyn Fn(&Denied) -> bool| {
            self.denied
                .iter()
                .find(|(_, d)| pick(d))
                .map(|(name, d)| format!("{name}: {d}"))
        };
        if let Some(why) = words(&Denied::is_policy) {
            return Err(Stop::DeniedByPolicy(why));
        }
        if let Some(why) = words(&Denied::is_system) {
            return Err(Stop::DeniedBySystem(why));
        }
        if let Some(why) = words(&|_| true) {
            return Err(Stop::Failed(why));
        }
        if nothing_matches {
            Err(Stop::Failed("no file matches".into()))
        } else {
            Ok(())
        }
    }
}

/// Why copying ended: the section, or the file.
enum Broken {
    Stop(Stop),
    File(io::Error),
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

fn beginning(opened: &Opened) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut head = vec![0; HEAD];
    let got = opened.file.read_at(&mut head, 0)?;
    head.truncate(got);
    Ok(head)
}
