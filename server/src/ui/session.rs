//! A browser's sign-in: the same record as a token's, carried by a cookie that no script reads and no other site sends.
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::time::Time;

use crate::{
    api::sign_in::SignedIn,
    errors::{Answer, Problem},
    people::secrets,
};

/// `__Host-`: only this origin sets it, over TLS, for all of its paths.
const COOKIE: &str = "__Host-boathook";

/// The token in the request's cookie.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE).filter(|token| token.starts_with(secrets::PREFIX))
}

/// One cookie of the request. Named twice it is none: another's may have been put before ours.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|one| one.trim().split_once('='))
        .filter(|(n, _)| *n == name)
        .map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

/// Keeps the token in the browser until the sign-in ends.
pub fn keep(token: &str, now: Time, expires_at: Time) -> Option<HeaderValue> {
    let seconds = (expires_at.ms() - now.ms()).max(0) / 1000;
    let mut value: HeaderValue =
        format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}")
            .parse()
            .ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// On to a page of ours, signed in.
pub fn signed_in(signed_in: &SignedIn, now: Time, to: &str) -> Answer<Response> {
    let cookie = keep(&signed_in.token, now, signed_in.expires_at)
        .ok_or_else(|| Problem::internal("making a cookie", "not a header value"))?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response())
}

/// What the browser says of itself in short, for the list of sign-ins: `Firefox on Linux`.
pub fn label(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let named = |words: &[(&str, &'static str)]| {
        let found = words.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    // Each says that it is those below it, too.
    let browser = named(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        _ => agent.to_owned(),
    }
}

/// Has the browser forget it.
pub fn forget() -> HeaderValue {
    HeaderValue::from_static("__Host-boathook=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_counts_only_once() {
        assert_eq!(token(&with("a=b; __Host-boathook=bh_x; c=d")), Some("bh_x"));
        assert_eq!(
            token(&with("__Host-boathook=bh_x; __Host-boathook=bh_y")),
            None
        );
        assert_eq!(token(&with("__Host-boathook=other")), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }

    #[test]
    fn a_browser_is_named_in_short() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0";
        let phone = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36";
        for (agent, words) in [
            (edge, "Edge on Windows"),
            (phone, "Chrome on Android"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
                "Firefox on Linux",
            ),
            ("curl/8.14", "curl/8.14"),
            ("", ""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("user-agent", agent.parse().unwrap());
            assert_eq!(label(&headers), words);
        }
    }

    #[test]
    fn a_kept_cookie_is_the_hosts_own_and_hidden_in_debug() {
        let value = keep("bh_secret", Time::from_ms(0), Time::from_ms(60_000)).unwrap();
        let text = value.to_str().unwrap();
        for part in [
            "__Host-",
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
            "Path=/",
            "Max-Age=60",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!format!("{value:?}").contains("secret"));
    }
}
