//! Signatures made elsewhere, over the frozen bytes. The last that was missing publishes, unless held.
use axum::extract::State;
use boathook_hooks::{
    documents::{
        Document as _,
        hook::Hook,
        roster::{RosterPerson, SigningRole},
    },
    envelope::{Envelope, EnvelopeSignature},
    ids::{Blob, Digest, HookId},
    keys::{KeyId, Signature},
    states::{HookState, Move},
    time::Time,
    verify::{Refusal, TrustStore},
};
use boathook_schema::{
    AddSignature, AfterSignature, HookRecord, HookRevision, HookSignature, Outcome, Publish, Quota,
    Refused,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        hooks::{HookView, authoring::customers_of, find, find_revision, latest, view::view},
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, EngineerOrReviewer},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignature {
    pub revision: u32,
    /// SHA-256 of the payload that was signed.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Of a key in the roster.
    #[schema(value_type = String)]
    pub keyid: KeyId,
    /// Base64 of the Ed25519 signature over the DSSE encoding.
    #[schema(value_type = String)]
    pub sig: Signature,
    /// Sign, but do not publish yet. Only the last signature that is missing can hold.
    #[serde(default)]
    pub hold: bool,
}

/// Adds a signature. The last required one publishes the hook, unless it holds.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/signatures", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn signatures(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
    Json(body): Json<NewSignature>,
) -> Answer<Json<HookView>> {
    let record = sign(&app, &caller, &id, body).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

/// Not to be published, though it may have all signatures.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/hold", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn hold(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
) -> Answer<Json<HookView>> {
    let record = find(&app, &caller.scope, &id).await?;
    let revision = latest(&record)?.revision;
    let step = Move::Hold {
        by: caller.person.clone(),
    };
    let write = caller.write(app.now());
    let moved = app
        .store
        .advance(
            &caller.scope,
            write,
            id,
            revision,
            Some(record.version),
            step,
            None,
        )
        .await;
    Ok(Json(
        view(&app, &caller.scope, &moved.answer()?, None).await?,
    ))
}

/// Publishes a hook that is signed or held and has all signatures.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/publish", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn publish(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
) -> Answer<Json<HookView>> {
    let record = publish_signed(&app, &caller, &id).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

/// Tries again when someone else changed the hook meanwhile: the people are counted anew.
pub async fn sign(
    app: &App,
    caller: &Caller,
    id: &HookId,
    body: NewSignature,
) -> Answer<HookRecord> {
    for _ in 0..8 {
        let record = find(app, &caller.scope, id).await?;
        let revision = find_revision(app, &caller.scope, id, body.revision).await?;
        let add = decide(app, &record, &revision, &body)?;
        let write = caller.write(app.now());
        match app.store.add_signature(&caller.scope, write, add).await? {
            Outcome::Done(record) if latest(&record)?.state == HookState::Signed => {
                return publish_signed(app, caller, id).await;
            }
            Outcome::Done(record) => return Ok(record),
            Outcome::Refused(Refused::Version { .. }) => {}
            Outcome::Refused(refused) => return Err(refused.into()),
        }
    }
    Err(Problem::busy(
        "many people change this hook at once; sign again",
        1,
    ))
}

/// The signature, verified, with what it leads to; or why it is not taken.
fn decide(
    app: &App,
    record: &HookRecord,
    revision: &HookRevision,
    body: &NewSignature,
) -> Answer<AddSignature> {
    let now = app.now();
    let (payload, digest) = match (&revision.payload, revision.digest) {
        (Some(payload), Some(digest)) => (payload, digest),
        _ => {
            return Err(Problem::conflict(
                "this revision is not in review: its bytes are not fixed yet",
            ));
        }
    };
    if digest != body.digest {
        return Err(Problem::field(
            "digest",
            "that signature is over other bytes than those in review",
            digest.to_string(),
        ));
    }
    let current = app.trust.current();
    let trust = current.verifier()?;
    let roster = trust.roster().ok_or(Refusal::NoRoster)?;
    if roster.expires_at <= now {
        return Err(Refusal::RosterExpired(roster.expires_at).into());
    }
    let (person, key) = roster
        .people
        .iter()
        .find_map(|p| {
            p.keys
                .iter()
                .find(|k| k.key.id() == body.keyid)
                .map(|k| (p, k))
        })
        .ok_or_else(|| {
            Problem::field(
                "keyid",
                "that key is not in the roster",
                "an admitted key: see `boathook keygen` and trust/admissions",
            )
        })?;
    let new = EnvelopeSignature {
        keyid: body.keyid,
        sig: body.sig,
    };
    let alone = envelope(payload, [new.clone()]);
    if !alone.is_signed_by(&key.key) {
        return Err(Problem::field(
            "sig",
            "that is not this key's signature over the payload",
            "a signature made with `boathook sign`",
        ));
    }
    let hook = Hook::from_payload(&payload.0)
        .map_err(|e| Problem::internal("reading a frozen hook", e))?;
    may_sign(person, &hook)?;

    let others = revision.signatures.iter().filter(|s| s.keyid != body.keyid);
    let known = others.map(|s| EnvelopeSignature {
        keyid: s.keyid,
        sig: s.sig,
    });
    let whole = envelope(payload, known.chain([new]));
    let progress = trust.progress(&whole, &hook)?;
    if !progress.signers.iter().any(|s| s.keyid == body.keyid) {
        return Err(Problem::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "signer_revoked",
            format!("{} or that key was revoked", person.person),
        ));
    }
    let then = match (&progress.missing, body.hold) {
        (None, hold) => {
            publishable(trust, &whole, now)?;
            if hold {
                AfterSignature::Held
            } else {
                AfterSignature::Signed
            }
        }
        (Some(_), false) => AfterSignature::Wait,
        (Some(missing), true) => {
            return Err(Problem::conflict(format!(
                "only the last signature that is missing can hold the hook: {missing}"
            )));
        }
    };
    Ok(AddSignature {
        hook: record.id.clone(),
        revision: revision.revision,
        digest,
        expect: record.version,
        signature: HookSignature {
            person: person.person.clone(),
            keyid: body.keyid,
            place: key.place,
            sig: body.sig,
            at: now,
        },
        then,
    })
}

/// A signature that can never count is not taken: it would only look as if someone had agreed.
fn may_sign(person: &RosterPerson, hook: &Hook) -> Answer<()> {
    let (customers, opted_in) = customers_of(&hook.customers);
    let for_all = if opted_in {
        person.customers == boathook_hooks::documents::roster::RosterCustomers::All
    } else {
        customers.iter().all(|c| person.customers.holds(c))
    };
    let role = if person.person == hook.author {
        SigningRole::Author
    } else {
        SigningRole::Reviewer
    };
    let word = match role {
        SigningRole::Author => "an author",
        SigningRole::Reviewer => "a reviewer",
    };
    if for_all && person.roles.contains(&role) {
        return Ok(());
    }
    Err(Problem::new(
        axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        "not_a_signer",
        format!(
            "the roster does not name {} as {word} for all customers of this hook",
            person.person
        ),
    ))
}

pub fn envelope(
    payload: &Blob,
    signatures: impl IntoIterator<Item = EnvelopeSignature>,
) -> Envelope {
    let mut envelope = Envelope::unsigned(Hook::PAYLOAD_TYPE, payload.0.clone());
    envelope.signatures.extend(signatures);
    envelope
}

/// All that an agent will check but the hook list. A hook that begins later may be published now.
fn publishable(trust: &TrustStore, envelope: &Envelope, now: Time) -> Answer<()> {
    let bytes = envelope.to_bson().map_err(Refusal::from)?;
    match trust.verify_offline(&bytes, None, now) {
        Ok(_) | Err(Refusal::NotYet(_)) => Ok(()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Signed or held, and with enough people as of now: then instances are offered it.
pub async fn publish_signed(app: &App, caller: &Caller, id: &HookId) -> Answer<HookRecord> {
    let (now, scope) = (app.now(), &caller.scope);
    let record = find(app, scope, id).await?;
    let row = latest(&record)?;
    row.state
        .after(Move::Publish)
        .map_err(|e| Problem::conflict(e.to_string()))?;
    let revision = find_revision(app, scope, id, row.revision).await?;
    let (payload, digest) = match (&revision.payload, revision.digest) {
        (Some(payload), Some(digest)) => (payload, digest),
        _ => {
            return Err(Problem::internal(
                "publishing a hook",
                "its bytes are not fixed",
            ));
        }
    };
    let signatures = revision.signatures.iter();
    let whole = envelope(
        payload,
        signatures.map(|s| EnvelopeSignature {
            keyid: s.keyid,
            sig: s.sig,
        }),
    );
    let hook = Hook::from_payload(&payload.0)
        .map_err(|e| Problem::internal("reading a frozen hook", e))?;
    let current = app.trust.current();
    publishable(current.verifier()?, &whole, now)?;
    let publish = publication(&hook, &record, digest, &whole)?;
    app.store
        .publish(scope, caller.write(now), publish)
        .await
        .answer()?;
    find(app, scope, id).await
}

fn publication(
    hook: &Hook,
    record: &HookRecord,
    digest: Digest,
    envelope: &Envelope,
) -> Answer<Publish> {
    let (customers, opted_in) = customers_of(&hook.customers);
    let audience = bson::serialize_to_document(&hook.audience);
    Ok(Publish {
        digest,
        hook: hook.id.clone(),
        revision: hook.revision,
        envelope: Blob(envelope.to_bson().map_err(Refusal::from)?),
        customers,
        opted_in,
        ticket: record.ticket.clone(),
        author: hook.author.clone(),
        title: hook.title.clone(),
        audience: audience.map_err(|e| Problem::internal("encoding an audience", e))?,
        quota: Quota {
            places: hook.places,
            packet_bytes: hook.packet_bytes,
            total_bytes: hook.total_bytes,
            attempts: hook.attempts,
            stop_after_overruns: hook.stop_after_overruns,
            stop_error_percent: hook.stop_error_percent,
            not_before: hook.not_before,
            expires_at: hook.expires_at,
            retention_days: hook.retention_days,
        },
    })
}
