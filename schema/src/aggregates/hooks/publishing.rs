//! Publishing, which supersedes what was published before.
use boathook_hooks::{
    ids::Digest,
    states::{HookState, Move},
};

use super::{find, home, open, save};
use crate::{
    Answer, Change, EventKind, HookRecord, Lowered, MAX_PLACES, Publish, Refused, Revision, Scope,
    StoreError, Told, Usage, Write,
    aggregates::revisions,
    engine::{Engine, List, Look as _, Need, Step, Stop, Tx, ensure},
};

fn half_done() -> Stop {
    let operation = "publish";
    Stop::Error(StoreError::TryAgain { operation })
}

/// What became of it, if it was published before: another server was first with the same signed bytes, or this is a
/// repeat.
fn known(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<Told>, Stop> {
    let head = revisions::home(digest).head();
    let Some(known): Option<Revision> = tx.read("revision", &head)? else {
        return Ok(None);
    };
    match known.state {
        // Its control number is on the way.
        HookState::Published if known.control == 0 => Err(half_done()),
        HookState::Published => Ok(Some(revisions::told(&known))),
        ended => Err(Refused::Ended {
            state: ended.word().to_owned(),
        }
        .into()),
    }
}

/// Revisions of the same hook that are published as far as it knows.
fn published(hook: &HookRecord) -> Vec<Digest> {
    hook.revisions
        .iter()
        .filter(|r| r.state == HookState::Published)
        .filter_map(|r| r.digest)
        .collect()
}

/// Supersedes them; says which was the last of them. One may have ended meanwhile: its own step then leaves it so.
fn supersede(tx: &mut Tx<'_>, older: &[Digest], by: u32) -> Result<Option<Digest>, Stop> {
    let heads = older.iter().map(|d| revisions::home(d).head());
    tx.ahead(heads.map(Need::Row).collect())?;
    let mut last = None;
    for digest in older {
        let digest = *digest;
        let head = revisions::home(&digest).head();
        let found: Option<Revision> = tx.read("revision", &head)?;
        if found.is_some_and(|r| r.state == HookState::Published) {
            last = Some(digest);
        }
        tx.then(Step::Supersede { digest, by });
    }
    Ok(last)
}

fn revision(tx: &Tx<'_>, publish: &Publish, state: HookState) -> Revision {
    Revision {
        digest: publish.digest,
        hook: publish.hook.clone(),
        revision: publish.revision,
        state,
        customers: publish.customers.clone(),
        opted_in: publish.opted_in,
        ticket: publish.ticket.clone(),
        author: publish.author.clone(),
        title: publish.title.clone(),
        audience: publish.audience.clone(),
        size: publish.envelope.0.len() as u64,
        quota: publish.quota.clone(),
        lowered: Lowered::default(),
        usage: Usage::default(),
        overruns: Vec::new(),
        published_at: tx.now(),
        ended_at: None,
        wave: publish.wave,
        widened_at: None,
        // Noted when the control log has it.
        control: 0,
        version: 1,
    }
}

fn publish(tx: &mut Tx<'_>, scope: &Scope, publish: &Publish) -> Result<Told, Stop> {
    ensure(
        scope.holds_all(&publish.customers) && !scope.is_agent(),
        Refused::OutOfScope,
    )?;
    if let Some(told) = known(tx, &publish.digest)? {
        return Ok(told);
    }
    let hook = find(tx, scope)?;
    let mut open = open(tx, hook, publish.revision, None)?;
    let row = &mut open.revision.value;
    ensure(row.digest == Some(publish.digest), Refused::OtherBytes)?;
    if row.state == HookState::Published {
        // Its revision is about to open.
        return Err(half_done());
    }
    row.state = row.state.after(Move::Publish)?;
    let limits = &publish.quota;
    ensure(
        tx.now() < limits.expires_at,
        Refused::Ended {
            state: "expired".into(),
        },
    )?;
    ensure(
        (1..=MAX_PLACES).contains(&limits.places),
        Refused::Malformed(format!("a hook has 1 to {MAX_PLACES} places")),
    )?;
    let revision = revision(tx, publish, row.state.clone());
    let signatures = row.signatures.len() as i64;
    let older = published(&open.hook.value);
    save(tx, &mut open)?;
    let envelope = publish.envelope.0.clone();
    tx.before(List::Envelopes, &publish.digest.to_string(), "", envelope);
    tx.then(Step::OpenRevision {
        revision: Box::new(revision.clone()),
    });
    let supersedes = supersede(tx, &older, publish.revision)?;
    let change = Change::Publish {
        digest: publish.digest,
        hook: publish.hook.clone(),
        supersedes,
    };
    tx.control_noted(change, publish.digest);
    let mut e = revisions::event(EventKind::HOOK_PUBLISHED, &revision);
    e.details.insert("places", limits.places);
    e.details
        .insert("expires_at", limits.expires_at.to_string());
    e.details.insert("signatures", signatures);
    if !publish.wave.is_all() {
        e.details.insert("offered", publish.wave.share());
    }
    let audited = if revision.customers.is_empty() {
        &open.hook.value.customers
    } else {
        &revision.customers
    };
    tx.event_for(audited, &e)?;
    Ok(revisions::told(&revision))
}

impl Engine {
    pub(crate) async fn publish(
        &self,
        scope: &Scope,
        write: Write,
        asked: Publish,
    ) -> Answer<Told> {
        let scope = scope.clone();
        self.write_told(
            "publish",
            write,
            home(&asked.hook),
            move |tx| publish(tx, &scope, &asked),
            revisions::tell,
        )
        .await
    }
}
