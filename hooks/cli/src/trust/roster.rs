//! Rosters: made empty, people added and removed, renewed with the next version.
use std::collections::BTreeMap;

use boathook_hooks::{
    documents::roster::{KeyPlace, Roster, RosterCustomers, RosterKey, RosterPerson, SigningRole},
    ids::PersonId,
    keys::{KeyId, PublicKey},
    time::Time,
};

use crate::{
    error::{Error, Result},
    trust::End,
};

/// A person as they are to stand in the roster from now on.
#[derive(Clone, Debug)]
pub struct Member {
    pub person: PersonId,
    /// None keeps the name, or takes the id for someone new.
    pub name: Option<String>,
    /// Empty keeps what there is.
    pub roles: Vec<SigningRole>,
    /// None keeps what there is.
    pub customers: Option<RosterCustomers>,
    /// A key to admit besides those that stand there.
    pub key: Option<(PublicKey, KeyPlace)>,
}

/// An empty roster.
pub fn new_roster(version: u64, end: End, now: Time) -> Roster {
    Roster {
        version,
        issued_at: now,
        expires_at: end.after(now),
        people: Vec::new(),
        extensions: BTreeMap::new(),
        critical: Vec::new(),
    }
}

/// Adds a person, or to a person: roles and customers are replaced when given, keys come on top.
pub fn add_member(roster: &mut Roster, member: &Member, now: Time) -> Result<()> {
    if let Some((key, _)) = &member.key
        && let Some(owner) = roster
            .people
            .iter()
            .find(|p| p.keys.iter().any(|k| k.key == *key))
    {
        return Err(Error::failed(
            format!(
                "the key {} stands under {} already",
                key.id().short(),
                owner.person
            ),
            "give each person a key of their own; `roster remove PERSON --key KEYID` takes one out",
        ));
    }
    let known = roster.people.iter().position(|p| p.person == member.person);
    let at = match known {
        Some(at) => at,
        None => {
            complete(member)?;
            roster.people.push(RosterPerson {
                person: member.person.clone(),
                name: member.person.to_string(),
                roles: Vec::new(),
                customers: RosterCustomers::Only(Vec::new()),
                keys: Vec::new(),
            });
            roster.people.len() - 1
        }
    };
    let person = &mut roster.people[at];
    if let Some(name) = &member.name {
        person.name.clone_from(name);
    }
    if !member.roles.is_empty() {
        person.roles.clone_from(&member.roles);
        person.roles.sort();
        person.roles.dedup();
    }
    if let Some(customers) = &member.customers {
        person.customers = customers.clone();
    }
    if let Some((key, place)) = member.key {
        person.keys.push(RosterKey {
            key,
            place,
            admitted_at: now,
        });
    }
    Ok(())
}

/// Someone new needs all three; nothing is guessed that a signature would be worth.
fn complete(member: &Member) -> Result<()> {
    let missing = [
        (member.roles.is_empty(), "--role author or --role reviewer"),
        (
            member.customers.is_none(),
            "--customer ID or --all-customers",
        ),
        (member.key.is_none(), "--key ed25519:… and --place"),
    ];
    match missing.into_iter().find(|(is, _)| *is) {
        Some((_, option)) => Err(Error::usage(
            format!("{} is not in the roster yet", member.person),
            format!("give {option} too"),
        )),
        None => Ok(()),
    }
}

/// Takes out one key, or the person whole.
pub fn remove_member(roster: &mut Roster, person: &PersonId, key: Option<&KeyId>) -> Result<()> {
    let at = roster.people.iter().position(|p| p.person == *person);
    let at = at.ok_or_else(|| {
        Error::failed(
            format!("{person} is not in the roster"),
            "`boathook roster show FILE` lists who is",
        )
    })?;
    let Some(key) = key else {
        roster.people.remove(at);
        return Ok(());
    };
    let keys = &mut roster.people[at].keys;
    let before = keys.len();
    keys.retain(|k| k.key.id() != *key);
    if keys.len() == before {
        return Err(Error::failed(
            format!("{person} has no key {}", key.short()),
            "`boathook roster show FILE` lists the keys",
        ));
    }
    Ok(())
}

/// The next version with the same people, from now until `end`.
pub fn renew_roster(before: &Roster, end: End, now: Time) -> Roster {
    Roster {
        version: before.version + 1,
        issued_at: now,
        expires_at: end.after(now),
        ..before.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::keys::SecretKey;

    use super::*;

    const NOW: Time = Time::from_ms(1_700_000_000_000);

    fn key(n: u8) -> PublicKey {
        SecretKey::from_seed(&[n; 32]).public()
    }

    fn ada() -> Member {
        Member {
            person: "ada".parse().unwrap(),
            name: Some("Ada".into()),
            roles: vec![
                SigningRole::Reviewer,
                SigningRole::Author,
                SigningRole::Author,
            ],
            customers: Some(RosterCustomers::All),
            key: Some((key(1), KeyPlace::File)),
        }
    }

    fn with_ada() -> Roster {
        let mut roster = new_roster(1, End::In(1000), NOW);
        add_member(&mut roster, &ada(), NOW).unwrap();
        roster
    }

    #[test]
    fn a_person_who_is_added_again_gets_one_more_key_and_keeps_the_rest() {
        let mut roster = with_ada();
        let more = Member {
            name: None,
            roles: vec![],
            customers: None,
            key: Some((key(2), KeyPlace::Token)),
            ..ada()
        };
        add_member(&mut roster, &more, NOW).unwrap();
        let [ada] = &roster.people[..] else {
            panic!("one person")
        };
        assert_eq!((ada.name.as_str(), ada.keys.len()), ("Ada", 2));
        assert_eq!(ada.roles, [SigningRole::Author, SigningRole::Reviewer]);
    }

    #[test]
    fn one_key_never_stands_under_two_people() {
        let mut roster = with_ada();
        let ben = Member {
            person: "ben".parse().unwrap(),
            ..ada()
        };
        assert!(
            add_member(&mut roster, &ben, NOW)
                .unwrap_err()
                .to_string()
                .contains("under ada")
        );
    }

    #[test]
    fn someone_new_needs_role_customers_and_key() {
        for lacking in [
            Member {
                roles: vec![],
                ..ada()
            },
            Member {
                customers: None,
                ..ada()
            },
            Member { key: None, ..ada() },
        ] {
            let mut roster = new_roster(1, End::In(1000), NOW);
            assert!(matches!(
                add_member(&mut roster, &lacking, NOW),
                Err(Error::Usage { .. })
            ));
            assert!(roster.people.is_empty());
        }
    }

    #[test]
    fn a_person_or_one_key_is_taken_out() {
        let mut roster = with_ada();
        let person = "ada".parse().unwrap();
        assert!(remove_member(&mut roster, &person, Some(&key(7).id())).is_err());
        remove_member(&mut roster, &person, Some(&key(1).id())).unwrap();
        assert!(roster.people[0].keys.is_empty());
        remove_member(&mut roster, &person, None).unwrap();
        assert!(remove_member(&mut roster, &person, None).is_err());
    }

    #[test]
    fn a_renewed_roster_has_the_next_version_and_the_same_people() {
        let before = with_ada();
        let next = renew_roster(&before, End::In(5), NOW.plus_ms(100));
        assert_eq!((next.version, next.expires_at), (2, NOW.plus_ms(105)));
        assert_eq!(next.people, before.people);
    }
}
