//! The chains: where each ends, how it was found when it was last verified here, and its export.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{ids::Digest, time::Time};
use boathook_schema::{Chain, ChainVerdict, Page as Rows};
use serde::Deserialize;

use super::Asked;
use crate::{
    api::{audit::chain, extract::Query},
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, Viewer},
    ui::{
        chrome::{Chrome, Section, html},
        links,
        visit::Visit,
    },
};

const ROWS: u32 = 100;
/// How long a reader waits for a verification; after that it goes on without them.
const PATIENCE: Duration = Duration::from_secs(5);

/// How chains were found when somebody last asked, in this process: a whole chain is too much to read for every view.
#[derive(Clone, Default)]
pub struct Verified(Arc<Mutex<BTreeMap<Chain, Found>>>);

#[derive(Clone, Debug)]
enum Found {
    Running {
        since: Time,
    },
    Whole {
        at: Time,
        number: u64,
    },
    Broken {
        at: Time,
        number: u64,
        why: String,
    },
    /// The store was away.
    Failed {
        at: Time,
    },
}

impl Verified {
    fn of(&self, chain: &Chain) -> Option<Found> {
        self.lock().get(chain).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Chain, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins, unless one is under way: reading whole chains is one reader's work at a time.
    fn begin(&self, chain: &Chain, since: Time) -> Answer<bool> {
        let mut all = self.lock();
        let running = |found: &Found| matches!(found, Found::Running { .. });
        if all.get(chain).is_some_and(running) {
            return Ok(false);
        }
        if all.values().any(running) {
            let detail = "another chain is being verified";
            return Err(Problem::busy(detail, PATIENCE.as_secs()));
        }
        all.insert(chain.clone(), Found::Running { since });
        Ok(true)
    }
}

/// Says that it failed unless something else was said: whatever ends the work, nobody waits for it for ever.
struct Work {
    verified: Verified,
    chain: Chain,
    found: Found,
}

impl Drop for Work {
    fn drop(&mut self) {
        let found = self.found.clone();
        self.verified.lock().insert(self.chain.clone(), found);
    }
}

#[derive(Template)]
#[template(path = "pages/audit_chains.html")]
struct Page {
    chrome: Chrome,
    tab: &'static str,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    chain: Chain,
    name: String,
    number: u64,
    hash: Digest,
    found: Option<Found>,
    verify: String,
    export: String,
    events: String,
}

#[derive(Deserialize)]
pub struct Which {
    chain: String,
}

pub async fn page(app: &App, caller: &Caller, visit: &Visit, asked: Asked) -> Answer<Response> {
    let page = Rows::first(ROWS).after(asked.after);
    let heads = app.store.heads(&caller.scope, page).await?;
    let row = |listed: boathook_schema::ChainHead| {
        let name = listed.chain.to_string();
        let at = |path: &str| links::with_query(path, [("chain", name.as_str())]);
        let of = [("tab", "events"), ("chain", name.as_str())];
        Row {
            found: app.verified.of(&listed.chain),
            verify: at("/audit/verify"),
            export: at("/api/v1/audit/export"),
            events: links::with_query("/audit", of),
            number: listed.head.number,
            hash: listed.head.hash,
            name: match &listed.chain {
                Chain::House => "The house".to_owned(),
                Chain::Customer(id) => id.to_string(),
            },
            chain: listed.chain,
        }
    };
    let next = heads.next.as_deref();
    html(&Page {
        chrome: Chrome::of(app, caller, visit, Section::Audit, "Audit: chains"),
        tab: "chains",
        next: next.map(|n| links::with_query("/audit", [("tab", "chains"), ("after", n)])),
        rows: heads.items.into_iter().map(row).collect(),
    })
}

/// Verifies a chain from its first event on, and shows how it was found. It reads and changes nothing.
pub async fn verify(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let chain = chain(&app, &caller, &which.chain).await?;
    if app.verified.begin(&chain, app.now())? {
        let work = tokio::spawn(verified(app.clone(), caller, chain.clone()));
        // Longer than that nobody waits at a page; it says that it is under way.
        let _ = tokio::time::timeout(PATIENCE, work).await;
    }
    Ok(Redirect::to("/audit?tab=chains").into_response())
}

async fn verified(app: Shared, caller: Caller, chain: Chain) {
    let mut work = Work {
        verified: app.verified.clone(),
        chain: chain.clone(),
        found: Found::Failed { at: app.now() },
    };
    let verdict = app.store.verify_chain(&caller.scope, &chain, None).await;
    let at = app.now();
    work.found = match verdict {
        Ok(ChainVerdict::Whole { head }) => Found::Whole {
            at,
            number: head.number,
        },
        Ok(ChainVerdict::Broken { at: number, why }) => {
            tracing::error!(%chain, number, %why, "a chain is broken");
            let why = why.to_string();
            Found::Broken { at, number, why }
        }
        Err(error) => {
            tracing::warn!(%chain, %error, "a chain could not be verified");
            Found::Failed { at }
        }
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn a_chain_is_verified_when_somebody_asks_and_that_is_remembered() {
        let house = House::new().await;
        house.published().await;
        let vera = Browser::of(&house, "vera").await;
        let text = vera.get("/audit?tab=chains").await.text();
        assert!(
            text.contains("not verified") && text.contains("acme"),
            "{text}"
        );
        assert!(
            !text.contains("The house") && !text.contains("globex"),
            "{text}"
        );
        let said = vera.get("/audit/verify?chain=customer:acme").await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
        assert_eq!(said.header("location"), "/audit?tab=chains");
        house.bench.app.clock.advance(120_000);
        let text = Browser::of(&house, "vera")
            .await
            .get("/audit?tab=chains")
            .await
            .text();
        assert!(
            text.contains("whole to event") && text.contains("2 min ago"),
            "{text}"
        );
        assert!(
            text.contains("/api/v1/audit/export?chain=customer%3Aacme"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn nobody_verifies_chains_of_others_or_two_at_once() {
        let house = House::new().await;
        let vera = Browser::of(&house, "vera").await;
        for chain in ["customer:globex", "house"] {
            let said = vera.get(&format!("/audit/verify?chain={chain}")).await;
            assert_eq!(said.status, StatusCode::NOT_FOUND, "{chain}");
            assert!(house.bench.app.verified.lock().is_empty());
        }
        let globex = Chain::Customer("globex".parse().unwrap());
        let now = house.bench.now();
        assert!(house.bench.app.verified.begin(&globex, now).unwrap());
        assert!(!house.bench.app.verified.begin(&globex, now).unwrap());
        let said = vera.get("/audit/verify?chain=customer:acme").await;
        assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE);
        drop(Work {
            verified: house.bench.app.verified.clone(),
            chain: globex,
            found: Found::Failed { at: now },
        });
        let said = vera.get("/audit/verify?chain=customer:acme").await;
        assert_eq!(said.status, StatusCode::SEE_OTHER);
    }
}
