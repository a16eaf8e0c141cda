//! Who did what with a ticket or a hook, newest first: the last events, and the way to all of them.
use boathook_schema::{Chain, Event, EventFilter, Page, Scope};
use futures_util::future::try_join_all;

use crate::{
    app::App,
    errors::Answer,
    ui::{
        event_words::{Told, reason},
        links,
        shown::Shown,
    },
};
use boathook_hooks::time::Time;

/// Lines that a page shows.
const LINES: u32 = 30;

pub struct History {
    pub lines: Vec<Line>,
    /// The audit page with all of it.
    pub all: String,
    /// Whether there is more than is shown.
    pub more: bool,
}

pub struct Line {
    pub at: Time,
    pub who: String,
    pub what: String,
    /// In the person's own words.
    pub why: Option<Shown>,
}

impl Line {
    pub fn of(told: &Told, event: &Event) -> Self {
        Self {
            at: event.at,
            who: told.who(event),
            what: told.what(event),
            why: reason(event).map(|why| Shown::cut(why, 2_000)),
        }
    }
}

impl History {
    /// Of those of `chains` that the scope holds; `query` is the filter as the audit page takes it.
    pub async fn of(
        app: &App,
        scope: &Scope,
        chains: &[Chain],
        filter: EventFilter,
        query: (&str, &str),
    ) -> Answer<Self> {
        let filter = EventFilter {
            newest_first: true,
            ..filter
        };
        let held = |chain: &&Chain| match chain {
            Chain::House => scope.holds_house(),
            Chain::Customer(id) => scope.holds(id),
        };
        let chains: Vec<&Chain> = chains.iter().filter(held).collect();
        let (mut events, mut more) = (Vec::new(), false);
        let pages = chains.iter().map(|chain| {
            let page = Page::first(LINES);
            app.store.events(scope, chain, filter.clone(), page)
        });
        for page in try_join_all(pages).await? {
            more |= page.next.is_some();
            events.extend(page.items);
        }
        // What was told to several customers is one deed.
        events.sort_by_key(|e| std::cmp::Reverse((e.at, e.number)));
        let same = |a: &Event, b: &Event| {
            a.chain != b.chain && (a.at, &a.kind, &a.refs) == (b.at, &b.kind, &b.refs)
        };
        events.dedup_by(|a, b| same(a, b));
        more |= events.len() > LINES as usize;
        events.truncate(LINES as usize);
        let told = Told::of(app, scope, &events).await?;
        let chain = chains.first().map(ToString::to_string).unwrap_or_default();
        Ok(Self {
            lines: events.iter().map(|e| Line::of(&told, e)).collect(),
            all: links::with_query(
                "/audit",
                [("tab", "events"), ("chain", chain.as_str()), query],
            ),
            more,
        })
    }
}

/// The chains in which a hook's events stand: its customers', or the house's when it is for all who opted in.
pub fn chains_of(customers: &[boathook_hooks::ids::CustomerId]) -> Vec<Chain> {
    match customers {
        [] => vec![Chain::House],
        some => some.iter().cloned().map(Chain::Customer).collect(),
    }
}
