//! The servers that live, and how this one is.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_schema::Server;

use super::Tabs;
use crate::{
    app::Shared,
    errors::Answer,
    people::HouseAdmin,
    ui::{
        chrome::{Chrome, Section, html},
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/admin/servers.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    servers: Vec<Server>,
    here: String,
    version: &'static str,
    shares_store: bool,
    /// How long the store took to answer, in ms; none: it did not.
    answered: Option<u128>,
    control: u64,
    degraded: bool,
    failures: u64,
    shared_keys: bool,
    draining: bool,
}

pub async fn get(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
) -> Answer<Response> {
    let servers = app.store.servers(&caller.scope, app.now()).await?;
    let begin = std::time::Instant::now();
    let control = app.store.refresh_control().await;
    let objects = app.store.objects();
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Admin, "Servers"),
        tabs: Tabs::of(&caller, "servers"),
        servers,
        here: app.server.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        shares_store: app.config.is_cluster(),
        answered: control.is_ok().then(|| begin.elapsed().as_millis()),
        control: control.unwrap_or_default(),
        degraded: objects.degraded(),
        failures: objects.failures(),
        shared_keys: app.keys.are_shared(),
        draining: app.shutdown.is_cancelled(),
    })
}

impl Page {
    fn is_here(&self, server: &Server) -> bool {
        server.id == self.here
    }

    /// Servers say so every few seconds.
    fn is_late(&self, server: &Server) -> bool {
        self.chrome.now.since(server.seen) > LATE_MS
    }
}

const LATE_MS: i64 = 30_000;
