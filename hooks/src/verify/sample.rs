//! A small house with root, roster, people and one instance, for tests of this crate and of those that stand on it.
//! Only with the feature `sample`; every key is a fixed seed and so worth nothing.
use std::collections::BTreeMap;

use crate::{
    documents::{
        Document,
        hook::{
            Audience, CollectorEntry, FORMAT, Hook, HookCustomers, Reask, RedactionProfile, Subject,
        },
        hook_list::{Heads, HookList, ListedHook, RevokerHead},
        identity::Facts,
        revocation::{Revocation, Revoked},
        root::{Bounds, Holder, Holders, Root},
        roster::{KeyPlace, Roster, RosterCustomers, RosterKey, RosterPerson, SigningRole},
    },
    ids::{Digest, HookId},
    keys::SecretKey,
    protocol,
    time::{DAY, HOUR, Time},
    verify::{Me, TrustStore},
};

/// The house: Ada (author and reviewer, browser and file key), Ben (reviewer, browser and file key), Cleo (reviewer
/// of another customer, file key); Rita and Rolf hold root, admission; Rita revokes; one online key.
pub struct Sample {
    pub now: Time,
    pub ada_browser: SecretKey,
    pub ada_file: SecretKey,
    pub ben_browser: SecretKey,
    pub ben_file: SecretKey,
    pub cleo_file: SecretKey,
    pub rita: SecretKey,
    pub rolf: SecretKey,
    pub online: SecretKey,
    pub instance_key: SecretKey,
}

impl Sample {
    pub fn new(now: Time) -> Self {
        let key = |n: u8| SecretKey::from_seed(&[n; 32]);
        Self {
            now,
            ada_browser: key(1),
            ada_file: key(2),
            ben_browser: key(3),
            ben_file: key(4),
            cleo_file: key(5),
            rita: key(6),
            rolf: key(7),
            online: key(8),
            instance_key: key(9),
        }
    }

    pub fn root(&self) -> Root {
        let holder = |person: &str, key: &SecretKey| Holder {
            person: slug(person),
            key: key.public(),
        };
        let two = || Holders {
            threshold: 2,
            keys: vec![holder("rita", &self.rita), holder("rolf", &self.rolf)],
        };
        Root {
            version: 1,
            issued_at: self.now,
            expires_at: self.now.plus_ms(300 * DAY),
            root: two(),
            admission: two(),
            revokers: vec![holder("rita", &self.rita)],
            online: vec![self.online.public()],
            bounds: Bounds::default(),
            undone: Vec::new(),
            last_revocations: Vec::new(),
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    pub fn roster(&self) -> Roster {
        use KeyPlace::{Browser, File};
        use SigningRole::{Author, Reviewer};
        let person = |id: &str,
                      roles: &[SigningRole],
                      customer: &str,
                      keys: &[(&SecretKey, KeyPlace)]| RosterPerson {
            person: slug(id),
            name: id.to_owned(),
            roles: roles.to_vec(),
            customers: RosterCustomers::Only(vec![slug(customer)]),
            keys: keys
                .iter()
                .map(|(key, place)| RosterKey {
                    key: key.public(),
                    place: *place,
                    admitted_at: self.now,
                })
                .collect(),
        };
        Roster {
            version: 1,
            issued_at: self.now,
            expires_at: self.now.plus_ms(20 * DAY),
            people: vec![
                person(
                    "ada",
                    &[Author, Reviewer],
                    "acme",
                    &[(&self.ada_browser, Browser), (&self.ada_file, File)],
                ),
                person(
                    "ben",
                    &[Reviewer],
                    "acme",
                    &[(&self.ben_browser, Browser), (&self.ben_file, File)],
                ),
                person("cleo", &[Reviewer], "globex", &[(&self.cleo_file, File)]),
            ],
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    /// An ordinary hook for customer acme, author Ada.
    pub fn hook(&self) -> Hook {
        Hook {
            format: FORMAT,
            min_agent: None,
            id: HookId::fresh(),
            revision: 1,
            author: slug("ada"),
            subject: Subject::Ticket {
                system: "jira".into(),
                key: "SUP-1".into(),
                url: None,
            },
            customers: HookCustomers::Only(vec![slug("acme")]),
            audience: Audience {
                everyone: true,
                ..Audience::default()
            },
            title: "Host facts".into(),
            reason: "Slow since the upgrade".into(),
            not_before: self.now,
            expires_at: self.now.plus_ms(7 * DAY),
            places: 10,
            packet_bytes: 1 << 20,
            total_bytes: 10 << 20,
            attempts: 1,
            stop_after_overruns: 2,
            stop_error_percent: None,
            retention_days: 30,
            reask: Reask::None,
            collectors: vec![entry("host", "host", bson::Document::new())],
            redaction: RedactionProfile::default(),
            template: None,
            checks: Vec::new(),
            when: None,
        }
    }

    /// As [`Self::hook`], with a command: wide.
    pub fn wide_hook(&self) -> Hook {
        let params = bson::doc! {"path": "/usr/bin/uptime"};
        Hook {
            collectors: vec![entry("uptime", "command", params)],
            ..self.hook()
        }
    }

    pub fn signed<T: Document>(&self, document: &T, keys: &[&SecretKey]) -> Vec<u8> {
        document
            .envelope(keys)
            .and_then(|e| crate::strict::encode(&e))
            .unwrap_or_default()
    }

    pub fn root_bytes(&self) -> Vec<u8> {
        self.signed(&self.root(), &[&self.rita, &self.rolf])
    }

    pub fn roster_bytes(&self, roster: &Roster) -> Vec<u8> {
        self.signed(roster, &[&self.rita, &self.rolf])
    }

    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.root().to_payload().unwrap_or_default())
    }

    /// Root and roster, no hook list yet.
    pub fn trust(&self) -> TrustStore {
        let mut store = TrustStore::pin(&self.root_bytes(), self.fingerprint())
            .expect("the sample's root is sound");
        store
            .add_roster(&self.roster_bytes(&self.roster()))
            .expect("the sample's roster is sound");
        store
    }

    pub fn me(&self) -> Me {
        Me {
            instance: slug("app-01"),
            customer: slug("acme"),
            facts: Facts {
                name: "app-01".into(),
                ..Facts::default()
            },
            agent_version: "0.1.0".into(),
        }
    }

    /// A fresh list for [`Self::me`] that names `envelopes`.
    pub fn list(&self, number: u64, envelopes: &[&[u8]]) -> HookList {
        let hooks = envelopes.iter().filter_map(|bytes| {
            let digest = crate::envelope::Envelope::from_bson(bytes, usize::MAX)
                .ok()?
                .digest();
            Some(ListedHook {
                url: protocol::path_hook(&digest),
                digest,
                size: bytes.len() as u64,
                expires_at: self.now.plus_ms(7 * DAY),
                token: "token".into(),
            })
        });
        HookList {
            instance: slug("app-01"),
            customer: slug("acme"),
            number,
            issued_at: self.now,
            expires_at: self.now.plus_ms(HOUR),
            root_version: 1,
            roster_version: 1,
            revokers: Vec::new(),
            revocations: Digest::of(b""),
            heads: Heads {
                customer: Default::default(),
                house: Default::default(),
            },
            hooks: hooks.collect(),
            stopped: Vec::new(),
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    pub fn list_bytes(&self, list: &HookList) -> Vec<u8> {
        self.signed(list, &[&self.online])
    }

    /// Rita's revocation `number`.
    pub fn revocation(&self, number: u64, revoked: Revoked) -> Vec<u8> {
        let revoker = self.rita.public().id();
        let reason = "laptop stolen".to_owned();
        self.signed(
            &Revocation {
                revoker,
                number,
                issued_at: self.now,
                revoked,
                reason,
            },
            &[&self.rita],
        )
    }

    pub fn revoker_head(&self, number: u64) -> RevokerHead {
        RevokerHead {
            revoker: self.rita.public().id(),
            number,
        }
    }

    /// Trust with a fresh list that names `envelope`.
    pub fn trust_listing(&self, envelope: &[u8]) -> TrustStore {
        let mut store = self.trust();
        store
            .accept_list(
                &self.list_bytes(&self.list(1, &[envelope])),
                &self.me(),
                self.now,
            )
            .expect("the sample's list is sound");
        store
    }
}

pub fn entry(section: &str, collector: &str, params: bson::Document) -> CollectorEntry {
    CollectorEntry {
        section: slug(section),
        collector: collector.into(),
        seconds: 10,
        bytes: 1 << 20,
        params,
    }
}

fn slug<T: std::str::FromStr<Err = String>>(text: &str) -> T {
    text.parse().expect("the sample's names are well formed")
}
