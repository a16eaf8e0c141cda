//! The people of a test's house with all their keys, and the documents that they sign.
use std::collections::BTreeMap;

use anyhow::Result;
use boathook_hooks::{
    documents::{
        Document,
        revocation::{Revocation, Revoked},
        root::{Bounds, Holder, Holders, Root},
        roster::{KeyPlace, Roster, RosterCustomers, RosterKey, RosterPerson, SigningRole},
    },
    envelope::Envelope,
    ids::Digest,
    keys::{PublicKey, SecretKey},
    time::{DAY, Time},
};

/// Someone with a key in the browser and one in a file.
pub struct Person {
    pub id: &'static str,
    pub browser: SecretKey,
    pub file: SecretKey,
    roles: &'static [SigningRole],
    customers: &'static [&'static str],
}

/// Ada writes and reviews for acme, Ben reviews for acme, Cleo reviews for globex. Rita and Rolf hold root and
/// admission; Rita revokes.
pub struct House {
    pub ada: Person,
    pub ben: Person,
    pub cleo: Person,
    pub rita: SecretKey,
    pub rolf: SecretKey,
}

pub fn slug<T: std::str::FromStr<Err = String>>(text: &str) -> T {
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

impl House {
    pub fn new() -> Result<Self> {
        use SigningRole::{Author, Reviewer};
        let person = |id, roles, customers| -> Result<Person> {
            Ok(Person {
                id,
                browser: SecretKey::generate()?,
                file: SecretKey::generate()?,
                roles,
                customers,
            })
        };
        Ok(Self {
            ada: person("ada", &[Author, Reviewer], &["acme"])?,
            ben: person("ben", &[Reviewer], &["acme"])?,
            cleo: person("cleo", &[Author, Reviewer], &["globex"])?,
            rita: SecretKey::generate()?,
            rolf: SecretKey::generate()?,
        })
    }

    pub fn root(&self, online: &[PublicKey], bounds: Bounds) -> Root {
        let holder = |person: &str, key: &SecretKey| Holder {
            person: slug(person),
            key: key.public(),
        };
        let two = || Holders {
            threshold: 2,
            keys: vec![holder("rita", &self.rita), holder("rolf", &self.rolf)],
        };
        let now = Time::wall_clock();
        Root {
            version: 1,
            issued_at: now,
            expires_at: now.plus_ms(300 * DAY),
            root: two(),
            admission: two(),
            revokers: vec![holder("rita", &self.rita)],
            online: online.to_vec(),
            bounds,
            undone: Vec::new(),
            last_revocations: Vec::new(),
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    pub fn roster(&self, version: u64, life_ms: i64) -> Roster {
        let now = Time::wall_clock();
        let people = [&self.ada, &self.ben, &self.cleo].map(|p| RosterPerson {
            person: slug(p.id),
            name: p.id.to_owned(),
            roles: p.roles.to_vec(),
            customers: RosterCustomers::Only(p.customers.iter().map(|c| slug(c)).collect()),
            keys: [(&p.browser, KeyPlace::Browser), (&p.file, KeyPlace::File)]
                .map(|(key, place)| RosterKey {
                    key: key.public(),
                    place,
                    admitted_at: now,
                })
                .to_vec(),
        });
        Roster {
            version,
            issued_at: now,
            expires_at: now.plus_ms(life_ms),
            people: people.to_vec(),
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    /// Signed by both holders.
    pub fn by_holders<T: Document>(&self, document: &T) -> Result<Envelope> {
        Ok(document.envelope(&[&self.rita, &self.rolf])?)
    }

    pub fn revocation(&self, number: u64, revoked: Revoked) -> Result<Vec<u8>> {
        let document = Revocation {
            revoker: self.rita.public().id(),
            number,
            issued_at: Time::wall_clock(),
            revoked,
            reason: "laptop stolen".into(),
        };
        Ok(document.envelope(&[&self.rita])?.to_bson()?)
    }

    pub fn fingerprint(root: &Envelope) -> Digest {
        root.digest()
    }
}
