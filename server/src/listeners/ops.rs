//! The second listener: `/metrics`, `/healthz` and `/readyz`, for operators, on an address of their own.
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use crate::app::Shared;

pub fn router(app: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(app)
}

async fn metrics(State(app): State<Shared>) -> impl IntoResponse {
    let objects = app.store.objects();
    let (degraded, failures) = (objects.degraded(), objects.failures());
    app.metrics.objects_degraded.set(degraded.into());
    app.metrics.objects_failures.set(failures);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text())
}

/// Ready while the store answers and no drain has begun. Without its packet objects a server is *degraded*, and 200: polls
/// and all else go on here, and no other server could take an upload either.
async fn ready(State(app): State<Shared>) -> impl IntoResponse {
    if app.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    match app.store.refresh_control().await {
        Ok(_) if app.store.objects().degraded() => (
            StatusCode::OK,
            "degraded: packets cannot be stored or read now\n",
        ),
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
        }
    }
}
