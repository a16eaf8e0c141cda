//! One number for all that a page shows of a thing, made from its records' versions and the newest rows of its lists.
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use boathook_schema::{HookFilter, HookRecord, PacketsBy, Page, Scope, StoreError};

use super::Thing;
use crate::app::App;

/// As many hooks, packets and answers as the ticket's page shows.
const ROWS: u32 = 100;

pub(super) async fn of(app: &App, thing: &Thing) -> Result<u64, StoreError> {
    let mut hash = DefaultHasher::new();
    let scope = Scope::System;
    match thing {
        Thing::Hook(id) => {
            if let Some(record) = app.store.hook(&scope, id).await? {
                hook(app, &record, &mut hash).await?;
            }
        }
        Thing::Ticket(at) => {
            let ticket = app.store.ticket(&scope, at).await?;
            ticket.map(|t| t.version).hash(&mut hash);
            let filter = HookFilter {
                ticket: Some(at.clone()),
                ..HookFilter::default()
            };
            let hooks = app.store.hooks(&scope, filter, Page::first(ROWS)).await?;
            for record in &hooks.items {
                hook(app, record, &mut hash).await?;
            }
            let by = PacketsBy::Ticket(at.clone());
            let packets = app.store.packets(&scope, by, Page::first(ROWS)).await?;
            for packet in &packets.items {
                packet.claim.to_string().hash(&mut hash);
                let said = packet.verdicts;
                (said.yes, said.partly, said.no).hash(&mut hash);
            }
        }
    }
    Ok(hash.finish())
}

async fn hook(app: &App, record: &HookRecord, hash: &mut DefaultHasher) -> Result<(), StoreError> {
    let scope = Scope::System;
    (record.id.as_str(), record.version).hash(hash);
    // What came before the last published one does not change any more.
    let published = record.revisions.iter().rev().filter(|r| r.digest.is_some());
    for digest in published.take(2).filter_map(|r| r.digest) {
        let revision = app.store.revision(&scope, &digest).await?;
        revision.map(|r| (r.version, r.usage.accepted)).hash(hash);
        let answers = app
            .store
            .answers(&scope, &digest, Page::first(ROWS))
            .await?;
        for answer in answers.items {
            (answer.instance.as_str(), answer.at.ms()).hash(hash);
        }
    }
    Ok(())
}
