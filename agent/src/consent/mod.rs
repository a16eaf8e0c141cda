//! What the administrator says at the terminal, handed to the daemon through files in the state directory: the agent
//! listens on no port. Only the agent's own user, and root, can put a file there.
pub mod watch;

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use boathook_hooks::{
    ids::{Blob, Digest, HookId},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::durable;

/// In the state directory.
pub const DIR: &str = "control";
/// A trust document is the largest thing that is said.
const MAX_WORD: u64 = 2 << 20;

/// A hook that waits for the administrator, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub digest: Digest,
    pub hook: HookId,
    pub revision: u32,
    pub title: String,
    pub reason: String,
    pub reach: String,
    pub signed_by: Vec<String>,
    /// What it reads, runs, contacts and sends, in plain words.
    pub explanation: Vec<String>,
    pub asked_at: Time,
    pub expires_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case", deny_unknown_fields)]
pub enum Word {
    Approve {
        digest: Digest,
        by: String,
    },
    Decline {
        digest: Digest,
        by: String,
        reason: String,
    },
    Trust {
        document: Blob,
    },
}

/// The directory of words, made if it is missing.
pub fn dir(state_dir: &Path) -> io::Result<PathBuf> {
    let dir = state_dir.join(DIR);
    durable::owner_dir(&dir)?;
    Ok(dir)
}

/// Hands `word` to the daemon. Said by root, it becomes the daemon's own file, or the daemon could not read it.
pub fn say(state_dir: &Path, word: &Word) -> io::Result<()> {
    let dir = dir(state_dir)?;
    let name = uuid::Uuid::now_v7().to_string();
    let silent = dir.join(format!("{name}.said"));
    durable::replace(&silent, &serde_json::to_vec(word)?)?;
    if rustix::process::geteuid().is_root() {
        let owner = fs::metadata(state_dir)?;
        for path in [&dir, &silent] {
            std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    // The name that the daemon looks for comes last.
    fs::rename(&silent, dir.join(format!("{name}.word")))?;
    durable::sync_dir(&silent)
}

/// What was said since, oldest first; each is to be removed by [`heard`] once it was acted upon.
pub fn listen(state_dir: &Path) -> io::Result<Vec<(PathBuf, Result<Word, String>)>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir(state_dir)?)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "word") {
            let word = read(&path);
            out.push((path, word));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(out)
}

fn read(path: &Path) -> Result<Word, String> {
    let owner = fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    let me = rustix::process::geteuid().as_raw();
    if !owner.is_file() || (owner.uid() != me && owner.uid() != 0) {
        return Err("it is not a file of the agent's own user or root".into());
    }
    let bytes = durable::read(path, MAX_WORD)
        .map_err(|e| e.to_string())?
        .unwrap_or_default();
    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
}

pub fn heard(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// The one hook that `name` means: its id, or the begin of its digest.
pub fn find<'a>(waiting: &'a [Waiting], name: &str) -> Result<&'a Waiting, String> {
    let means = |w: &&Waiting| {
        w.hook.as_str() == name
            || (name.len() >= 6 && w.digest.to_string().starts_with(&name.to_ascii_lowercase()))
    };
    let mut found = waiting.iter().filter(means);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(format!(
            "{name:?} means more than one waiting hook: give more of its digest"
        )),
        (None, _) if waiting.is_empty() => {
            Err("no hook waits (any more): `boathook-agent status` and `ledger` tell why".into())
        }
        (None, _) => Err(format!(
            "no waiting hook is {name:?}; `boathook-agent status` lists them, by id or by the first 6 digits or more of the digest"
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn waiting(hook: &str) -> Waiting {
        Waiting {
            digest: Digest::of(hook.as_bytes()),
            hook: hook.parse().unwrap(),
            revision: 1,
            title: "Host facts".into(),
            reason: "slow".into(),
            reach: "wide".into(),
            signed_by: vec!["ada".into()],
            explanation: vec![],
            asked_at: Time::from_ms(0),
            expires_at: Time::from_ms(1),
        }
    }

    #[test]
    fn what_is_said_is_heard_once_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let approve = Word::Approve {
            digest: Digest::of(b"h"),
            by: "root".into(),
        };
        let decline = Word::Decline {
            digest: Digest::of(b"h"),
            by: "root".into(),
            reason: "no".into(),
        };
        say(dir.path(), &approve).unwrap();
        say(dir.path(), &decline).unwrap();
        let heard_words = listen(dir.path()).unwrap();
        let words: Vec<_> = heard_words
            .iter()
            .map(|(_, w)| w.clone().unwrap())
            .collect();
        assert_eq!(words, [approve, decline]);
        heard_words
            .iter()
            .for_each(|(path, _)| heard(path).unwrap());
        assert!(listen(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_link_is_no_word() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(
            "/etc/hostname",
            super::dir(dir.path()).unwrap().join("x.word"),
        )
        .unwrap();
        assert!(
            listen(dir.path()).unwrap()[0]
                .1
                .as_ref()
                .unwrap_err()
                .contains("not a file")
        );
    }

    #[test]
    fn a_hook_is_found_by_id_or_by_the_begin_of_its_digest() {
        let all = [waiting("h-1"), waiting("h-2")];
        assert_eq!(find(&all, "h-2").unwrap().hook.as_str(), "h-2");
        assert_eq!(
            find(&all, &all[0].digest.to_string()[..8])
                .unwrap()
                .hook
                .as_str(),
            "h-1"
        );
        assert!(find(&all, &all[0].digest.to_string()[..3]).is_err());
        assert!(find(&[], "h-1").unwrap_err().contains("no hook waits"));
    }
}
