//! What the lists should hold of one aggregate, beside what they hold.
use boathook_hooks::{ids::Digest, time::Time};

use super::{
    Engine,
    effects::Effect,
    keys::{Home, List, Table},
    look::{Look, Need},
    scan::Entry,
    stop::Stop,
    tx::Tx,
};
use crate::{
    Answer, Write,
    aggregates::relist::{may_linger, relist},
    engine::keys::HEAD,
    verbs::Read,
};

/// An entry's place: list, part, sort key.
pub(crate) type Place = (List, String, String);

fn expected(look: &mut dyn Look, home: &Home, now: Time) -> Result<Vec<(Place, Vec<u8>)>, Stop> {
    let write = Write::system(now);
    let mut tx = Tx::new(look, &write, home.clone(), false);
    relist(&mut tx)?;
    let entries = tx.effects.into_iter().filter_map(|effect| match effect {
        Effect::List {
            list,
            part,
            sort,
            body: Some(body),
            ..
        } => Some(((list, part, sort), body.0)),
        _ => None,
    });
    Ok(entries.collect())
}

impl Engine {
    /// Entries that an aggregate should have now, and that are not there or say something else.
    pub(crate) async fn behind(&self, home: Home, now: Time) -> Read<Vec<Place>> {
        self.read("check", move |look| {
            let wanted = expected(look, &home, now)?;
            let need = |((list, part, sort), _): &(Place, _)| Need::Entry {
                list: *list,
                part: part.clone(),
                sort: sort.clone(),
            };
            look.ahead(wanted.iter().map(need).collect())?;
            let mut behind = Vec::new();
            for (place, body) in wanted {
                if look.entry(place.0, &place.1, &place.2)?.as_ref() != Some(&body) {
                    behind.push(place);
                }
            }
            Ok(behind)
        })
        .await
    }

    /// Whether the aggregate that an entry tells of does not list it.
    pub(crate) async fn is_stray(&self, entry: &Entry, owner: Home, now: Time) -> Read<bool> {
        let place = (entry.list, entry.part.clone(), entry.sort.clone());
        self.read("check", move |look| {
            // It may have gone meanwhile.
            let there = look.entry(place.0, &place.1, &place.2)?.is_some();
            Ok(there
                && !may_linger(look, place.0, &owner)?
                && !expected(look, &owner, now)?
                    .iter()
                    .any(|(p, _)| *p == place))
        })
        .await
    }

    /// Puts a revision's envelope where it is read, as a change of the revision: later than whatever stands there now.
    pub(crate) async fn put_envelope(
        &self,
        digest: &Digest,
        bytes: Vec<u8>,
        now: Time,
    ) -> Answer<()> {
        let (home, part) = (Home::new(Table::Revisions, digest), digest.to_string());
        self.write("put_envelope", Write::system(now), home, move |tx| {
            let head = tx.here(HEAD);
            if let Some(bytes) = tx.bytes(&head)? {
                tx.put_bytes(HEAD, bytes);
            }
            tx.list_bytes(List::Envelopes, &part, "", bytes.clone());
            Ok(())
        })
        .await
    }

    /// Lists an aggregate again, as a change of it: later than whatever stands there now. `strays` go.
    pub(crate) async fn relist(&self, home: Home, strays: Vec<Entry>, now: Time) -> Answer<()> {
        self.write("relist", Write::system(now), home, move |tx| {
            let head = tx.here(HEAD);
            if let Some(bytes) = tx.bytes(&head)? {
                tx.put_bytes(HEAD, bytes);
            }
            for Entry {
                list,
                part,
                sort,
                stamp,
                ..
            } in &strays
            {
                // Of two with one stamp the removal stands.
                tx.list_stamped(*list, part, sort, None, *stamp);
            }
            relist(tx)
        })
        .await
    }
}
