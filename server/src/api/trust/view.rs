//! What stands: root, roster, revocations, and whether this server's online key is named.
use axum::{extract::State, http::header, response::IntoResponse};
use boathook_hooks::{
    documents::{revocation::Revocation, root::Root, roster::Roster},
    ids::Digest,
    keys::{KeyId, PublicKey},
    protocol,
    time::Time,
};
use boathook_schema::TrustDocument;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::extract::{Json, Path},
    app::{App, Shared},
    errors::{Answer, Problem},
    people::Viewer,
};

#[derive(Debug, Serialize, ToSchema)]
pub struct TrustView {
    /// Null before the first root was imported.
    pub root: Option<RootView>,
    pub roster: Option<RosterView>,
    pub revocations: Vec<RevocationView>,
    /// The public half of this server's online key: a root must name it.
    #[schema(value_type = String)]
    pub online_key: PublicKey,
    /// Whether the newest root names it.
    pub online_key_named: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RootView {
    pub version: u64,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Time,
    pub expired: bool,
    /// SHA-256 of the first root's payload: what join strings carry.
    #[schema(value_type = String)]
    pub fingerprint: Digest,
    #[schema(value_type = Object)]
    pub document: Root,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RosterView {
    pub version: u64,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Time,
    pub expired: bool,
    #[schema(value_type = Object)]
    pub document: Roster,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RevocationView {
    #[schema(value_type = String)]
    pub revoker: KeyId,
    pub number: u64,
    #[schema(value_type = Object)]
    pub document: Revocation,
}

/// Root, roster and revocations that stand, and this server's online key.
#[utoipa::path(get, path = "/api/v1/trust", tag = "trust", responses((status = 200, body = TrustView)))]
pub async fn get(State(app): State<Shared>, Viewer(_caller): Viewer) -> Json<TrustView> {
    Json(view(&app))
}

/// A root's envelope, to be verified by whoever asks.
#[utoipa::path(get, path = "/api/v1/trust/roots/{version}", tag = "trust", params(("version" = u64, Path)), responses((status = 200, content_type = "application/bson")))]
pub async fn root(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Path(version): Path<u64>,
) -> Answer<impl IntoResponse + use<>> {
    bson(app.store.root(&caller.scope, version).await?, "root")
}

/// A roster's envelope.
#[utoipa::path(get, path = "/api/v1/trust/rosters/{version}", tag = "trust", params(("version" = u64, Path)), responses((status = 200, content_type = "application/bson")))]
pub async fn roster(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Path(version): Path<u64>,
) -> Answer<impl IntoResponse + use<>> {
    bson(app.store.roster(&caller.scope, version).await?, "roster")
}

fn bson(document: Option<TrustDocument>, what: &str) -> Answer<impl IntoResponse + use<>> {
    let document = document.ok_or_else(|| Problem::not_found(what))?;
    Ok((
        [(header::CONTENT_TYPE, protocol::CONTENT_TYPE)],
        document.envelope.0,
    ))
}

pub fn view(app: &App) -> TrustView {
    let (current, now) = (app.trust.current(), app.now());
    let online_key = app.keys.online_public();
    let Some(trust) = &current.verifier else {
        return TrustView {
            root: None,
            roster: None,
            revocations: Vec::new(),
            online_key,
            online_key_named: false,
        };
    };
    let root = trust.root();
    TrustView {
        root: Some(RootView {
            version: root.version,
            expires_at: root.expires_at,
            expired: root.expires_at <= now,
            fingerprint: trust.fingerprint(),
            document: root.clone(),
        }),
        roster: trust.roster().map(|roster| RosterView {
            version: roster.version,
            expires_at: roster.expires_at,
            expired: roster.expires_at <= now,
            document: roster.clone(),
        }),
        revocations: trust
            .revocations()
            .all()
            .map(|r| RevocationView {
                revoker: r.revoker,
                number: r.number,
                document: r.clone(),
            })
            .collect(),
        online_key,
        online_key_named: root.online.contains(&online_key),
    }
}
