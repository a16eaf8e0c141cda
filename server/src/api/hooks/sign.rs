//! Signatures made elsewhere, over the frozen bytes. The last that was missing publishes, unless held.
use axum::extract::State;
use boathook_hooks::{
    documents::{
        Document as _,
        hook::Hook,
        roster::{RosterPerson, SigningRole},
    },
    envelope::EnvelopeSignature,
    ids::{CustomerId, Digest, HookId, PersonId},
    keys::{KeyId, Signature},
    states::{HookState, StoppedBy},
    verify::Refusal,
};
use boathook_schema::{
    AddSignature, AfterSignature, HookRecord, HookRevision, HookSignature, Outcome, Refused,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        hooks::{
            HookView,
            authoring::customers_of,
            find_revision, find_to_change, latest,
            publish::{envelope, publish_signed, publishable},
            view::view,
        },
    },
    app::{App, Shared},
    errors::{Answer, Problem},
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

/// Tries again when someone else changed the hook meanwhile: the people are counted anew.
pub async fn sign(
    app: &App,
    caller: &Caller,
    id: &HookId,
    body: NewSignature,
) -> Answer<HookRecord> {
    for _ in 0..8 {
        let record = find_to_change(app, &caller.scope, id).await?;
        let revision = find_revision(app, &caller.scope, id, body.revision).await?;
        still_in_review(&record, &revision, &body)?;
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

/// What became of it while somebody looked at it, in words for them. The same signature again is no new one.
fn still_in_review(
    record: &HookRecord,
    revision: &HookRevision,
    body: &NewSignature,
) -> Answer<()> {
    let newest = latest(record)?.revision;
    if newest != revision.revision {
        return Err(Problem::conflict(format!(
            "revision {} is not in review any more: revision {newest} was begun",
            revision.revision
        )));
    }
    if revision.signatures.iter().any(|s| s.keyid == body.keyid) {
        return Ok(());
    }
    let became = match &revision.state {
        HookState::Draft => {
            "its author is changing the text; it comes to review again, with other bytes".to_owned()
        }
        HookState::SentBack { by, words } => format!("{by} sent it back: {words}"),
        HookState::Stopped { by, why } => match by {
            StoppedBy::Person(person) => format!("{person} stopped it: {why}"),
            StoppedBy::Overruns | StoppedBy::Errors => format!("it was stopped: {why}"),
        },
        HookState::Superseded { revision } => format!("revision {revision} took its place"),
        HookState::Expired => "its time is over".to_owned(),
        // Has all that it needs.
        HookState::Signed | HookState::Held { .. } | HookState::Published | HookState::Full => {
            format!("it is {} already", revision.state.word())
        }
        HookState::InReview => return Ok(()),
    };
    Err(Problem::conflict(format!(
        "revision {} is not in review any more: {became}",
        revision.revision
    )))
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
    counts_as(person, &hook.author, &customers, opted_in)
}

/// Whether this person's signature counts for a hook of that author, for these customers or all who opted in.
pub fn counts_as(
    person: &RosterPerson,
    author: &PersonId,
    customers: &[CustomerId],
    opted_in: bool,
) -> Answer<()> {
    let for_all = if opted_in {
        person.customers == boathook_hooks::documents::roster::RosterCustomers::All
    } else {
        customers.iter().all(|c| person.customers.holds(c))
    };
    let role = if person.person == *author {
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
