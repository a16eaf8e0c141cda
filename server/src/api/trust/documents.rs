//! Bringing roots, rosters and revocations: each is verified against all that stands before it is stored.
use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
};
use boathook_hooks::{
    documents::{Document as _, revocation::Revocation, root::Root, roster::Roster},
    envelope::Envelope,
    ids::Blob,
    strict::{self, MAX_DOCUMENT},
    verify::{Added, Refusal, TrustStore},
};
use boathook_schema::{Scope, Write};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::extract::Json,
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::HouseAdmin,
};

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// `root`, `roster` or `revocation`.
    pub kind: &'static str,
    pub number: u64,
    /// False when it was here already.
    pub new: bool,
}

/// Brings a root, roster or revocation: an envelope in BSON or as DSSE JSON. The same again is done already.
#[utoipa::path(post, path = "/api/v1/trust/documents", tag = "trust", request_body(content = Vec<u8>, content_type = "application/bson"), responses((status = 200, body = Imported)))]
pub async fn import(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Json<Imported>> {
    let json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let envelope = read(&body, json)?;
    Ok(Json(
        import_document(&app, &caller.scope, caller.write(app.now()), &envelope).await?,
    ))
}

/// An envelope in BSON, or in DSSE JSON when `json` or when it looks like it.
pub fn read(bytes: &[u8], json: bool) -> Answer<Envelope> {
    let looks_like_json = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    let read = if json || (looks_like_json && Envelope::from_bson(bytes, MAX_DOCUMENT).is_err()) {
        Envelope::from_json(bytes, 2 * MAX_DOCUMENT)
    } else {
        Envelope::from_bson(bytes, MAX_DOCUMENT)
    };
    read.map_err(|e| Refusal::from(e).into())
}

/// Verifies a document against all trust that stands, stores it, and takes it in.
pub async fn import_document(
    app: &App,
    scope: &Scope,
    write: Write,
    envelope: &Envelope,
) -> Answer<Imported> {
    let bytes = envelope.to_bson().map_err(Refusal::from)?;
    let current = app.trust.current();
    let imported = match envelope.payload_type.as_str() {
        Root::PAYLOAD_TYPE => {
            let (root, new) = check_root(current.verifier.clone(), envelope, &bytes)?;
            if !root.online.contains(&app.keys.online_public()) {
                if current.verifier.is_none() {
                    return Err(Problem::field(
                        "online",
                        "the root does not name this server's online key",
                        app.keys.online_public().to_string(),
                    ));
                }
                tracing::warn!(
                    version = root.version,
                    "the newest root does not name this server's online key"
                );
            }
            app.store
                .add_root(scope, write, root.version, Blob(bytes))
                .await
                .answer()?;
            Imported {
                kind: "root",
                number: root.version,
                new,
            }
        }
        Roster::PAYLOAD_TYPE => {
            let mut trust = current.verifier.clone().ok_or_else(no_root)?;
            let new = trust.add_roster(&bytes)? == Added::New;
            let number = trust.roster().map_or(0, |r| r.version);
            app.store
                .add_roster(scope, write, number, Blob(bytes))
                .await
                .answer()?;
            Imported {
                kind: "roster",
                number,
                new,
            }
        }
        Revocation::PAYLOAD_TYPE => {
            let mut trust = current.verifier.clone().ok_or_else(no_root)?;
            let new = trust.add_revocation(&bytes)? == Added::New;
            let revocation: Revocation = decode(envelope)?;
            let (revoker, number) = (revocation.revoker, revocation.number);
            app.store
                .add_revocation(scope, write, revoker, number, Blob(bytes))
                .await
                .answer()?;
            Imported {
                kind: "revocation",
                number,
                new,
            }
        }
        other => {
            let found: String = other.chars().take(100).collect();
            return Err(Problem::field(
                "payloadType",
                format!("{found:?} is no trust document"),
                "a root, roster or revocation",
            ));
        }
    };
    app.trust
        .reload(&app.store)
        .await
        .map_err(|e| Problem::internal("reading trust again", e))?;
    Ok(imported)
}

fn no_root() -> Problem {
    Problem::conflict("there is no root yet: import the first root before anything else")
}

/// The first root pins the chain; later ones continue it.
fn check_root(
    current: Option<TrustStore>,
    envelope: &Envelope,
    bytes: &[u8],
) -> Answer<(Root, bool)> {
    let Some(mut trust) = current else {
        let trust = TrustStore::pin(bytes, envelope.digest())?;
        return Ok((trust.root().clone(), true));
    };
    let new = trust.add_root(bytes)? == Added::New;
    let root = if new {
        trust.root().clone()
    } else {
        decode(envelope)?
    };
    Ok((root, new))
}

/// Fields of a document whose signatures were verified just now.
fn decode<T: serde::de::DeserializeOwned>(envelope: &Envelope) -> Answer<T> {
    strict::decode(&envelope.payload.0, MAX_DOCUMENT)
        .map_err(|e| Problem::internal("reading a verified document", e))
}
