//! Reading the control log: in process at once, and every 250 ms for what another process wrote.
use std::time::Duration;

use axum::body::Bytes;
use boathook_hooks::{
    documents::hook::Hook,
    envelope::Envelope,
    ids::Digest,
    states::HookState,
    strict::{self, MAX_DOCUMENT},
    time::{HOUR, MINUTE, Time},
};
use boathook_schema::{Change, ControlEntry, Outcome, Revision, Scope, StoreError, Write};

use crate::{
    app::{App, Shared, chance},
    control::{Active, ActiveHook, Stopped},
};

/// Entries a read.
const PAGE: u32 = 500;

#[derive(Debug, Default)]
pub struct Feeding {
    /// When the log was last moved beyond a number that an agent had seen and the store had lost.
    jumped: Option<Time>,
}

/// Reads the control log until shutdown.
pub async fn follow(app: Shared) {
    let mut head = app.store.control();
    loop {
        if let Err(error) = catch_up(&app, 0).await {
            tracing::error!(%error, "the control log cannot be read; answers are as of the last change that was");
        }
        // A change of this process wakes at once; one of another process shows when the head is read.
        let woken = tokio::select! {
            () = app.shutdown.cancelled() => return,
            changed = head.changed() => changed.is_ok(),
            () = tokio::time::sleep(beat(&app)) => false,
        };
        if !woken && let Err(error) = app.store.refresh_control().await {
            tracing::warn!(%error, "the control log's head cannot be read");
        }
    }
}

/// At most `control_ms`, and by chance shorter: servers that started together do not ask together.
fn beat(app: &App) -> Duration {
    let most = Duration::from_millis(app.config.agents.control_ms.max(1));
    most.mul_f64(1.0 - 0.25 * chance())
}

/// Takes in all that the log has. `seen` is a number that somebody knows: a store that lost it is moved beyond it.
pub async fn catch_up(app: &App, seen: u64) -> Result<(), StoreError> {
    let control = &app.agent.control;
    let mut feeding = control.feeding.lock().await;
    let known = *control.number.borrow();
    let Some(mut number) = known else {
        let number = load(app).await?;
        return told(app, number);
    };
    if known.is_some_and(|n| seen <= n) && *app.store.control().borrow() == number {
        return Ok(());
    }
    loop {
        let page = app
            .store
            .changes_since(&Scope::System, number, PAGE)
            .await?;
        for entry in &page.entries {
            apply(app, entry).await?;
            number = entry.number;
        }
        if !page.entries.is_empty() {
            told(app, number)?;
        }
        if number >= page.head || page.entries.is_empty() {
            break;
        }
    }
    if number < seen {
        jump(app, &mut feeding, seen).await?;
    }
    Ok(())
}

/// A restored store: agents know numbers that it has lost. An entry of now goes beyond them, as numbers are at least
/// unix milliseconds. At most one a minute, as any agent can claim to have seen anything.
async fn jump(app: &App, feeding: &mut Feeding, seen: u64) -> Result<(), StoreError> {
    let now = app.now();
    let plausible = i64::try_from(seen).is_ok_and(|ms| ms <= now.ms());
    if !plausible || feeding.jumped.is_some_and(|at| now.since(at) < MINUTE) {
        return Ok(());
    }
    tracing::warn!(
        seen,
        "an agent has seen a later control number than the store has: was it restored?"
    );
    feeding.jumped = Some(now);
    match app
        .store
        .append_control(&Scope::System, Write::system(now), Change::Trust)
        .await?
    {
        Outcome::Done(number) => told(app, number),
        Outcome::Refused(reason) => {
            tracing::error!(%reason, "the control log was not moved on");
            Ok(())
        }
    }
}

/// Everything anew, as of one number.
async fn load(app: &App) -> Result<u64, StoreError> {
    let now = app.now();
    let found = app.store.active_hooks(&Scope::System, now).await?;
    let mut fresh = Active::default();
    for revision in &found.hooks {
        if let Some(hook) = read_hook(app, revision).await? {
            fresh.put(hook);
        }
    }
    for s in found.stopped {
        let stopped = Stopped {
            customers: s.customers,
            opted_in: s.opted_in,
            until: s.until,
        };
        fresh.stop(s.digest, stopped);
    }
    for digest in &found.unreadable {
        app.unreadable(digest, "its entry among the active hooks");
        // Its own record may be whole.
        if let Some(revision) = read_revision(app, digest).await? {
            if matches!(revision.state, HookState::Stopped { .. }) {
                fresh.stop(*digest, stopped(revision));
            } else if revision.state.is_active()
                && let Some(hook) = read_hook(app, &revision).await?
            {
                fresh.put(hook);
            }
        }
    }
    // Who was denied within the life of a bearer: numbers are at least unix milliseconds, so none is missed.
    let mut from = u64::try_from(now.ms() - HOUR)
        .unwrap_or(0)
        .saturating_sub(1);
    loop {
        let page = app.store.changes_since(&Scope::System, from, PAGE).await?;
        for entry in page.entries.iter().filter(|e| e.number <= found.number) {
            match &entry.change {
                Change::Deny { instance } => fresh.deny(instance.clone(), entry.number),
                Change::Facts { instance } => fresh.let_in(instance.clone(), entry.number),
                _ => {}
            }
        }
        match page.entries.last() {
            Some(last) if last.number < page.head => from = last.number,
            _ => break,
        }
    }
    *app.agent
        .control
        .active
        .write()
        .unwrap_or_else(|e| e.into_inner()) = fresh;
    reload_trust(app).await;
    Ok(found.number)
}

/// Says that everything up to `number` is in memory.
#[allow(clippy::unnecessary_wraps)]
fn told(app: &App, number: u64) -> Result<(), StoreError> {
    let control = &app.agent.control;
    change(app, |active| active.number = number);
    app.metrics
        .control_number
        .set(i64::try_from(number).unwrap_or(i64::MAX));
    control.number.send_replace(Some(number));
    Ok(())
}

fn change(app: &App, with: impl FnOnce(&mut Active)) {
    with(
        &mut app
            .agent
            .control
            .active
            .write()
            .unwrap_or_else(|e| e.into_inner()),
    );
}

async fn apply(app: &App, entry: &ControlEntry) -> Result<(), StoreError> {
    match &entry.change {
        Change::Publish {
            digest, supersedes, ..
        } => {
            let revision = read_revision(app, digest).await?;
            let hook = match &revision {
                Some(r) if r.state.is_active() => read_hook(app, r).await?,
                _ => None,
            };
            change(app, |active| {
                if let Some(old) = supersedes {
                    active.remove(old);
                }
                if let Some(hook) = hook {
                    active.put(hook);
                }
            });
        }
        Change::Stop { digest } => {
            let read = read_revision(app, digest).await?.map(stopped);
            // Where its record cannot be read any more, by what is known of it here: a stop must reach whoever runs it.
            change(app, |active| {
                match read.or_else(|| active.get(digest).map(|hook| hook.stopped())) {
                    Some(stopped) => active.stop(*digest, stopped),
                    None => active.remove(digest),
                }
            });
        }
        Change::Lower { digest } => {
            if let Some(r) = read_revision(app, digest).await? {
                change(app, |active| {
                    active.change(digest, |hook| {
                        hook.expires_at = r.expires_at();
                        hook.places = r.places();
                    });
                });
            }
        }
        Change::Expire { digest } | Change::Full { digest } => {
            change(app, |active| active.remove(digest));
        }
        Change::Wave { digest, wave } => {
            // Never back: what is read of a hook may be newer than the entry.
            change(app, |active| {
                active.change(digest, |hook| hook.wave = hook.wave.max(*wave));
            });
        }
        Change::Trust => reload_trust(app).await,
        Change::Facts { instance } => {
            change(app, |active| active.let_in(instance.clone(), entry.number));
        }
        Change::Deny { instance } => {
            change(app, |active| active.deny(instance.clone(), entry.number));
        }
    }
    Ok(())
}

async fn reload_trust(app: &App) {
    if let Err(error) = app.trust.reload(&app.store).await {
        tracing::error!(%error, "the trust documents in the store do not verify; the ones before stay");
    }
}

async fn read_revision(app: &App, digest: &Digest) -> Result<Option<Revision>, StoreError> {
    let read = app.store.revision(&Scope::System, digest).await;
    Ok(app.readable(digest, read)?.flatten())
}

fn stopped(revision: Revision) -> Stopped {
    Stopped {
        until: revision.expires_at(),
        customers: revision.customers,
        opted_in: revision.opted_in,
    }
}

/// The published hook with its text. One that cannot be read is left out, loudly: it must not stop the others.
async fn read_hook(app: &App, revision: &Revision) -> Result<Option<ActiveHook>, StoreError> {
    let digest = revision.digest;
    let read = app.store.envelope(&Scope::System, &digest).await;
    let Some(envelope) = app.readable(&digest, read)? else {
        return Ok(None);
    };
    let Some(envelope) = envelope else {
        app.unreadable(&digest, "it has no envelope");
        return Ok(None);
    };
    match parse(&digest, &envelope.0) {
        Ok(hook) => {
            let mut active = ActiveHook::new(digest, hook, Bytes::from(envelope.0));
            active.expires_at = revision.expires_at();
            active.places = revision.places();
            active.wave = revision.wave;
            Ok(Some(active))
        }
        Err(error) => {
            app.unreadable(&digest, &error);
            Ok(None)
        }
    }
}

/// Only to match it with instances: whether its signatures are enough, each agent decides.
fn parse(digest: &Digest, envelope: &[u8]) -> Result<Hook, String> {
    let envelope = Envelope::from_bson(envelope, MAX_DOCUMENT).map_err(|e| e.to_string())?;
    if envelope.digest() != *digest {
        return Err("the envelope holds another hook".to_owned());
    }
    strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|e| e.to_string())
}

/// Forgets what time has ended. Called each second.
pub fn forget_ended(app: &App, now: Time) {
    let oldest_bearer = u64::try_from(now.ms() - HOUR - MINUTE).unwrap_or(0);
    change(app, |active| {
        active.forget_ended(now);
        active.forget_instances_before(oldest_bearer);
    });
}
