//! The four things that may run, each provable only through the verifier: `Verified`, `Offline`, `Trial`, `Local`.
use std::ops::Deref;

use crate::{
    documents::{
        hook::{CollectorEntry, Hook},
        hook_list::ListedHook,
    },
    ids::{Digest, PersonId},
    time::Time,
    verify::{Refusal, checks},
};

/// Passed every check. The only one that the daemon runs and sends.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    pub(super) document: T,
    pub(super) digest: Digest,
    pub(super) signers: Vec<PersonId>,
    pub(super) listed: ListedHook,
    pub(super) envelope: Vec<u8>,
}

impl<T> Verified<T> {
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The people whose signatures counted, the author first.
    pub fn signers(&self) -> &[PersonId] {
        &self.signers
    }

    /// Opaque, for claims and answers.
    pub fn token(&self) -> &str {
        &self.listed.token
    }

    /// The bytes that were verified, for the child to verify again.
    pub fn envelope_bytes(&self) -> &[u8] {
        &self.envelope
    }
}

impl Verified<Hook> {
    /// The hook's own end, or the earlier one of the hook list.
    pub fn expires_at(&self) -> Time {
        self.document.expires_at.min(self.listed.expires_at)
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.document
    }
}

/// A signed hook run at the terminal: all checks but hook list and claim. Written to a file, never spooled.
#[derive(Clone, Debug)]
pub struct Offline<T> {
    pub(super) document: T,
    pub(super) digest: Digest,
    pub(super) signers: Vec<PersonId>,
    pub(super) envelope: Vec<u8>,
}

impl<T> Offline<T> {
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn signers(&self) -> &[PersonId] {
        &self.signers
    }

    pub fn envelope_bytes(&self) -> &[u8] {
        &self.envelope
    }
}

impl<T> Deref for Offline<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.document
    }
}

/// An unsigned hook that the administrator tries: its result is only shown.
#[derive(Clone, Debug)]
pub struct Trial<T>(T);

impl Trial<Hook> {
    pub fn new(hook: Hook) -> Result<Self, Refusal> {
        checks::validate(&hook)?;
        Ok(Self(hook))
    }
}

impl<T> Deref for Trial<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// No hook: the shipped collection of host, processes, a day of journal and the policy's directories.
#[derive(Clone, Debug)]
pub struct Local {
    entries: Vec<CollectorEntry>,
}

impl Local {
    /// `directories` are the policy's own; the policy still binds every entry.
    pub fn new(directories: &[String]) -> Result<Self, Refusal> {
        let globs: Vec<String> = directories
            .iter()
            .map(|d| format!("{}/**/*", d.trim_end_matches('/')))
            .collect();
        let mut wanted = vec![
            ("host", "host", bson::Document::new()),
            ("processes", "processes", bson::Document::new()),
            (
                "journal",
                "journal",
                bson::doc! {"since_seconds": 86_400_i64},
            ),
        ];
        if !globs.is_empty() {
            wanted.push(("files", "file", bson::doc! {"paths": globs}));
        }
        let entries = wanted.into_iter().map(|(section, collector, params)| {
            let section = section.parse().map_err(|what| Refusal::Unsound {
                document: "local run",
                what,
            })?;
            Ok(CollectorEntry {
                section,
                collector: collector.to_owned(),
                seconds: 60,
                bytes: 32 << 20,
                params,
            })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, Refusal>>()?,
        })
    }

    pub fn entries(&self) -> &[CollectorEntry] {
        &self.entries
    }
}
