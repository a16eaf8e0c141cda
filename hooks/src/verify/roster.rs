//! Rosters: signed by enough admission holders of the root, sound in themselves.
use std::collections::BTreeSet;

use crate::{
    documents::{Document, root::Root, roster::Roster},
    envelope::Envelope,
    strict,
    time::DAY,
    verify::{Refusal, revocations::Revocations, root},
};

pub(super) fn check(
    envelope: &Envelope,
    root: &Root,
    revoked: &Revocations,
) -> Result<Roster, Refusal> {
    envelope.expect_type(Roster::PAYLOAD_TYPE)?;
    let holders = &root.admission;
    let found = root::people_of(envelope, &holders.keys, |h| {
        revoked.of_key(&h.key.id()).is_some() || revoked.of_person(&h.person).is_some()
    })
    .len() as u32;
    if found < holders.threshold || holders.threshold == 0 {
        return Err(Refusal::RosterPeople {
            needed: holders.threshold,
            found,
        });
    }
    let roster: Roster =
        strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT).map_err(|source| {
            Refusal::Unreadable {
                document: "roster",
                source,
            }
        })?;
    sound(&roster, root)?;
    Ok(roster)
}

fn sound(roster: &Roster, root: &Root) -> Result<(), Refusal> {
    let unsound = |what: String| {
        Err(Refusal::Unsound {
            document: "roster",
            what,
        })
    };
    root::critical("roster", &roster.critical)?;
    if roster.version == 0 {
        return unsound("version must be 1 or more".into());
    }
    let longest = i64::from(root.bounds.roster_days) * DAY;
    if roster.expires_at <= roster.issued_at || roster.expires_at.since(roster.issued_at) > longest
    {
        return unsound(format!(
            "it must live at most {} days",
            root.bounds.roster_days
        ));
    }
    let mut people = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for person in &roster.people {
        if !people.insert(&person.person) {
            return unsound(format!("{} stands twice", person.person));
        }
        for key in &person.keys {
            if !keys.insert(key.key) {
                return unsound(format!("the key {} stands twice", key.key.id().short()));
            }
            // The server must never count as a person.
            if root.online.contains(&key.key) {
                return unsound(format!(
                    "the server's online key stands under {}",
                    person.person
                ));
            }
        }
    }
    Ok(())
}
