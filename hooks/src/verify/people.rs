//! Counting people on a hook, not signatures: the author, reviewers of the customer, and where their keys are kept.
//! The server shows this as "people so far", the agent decides by it: one function for both.
use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    documents::{
        hook::{Hook, HookCustomers},
        roster::{KeyPlace, Roster, RosterPerson, SigningRole},
    },
    envelope::Envelope,
    ids::{CustomerId, PersonId},
    keys::KeyId,
    reach::{self, Reach},
    verify::{Refusal, TrustStore, revocations::Revocations},
};

/// One valid signature by a key of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    pub person: PersonId,
    pub keyid: KeyId,
    pub place: KeyPlace,
}

/// For whom the signatures must be good: one instance's customer, or all that the hook names.
#[derive(Clone, Debug)]
pub enum For<'a> {
    Customer(&'a CustomerId),
    AllOf(&'a HookCustomers),
}

impl For<'_> {
    fn allows(&self, person: &RosterPerson) -> bool {
        match self {
            Self::Customer(customer) => person.customers.holds(customer),
            Self::AllOf(HookCustomers::Only(list)) => {
                list.iter().all(|c| person.customers.holds(c))
            }
            Self::AllOf(HookCustomers::OptedIn) => {
                person.customers == crate::documents::roster::RosterCustomers::All
            }
        }
    }
}

/// How far a hook's signatures have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub signers: Vec<Signer>,
    /// People who count: the author and reviewers, each once.
    pub people: Vec<PersonId>,
    pub needed: u32,
    /// The first thing that is still missing, in words; none when the hook has all it needs.
    pub missing: Option<Refusal>,
}

/// Signatures of `envelope` by keys of the roster, each verified over these very bytes.
pub(super) fn signers(envelope: &Envelope, roster: &Roster) -> Vec<Signer> {
    let keys = roster
        .people
        .iter()
        .flat_map(|p| p.keys.iter().map(move |k| (p, k)));
    keys.filter(|(_, k)| envelope.is_signed_by(&k.key))
        .map(|(p, k)| Signer {
            person: p.person.clone(),
            keyid: k.key.id(),
            place: k.place,
        })
        .collect()
}

/// Whether the signers are enough people of the right roles for this hook and its reach; who counted.
pub(super) fn decide(
    hook: &Hook,
    signers: &[Signer],
    roster: &Roster,
    needed: u32,
    reach: &Reach,
    whom: &For<'_>,
) -> Result<Vec<PersonId>, Refusal> {
    let by_person: BTreeMap<&PersonId, &RosterPerson> =
        roster.people.iter().map(|p| (&p.person, p)).collect();
    let may = |person: &PersonId, role: SigningRole| {
        by_person
            .get(person)
            .is_some_and(|p| p.roles.contains(&role) && whom.allows(p))
    };
    if !signers.iter().any(|s| s.person == hook.author) {
        return Err(Refusal::AuthorMissing(hook.author.clone()));
    }
    if !may(&hook.author, SigningRole::Author) {
        return Err(Refusal::NotAnAuthor(hook.author.clone()));
    }
    let mut people = vec![hook.author.clone()];
    for signer in signers {
        if !people.contains(&signer.person) && may(&signer.person, SigningRole::Reviewer) {
            people.push(signer.person.clone());
        }
    }
    if (people.len() as u64) < u64::from(needed) {
        return Err(too_few(signers, &people, needed));
    }
    if let Reach::Wide(reasons) = reach {
        let elsewhere = signers
            .iter()
            .any(|s| s.place != KeyPlace::Browser && people.contains(&s.person));
        if !elsewhere {
            let reasons = reasons
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ");
            return Err(Refusal::WideNeedsOtherKey { reasons });
        }
    }
    Ok(people)
}

/// Why the people are not enough: what was tried is said, so that nobody has to guess.
fn too_few(signers: &[Signer], people: &[PersonId], needed: u32) -> Refusal {
    if let Some(other) = signers.iter().find(|s| !people.contains(&s.person)) {
        return Refusal::NotAReviewer {
            person: other.person.clone(),
            needed,
        };
    }
    match (people, signers.len()) {
        ([person], keys) if keys > 1 => Refusal::SamePerson {
            person: person.clone(),
            keys,
            needed,
        },
        _ => Refusal::TooFewPeople {
            needed,
            found: people.len() as u32,
        },
    }
}

/// `signers` without those whose key or person was revoked.
pub(super) fn standing(signers: &[Signer], revoked: &Revocations) -> Vec<Signer> {
    signers
        .iter()
        .filter(|s| revoked.of_key(&s.keyid).is_none() && revoked.of_person(&s.person).is_none())
        .cloned()
        .collect()
}

impl TrustStore {
    /// How far the signatures on a hook have come, for all customers it names. `hook` must be parsed from the
    /// envelope's payload.
    pub fn progress(&self, envelope: &Envelope, hook: &Hook) -> Result<Progress, Refusal> {
        let roster = self.roster().ok_or(Refusal::NoRoster)?;
        let needed = self.root().bounds.hook_people;
        let signers = standing(&signers(envelope, roster), &self.revocations);
        let reach = reach::of(hook, &self.root().bounds);
        let decided = decide(
            hook,
            &signers,
            roster,
            needed,
            &reach,
            &For::AllOf(&hook.customers),
        );
        let (people, missing) = match decided {
            Ok(people) => (people, None),
            Err(refusal) => {
                let mut people: Vec<PersonId> = signers.iter().map(|s| s.person.clone()).collect();
                people.sort();
                people.dedup();
                (people, Some(refusal))
            }
        };
        Ok(Progress {
            signers,
            people,
            needed,
            missing,
        })
    }
}
