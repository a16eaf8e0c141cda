//! The JSON API under `/api/v1`: what people do. Each operation is a function apart from its axum handler.
pub mod audit;
pub mod customers;
pub mod durations;
pub mod erasures;
pub mod extract;
pub mod hooks;
pub mod instances;
mod openapi;
pub mod own;
pub mod packets;
pub mod sign_in;
#[cfg(test)]
pub mod tests;
pub mod tickets;
pub mod trust;
pub mod users;
pub mod watching;

use axum::{Extension, Router};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::Shared, limits::RateLayer};

/// Every route of people; what is routed is what the OpenAPI document tells.
pub fn router(sign_in_limit: RateLayer) -> Router<Shared> {
    let limited = OpenApiRouter::new()
        .routes(routes!(sign_in::post))
        .route_layer(sign_in_limit);
    let (router, document) = OpenApiRouter::with_openapi(openapi::info())
        .merge(limited)
        .routes(routes!(sign_in::delete))
        .routes(routes!(sign_in::me))
        .routes(routes!(users::list, users::post))
        .routes(routes!(users::put))
        .routes(routes!(users::sign_out))
        .routes(routes!(customers::list))
        .routes(routes!(customers::get, customers::put))
        .routes(routes!(customers::join_token))
        .routes(routes!(tickets::list))
        .routes(routes!(tickets::get, tickets::put))
        .routes(routes!(hooks::lint))
        .routes(routes!(hooks::explain))
        .routes(routes!(hooks::list, hooks::post))
        .routes(routes!(hooks::get, hooks::put))
        .routes(routes!(hooks::revision))
        .routes(routes!(hooks::payload))
        .routes(routes!(hooks::envelope))
        .routes(routes!(hooks::submit))
        .routes(routes!(hooks::send_back))
        .routes(routes!(hooks::signatures))
        .routes(routes!(hooks::hold))
        .routes(routes!(hooks::publish))
        .routes(routes!(hooks::stop))
        .routes(routes!(hooks::lower))
        .routes(routes!(hooks::instances))
        .routes(routes!(watching::hook))
        .routes(routes!(watching::ticket))
        .routes(routes!(instances::list))
        .routes(routes!(instances::get, erasures::instance))
        .routes(routes!(instances::confirm))
        .routes(routes!(instances::retire))
        .routes(routes!(instances::suspend))
        .routes(routes!(instances::resume))
        .routes(routes!(packets::list))
        .routes(routes!(packets::get, erasures::packet))
        .routes(routes!(packets::zip))
        .routes(routes!(packets::receipt))
        .routes(routes!(packets::files))
        .routes(routes!(packets::file))
        .routes(routes!(packets::verdicts, packets::put_verdict))
        .routes(routes!(erasures::list))
        .routes(routes!(audit::now))
        .routes(routes!(audit::days))
        .routes(routes!(audit::hook_days))
        .routes(routes!(audit::hook_days_csv))
        .routes(routes!(audit::events))
        .routes(routes!(audit::events_csv))
        .routes(routes!(audit::export))
        .routes(routes!(audit::heads))
        .routes(routes!(trust::get))
        .routes(routes!(trust::root))
        .routes(routes!(trust::roster))
        .routes(routes!(trust::import))
        .routes(routes!(trust::admissions, trust::ask_admission))
        .routes(routes!(trust::drop_admission))
        .routes(routes!(openapi::get))
        .split_for_parts();
    router.layer(Extension(openapi::Served::new(document)))
}
