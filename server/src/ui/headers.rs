//! What every answer to people tells the browser: load nothing from elsewhere, run nothing inline, sit in no frame, be
//! sniffed and kept by nobody. What programs ask for has it too: a browser can be led to any address.
use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};

use crate::app::{App, Shared};

/// The policy of pages. Nothing inline, no third party.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The policy of answers to programs: as a page they could do nothing.
const API_CSP: &str = "default-src 'none'; frame-ancestors 'none'";

/// Lays them on an answer. A download's own policy is stricter, and stays.
fn put(app: &App, headers: &mut HeaderMap, csp: &'static str) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, csp),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not none: then a form's origin would be none either.
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
        (header::CACHE_CONTROL, "private, no-store"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    // What event streams come with: a copy of them is nobody's either.
    if headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|v| v == "no-cache")
    {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-store"),
        );
    }
    // With a certificate that no browser knows it would lock people out.
    if !app.config.tls.self_signed {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

/// What is compressed as it goes: pages. Assets are already; what programs ask for stays as it is.
pub fn is_page(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|v| v.as_bytes().starts_with(b"text/html"))
}

/// Around everything but what agents ask for, which no browser has a part in.
pub async fn strict(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let csp = match (path.starts_with("/agent/"), path.starts_with("/api/")) {
        (true, _) => None,
        (_, true) => Some(API_CSP),
        _ => Some(CSP),
    };
    let mut response = next.run(request).await;
    if let Some(csp) = csp {
        put(&app, response.headers_mut(), csp);
    }
    response
}
