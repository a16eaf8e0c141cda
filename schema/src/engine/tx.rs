//! One write's hands: what it reads, the rows of its one aggregate that it changes, and what follows from that.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{Blob, CustomerId},
    time::Time,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    effects::{Effect, ErasureNote, Step},
    events,
    keys::{At, Home, List},
    look::{Found, Look, Need, Stored},
    stop::Stop,
};
use crate::{Chain, Change, NewEvent, Write, codec};

pub(crate) struct Tx<'a> {
    look: &'a mut dyn Look,
    pub(crate) write: &'a Write,
    /// The one aggregate that this write may change.
    pub(crate) home: Home,
    /// Whether this may be a repeat of a write whose effects were cut off.
    pub(crate) again: bool,
    /// Rows to be put, or taken away.
    pub(super) puts: BTreeMap<String, Option<Vec<u8>>>,
    pub(super) effects: Vec<Effect>,
    /// Immutable entries that must be there before the change is: harmless without it.
    pub(super) before: Vec<Effect>,
    /// What the backend remembers of earlier answers goes, too, where it keeps them apart.
    pub(super) forgets: bool,
}

impl Look for Tx<'_> {
    fn find(&mut self, need: Need) -> Result<Found, Stop> {
        match &need {
            Need::Row(at) if at.home == self.home => {
                if let Some(put) = self.puts.get(&at.row) {
                    return Ok(Found::Row(put.clone()));
                }
                self.look.find(need)
            }
            Need::Rows {
                home,
                from,
                to,
                limit,
            } if *home == self.home => {
                let own: Vec<_> = self
                    .puts
                    .range(from.clone()..to.clone())
                    .map(|(row, body)| (row.clone(), body.clone()))
                    .collect();
                if own.is_empty() {
                    return self.look.find(need);
                }
                // What was taken away here makes room for what comes behind it.
                let gone = own.iter().filter(|(_, body)| body.is_none()).count();
                let wider = Need::Rows {
                    home: home.clone(),
                    from: from.clone(),
                    to: to.clone(),
                    limit: limit.saturating_add(gone),
                };
                let limit = *limit;
                let Found::Rows(rows) = self.look.find(wider)? else {
                    return Ok(Found::Rows(Vec::new()));
                };
                let mut all: BTreeMap<String, Vec<u8>> = rows.into_iter().collect();
                for (row, body) in own {
                    match body {
                        Some(body) => all.insert(row, body),
                        None => all.remove(&row),
                    };
                }
                Ok(Found::Rows(all.into_iter().take(limit).collect()))
            }
            _ => self.look.find(need),
        }
    }
}

impl<'a> Tx<'a> {
    pub(super) fn new(look: &'a mut dyn Look, write: &'a Write, home: Home, again: bool) -> Self {
        Self {
            look,
            write,
            home,
            again,
            puts: BTreeMap::new(),
            effects: Vec::new(),
            before: Vec::new(),
            forgets: false,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.write.now
    }

    pub(crate) fn here(&self, row: &str) -> At {
        self.home.at(row)
    }

    pub(crate) fn put<T: Serialize>(
        &mut self,
        what: &'static str,
        row: &str,
        value: &T,
    ) -> Result<(), Stop> {
        let bytes = codec::encode(what, value)?;
        self.put_bytes(row, bytes);
        Ok(())
    }

    pub(crate) fn save<T: Serialize + DeserializeOwned>(
        &mut self,
        row: &str,
        stored: &Stored<T>,
    ) -> Result<(), Stop> {
        let bytes = stored.bytes()?;
        self.put_bytes(row, bytes);
        Ok(())
    }

    pub(crate) fn put_bytes(&mut self, row: &str, bytes: Vec<u8>) {
        self.puts.insert(row.to_owned(), Some(bytes));
    }

    pub(crate) fn delete(&mut self, row: &str) {
        self.puts.insert(row.to_owned(), None);
    }

    /// A projection's entry. Of two changes of this aggregate the later one's entry stands, whoever writes it first.
    pub(crate) fn list_bytes(&mut self, list: List, part: &str, sort: &str, body: Vec<u8>) {
        self.effects.push(Effect::List {
            list,
            part: part.to_owned(),
            sort: sort.to_owned(),
            body: Some(Blob(body)),
            stamp: None,
        });
    }

    pub(crate) fn list_put<T: Serialize>(
        &mut self,
        list: List,
        part: &str,
        sort: &str,
        what: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let body = codec::encode(what, value)?;
        self.list_bytes(list, part, sort, body);
        Ok(())
    }

    pub(crate) fn unlist(&mut self, list: List, part: &str, sort: &str) {
        self.effects.push(Effect::List {
            list,
            part: part.to_owned(),
            sort: sort.to_owned(),
            body: None,
            stamp: None,
        });
    }

    /// An entry that belongs to no aggregate's version: the highest stamp stands.
    pub(crate) fn list_stamped(
        &mut self,
        list: List,
        part: &str,
        sort: &str,
        body: Option<Vec<u8>>,
        stamp: u64,
    ) {
        self.effects.push(Effect::List {
            list,
            part: part.to_owned(),
            sort: sort.to_owned(),
            body: body.map(Blob),
            stamp: Some(stamp),
        });
    }

    /// An immutable entry that is durable before the change is.
    pub(crate) fn before(&mut self, list: List, part: &str, sort: &str, body: Vec<u8>) {
        self.before.push(Effect::List {
            list,
            part: part.to_owned(),
            sort: sort.to_owned(),
            body: Some(Blob(body)),
            stamp: Some(1),
        });
    }

    pub(crate) fn control(&mut self, change: Change) {
        self.effects.push(Effect::Control { change, note: None });
    }

    /// The same, and the number is noted in that revision.
    pub(crate) fn control_noted(&mut self, change: Change, revision: boathook_hooks::ids::Digest) {
        self.effects.push(Effect::Control {
            change,
            note: Some(revision),
        });
    }

    /// A change of another aggregate that follows from this one.
    pub(crate) fn then(&mut self, step: Step) {
        self.effects.push(Effect::Then(Box::new(step)));
    }

    /// Appends to one chain.
    pub(crate) fn event(&mut self, chain: &Chain, event: NewEvent) -> Result<(), Stop> {
        self.event_noted(chain, event, None)
    }

    /// The same, and what was erased notes the head.
    pub(crate) fn event_noted(
        &mut self,
        chain: &Chain,
        event: NewEvent,
        note: Option<ErasureNote>,
    ) -> Result<(), Stop> {
        let entry = events::entry(self.write, self.effects.len(), event)?;
        self.effects.push(Effect::Event {
            chain: chain.to_string(),
            entry: Box::new(entry),
            note: note.map(Box::new),
        });
        Ok(())
    }

    /// Takes away what this aggregate remembers of answers that it gave, which tell what it was. Nothing may be owed: what a
    /// write of before owes still is told with its answer. See [`Table::forgets`].
    pub(crate) fn forget_answers(&mut self) -> Result<(), Stop> {
        let home = self.home.clone();
        for (row, _) in self.rows_of(&home, "p/", 10_000)? {
            self.delete(&row);
        }
        self.forgets = true;
        Ok(())
    }

    /// In each customer's chain, or the house's when there is none.
    pub(crate) fn event_for(
        &mut self,
        customers: &[CustomerId],
        event: &NewEvent,
    ) -> Result<(), Stop> {
        if customers.is_empty() {
            self.event(&Chain::House, event.clone())?;
        }
        for customer in customers {
            self.event(&Chain::Customer(customer.clone()), event.clone())?;
        }
        Ok(())
    }

    pub(super) fn changes_nothing(&self) -> bool {
        self.puts.is_empty() && self.effects.is_empty()
    }
}
