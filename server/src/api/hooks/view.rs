//! How a hook looks: a row of a list, and the whole.
use boathook_hooks::{
    documents::{hook::Hook, roster::KeyPlace},
    envelope::EnvelopeSignature,
    ids::{CustomerId, Digest, HookId, PersonId},
    keys::KeyId,
    reach::{self, Reach},
    states::HookState,
    time::Time,
    waves::Hold,
};
use boathook_schema::{HookRecord, HookRevision, Revision, RevisionRow, Scope, TicketRef};
use serde::Serialize;
use serde_json::Value;
use tokio::try_join;
use utoipa::ToSchema;

use crate::{
    api::hooks::{
        authoring::{bounds, explanation, hook_of},
        find_revision, publish,
    },
    app::App,
    errors::{Answer, Problem},
    waves,
};

#[derive(Debug, Serialize, ToSchema)]
pub struct HookRow {
    #[schema(value_type = String)]
    pub id: HookId,
    /// The latest.
    pub revision: u32,
    /// `{"state": "published"}`, with who and why where there is more to say.
    #[schema(value_type = Object)]
    pub state: HookState,
    pub version: u64,
    #[schema(value_type = String)]
    pub author: PersonId,
    pub title: String,
    #[schema(value_type = Vec<String>)]
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<TicketRef>,
    /// The name of the starting text that it was made from, if it was.
    pub template: Option<String>,
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Time,
}

impl From<HookRecord> for HookRow {
    fn from(record: HookRecord) -> Self {
        let latest = record.latest();
        Self {
            revision: latest.map_or(0, |r| r.revision),
            state: latest.map_or(HookState::Draft, |r| r.state.clone()),
            digest: latest.and_then(|r| r.digest),
            id: record.id,
            version: record.version,
            author: record.author,
            title: record.title,
            customers: record.customers,
            opted_in: record.opted_in,
            ticket: record.ticket,
            template: record.template,
            created_at: record.created_at,
            changed_at: record.changed_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HookView {
    #[schema(value_type = String)]
    pub id: HookId,
    pub revision: u32,
    /// `{"state": "published"}`, with who and why where there is more to say.
    #[schema(value_type = Object)]
    pub state: HookState,
    /// Of the hook: for `expect`.
    pub version: u64,
    #[schema(value_type = String)]
    pub author: PersonId,
    pub title: String,
    #[schema(value_type = Vec<String>)]
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<TicketRef>,
    /// The name of the starting text that it was made from, if it was.
    pub template: Option<String>,
    /// SHA-256 of the payload; null before review.
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// `{"reach": "ordinary"|"wide", "reasons": […]}`.
    pub reach: ReachView,
    #[schema(value_type = Object)]
    pub explanation: Value,
    pub toml: String,
    pub signatures: Vec<SignatureView>,
    pub people: People,
    pub quota: QuotaView,
    /// Null when it is not published.
    pub offered: Option<OfferedView>,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Time,
    pub revisions: Vec<RevisionView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReachView {
    pub reach: &'static str,
    pub reasons: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureView {
    #[schema(value_type = String)]
    pub person: PersonId,
    #[schema(value_type = String)]
    pub keyid: KeyId,
    #[schema(value_type = String)]
    pub place: KeyPlace,
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
}

/// How far the signatures have come, counted by people and the roster of now.
#[derive(Debug, Serialize, ToSchema)]
pub struct People {
    pub have: usize,
    pub needed: u32,
    /// What is still missing, in words.
    pub missing: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaView {
    pub places: u32,
    pub accepted: u32,
    pub reserved: u32,
    pub packet_bytes: u64,
    pub total_bytes: u64,
    pub bytes_used: u64,
}

/// A hook comes to its audience in waves: first to few, and while they leave places free, to more.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferedView {
    /// About so much of the audience is offered the hook, from 0 to 100.
    pub percent: f64,
    #[schema(value_type = String, format = DateTime)]
    pub since: Time,
    /// Why it is not offered to more now: `all` (there is nobody else), `taken` (no place is free), `failing` (its runs
    /// fail), `pause` (these have time still); null when more are about to be.
    pub held: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionView {
    pub revision: u32,
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    #[schema(value_type = Object)]
    pub state: HookState,
}

impl From<&RevisionRow> for RevisionView {
    fn from(row: &RevisionRow) -> Self {
        Self {
            revision: row.revision,
            digest: row.digest,
            state: row.state.clone(),
        }
    }
}

/// A hook at one revision, with what it was made from.
pub struct Viewed {
    pub view: HookView,
    /// As its text says it.
    pub hook: Hook,
    /// As it was published, if it was.
    pub published: Option<Revision>,
}

/// The hook at one revision; none is the latest.
pub async fn view(
    app: &App,
    scope: &Scope,
    record: &HookRecord,
    number: Option<u32>,
) -> Answer<HookView> {
    Ok(viewed(app, scope, record, number).await?.view)
}

/// The same, for pages that show more of it.
pub async fn viewed(
    app: &App,
    scope: &Scope,
    record: &HookRecord,
    number: Option<u32>,
) -> Answer<Viewed> {
    let row = match number {
        Some(number) => record.revision(number),
        None => record.latest(),
    };
    let row = row.ok_or_else(|| Problem::not_found("revision"))?;
    let published = async {
        Ok(match &row.digest {
            Some(digest) => app.store.revision(scope, digest).await?,
            None => None,
        })
    };
    let revision = find_revision(app, scope, &record.id, row.revision);
    let (revision, published) = try_join!(revision, published)?;
    let hook = hook_of(record, &revision, app.now())?;
    let bounds = bounds(app);
    let view = HookView {
        id: record.id.clone(),
        revision: row.revision,
        state: row.state.clone(),
        version: record.version,
        author: record.author.clone(),
        title: hook.title.clone(),
        customers: record.customers.clone(),
        opted_in: record.opted_in,
        ticket: record.ticket.clone(),
        template: record.template.clone(),
        digest: row.digest,
        reach: reach_view(&reach::of(&hook, &bounds)),
        explanation: explanation(app, &hook),
        people: people(app, &revision, &hook)?,
        signatures: revision
            .signatures
            .iter()
            .map(|s| SignatureView {
                person: s.person.clone(),
                keyid: s.keyid,
                place: s.place,
                at: s.at,
            })
            .collect(),
        quota: quota(&hook, published.as_ref()),
        offered: published.as_ref().and_then(|r| offered(app, r)),
        expires_at: published
            .as_ref()
            .map_or(hook.expires_at, Revision::expires_at),
        toml: revision.toml,
        revisions: record.revisions.iter().map(RevisionView::from).collect(),
    };
    Ok(Viewed {
        view,
        hook,
        published,
    })
}

fn reach_view(reach: &Reach) -> ReachView {
    ReachView {
        reach: reach.name(),
        reasons: match reach {
            Reach::Ordinary => Vec::new(),
            Reach::Wide(reasons) => reasons.iter().map(ToString::to_string).collect(),
        },
    }
}

fn people(app: &App, revision: &HookRevision, hook: &Hook) -> Answer<People> {
    let current = app.trust.current();
    let needed = bounds(app).hook_people;
    let nobody = |words: String| People {
        have: 0,
        needed,
        missing: vec![words],
    };
    let Some(payload) = &revision.payload else {
        return Ok(nobody("it is not in review yet".into()));
    };
    let signatures = revision.signatures.iter();
    let whole = publish::envelope(
        payload,
        signatures.map(|s| EnvelopeSignature {
            keyid: s.keyid,
            sig: s.sig,
        }),
    );
    let progress = match current
        .verifier()
        .and_then(|trust| trust.progress(&whole, hook))
    {
        Ok(progress) => progress,
        Err(refusal) => return Ok(nobody(refusal.to_string())),
    };
    Ok(People {
        have: progress.people.len(),
        needed: progress.needed,
        missing: progress.missing.iter().map(ToString::to_string).collect(),
    })
}

fn offered(app: &App, revision: &Revision) -> Option<OfferedView> {
    let next = waves::next(revision, &app.config.waves.rules(), app.now())?;
    Some(OfferedView {
        percent: revision.wave.share() * 100.0,
        since: revision.wave_since(),
        held: next.err().map(Hold::word),
    })
}

fn quota(hook: &Hook, published: Option<&Revision>) -> QuotaView {
    let usage = published.map(|r| r.usage).unwrap_or_default();
    QuotaView {
        places: published.map_or(hook.places, Revision::places),
        accepted: usage.accepted,
        reserved: usage.reserved,
        packet_bytes: hook.packet_bytes,
        total_bytes: hook.total_bytes,
        bytes_used: usage.accepted_bytes,
    }
}
