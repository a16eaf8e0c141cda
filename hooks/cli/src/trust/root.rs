//! The first root, and the next ones.
use std::collections::{BTreeMap, BTreeSet};

use boathook_hooks::{
    documents::root::{Bounds, Holder, Holders, LastRevocation, Root, Undone},
    keys::{KeyId, PublicKey},
    time::{DAY, Time},
};

use crate::trust::End;

/// What people decide of a root. For root N+1 whatever is none or empty stays as root N has it.
#[derive(Clone, Debug, Default)]
pub struct RootPlan {
    pub root: Vec<Holder>,
    pub root_threshold: Option<u32>,
    pub admission: Vec<Holder>,
    pub admission_threshold: Option<u32>,
    pub revokers: Vec<Holder>,
    pub online: Vec<PublicKey>,
    pub bounds: BoundsPlan,
    pub undone: Vec<Undone>,
    /// The last revocations that count, of revokers who are dropped.
    pub last_revocations: Vec<LastRevocation>,
    /// None is a year.
    pub expires: Option<End>,
}

/// Bounds that differ from the defaults, or from root N.
#[derive(Clone, Debug, Default)]
pub struct BoundsPlan {
    pub hook_people: Option<u32>,
    pub places: Option<u32>,
    /// Bytes.
    pub packet_bytes: Option<u64>,
    pub hook_days: Option<u32>,
    pub roster_days: Option<u32>,
    pub template_days: Option<u32>,
    pub ordinary_paths: Vec<String>,
}

/// How long a root lives unless its plan says otherwise, in milliseconds.
const LIFE: i64 = 365 * DAY;
/// Two people, unless a plan says otherwise.
const THRESHOLD: u32 = 2;

/// Root 1, or with `previous` the next one. The verifier judges whether it is sound.
pub fn new_root(plan: &RootPlan, previous: Option<&Root>, now: Time) -> Root {
    let holders = |keys: &[Holder], threshold: Option<u32>, before: Option<&Holders>| Holders {
        threshold: threshold
            .or(before.map(|b| b.threshold))
            .unwrap_or(THRESHOLD),
        keys: or_before(keys, before.map(|b| &b.keys)),
    };
    let mut undone = previous.map(|p| p.undone.clone()).unwrap_or_default();
    undone.extend(
        plan.undone
            .iter()
            .filter(|u| !undone.contains(u))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let revokers = or_before(&plan.revokers, previous.map(|p| &p.revokers));
    let last_revocations = last_revocations(plan, previous, &revokers);
    Root {
        version: previous.map_or(1, |p| p.version + 1),
        issued_at: now,
        expires_at: plan.expires.unwrap_or(End::In(LIFE)).after(now),
        root: holders(&plan.root, plan.root_threshold, previous.map(|p| &p.root)),
        admission: holders(
            &plan.admission,
            plan.admission_threshold,
            previous.map(|p| &p.admission),
        ),
        revokers,
        online: or_before(&plan.online, previous.map(|p| &p.online)),
        bounds: bounds(
            &plan.bounds,
            previous.map(|p| p.bounds.clone()).unwrap_or_default(),
        ),
        undone,
        last_revocations,
        extensions: previous.map_or_else(BTreeMap::new, |p| p.extensions.clone()),
        critical: previous.map(|p| p.critical.clone()).unwrap_or_default(),
    }
}

/// As root N has them, where the plan says nothing else; a key that is a revoker again has none.
fn last_revocations(
    plan: &RootPlan,
    previous: Option<&Root>,
    revokers: &[Holder],
) -> Vec<LastRevocation> {
    let before = previous.map(|p| p.last_revocations.as_slice());
    let mut last: BTreeMap<KeyId, u64> = BTreeMap::new();
    for l in before
        .unwrap_or_default()
        .iter()
        .chain(&plan.last_revocations)
    {
        last.insert(l.revoker, l.number);
    }
    for revoker in revokers {
        last.remove(&revoker.key.id());
    }
    last.into_iter()
        .map(|(revoker, number)| LastRevocation { revoker, number })
        .collect()
}

/// What no signature could mend, as the verifier would say it after the last one.
pub fn root_fault(root: &Root) -> Option<String> {
    for (what, holders) in [("root", &root.root), ("admission", &root.admission)] {
        let people = holders
            .keys
            .iter()
            .map(|h| &h.person)
            .collect::<BTreeSet<_>>()
            .len();
        if holders.threshold == 0 || holders.threshold as usize > people {
            return Some(format!(
                "{} people must sign by {what} keys, and {people} hold one",
                holders.threshold
            ));
        }
    }
    let mut owners: BTreeMap<PublicKey, &Holder> = BTreeMap::new();
    for holder in [&root.root.keys, &root.admission.keys, &root.revokers]
        .into_iter()
        .flatten()
    {
        let before = owners.insert(holder.key, holder);
        if let Some(before) = before.filter(|b| b.person != holder.person) {
            return Some(format!(
                "{} and {} cannot have the same key",
                before.person, holder.person
            ));
        }
    }
    if root.online.iter().any(|key| owners.contains_key(key)) {
        return Some("the server's online key cannot be a person's".into());
    }
    let life = root.expires_at.since(root.issued_at);
    (life <= 0 || life > 366 * DAY).then(|| "a root lives at most a year".into())
}

fn or_before<T: Clone>(given: &[T], before: Option<&Vec<T>>) -> Vec<T> {
    match before {
        Some(before) if given.is_empty() => before.clone(),
        _ => given.to_vec(),
    }
}

fn bounds(plan: &BoundsPlan, before: Bounds) -> Bounds {
    Bounds {
        hook_people: plan.hook_people.unwrap_or(before.hook_people),
        places: plan.places.unwrap_or(before.places),
        packet_bytes: plan.packet_bytes.unwrap_or(before.packet_bytes),
        hook_days: plan.hook_days.unwrap_or(before.hook_days),
        roster_days: plan.roster_days.unwrap_or(before.roster_days),
        template_days: plan.template_days.unwrap_or(before.template_days),
        ordinary_paths: or_before(&plan.ordinary_paths, Some(&before.ordinary_paths)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{
        documents::Document as _,
        ids::Digest,
        keys::SecretKey,
        verify::{Refusal, TrustStore},
    };

    use super::*;

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    fn plan() -> RootPlan {
        let holder = |person: &str, n| Holder {
            person: person.parse().unwrap(),
            key: key(n).public(),
        };
        let two = vec![holder("ada", 1), holder("ben", 2)];
        RootPlan {
            root: two.clone(),
            admission: two.clone(),
            revokers: two,
            online: vec![key(9).public()],
            ..RootPlan::default()
        }
    }

    fn signed(root: &Root, keys: &[&SecretKey]) -> Vec<u8> {
        root.envelope(keys).unwrap().to_bson().unwrap()
    }

    #[test]
    fn two_people_make_a_root_that_the_verifier_takes_and_a_next_one() {
        let now = Time::from_ms(1_700_000_000_000);
        let first = new_root(&plan(), None, now);
        let fingerprint = Digest::of(&first.to_payload().unwrap());
        let mut trust = TrustStore::pin(&signed(&first, &[&key(1), &key(2)]), fingerprint).unwrap();
        let change = RootPlan {
            online: vec![key(8).public()],
            ..RootPlan::default()
        };
        let next = new_root(&change, Some(&first), now.plus_ms(DAY));
        trust.add_root(&signed(&next, &[&key(1), &key(2)])).unwrap();
        assert_eq!(
            (trust.root().version, trust.root().online.clone()),
            (2, vec![key(8).public()])
        );
        assert_eq!(
            (&next.root, &next.bounds),
            (&first.root, &first.bounds),
            "what was not named stays"
        );
    }

    #[test]
    fn one_signature_is_not_enough_by_default() {
        let root = new_root(&plan(), None, Time::from_ms(1));
        let fingerprint = Digest::of(&root.to_payload().unwrap());
        let refused = TrustStore::pin(&signed(&root, &[&key(1)]), fingerprint);
        assert!(matches!(
            refused,
            Err(Refusal::RootPeople {
                needed: 2,
                found: 1,
                ..
            })
        ));
    }

    #[test]
    fn what_the_verifier_would_refuse_is_said_before_anyone_signs() {
        let now = Time::from_ms(1);
        let root = |change: RootPlan| new_root(&change, None, now);
        assert_eq!(root_fault(&root(plan())), None);
        let one = |person: &str, n| Holder {
            person: person.parse().unwrap(),
            key: key(n).public(),
        };
        for (unsound, words) in [
            (
                RootPlan {
                    root: vec![one("ada", 1)],
                    ..plan()
                },
                "1 hold one",
            ),
            (
                RootPlan {
                    revokers: vec![one("eve", 1)],
                    ..plan()
                },
                "the same key",
            ),
            (
                RootPlan {
                    online: vec![key(1).public()],
                    ..plan()
                },
                "online key",
            ),
            (
                RootPlan {
                    expires: Some(End::In(400 * DAY)),
                    ..plan()
                },
                "a year",
            ),
        ] {
            let unsound = root(unsound);
            assert!(root_fault(&unsound).unwrap().contains(words));
            let fingerprint = Digest::of(&unsound.to_payload().unwrap());
            assert!(TrustStore::pin(&signed(&unsound, &[&key(1), &key(2)]), fingerprint).is_err());
        }
    }

    #[test]
    fn a_dropped_revokers_last_number_stays_and_goes_when_the_key_revokes_again() {
        let now = Time::from_ms(1);
        let first = new_root(&plan(), None, now);
        let (ada, ben) = (first.revokers[0].clone(), first.revokers[1].clone());
        let last = |number| LastRevocation {
            revoker: ada.key.id(),
            number,
        };
        let drop_ada = RootPlan {
            revokers: vec![ben.clone()],
            ..RootPlan::default()
        };
        let silent = new_root(&drop_ada, Some(&first), now);
        assert_eq!(silent.dropped_without_end(&first), [ada.key.id()]);
        let said = RootPlan {
            last_revocations: vec![last(4)],
            ..drop_ada
        };
        let second = new_root(&said, Some(&first), now);
        assert_eq!(second.last_revocations, [last(4)]);
        assert_eq!(second.dropped_without_end(&first), []);
        let third = new_root(&RootPlan::default(), Some(&second), now);
        assert_eq!(third.last_revocations, [last(4)]);
        let again = RootPlan {
            revokers: vec![ada, ben],
            ..RootPlan::default()
        };
        assert_eq!(new_root(&again, Some(&third), now).last_revocations, []);
    }

    #[test]
    fn what_a_root_undid_stays_undone_in_the_next() {
        let undone = |number| Undone {
            revoker: Digest::of(b"r"),
            number,
        };
        let first = new_root(
            &RootPlan {
                undone: vec![undone(1)],
                ..plan()
            },
            None,
            Time::from_ms(1),
        );
        let change = RootPlan {
            undone: vec![undone(1), undone(2)],
            ..RootPlan::default()
        };
        assert_eq!(
            new_root(&change, Some(&first), Time::from_ms(2)).undone,
            [undone(1), undone(2)]
        );
    }
}
