//! The web UI: pages rendered here, readable without script, on the same functions as the JSON API.
//!
//! A page's struct, handler and tests live in one file of `pages`, beside its template. What a page may do is its
//! handler's argument, as in the API.
pub mod assets;
pub mod chrome;
pub mod counters;
pub mod csrf;
pub mod differ;
pub mod errors;
pub mod event_words;
pub mod explained;
pub mod forms;
pub mod headers;
pub mod history;
pub mod links;
pub mod names;
pub mod packets;
pub mod pages;
pub mod session;
pub mod shown;
pub mod starts;
#[cfg(test)]
pub mod tests;
pub mod visit;
pub mod words;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{app::Shared, limits::RateLayer};

/// Every page and action of people with a browser.
pub fn router(sign_in_limit: RateLayer) -> Router<Shared> {
    Router::new()
        .route("/sign-in", post(pages::sign_in::post))
        .route_layer(sign_in_limit)
        .route("/sign-in", get(pages::sign_in::get))
        .route("/sign-out", post(pages::sign_in::sign_out))
        .route("/", get(pages::home::get))
        .route("/tickets", get(pages::tickets::get))
        .route("/tickets/{system}/{key}", get(pages::ticket::get))
        .route(
            "/tickets/{system}/{key}/hooks/new",
            get(pages::editor::new).post(pages::editor::create),
        )
        .route("/hooks", get(pages::hooks::get))
        .route("/hooks/preview", post(pages::editor::preview))
        .route("/hooks/{id}", get(pages::hook::get))
        .route(
            "/hooks/{id}/edit",
            get(pages::editor::edit).post(pages::editor::save),
        )
        .route("/hooks/{id}/review", get(pages::review::get))
        .route("/hooks/{id}/send-back", post(pages::review::send_back))
        .route("/hooks/{id}/publish", post(pages::review::publish))
        .route("/hooks/{id}/stop", post(pages::hook::stop))
        .route("/hooks/{id}/lower", post(pages::hook::lower))
        .route("/packets", get(pages::packets::get))
        .route("/packets/{claim}", get(pages::packet::get))
        .route("/packets/{claim}/search", get(pages::packet_search::get))
        .route(
            "/packets/{claim}/files/{*path}",
            get(pages::packet_file::get),
        )
        .route("/instances", get(pages::instances::get))
        .route("/instances/{id}", get(pages::instance::get))
        .route("/instances/{id}/confirm", post(pages::instance::confirm))
        .route("/instances/{id}/suspend", post(pages::instance::suspend))
        .route("/instances/{id}/resume", post(pages::instance::resume))
        .route("/instances/{id}/retire", post(pages::instance::retire))
        .route("/instances/{id}/erase", post(pages::instance::erase))
        .route("/audit", get(pages::audit::get))
        .route("/audit/verify", get(pages::audit::chains::verify))
        .route("/search", get(pages::search::get))
        .route("/help", get(pages::help::get))
        .route("/assets/{name}", get(assets::get))
}
