//! Trust documents: what stands, bringing new ones, and requests for admission. Verified before they are stored.
use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use boathook_hooks::{
    documents::{
        Document as _, revocation::Revocation, root::Root, roster::KeyPlace, roster::Roster,
    },
    envelope::Envelope,
    ids::{Blob, Digest, PersonId},
    keys::{KeyId, PublicKey},
    protocol,
    strict::{self, MAX_DOCUMENT},
    time::Time,
    verify::{Added, Refusal, TrustStore},
};
use boathook_schema::{Admission, Scope, TrustDocument, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::extract::{Json, List, PageQuery, Path, Query},
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{AnyRole, HouseAdmin, Viewer},
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

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// `root`, `roster` or `revocation`.
    pub kind: &'static str,
    pub number: u64,
    /// False when it was here already.
    pub new: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmissionBody {
    /// Only for oneself; may be left out.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// `browser`, `file` or `token`.
    #[schema(value_type = String)]
    pub place: KeyPlace,
    #[serde(default)]
    pub comment: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AdmissionView {
    #[schema(value_type = String)]
    pub person: PersonId,
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// To be compared by another way before it is admitted.
    #[schema(value_type = String)]
    pub fingerprint: KeyId,
    #[schema(value_type = String)]
    pub place: KeyPlace,
    pub comment: String,
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Time,
}

impl From<Admission> for AdmissionView {
    fn from(admission: Admission) -> Self {
        Self {
            fingerprint: admission.key.id(),
            person: admission.person,
            key: admission.key,
            place: admission.place,
            comment: admission.comment,
            asked_at: admission.asked_at,
        }
    }
}

#[utoipa::path(get, path = "/api/v1/trust", tag = "trust", responses((status = 200, body = TrustView)))]
pub async fn get(State(app): State<Shared>, Viewer(_caller): Viewer) -> Json<TrustView> {
    Json(view(&app))
}

#[utoipa::path(get, path = "/api/v1/trust/roots/{version}", tag = "trust", params(("version" = u64, Path)), responses((status = 200, content_type = "application/bson")))]
pub async fn root(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Path(version): Path<u64>,
) -> Answer<impl IntoResponse + use<>> {
    bson(app.store.root(&caller.scope, version).await?, "root")
}

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

/// Asks for one's own key to be admitted to the roster.
#[utoipa::path(post, path = "/api/v1/trust/admissions", tag = "trust", responses((status = 201, body = AdmissionView)))]
pub async fn ask_admission(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    Json(body): Json<AdmissionBody>,
) -> Answer<(StatusCode, Json<AdmissionView>)> {
    if body.person.as_ref().is_some_and(|p| *p != caller.person) {
        return Err(Problem::field(
            "person",
            "a key is asked for by its own person",
            caller.person.as_str(),
        ));
    }
    if body.comment.chars().count() > 500 {
        return Err(Problem::field(
            "comment",
            "the comment is too long",
            "at most 500 characters",
        ));
    }
    let now = app.now();
    let admission = Admission {
        person: caller.person.clone(),
        key: body.key,
        place: body.place,
        comment: body.comment,
        asked_at: now,
    };
    let asked = app
        .store
        .ask_admission(&Scope::System, caller.write(now), admission)
        .await
        .answer()?;
    Ok((StatusCode::CREATED, Json(asked.into())))
}

#[utoipa::path(get, path = "/api/v1/trust/admissions", tag = "trust", params(PageQuery), responses((status = 200, body = List<AdmissionView>)))]
pub async fn admissions(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<AdmissionView>>> {
    let admissions = app.store.admissions(&caller.scope, page.into()).await?;
    Ok(Json(List::of(admissions, AdmissionView::from)))
}

#[utoipa::path(delete, path = "/api/v1/trust/admissions/{keyid}", tag = "trust", params(("keyid" = String, Path)), responses((status = 204)))]
pub async fn drop_admission(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(keyid): Path<KeyId>,
) -> Answer<StatusCode> {
    app.store
        .drop_admission(&caller.scope, caller.write(app.now()), keyid)
        .await
        .answer()?;
    Ok(StatusCode::NO_CONTENT)
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
