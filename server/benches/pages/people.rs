//! Who works in the house: three authors and two reviewers with keys, an admin, and one who works for some customers.
use std::collections::BTreeMap;

use anyhow::Result;
use boathook_hooks::{
    documents::{
        Document as _,
        root::{Bounds, Holder, Holders, Root},
        roster::{KeyPlace, Roster, RosterCustomers, RosterKey, RosterPerson, SigningRole},
    },
    ids::Blob,
    keys::SecretKey,
    time::DAY,
};
use boathook_schema::{Customers, Grant, PutPerson, Role, Scope};

use crate::{
    house::{DAYS, House},
    sites::{NAMED, customer},
};

pub const AUTHORS: [&str; 3] = ["ada", "carl", "eve"];
pub const REVIEWERS: [&str; 2] = ["ben", "dora"];
/// Every role for all customers.
pub const OF_ALL: &str = "ada";
/// Every role for the customers of [`NAMED`].
pub const OF_SOME: &str = "nora";
/// Days that a roster counts here.
pub const ROSTER_DAYS: i64 = 15;

fn seed(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// A person's key in their browser.
pub fn key_of(person: &str) -> SecretKey {
    let all = AUTHORS.iter().chain(&REVIEWERS);
    let nth = all.zip(1..).find(|(name, _)| **name == person);
    seed(nth.map_or(99, |(_, n)| n))
}

fn holders() -> [SecretKey; 2] {
    [seed(41), seed(42)]
}

pub async fn put(house: &House) -> Result<()> {
    use Role::{Admin, Engineer, Reviewer, Viewer};
    let some = Customers::Only((0..NAMED).map(customer).collect::<Result<_>>()?);
    let every = &[Viewer, Engineer, Reviewer, Admin][..];
    let mut people = vec![(OF_ALL, every, Customers::All), (OF_SOME, every, some)];
    people.extend(["carl", "eve"].map(|p| (p, &[Engineer, Reviewer][..], Customers::All)));
    people.extend(REVIEWERS.map(|p| (p, &[Reviewer][..], Customers::All)));
    people.push(("vera", &[Viewer], Customers::All));
    for (id, roles, customers) in people {
        let grant = |role: &Role| Grant {
            role: *role,
            customers: customers.clone(),
        };
        let person = PutPerson {
            id: id.parse().map_err(anyhow::Error::msg)?,
            name: id.to_owned(),
            password: None,
            roles: roles.iter().map(grant).collect(),
        };
        let (store, all) = (&house.app.store, &Scope::System);
        let put = store.put_person(all, house.write(), person, None);
        put.await?.done()?;
    }
    Ok(())
}

/// The first root.
pub async fn root(house: &House) -> Result<()> {
    let now = house.app.now();
    let [rita, rolf] = holders();
    let holder = |person: &str, key: &SecretKey| {
        let person = person.parse().map_err(anyhow::Error::msg)?;
        let key = key.public();
        anyhow::Ok(Holder { person, key })
    };
    let two = || {
        anyhow::Ok(Holders {
            threshold: 2,
            keys: vec![holder("rita", &rita)?, holder("rolf", &rolf)?],
        })
    };
    let root = Root {
        version: 1,
        issued_at: now,
        expires_at: now.plus_ms((DAYS + 60) * DAY),
        root: two()?,
        admission: two()?,
        revokers: vec![holder("rita", &rita)?],
        online: vec![house.app.keys.online_public()],
        bounds: Bounds::default(),
        undone: Vec::new(),
        last_revocations: Vec::new(),
        extensions: BTreeMap::new(),
        critical: Vec::new(),
    };
    let bytes = root.envelope(&[&rita, &rolf])?.to_bson()?;
    let store = &house.app.store;
    let added = store.add_root(&Scope::System, house.write(), 1, Blob(bytes));
    added.await?.done()?;
    Ok(())
}

/// The next roster, which replaces the one of before.
pub async fn roster(house: &House, version: u64) -> Result<()> {
    use SigningRole::{Author, Reviewer};
    let now = house.app.now();
    let mut people = Vec::new();
    for person in AUTHORS.iter().chain(&REVIEWERS) {
        let roles = match AUTHORS.contains(person) {
            true => vec![Author, Reviewer],
            false => vec![Reviewer],
        };
        people.push(RosterPerson {
            person: person.parse().map_err(anyhow::Error::msg)?,
            name: (*person).to_owned(),
            roles,
            customers: RosterCustomers::All,
            keys: vec![RosterKey {
                key: key_of(person).public(),
                place: KeyPlace::Browser,
                admitted_at: now,
            }],
        });
    }
    let roster = Roster {
        version,
        issued_at: now,
        expires_at: now.plus_ms((ROSTER_DAYS + 5) * DAY),
        people,
        extensions: BTreeMap::new(),
        critical: Vec::new(),
    };
    let [rita, rolf] = holders();
    let bytes = roster.envelope(&[&rita, &rolf])?.to_bson()?;
    let store = &house.app.store;
    let added = store.add_roster(&Scope::System, house.write(), version, Blob(bytes));
    added.await?.done()?;
    let read = house.app.trust.reload(store).await;
    read.map_err(anyhow::Error::msg)
}
