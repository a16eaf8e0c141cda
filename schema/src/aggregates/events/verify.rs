//! Whether a chain is what it was, and the digest that ties all chains to the house's.
use std::collections::BTreeSet;

use boathook_hooks::ids::Digest;
use bson::doc;
use sha2::{Digest as _, Sha256};

use super::{heads::listed_heads, holds, loose, reading::number_of, told};
use crate::{
    Actor, Answer, BrokenChain, Chain, ChainVerdict, EventKind, Head, NewEvent, Refused, Scope,
    Write,
    aggregates::erasing,
    codec,
    engine::{
        Engine, List, Stop, Tx, ensure,
        events::{
            END, EventRow, StoredEvent, bucket, bucket_of, chained, decode_personal, event_row,
        },
        look::{Rows, beyond},
    },
    verbs::Read,
};

/// Events that are in memory at once.
const READ: usize = 256;

/// What does not fit, and where.
type Break = (u64, BrokenChain);

/// A walk along a chain.
struct Walk<'a> {
    last: Head,
    against: Option<&'a Head>,
    met: bool,
    /// Events without what lay beside them, until one that comes later tells that it was erased.
    wiped: BTreeSet<u64>,
}

impl Walk<'_> {
    /// The next event of the chain; what is wrong with it, if anything.
    fn next(&mut self, number: u64, row: &EventRow) -> Result<Option<Break>, Stop> {
        let broken = |why| Ok(Some((number, why)));
        if number != self.last.number + 1 {
            return Ok(Some((self.last.number + 1, BrokenChain::Missing)));
        }
        let EventRow { hash, entry } = row;
        if *hash != chained(&self.last.hash, number, &entry.stored.0) {
            return broken(BrokenChain::Hash);
        }
        let stored: StoredEvent = codec::decode("event", &entry.stored.0)?;
        // Who did it stands here. Where it is gone, an erasure tells so later in the chain, or somebody else took it away.
        let salted = entry.personal.as_ref().map(|p| p.0.as_slice());
        if stored.personal.is_some() && salted.is_none() {
            self.wiped.insert(number);
        } else if stored.personal != salted.map(Digest::of) {
            return broken(BrokenChain::Personal);
        }
        if stored.kind == EventKind::INSTANCE_ERASED {
            for told in erasing::personal_in(&stored.details) {
                self.wiped.remove(&told);
            }
        }
        let personal = salted.map_or(Ok(None), decode_personal)?;
        let person = match personal.and_then(|p| p.actor) {
            Some(Actor::Person(id)) => Some(id.to_string()),
            _ => None,
        };
        // Lists are made of these: what is listed wrongly is hidden as well as what is missing.
        if (entry.at, &entry.kind, &entry.person) != (stored.at, &stored.kind, &person) {
            return broken(BrokenChain::Listed);
        }
        self.last = Head {
            number,
            hash: *hash,
        };
        match self.against {
            Some(a) if a.number == number => {
                self.met = *a == self.last;
                Ok((!self.met).then_some((number, BrokenChain::Against)))
            }
            _ => Ok(None),
        }
    }

    /// Rows of events, in order.
    fn over(&mut self, rows: &Rows) -> Result<Option<Break>, Stop> {
        for (key, body) in rows {
            let row = codec::decode("event", body)?;
            if let Some(found) = self.next(number_of(key), &row)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Engine {
    /// Where the events of a partition end, as it says itself.
    async fn end_of(&self, chain: &str, at: u64) -> Read<Option<Head>> {
        let end = bucket(chain, at).at(END);
        self.read("verify_chain", move |look| look.record("head", &end))
            .await
    }

    /// Partition by partition, never the whole chain at once. It may grow meanwhile: what a partition says before its
    /// events are read must be there, and what is there must be what it says afterwards.
    async fn walk(&self, chain: &str, walk: &mut Walk<'_>) -> Read<Option<Break>> {
        let failed = |stop: Stop| stop.into_error("verify_chain");
        let name = chain.to_owned();
        let listed: Option<Head> = self
            .read("verify_chain", move |look| {
                let entry = look.entry(List::Heads, "", &name)?;
                Ok(entry.map(|b| codec::decode("head", &b)).transpose()?)
            })
            .await?;
        for at in 0.. {
            let said = self.end_of(chain, at).await?;
            let begin = walk.last.number;
            loop {
                let (home, from) = (bucket(chain, at), event_row(walk.last.number + 1));
                let rows: Rows = self
                    .read("verify_chain", move |look| {
                        look.rows(&home, &from, &beyond("e/"), READ)
                    })
                    .await?;
                if let Some(found) = walk.over(&rows).map_err(failed)? {
                    return Ok(Some(found));
                }
                if rows.len() < READ {
                    break;
                }
            }
            let now = self.end_of(chain, at).await?;
            let (last, empty) = (&walk.last, walk.last.number == begin);
            if said.as_ref().is_some_and(|s| s.number > last.number) {
                return Ok(Some((last.number + 1, BrokenChain::Missing)));
            }
            match &now {
                None if empty => break,
                // It grew, which the next look at it finds; the events that were read stand.
                Some(now) if now.number > last.number => {}
                Some(now) if now == last => {}
                _ => return Ok(Some((last.number, BrokenChain::Head))),
            }
            if bucket_of(last.number + 1) == at {
                break;
            }
        }
        let last = &walk.last;
        Ok(match listed {
            Some(listed) if listed.number > last.number => {
                Some((last.number + 1, BrokenChain::Missing))
            }
            _ => None,
        })
    }

    pub(crate) async fn verify_chain(
        &self,
        scope: &Scope,
        chain: &Chain,
        against: Option<Head>,
    ) -> Read<ChainVerdict> {
        let mut walk = Walk {
            last: Head::default(),
            against: against.as_ref(),
            met: against.as_ref().is_none_or(|a| *a == Head::default()),
            wiped: BTreeSet::new(),
        };
        if !holds(scope, chain) {
            return Ok(ChainVerdict::Whole { head: walk.last });
        }
        if let Some((at, why)) = self.walk(&chain.to_string(), &mut walk).await? {
            return Ok(ChainVerdict::Broken { at, why });
        }
        if let Some(at) = walk.wiped.pop_first() {
            let why = BrokenChain::Personal;
            return Ok(ChainVerdict::Broken { at, why });
        }
        Ok(match &against {
            Some(a) if !walk.met => ChainVerdict::Broken {
                at: a.number,
                why: BrokenChain::Against,
            },
            _ => ChainVerdict::Whole { head: walk.last },
        })
    }

    pub(crate) async fn digest_heads(&self, scope: &Scope, write: Write) -> Answer<Head> {
        let (allowed, home) = (scope.holds_house(), loose(&write));
        let body = move |tx: &mut Tx<'_>| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut hash = Sha256::new();
            let mut chains: i64 = 0;
            let mut after = String::new();
            loop {
                let heads = listed_heads(tx, &after, 1_000)?;
                for (name, head) in &heads {
                    // The zero ends the name: no name holds one, so no two lists of heads give the same bytes.
                    hash.update(name.as_bytes());
                    hash.update([0]);
                    hash.update(head.number.to_be_bytes());
                    hash.update(head.hash.0);
                    chains += 1;
                }
                match heads.last() {
                    Some((name, _)) if heads.len() == 1_000 => after.clone_from(name),
                    _ => break,
                }
            }
            let mut event = NewEvent::new(EventKind::HEADS_DIGESTED);
            event.details = doc! {
                "chains": chains,
                "digest": Digest(hash.finalize().into()).to_string(),
            };
            tx.event(&Chain::House, event)?;
            Ok(Head::default())
        };
        self.write_told("digest_heads", write, home, body, told)
            .await
    }
}
