//! How an erasing ends: an event tells it, what was erased notes the head after that event, and only then goes what lies
//! beside the chain: so a chain without it always tells why.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bson::Bson;

use super::{PERSONAL, chain, erased, event, home, put};
use crate::{
    Answer, ErasedKind, Erasure, ErasureReceipt, EventKind, Head, Outcome, Refused, Scope,
    StoreError, Write,
    engine::{
        Applied, Engine, ErasureNote, HEAD, List, Look, Need, Step, Stop, Tx, ensure,
        events::{EventRow, bucket, bucket_of, event_row, head},
        listed::{listed_in, listed_next},
        not_found,
    },
    verbs::Read,
};

/// Events of one instance that people said something in, at most.
const MOST: usize = 10_000;
/// How often a head that is on its way is looked for.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// Events in which people said something of the instance itself. Who read its packets stays: that is said of people.
fn is_of_it(kind: &EventKind) -> bool {
    [
        EventKind::INSTANCE_CONFIRMED,
        EventKind::INSTANCE_SUSPENDED,
        EventKind::INSTANCE_RESUMED,
        EventKind::INSTANCE_RETIRED,
    ]
    .contains(kind)
}

fn told(receipt: &mut ErasureReceipt, applied: &Applied) {
    if let (true, Some(head)) = (receipt.head == Head::default(), &applied.head) {
        receipt.head = head.clone();
    }
}

/// The event is there.
pub(crate) fn note(tx: &mut Tx<'_>, note: &ErasureNote, head: &Head) -> Result<(), Stop> {
    let at = tx.here(HEAD);
    let Some(mut erasure) = erased(tx, &at)?.filter(|e| e.head.is_none()) else {
        return Ok(());
    };
    erasure.head = Some(head.clone());
    put(tx, &erasure)?;
    let mut partitions: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for number in &note.personal {
        partitions
            .entry(bucket_of(*number))
            .or_default()
            .push(*number);
    }
    for numbers in partitions.into_values() {
        tx.then(Step::ErasePersonal {
            chain: note.chain.clone(),
            numbers,
        });
    }
    Ok(())
}

impl Engine {
    pub(crate) async fn finish_erasure(
        &self,
        scope: &Scope,
        write: Write,
        kind: ErasedKind,
        id: String,
    ) -> Answer<ErasureReceipt> {
        let patience = write.patience();
        let (scope, own) = (scope.clone(), id.clone());
        let body = move |tx: &mut Tx<'_>| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let at = tx.here(HEAD);
            let mut erasure = erased(tx, &at)?
                .filter(|erasure| scope.holds(&erasure.customer))
                .ok_or_else(|| not_found(kind.word()))?;
            if erasure.finished.is_some() {
                return Ok(erasure.receipt().unwrap_or_else(|| erasure.unrecorded()));
            }
            let mut personal = Vec::new();
            if kind == ErasedKind::Instance {
                let packets = tx.list(List::Packets, &format!("instance/{own}"), "", 1)?;
                ensure(packets.is_empty(), Refused::PacketsLeft)?;
                // What a server that died left would tell of it after this: its events are looked for once nothing is owed.
                ensure_nothing_owed(tx)?;
                tx.forget_answers()?;
                // It is retired, so nobody says anything of it any more.
                personal = said_of(tx, &erasure)?;
            }
            erasure.finished = Some(tx.now());
            put(tx, &erasure)?;
            let mut e = event(
                match kind {
                    ErasedKind::Packet => EventKind::PACKET_ERASED,
                    ErasedKind::Instance => EventKind::INSTANCE_ERASED,
                },
                &erasure,
            );
            e.details.insert("begun", erasure.begun.to_string());
            if let Some(packet) = &erasure.packet {
                e.bytes = packet.bytes;
                e.details.insert("sha256", packet.sha256.to_string());
                e.details.insert("chunks", packet.chunks);
            }
            if kind == ErasedKind::Instance {
                let number = |n: &u64| Bson::Int64(i64::try_from(*n).unwrap_or(i64::MAX));
                let numbers: Vec<Bson> = personal.iter().map(number).collect();
                e.details.insert(PERSONAL, numbers);
            }
            let chain = chain(&erasure);
            let note = ErasureNote {
                kind,
                id: own.clone(),
                chain: chain.to_string(),
                personal,
            };
            tx.event_noted(&chain, e, Some(note))?;
            Ok(erasure.unrecorded())
        };
        let home = home(kind, &id);
        let done = self.write_told("finish_erasure", write, home, body, told);
        let receipt = match done.await? {
            Outcome::Done(receipt) => receipt,
            refused @ Outcome::Refused(_) => return Ok(refused),
        };
        if receipt.head != Head::default() {
            return Ok(Outcome::Done(receipt));
        }
        let receipt = self.recorded(kind, id, patience).await?;
        Ok(Outcome::Done(receipt))
    }

    /// Another server finished it: its event may still be on its way.
    async fn recorded(
        &self,
        kind: ErasedKind,
        id: String,
        patience: Duration,
    ) -> Read<ErasureReceipt> {
        let operation = "finish_erasure";
        let until = Instant::now() + patience;
        loop {
            let found = self.erasure(&Scope::System, kind, &id).await?;
            match found.and_then(|erasure| erasure.receipt()) {
                Some(receipt) => return Ok(receipt),
                None if Instant::now() < until => tokio::time::sleep(ON_ITS_WAY).await,
                None => return Err(StoreError::TryAgain { operation }),
            }
        }
    }
}

/// Of this aggregate.
fn ensure_nothing_owed(tx: &mut Tx<'_>) -> Result<(), Stop> {
    let operation = "finish_erasure";
    let home = tx.home.clone();
    match tx.rows_of(&home, "o/", 1)?.is_empty() {
        true => Ok(()),
        false => Err(StoreError::TryAgain { operation }.into()),
    }
}

/// The events of its customer's chain in which people said something of an instance.
fn said_of(look: &mut dyn Look, erasure: &Erasure) -> Result<Vec<u64>, Stop> {
    let chain = chain(erasure).to_string();
    let last = head(look, &chain)?.number;
    let mut parts = Vec::new();
    let mut from = 1;
    while from <= last {
        parts.push(listed_in(&chain, "instance", &erasure.id, from));
        from = listed_next("instance", from);
    }
    let need = |part: &String| Need::List {
        list: List::EventsBy,
        part: part.clone(),
        after: String::new(),
        to: String::new(),
        limit: MOST,
    };
    look.ahead(parts.iter().map(need).collect())?;
    let mut numbers: Vec<u64> = Vec::new();
    for part in &parts {
        let keys = look.list(List::EventsBy, part, "", MOST)?;
        numbers.extend(keys.iter().filter_map(|(key, _)| key.parse::<u64>().ok()));
    }
    numbers.truncate(MOST);
    let at = |number: u64| bucket(&chain, bucket_of(number)).at(event_row(number));
    look.ahead(numbers.iter().map(|n| Need::Row(at(*n))).collect())?;
    let mut said = Vec::new();
    for number in numbers {
        let row: Option<EventRow> = look.record("event", &at(number))?;
        if row.is_some_and(|row| is_of_it(&row.entry.kind)) {
            said.push(number);
        }
    }
    Ok(said)
}
