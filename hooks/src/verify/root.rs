//! Roots: sound in themselves, signed by the thresholds of the one before and of themselves.
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    documents::{
        Document,
        root::{Holder, Holders, Root},
    },
    envelope::Envelope,
    ids::{Digest, PersonId},
    keys::PublicKey,
    strict,
    time::DAY,
    verify::Refusal,
};

const LONGEST_DAYS: i64 = 366;

/// Different people among `holders` who signed `envelope`; a key or a person twice counts once.
pub(super) fn people_of(
    envelope: &Envelope,
    holders: &[Holder],
    revoked: impl Fn(&Holder) -> bool,
) -> BTreeSet<PersonId> {
    holders
        .iter()
        .filter(|h| !revoked(h) && envelope.is_signed_by(&h.key))
        .map(|h| h.person.clone())
        .collect()
}

/// A root whose signatures by its own root holders and by `before`'s were counted.
pub(super) fn check(envelope: &Envelope, before: Option<&Root>) -> Result<Root, Refusal> {
    envelope.expect_type(Root::PAYLOAD_TYPE)?;
    // A new root names the keys that must have signed it, so it is read before they are counted; nothing of it is
    // used until both thresholds are met.
    let root: Root =
        strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT).map_err(|source| {
            Refusal::Unreadable {
                document: "root",
                source,
            }
        })?;
    if let Some(before) = before {
        enough(envelope, before, root.version)?;
        dropped_revokers_end(&root, before)?;
        let expected = before.version + 1;
        if root.version != expected {
            return Err(Refusal::RootVersion {
                expected,
                found: root.version,
            });
        }
    }
    enough(envelope, &root, root.version)?;
    sound(&root)?;
    Ok(root)
}

fn enough(envelope: &Envelope, by: &Root, version: u64) -> Result<(), Refusal> {
    let found = people_of(envelope, &by.root.keys, |_| false).len() as u32;
    if found < by.root.threshold || by.root.threshold == 0 {
        return Err(Refusal::RootPeople {
            version,
            by: by.version,
            needed: by.root.threshold,
            found,
        });
    }
    Ok(())
}

fn sound(root: &Root) -> Result<(), Refusal> {
    let unsound = |what: &str| {
        Err(Refusal::Unsound {
            document: "root",
            what: what.to_owned(),
        })
    };
    critical("root", &root.critical)?;
    if root.version == 0 {
        return unsound("version must be 1 or more");
    }
    if root.expires_at <= root.issued_at
        || root.expires_at.since(root.issued_at) > LONGEST_DAYS * DAY
    {
        return unsound("expires_at must be at most a year after issued_at");
    }
    for (field, holders) in [("root", &root.root), ("admission", &root.admission)] {
        if holders.threshold == 0 || people(holders) < holders.threshold as usize {
            return Err(Refusal::Unsound {
                document: "root",
                what: format!("{field}.threshold must be 1 to the number of its people"),
            });
        }
    }
    if root.online.is_empty() {
        return unsound("online must name at least one key");
    }
    let b = &root.bounds;
    if b.hook_people == 0
        || b.places == 0
        || b.packet_bytes == 0
        || b.hook_days == 0
        || b.roster_days == 0
    {
        return unsound("bounds must be 1 or more");
    }
    if b.places > 10_000 {
        return unsound("bounds.places must be at most 10,000");
    }
    if b.ordinary_paths
        .iter()
        .any(|p| !p.starts_with('/') || p.split('/').any(|c| c == ".." || c == "."))
    {
        return unsound("bounds.ordinary_paths must be absolute directories");
    }
    last_revocations(root)?;
    one_person_a_key(root)
}

/// A key under two people would let one person count as two; an online key among people would let the server count.
fn one_person_a_key(root: &Root) -> Result<(), Refusal> {
    let mut owner: BTreeMap<PublicKey, &PersonId> = BTreeMap::new();
    let holders = [&root.root.keys, &root.admission.keys, &root.revokers];
    for holder in holders.into_iter().flatten() {
        if owner
            .insert(holder.key, &holder.person)
            .is_some_and(|p| *p != holder.person)
        {
            return Err(Refusal::Unsound {
                document: "root",
                what: "one key stands under two people".into(),
            });
        }
    }
    if root.online.iter().any(|key| owner.contains_key(key)) {
        return Err(Refusal::Unsound {
            document: "root",
            what: "an online key stands under a person".into(),
        });
    }
    Ok(())
}

/// A revoker who is dropped must have a last revocation: what they signed would count without end.
fn dropped_revokers_end(root: &Root, before: &Root) -> Result<(), Refusal> {
    let unsound = |what: String| {
        Err(Refusal::Unsound {
            document: "root",
            what,
        })
    };
    match root.dropped_without_end(before).first() {
        Some(key) => unsound(format!(
            "the revoker {} is dropped, and last_revocations does not say which of theirs is the last that counts",
            key.short()
        )),
        None => Ok(()),
    }
}

/// One number for each revoker, and none for who may still revoke.
fn last_revocations(root: &Root) -> Result<(), Refusal> {
    let mut seen: BTreeSet<Digest> = root.revokers.iter().map(|h| h.key.id()).collect();
    if root.last_revocations.iter().all(|l| seen.insert(l.revoker)) {
        return Ok(());
    }
    Err(Refusal::Unsound {
        document: "root",
        what: "last_revocations must name each dropped revoker once, and no revoker of this root"
            .into(),
    })
}

fn people(holders: &Holders) -> usize {
    holders
        .keys
        .iter()
        .map(|h| &h.person)
        .collect::<BTreeSet<_>>()
        .len()
}

/// No extension is known yet, so none may be critical.
pub(super) fn critical(document: &'static str, names: &[String]) -> Result<(), Refusal> {
    names.first().map_or(Ok(()), |name| {
        Err(Refusal::CriticalExtension {
            document,
            name: name.chars().take(80).collect(),
        })
    })
}
