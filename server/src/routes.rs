//! All URLs of the server on one screen, and the layers they pass through.
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, Request, header},
    middleware,
    routing::{get, head, post},
};
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    limit::RequestBodyLimitLayer,
    request_id::{PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    trace::TraceLayer,
};

use crate::{agent, api, app::Shared, limits, metrics, ui, web};

/// Largest body of the agent protocol's requests but uploads, in bytes: an envelope in BSON.
const AGENT_BODY: usize = 300 * 1024;

/// Of gzip, from 1 to 9: the levels above cost a page more time than they save on its way.
const PAGE_LEVEL: i32 = 3;

pub fn router(app: Shared) -> Router {
    let limited = |per_minute, burst| limits::rate(&app, per_minute, burst);
    let l = &app.config.limits;
    let (enroll, session) = (
        limited(l.enroll_per_minute, l.enroll_burst),
        limited(l.session_per_minute, l.session_burst),
    );
    let sign_in = limited(l.sign_in_per_minute, l.sign_in_burst);

    let short_agent = Router::new()
        .route("/agent/v1/enroll", post(agent::enroll::post).layer(enroll))
        .route(
            "/agent/v1/session",
            post(agent::session::post).layer(session),
        )
        .route("/agent/v1/hooks/{digest}", get(agent::hooks::one))
        .route("/agent/v1/templates/{digest}", get(agent::trust::template))
        .route("/agent/v1/roots/{version}", get(agent::trust::root))
        .route("/agent/v1/rosters/{version}", get(agent::trust::roster))
        .route(
            "/agent/v1/revocations/{revoker}/{number}",
            get(agent::trust::revocation),
        )
        .route(
            "/agent/v1/hooks/{digest}/claims",
            post(agent::claims::create),
        )
        .route(
            "/agent/v1/hooks/{digest}/answers",
            post(agent::answers::post),
        )
        .route("/agent/v1/claims/{claim}", get(agent::claims::status))
        .route("/agent/v1/claims/{claim}/renew", post(agent::claims::renew))
        .layer(middleware::from_fn_with_state(app.clone(), limits::timeout))
        .layer(RequestBodyLimitLayer::new(AGENT_BODY))
        .layer(DefaultBodyLimit::max(AGENT_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), agent::advise));

    // Held for minutes, or as long as the bytes take: no time limit here.
    let long_agent = Router::new()
        .route("/agent/v1/hooks", get(agent::hooks::list))
        .route(
            "/agent/v1/claims/{claim}/upload",
            post(agent::uploads::create)
                .merge(head(agent::uploads::head))
                .patch(agent::uploads::patch)
                .options(agent::uploads::options),
        )
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.clone(), agent::advise));

    let people = api::router(sign_in.clone())
        .merge(ui::router(sign_in))
        .layer(middleware::from_fn_with_state(app.clone(), ui::csrf::guard))
        .layer(middleware::from_fn_with_state(app.clone(), limits::timeout))
        .layer(RequestBodyLimitLayer::new(l.body_bytes))
        .layer(DefaultBodyLimit::max(l.body_bytes));

    Router::new()
        .merge(short_agent)
        .merge(long_agent)
        .merge(people)
        .fallback(web::no_such_page)
        .method_not_allowed_fallback(web::no_such_method)
        .layer(CatchPanicLayer::custom(web::panicked))
        .layer(middleware::from_fn(web::only_problems))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            ui::errors::as_pages,
        ))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            ui::headers::strict,
        ))
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Precise(PAGE_LEVEL))
                .compress_when(ui::headers::is_page),
        )
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count))
        .layer(middleware::from_fn(web::log))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(web::span::<axum::body::Body>)
                // `web::log` says it in one line; a 503 while places are reserved is no failure.
                .on_request(())
                .on_response(())
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, web::FreshId))
        .layer(SetSensitiveRequestHeadersLayer::new([
            header::AUTHORIZATION,
            header::COOKIE,
        ]))
        .layer(middleware::map_request(forget_foreign_id))
        .with_state(app)
}

/// On every answer, and in every line of the log that belongs to the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Ids are made here: a client's own could name another's request in the log.
async fn forget_foreign_id<B>(mut request: Request<B>) -> Request<B> {
    request.headers_mut().remove(REQUEST_ID);
    request
}
