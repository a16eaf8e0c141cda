//! Events: recorded, read, verified. An event of a change is written with it; see `engine::events` for the chains.
mod days;
mod heads;
mod hook_days;
mod reading;
#[cfg(all(test, feature = "contract"))]
mod tests;
mod verify;

use crate::{
    Answer, Chain, Head, NewEvent, Refused, Scope, Write,
    engine::{Applied, Engine, Home, Table, ensure},
};

pub(super) fn holds(scope: &Scope, chain: &Chain) -> bool {
    match chain {
        Chain::House => scope.holds_house(),
        Chain::Customer(id) => scope.holds(id),
    }
}

/// The home of a write that changes nothing but the audit.
pub(super) fn loose(write: &Write) -> Home {
    Home::new(Table::Loose, write.op_id.0)
}

pub(super) fn told(head: &mut Head, applied: &Applied) {
    if let Some(last) = &applied.head {
        head.clone_from(last);
    }
}

impl Engine {
    pub(crate) async fn record_event(
        &self,
        scope: &Scope,
        write: Write,
        chain: Chain,
        event: NewEvent,
    ) -> Answer<Head> {
        let (allowed, home) = (holds(scope, &chain), loose(&write));
        let body = move |tx: &mut crate::engine::Tx<'_>| {
            ensure(allowed, Refused::OutOfScope)?;
            tx.event(&chain, event.clone())?;
            Ok(Head::default())
        };
        self.write_told("record_event", write, home, body, told)
            .await
    }
}
