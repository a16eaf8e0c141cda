//! Whether a chain is what it was, and the digest that ties all chains to the house's.
use boathook_hooks::{ids::Digest, time::Time};
use bson::doc;
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use super::{StoredEvent, chained, decode_personal, head, holds};
use crate::{
    Actor, Answer, BrokenChain, Chain, ChainVerdict, EventKind, Head, NewEvent, Refused, Scope,
    Write, codec,
    embedded::{
        Embedded,
        rows::{digest, uint},
        tx::{Stop, ensure},
    },
    verbs::Read,
};

fn verify(conn: &Connection, chain: &Chain, against: Option<&Head>) -> Result<ChainVerdict, Stop> {
    let broken = |at, why| Ok(ChainVerdict::Broken { at, why });
    let said = head(conn, chain)?;
    let mut last = Head::default();
    let mut met = against.is_none_or(|a| *a == Head::default());
    let mut statement = conn.prepare_cached(
        "SELECT number, hash, stored, personal, at, kind, person FROM events WHERE chain = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query(params![chain.to_string()])?;
    while let Some(row) = rows.next()? {
        let number = uint(row.get(0)?);
        let bytes: Vec<u8> = row.get(2)?;
        if number != last.number + 1 {
            return broken(last.number + 1, BrokenChain::Missing);
        }
        let hash = chained(&last.hash, number, &bytes);
        if hash != digest(&row.get::<_, Vec<u8>>(1)?)? {
            return broken(number, BrokenChain::Hash);
        }
        let stored: StoredEvent = codec::decode("event", &bytes)?;
        // Who did it stands here: no verb erases it, so that where it is gone somebody else took it away.
        let personal: Option<Vec<u8>> = row.get(3)?;
        if stored.personal != personal.as_deref().map(Digest::of) {
            return broken(number, BrokenChain::Personal);
        }
        let personal = personal.as_deref().map_or(Ok(None), decode_personal)?;
        let person = personal.and_then(|p| p.actor);
        // Lists are read by these columns: what is listed wrongly is hidden as well as what is missing.
        let listed = (
            Time::from_ms(row.get(4)?),
            row.get::<_, String>(5)?,
            row.get::<_, Option<String>>(6)?,
        );
        let person = match person {
            Some(Actor::Person(id)) => Some(id.to_string()),
            _ => None,
        };
        if listed != (stored.at, stored.kind.to_string(), person) {
            return broken(number, BrokenChain::Listed);
        }
        last = Head { number, hash };
        match against {
            Some(a) if a.number == number => {
                if *a != last {
                    return broken(number, BrokenChain::Against);
                }
                met = true;
            }
            _ => {}
        }
    }
    if last.number < said.number {
        return broken(last.number + 1, BrokenChain::Missing);
    }
    if last != said {
        return broken(last.number, BrokenChain::Head);
    }
    match against {
        Some(a) if !met => broken(a.number, BrokenChain::Against),
        _ => Ok(ChainVerdict::Whole { head: last }),
    }
}

impl Embedded {
    pub(crate) async fn verify_chain(
        &self,
        scope: &Scope,
        chain: &Chain,
        against: Option<Head>,
    ) -> Read<ChainVerdict> {
        let (allowed, chain) = (holds(scope, chain), chain.clone());
        self.read("verify_chain", move |conn| {
            if !allowed {
                let head = Head::default();
                return Ok(ChainVerdict::Whole { head });
            }
            verify(conn, &chain, against.as_ref())
        })
        .await
    }

    pub(crate) async fn digest_heads(&self, scope: &Scope, write: Write) -> Answer<Head> {
        let allowed = scope.holds_house();
        self.write("digest_heads", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut hash = Sha256::new();
            let mut chains = 0;
            let mut statement = tx.conn.prepare_cached(
                "SELECT chain, number, hash FROM chains WHERE chain <> 'house' ORDER BY chain",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                // The zero ends the name: no name holds one, so no two lists of heads give the same bytes.
                hash.update(row.get::<_, String>(0)?.as_bytes());
                hash.update([0]);
                hash.update(uint(row.get(1)?).to_be_bytes());
                hash.update(row.get::<_, Vec<u8>>(2)?);
                chains += 1;
            }
            let mut event = NewEvent::new(EventKind::HEADS_DIGESTED);
            event.details = doc! {
                "chains": chains,
                "digest": Digest(hash.finalize().into()).to_string(),
            };
            tx.event(&Chain::House, event)
        })
        .await
    }
}
