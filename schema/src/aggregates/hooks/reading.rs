//! Hooks as they are listed.
use boathook_hooks::ids::{CustomerId, HookId};

use super::{author_part, customer_part, home, row, ticket_part};
use crate::{
    HookFilter, HookRecord, HookRevision, Page, Paged, Scope, codec,
    engine::{Engine, List, listing},
    verbs::Read,
};

/// The fewest parts of the list that hold all of what is wanted; the rest is left out record by record.
fn narrowest(filter: &HookFilter, only: Option<&[CustomerId]>) -> Vec<String> {
    match (&filter.ticket, only, &filter.state) {
        (_, Some([]), _) => Vec::new(),
        (Some(ticket), _, _) => vec![ticket_part(ticket)],
        (None, _, state) if let Some(author) = &filter.author => {
            vec![author_part(author, state.as_deref())]
        }
        (None, Some(some), state) => {
            let part = |customer| customer_part(customer, state.as_deref());
            some.iter().map(part).collect()
        }
        (None, None, Some(state)) => vec![format!("state/{state}")],
        (None, None, None) => vec!["*".to_owned()],
    }
}

fn wanted(filter: &HookFilter, only: Option<&[CustomerId]>, hook: &HookRecord) -> bool {
    let state = hook.latest().map_or("", |r| r.state.word());
    filter.state.as_deref().is_none_or(|wanted| wanted == state)
        && filter.author.as_ref().is_none_or(|a| *a == hook.author)
        && (filter.ticket.is_none() || filter.ticket == hook.ticket)
        && only.is_none_or(|some| hook.customers.iter().any(|c| some.contains(c)))
}

impl Engine {
    pub(crate) async fn hook(&self, scope: &Scope, id: &HookId) -> Read<Option<HookRecord>> {
        let (scope, head) = (scope.clone(), home(id).head());
        self.read("hook", move |look| {
            let hook: Option<HookRecord> = look.record("hook", &head)?;
            Ok(hook.filter(|h| scope.holds_any(&h.customers) && !scope.is_agent()))
        })
        .await
    }

    pub(crate) async fn hook_revision(
        &self,
        scope: &Scope,
        id: &HookId,
        revision: u32,
    ) -> Read<Option<HookRevision>> {
        let (scope, home) = (scope.clone(), home(id));
        self.read("hook_revision", move |look| {
            let hook: Option<HookRecord> = look.record("hook", &home.head())?;
            match hook {
                Some(h) if scope.holds_any(&h.customers) && !scope.is_agent() => {
                    look.record("revision", &home.at(row(revision)))
                }
                _ => Ok(None),
            }
        })
        .await
    }

    pub(crate) async fn hooks(
        &self,
        scope: &Scope,
        filter: HookFilter,
        page: Page,
    ) -> Read<Paged<HookRecord>> {
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => listing::customers_of(other, filter.customer.clone()),
        };
        self.read("hooks", move |look| {
            let only = only.as_deref();
            let parts = narrowest(&filter, only);
            listing::page_back(look, List::Hooks, &parts, &page, |_, _, body| {
                let hook: HookRecord = codec::decode("hook", body)?;
                Ok(wanted(&filter, only, &hook).then_some(hook))
            })
        })
        .await
    }
}
