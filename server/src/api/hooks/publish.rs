//! Publishing what has all signatures, and holding it back.
use axum::extract::State;
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::{Envelope, EnvelopeSignature},
    ids::{Blob, Digest, HookId},
    states::{HookState, Move},
    time::Time,
    verify::{Refusal, TrustStore},
    waves::Wave,
};
use boathook_schema::{HookRecord, Publish, Quota};

use crate::{
    api::{
        extract::{Json, Path},
        hooks::{
            HookView, authoring::customers_of, find_revision, find_to_change, latest, view::view,
        },
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, EngineerOrReviewer},
    waves,
};

/// Not to be published, though it has all signatures: for one whose publication failed. To hold at once, the last
/// signature says `hold`.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/hold", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn hold(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
) -> Answer<Json<HookView>> {
    let record = find_to_change(&app, &caller.scope, &id).await?;
    let row = latest(&record)?;
    if row.state == HookState::InReview {
        // Held, it could not be signed any more.
        return Err(Problem::conflict(
            "a hook that lacks signatures is not held: its last signature can say `hold`",
        ));
    }
    let revision = row.revision;
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
pub fn envelope(
    payload: &Blob,
    signatures: impl IntoIterator<Item = EnvelopeSignature>,
) -> Envelope {
    let mut envelope = Envelope::unsigned(Hook::PAYLOAD_TYPE, payload.0.clone());
    envelope.signatures.extend(signatures);
    envelope
}

/// All that an agent will check but the hook list. A hook that begins later may be published now.
pub(super) fn publishable(trust: &TrustStore, envelope: &Envelope, now: Time) -> Answer<()> {
    let bytes = envelope.to_bson().map_err(Refusal::from)?;
    match trust.verify_offline(&bytes, None, now) {
        Ok(_) | Err(Refusal::NotYet(_)) => Ok(()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Signed or held, and with enough people as of now: then instances are offered it.
pub async fn publish_signed(app: &App, caller: &Caller, id: &HookId) -> Answer<HookRecord> {
    let (now, scope) = (app.now(), &caller.scope);
    let record = find_to_change(app, scope, id).await?;
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
    let wave = waves::first(app, &hook).await?;
    let publish = publication(&hook, &record, digest, &whole, wave)?;
    app.store
        .publish(scope, caller.write(now), publish)
        .await
        .answer()?;
    find_to_change(app, scope, id).await
}

fn publication(
    hook: &Hook,
    record: &HookRecord,
    digest: Digest,
    envelope: &Envelope,
    wave: Wave,
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
        wave,
    })
}
