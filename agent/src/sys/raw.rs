//! The one module with `unsafe`: giving back memory that only looks used.
#![allow(unsafe_code, reason = "madvise has no safe form")]
use std::{fs, io, ptr};

use rustix::mm::{Advice, madvise};

/// Takes this program's code out of its resident memory. What is needed comes back page by page out of the page
/// cache: of the megabytes that a start or a run went through, waiting needs little.
pub fn release_code() -> io::Result<()> {
    let exe = fs::read_link("/proc/self/exe")?;
    let maps = fs::read_to_string("/proc/self/maps")?;
    for (start, end) in maps
        .lines()
        .filter_map(|line| code_of(line, &exe.to_string_lossy()))
    {
        let (length, start) = (end - start, ptr::with_exposed_provenance_mut(start));
        // SAFETY: the range is the program's own text. It is mapped from the file read-only, so that no page of it
        // differs from the file and dropping them loses nothing, and it is never unmapped, so that the range cannot
        // have become another's since it was read.
        unsafe { madvise(start, length, Advice::LinuxDontNeed) }?;
    }
    Ok(())
}

/// The range that a line of /proc/self/maps tells of, if it is the text of `exe`: proc(5).
fn code_of(line: &str, exe: &str) -> Option<(usize, usize)> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp" && fields.nth(3)?.trim_start() == exe;
    let number = |text| usize::from_str_radix(text, 16).ok();
    is_code.then_some((number(start)?, number(end)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Resident kB of files.
    fn of_files() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|l| l.starts_with("RssFile:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn released_code_is_not_resident_and_runs_on() {
        let before = of_files();
        release_code().unwrap();
        let after = of_files();
        assert!(after < before, "{before} kB before, {after} kB after");
        release_code().unwrap();
    }

    #[test]
    fn only_the_programs_own_text_is_released() {
        let line = |perms: &str, path: &str| {
            format!(
                "55d0c0a00000-55d0c1100000 {perms} 00253000 fe:00 1234                       {path}"
            )
        };
        let range = Some((0x55d0_c0a0_0000, 0x55d0_c110_0000));
        assert_eq!(
            code_of(&line("r-xp", "/usr/bin/a b"), "/usr/bin/a b"),
            range
        );
        for (perms, path) in [
            ("r--p", "/usr/bin/a b"),
            ("rwxp", "/usr/bin/a b"),
            ("r-xp", "/usr/lib/libc.so.6"),
            ("r-xp", "[vdso]"),
            ("r-xp", ""),
        ] {
            assert_eq!(
                code_of(&line(perms, path), "/usr/bin/a b"),
                None,
                "{perms} {path}"
            );
        }
    }
}
