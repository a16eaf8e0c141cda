//! No other site acts in a person's name: what a cookie vouches for and changes something must come from a page of
//! ours, by its origin and by a token that only our pages hold.
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    app::Shared,
    errors::{Answer, Problem},
    ui::session,
};

/// The form's field, and the header for scripts.
pub const FIELD: &str = "csrf";
pub const HEADER: &str = "boathook-csrf";

const MASK: usize = 16;

/// The token of a sign-in: known to whoever has the cookie's value, and so to our pages alone.
fn token(cookie: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"boathook csrf\0");
    hash.update(cookie);
    hash.finalize().into()
}

/// The token, masked anew for each page: pages are compressed, and what repeats in compressed pages can be guessed.
pub fn masked(cookie: &str) -> String {
    let mut mask = [0; MASK];
    // Without chance the mask hides nothing, but the token counts as before.
    let _ = getrandom::fill(&mut mask);
    let mut bytes = mask.to_vec();
    bytes.extend(
        token(cookie)
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ mask[i % MASK]),
    );
    URL_SAFE_NO_PAD.encode(bytes)
}

fn is_of(cookie: &str, given: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(given) else {
        return false;
    };
    let Some((mask, rest)) = bytes.split_at_checked(MASK) else {
        return false;
    };
    let plain: Vec<u8> = rest
        .iter()
        .enumerate()
        .map(|(i, b)| b ^ mask[i % MASK])
        .collect();
    plain.ct_eq(&token(cookie)).into()
}

/// Around everything that people reach. A bearer's requests are no browser's own and pass.
pub async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    if safe {
        return match leads_from_elsewhere(&request) {
            true => {
                let detail = "a link on another site led here: open it from a page of this one";
                Problem::forbidden(detail).into_response()
            }
            false => next.run(request).await,
        };
    }
    match guarded(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// What programs read, downloads and long work among it, is noted in a person's name: no link elsewhere begins it. Pages are
/// open to links.
fn leads_from_elsewhere(request: &Request) -> bool {
    let path = request.uri().path();
    let site = request.headers().get("sec-fetch-site");
    (path.starts_with("/api/") || path == "/audit/verify")
        && site.is_some_and(|site| site == "cross-site")
        && session::token(request.headers()).is_some()
}

async fn guarded(app: &Shared, request: Request) -> Answer<Request> {
    let by_browser = request.headers().contains_key(header::COOKIE)
        || request.headers().contains_key(header::ORIGIN)
        || request.headers().contains_key("sec-fetch-site");
    if by_browser && !is_ours(request.headers(), &app.config.origin) {
        return Err(Problem::forbidden(
            "this came from a page of another site, and was not done",
        ));
    }
    let Some(cookie) = session::token(request.headers()).map(str::to_owned) else {
        return Ok(request);
    };
    let given = request.headers().get(HEADER).and_then(|v| v.to_str().ok());
    if given.is_some_and(|given| is_of(&cookie, given)) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let is_form = parts.headers.get(header::CONTENT_TYPE).is_some_and(|v| {
        v.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if is_form {
        let bytes = to_bytes(body, app.config.limits.body_bytes)
            .await
            .map_err(|_| Problem::too_large("the form is larger than this address takes"))?;
        let holds = form_urlencoded::parse(&bytes)
            .any(|(name, value)| name == FIELD && is_of(&cookie, &value));
        if holds {
            return Ok(Request::from_parts(parts, Body::from(bytes)));
        }
    }
    Err(Problem::forbidden(
        "the page was too old, or of another sign-in: open it again, and do it again",
    ))
}

/// By what browsers say of themselves and pages cannot change. One that says neither is refused.
fn is_ours(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get(header::ORIGIN) {
        Some(from) => from.as_bytes() == origin.as_bytes(),
        None => headers
            .get("sec-fetch-site")
            .is_some_and(|v| v.as_bytes() == b"same-origin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_for_its_sign_in_alone_and_never_looks_the_same() {
        let (one, two) = (masked("bh_a"), masked("bh_a"));
        assert_ne!(one, two);
        assert!(is_of("bh_a", &one) && is_of("bh_a", &two));
        assert!(!is_of("bh_b", &one));
        for other in ["", "AAAA", &one[1..]] {
            assert!(!is_of("bh_a", other), "{other}");
        }
    }
}
