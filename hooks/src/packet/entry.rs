//! Names of entries: what may stand in a zip so that it unpacks safely on every system.

/// Most entries of a packet.
pub const MAX_ENTRIES: usize = 8_000;
/// Longest name of an entry, in bytes.
pub const LONGEST_NAME: usize = 400;
/// Longest part of a name between slashes, in bytes.
const LONGEST_PART: usize = 200;

/// What is wrong with a name, if something is.
pub fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > LONGEST_NAME {
        return Some("is longer than 400 bytes");
    }
    if name.starts_with('/') {
        return Some("is absolute");
    }
    if name.contains('\\') {
        return Some("holds a backslash");
    }
    if name.chars().any(char::is_control) {
        return Some("holds a control character");
    }
    if !name.chars().all(|c| c == '/' || is_plain(c)) {
        return Some("holds a character that not every system can store");
    }
    name.split('/').find_map(part_fault)
}

fn part_fault(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("has an empty part"),
        "." | ".." => Some("leaves its folder"),
        p if p.len() > LONGEST_PART => Some("has a part that is longer than 200 bytes"),
        p if p.ends_with(['.', ' ']) || p.starts_with(' ') => {
            Some("has a part that begins or ends with a blank or a dot")
        }
        p if is_device(p) => Some("is a device on Windows"),
        _ => None,
    }
}

/// Letters and digits of any script, and what every file system takes.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || " !#$%&'()+,-.;=@[]^_`{}~".contains(c)
}

fn is_device(part: &str) -> bool {
    let stem = part
        .split('.')
        .next()
        .unwrap_or(part)
        .trim_end()
        .to_ascii_lowercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name)
            .is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// Names that differ only in case are one name on many systems.
pub(super) fn folded(name: &str) -> String {
    name.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// A name made of `path` that has no fault: what cannot stand in it becomes `_`.
pub(super) fn safe_path(path: &str) -> String {
    let parts: Vec<String> = path
        .split('/')
        .filter(|p| !matches!(*p, "" | "."))
        .map(|part| {
            let mut safe: String = part
                .chars()
                .map(|c| if is_plain(c) { c } else { '_' })
                .collect();
            while safe.len() > 120 {
                safe.pop();
            }
            if part_fault(&safe).is_some() {
                safe = format!("_{}_", safe.trim_matches(['.', ' ']));
            }
            safe
        })
        .collect();
    // The end of a path tells more than its begin.
    let mut from = 0;
    while parts[from..].iter().map(|p| p.len() + 1).sum::<usize>() > 300 {
        from += 1;
    }
    if parts.is_empty() {
        "file".to_owned()
    } else {
        parts[from..].join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_leave_their_folder_or_trick_a_system_have_a_fault() {
        let long = "a/".repeat(250) + "a";
        for bad in [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "../x",
            "a/../b",
            "a/./b",
            "a\\b",
            "a\0b",
            "a\nb",
            "C:x",
            "a/con.txt",
            "COM1",
            "a/b.",
            "a/ b",
            "x\u{202e}y",
            "a?b",
            long.as_str(),
        ] {
            assert!(name_fault(bad).is_some(), "{bad:?}");
        }
        for good in [
            "packet.json",
            "logs/var/log/syslog.1",
            "files/größe (1).txt",
            "a/[redacted]-x",
        ] {
            assert_eq!(name_fault(good), None, "{good:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_fold_together() {
        assert_eq!(folded("A/README.Txt"), folded("a/readme.tXT"));
        assert_eq!(folded("straße"), folded("STRASSE"));
    }

    proptest! {
        #[test]
        fn every_path_becomes_a_name_without_fault(path in "(\\PC|[./\\\\]){0,200}|([a-z.]{0,30}/){0,60}") {
            prop_assert_eq!(name_fault(&format!("section/{}", safe_path(&path))), None);
        }
    }
}
