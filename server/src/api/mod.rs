//! The JSON API under `/api/v1`: what people do. Each operation is a function apart from its axum handler.
use axum::{Json, response::IntoResponse};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{app::Shared, limits::RateLayer};

pub fn router(sign_in: RateLayer) -> OpenApiRouter<Shared> {
    let _ = sign_in;
    OpenApiRouter::new()
}

pub async fn openapi(document: OpenApi) -> impl IntoResponse {
    Json(document)
}
