//! One attempt to sign in, between leaving for the provider and coming back: in a cookie that only we can read.
use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use boathook_hooks::time::{MINUTE, Time};
use serde::{Deserialize, Serialize};

use super::refusal;
use crate::{
    app::App,
    errors::{Answer, Problem},
    ui::session,
};

const COOKIE: &str = "__Host-boathook-oidc";
const PURPOSE: &str = "oidc";
/// How long somebody may take at the provider.
const LIFE: i64 = 10 * MINUTE;

#[derive(Serialize, Deserialize)]
pub struct Journey {
    pub state: String,
    pub nonce: String,
    /// Of PKCE.
    pub verifier: String,
    /// Where they were going.
    pub to: String,
    pub begun_at: Time,
}

impl Journey {
    /// Lax, as the way back begins at another site.
    pub fn cookie(&self, app: &App) -> Answer<HeaderValue> {
        let clear = bson::serialize_to_vec(self).map_err(|e| Problem::internal("a journey", e))?;
        let sealed = app.keys.ring().seal(self.begun_at, PURPOSE, &clear);
        let sealed = sealed.map_err(|e| Problem::internal("sealing a journey", e))?;
        let text = URL_SAFE_NO_PAD.encode(sealed);
        let mut value: HeaderValue = format!(
            "{COOKIE}={text}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}",
            LIFE / 1000
        )
        .parse()
        .map_err(|e| Problem::internal("making a cookie", e))?;
        value.set_sensitive(true);
        Ok(value)
    }

    pub fn of(app: &App, headers: &HeaderMap) -> Answer<Self> {
        let none = || {
            refusal(
                "oidc_cookie",
                "this browser began no sign-in here, or finished it already: begin again",
            )
        };
        let text = session::cookie(headers, COOKIE).ok_or_else(none)?;
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| none())?;
        let now = app.now();
        let clear = app.keys.ring().open(now, LIFE, PURPOSE, &sealed);
        let journey: Self =
            bson::deserialize_from_slice(&clear.ok_or_else(none)?).map_err(|_| none())?;
        if now.since(journey.begun_at) > LIFE {
            return Err(refusal(
                "oidc_late",
                "it took longer than ten minutes: begin again",
            ));
        }
        Ok(journey)
    }
}

/// One attempt is for one answer.
pub fn forget() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-boathook-oidc=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    )
}
