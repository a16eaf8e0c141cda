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
pub mod escaping;
pub mod event_words;
pub mod explained;
pub mod forms;
pub mod headers;
pub mod history;
pub mod links;
pub mod names;
pub mod packets;
pub mod pages;
pub mod roles;
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

use crate::{app::Shared, limits::RateLayer, oidc};

/// Every page and action of people with a browser.
pub fn router(sign_in_limit: RateLayer) -> Router<Shared> {
    Router::new()
        .route("/sign-in", post(pages::sign_in::post))
        .route("/sign-in/oidc", get(pages::sign_in::to_provider))
        .route(oidc::CALLBACK, get(pages::sign_in::from_provider))
        .route(
            "/set-up/{secret}",
            get(pages::set_up::get).post(pages::set_up::post),
        )
        .route("/me/password", post(pages::me::change_password))
        .route_layer(sign_in_limit)
        .route("/sign-in", get(pages::sign_in::get))
        .route("/sign-out", post(pages::sign_in::sign_out))
        .route("/", get(pages::home::get))
        .route("/seen", post(pages::home::seen))
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
        .route("/packets/{claim}/verdict", post(pages::packet::judge))
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
        .route("/maintenance", get(errors::maintenance))
        .route("/me", get(pages::me::get))
        .route("/me/end", post(pages::me::end_sign_in))
        .route("/me/end-others", post(pages::me::end_others))
        .route("/me/tokens", post(pages::me::make_token))
        .route("/me/end-token", post(pages::me::end_token))
        .merge(admin())
        .route("/assets/{name}", get(assets::get))
}

/// For admins of all customers; what admins of some may do too takes [`Admin`](crate::people::Admin).
fn admin() -> Router<Shared> {
    use pages::admin::{self, customer, customers, erasures, keys, people, person, servers, trust};
    Router::new()
        .route("/admin", get(admin::get))
        .route("/admin/people", get(people::get).post(people::post))
        .route(
            "/admin/people/{person}",
            get(person::get).post(person::post),
        )
        .route("/admin/people/{person}/sign-out", post(person::sign_out))
        .route("/admin/people/{person}/end-token", post(person::end_token))
        .route("/admin/keys", get(keys::get))
        .route("/admin/keys/drop", post(keys::drop))
        .route(
            "/admin/customers",
            get(customers::get).post(customers::post),
        )
        .route(
            "/admin/customers/{id}",
            get(customer::get).post(customer::rename),
        )
        .route("/admin/customers/{id}/join", post(customer::join))
        .route("/admin/trust", get(trust::get))
        .route("/admin/trust/import", post(trust::import))
        .route("/admin/servers", get(servers::get))
        .route("/admin/erasures", get(erasures::get))
}
