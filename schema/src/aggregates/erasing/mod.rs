//! Erasing: what is kept in place of a record, its list, the end and the receipt. How each kind begins stands in a file
//! of its own.
mod answers;
mod beginning;
mod finishing;
mod reading;

use boathook_hooks::ids::InstanceId;
use bson::{Bson, Document, RawDocument};
use serde::{Deserialize, Serialize};

use crate::{
    Chain, ErasedKind, Erasure, EventKind, NewEvent, Refs, Refused, Scope, StoreError, codec,
    engine::{
        At, HEAD, Home, List, Look, Stop, Table, Tx, ensure,
        keys::{newest_first, number_key},
    },
};

pub(super) use beginning::erase_arriving;
pub(crate) use finishing::note;

/// The part of the list of what is not finished.
const OPEN: &str = "open";
/// Characters of the reason.
const LONGEST_WHY: usize = 1_000;
/// What the event of an instance's erasing tells of: numbers of events whose personal details went.
const PERSONAL: &str = "personal";

/// What stands in place of a record.
#[derive(Serialize, Deserialize)]
struct Tombstone {
    erased: Erasure,
}

pub(crate) fn home(kind: ErasedKind, id: &str) -> Home {
    match kind {
        ErasedKind::Packet => Home::new(Table::Packets, id),
        ErasedKind::Instance => Home::new(Table::Instances, id),
    }
}

/// What stands there if the record was erased.
pub(super) fn erased(look: &mut (impl Look + ?Sized), head: &At) -> Result<Option<Erasure>, Stop> {
    let Some(body) = look.bytes(head)? else {
        return Ok(None);
    };
    let unread = |e: bson::error::Error| StoreError::Record {
        what: "record",
        source: Box::new(e),
    };
    let document = RawDocument::from_bytes(&body).map_err(unread)?;
    if document.get("erased").map_err(unread)?.is_none() {
        return Ok(None);
    }
    let stands: Tombstone = codec::decode("tombstone", &body)?;
    Ok(Some(stands.erased))
}

/// Whether a record's bytes are those of what was erased.
pub(crate) fn is_tombstone(body: &[u8]) -> bool {
    let erased = RawDocument::from_bytes(body).and_then(|d| d.get("erased").map(|e| e.is_some()));
    erased.unwrap_or(false)
}

/// Nobody brings back what was erased.
pub(super) fn not_erased(look: &mut (impl Look + ?Sized), head: &At) -> Result<(), Stop> {
    match erased(look, head)? {
        Some(erasure) => Err(Refused::Erased { at: erasure.begun }.into()),
        None => Ok(()),
    }
}

/// Where it stands that an instance was erased.
pub(super) fn at_instance(id: &InstanceId) -> At {
    home(ErasedKind::Instance, id.as_str()).head()
}

/// Nothing comes from an instance that was erased. Another aggregate may read this alone before the erasing begins and be
/// written after: `erase_answers` changes each revision that holds a claim of the instance, so that such a write decides again.
pub(super) fn instance_stands(
    look: &mut (impl Look + ?Sized),
    id: &InstanceId,
) -> Result<(), Stop> {
    not_erased(look, &at_instance(id))
}

fn key(erasure: &Erasure) -> String {
    format!("{}\u{1}{}", erasure.kind, erasure.id)
}

/// For people and the system.
fn allowed(scope: &Scope, why: &str) -> Result<(), Stop> {
    ensure(!scope.is_agent(), Refused::OutOfScope)?;
    ensure(
        (1..=LONGEST_WHY).contains(&why.trim().chars().count()),
        Refused::Malformed(format!("why is 1 to {LONGEST_WHY} characters")),
    )
}

/// Puts it in place of the record, and where it is listed now.
fn put(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), Stop> {
    let stands = Tombstone {
        erased: erasure.clone(),
    };
    tx.put("tombstone", HEAD, &stands)?;
    list(tx, erasure)
}

/// Where an erasing should be listed as it stands now.
pub(super) fn list(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), Stop> {
    let sort = format!("{}\u{1}{}", newest_first(erasure.begun), key(erasure));
    for part in ["*".to_owned(), format!("customer/{}", erasure.customer)] {
        tx.list_put(List::Erased, &part, &sort, "erasure", erasure)?;
    }
    let begun = number_key(u64::try_from(erasure.begun.ms()).unwrap_or(0));
    let sort = format!("{begun}\u{1}{}", key(erasure));
    match &erasure.head {
        None => tx.list_put(List::Erased, OPEN, &sort, "erasure", erasure)?,
        Some(_) => tx.unlist(List::Erased, OPEN, &sort),
    }
    Ok(())
}

fn event(kind: EventKind, erasure: &Erasure) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = match erasure.kind {
        ErasedKind::Packet => {
            let claim: Option<boathook_hooks::ids::ClaimId> = erasure.id.parse().ok();
            Refs {
                revision: claim.as_ref().map(|claim| claim.revision),
                instance: claim.as_ref().map(|claim| claim.instance.clone()),
                claim,
                ..Refs::default()
            }
        }
        ErasedKind::Instance => Refs {
            instance: erasure.id.parse().ok(),
            ..Refs::default()
        },
    };
    event.details.insert("kind", erasure.kind.word());
    event
}

fn chain(erasure: &Erasure) -> Chain {
    Chain::Customer(erasure.customer.clone())
}

/// The numbers of events that the event of an erasure tells of.
pub(super) fn personal_in(details: &Document) -> Vec<u64> {
    let numbers = details.get(PERSONAL).and_then(Bson::as_array);
    let number = |n: &Bson| n.as_i64().and_then(|n| u64::try_from(n).ok());
    numbers
        .map(|all| all.iter().filter_map(number).collect())
        .unwrap_or_default()
}
