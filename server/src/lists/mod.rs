//! Hook lists: what one instance should run now, as an ETag for polls and as a signed document when it must be sent.
mod bounds;
mod heads;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use boathook_hooks::{
    documents::{
        Document as _,
        hook_list::{HookList, ListedHook, RevokerHead},
    },
    ids::{Digest, InstanceId},
    time::{SECOND, Time},
};
use sha2::{Digest as _, Sha256};

use bounds::LeftOut;
pub use heads::Heads;

use crate::{
    agent::{Instance, hook_token},
    app::App,
    control::Matching,
    errors::{Answer, Problem},
    trust::Current,
};

/// What lists share between instances.
#[derive(Default)]
pub struct Lists {
    summary: Mutex<Option<Arc<Summary>>>,
    pub(crate) heads: Heads,
}

/// The trust documents in numbers, made once for each set of them.
struct Summary {
    of: Arc<Current>,
    root_version: u64,
    roster_version: u64,
    revokers: Vec<RevokerHead>,
    revocations: Digest,
}

impl Lists {
    fn summary(&self, app: &App) -> Answer<Arc<Summary>> {
        let current = app.trust.current();
        let mut held = self.summary.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(known) = held.as_ref().filter(|s| Arc::ptr_eq(&s.of, &current)) {
            return Ok(known.clone());
        }
        let Some(verifier) = &current.verifier else {
            return Err(Problem::busy("this server has no root yet", 60));
        };
        let revoker = |(revoker, number)| RevokerHead { revoker, number };
        let fresh = Arc::new(Summary {
            root_version: verifier.root().version,
            roster_version: verifier.roster().map_or(0, |r| r.version),
            revokers: verifier.revoker_heads().into_iter().map(revoker).collect(),
            revocations: verifier.revocations().digest(),
            of: current.clone(),
        });
        *held = Some(fresh.clone());
        Ok(fresh)
    }
}

/// What an instance would be told at this moment; not signed yet.
pub struct Offer {
    pub etag: String,
    /// When the ETag changes by time alone.
    pub period_end: Time,
    number: u64,
    matching: Matching,
    left_out: LeftOut,
    summary: Arc<Summary>,
}

/// What `instance` should know at `now`. Touches no store.
pub fn current(app: &App, instance: &Instance, now: Time) -> Answer<Offer> {
    let lists = &app.agent.lists;
    let summary = lists.summary(app)?;
    let (matching, number) = {
        let active = app.agent.control.active();
        let matching = match instance.confirmed {
            true => active.matching(instance.asker(), now),
            false => Matching::default(),
        };
        (matching, active.number)
    };
    // Before the ETag, which speaks for what is in the list and for nothing else.
    let (matching, left_out) = bounds::bound(matching, summary.revokers.len());
    let life = life_ms(app);
    let (period, period_end) = period(&instance.instance, now, life / 2);
    let mut hash = Sha256::new();
    for number in [period as u64, summary.root_version, summary.roster_version] {
        hash.update(number.to_be_bytes());
    }
    hash.update(summary.revocations.0);
    hash.update([u8::from(instance.confirmed)]);
    for hook in &matching.offered {
        hash.update(hook.digest.0);
        hash.update(hook.expires_at.ms().to_be_bytes());
    }
    hash.update(b"stopped");
    matching
        .stopped
        .iter()
        .for_each(|digest| hash.update(digest.0));
    let etag = format!("\"{}\"", Digest(hash.finalize().into()));
    Ok(Offer {
        etag,
        period_end,
        number,
        matching,
        left_out,
        summary,
    })
}

fn life_ms(app: &App) -> i64 {
    i64::try_from(app.config.agents.list_seconds).unwrap_or(0) * SECOND
}

/// The period of issue that `now` lies in, and its end. Each instance's periods begin at a moment of their own, so that
/// not all lists are signed at once.
fn period(instance: &InstanceId, now: Time, length: i64) -> (i64, Time) {
    let length = length.max(1);
    let chance = Digest::of(instance.as_str().as_bytes()).0;
    let shift = i64::from(u32::from_be_bytes([
        chance[0], chance[1], chance[2], chance[3],
    ])) % length;
    let period = (now.ms() + shift).div_euclid(length);
    (period, Time::from_ms((period + 1) * length - shift))
}

/// The signed list: BSON of the envelope.
pub async fn sign(app: &App, instance: &Instance, current: Offer, now: Time) -> Answer<Vec<u8>> {
    let heads = app
        .agent
        .lists
        .heads
        .of(app, &instance.customer, now)
        .await?;
    let Offer {
        number,
        matching,
        left_out,
        summary,
        ..
    } = current;
    if !left_out.is_nothing() {
        app.metrics.lists_cut.inc();
        tracing::warn!(
            instance = %instance.instance,
            hooks = left_out.hooks,
            stopped = left_out.stopped,
            "a hook list has no room for all"
        );
    }
    let ring = app.keys.ring();
    let macs = ring.current(now);
    let token = |digest| hook_token::make(&macs.token, digest, &instance.instance);
    let list = HookList {
        instance: instance.instance.clone(),
        customer: instance.customer.clone(),
        number,
        issued_at: now,
        expires_at: now.plus_ms(life_ms(app)),
        root_version: summary.root_version,
        roster_version: summary.roster_version,
        revokers: summary.revokers.clone(),
        revocations: summary.revocations,
        heads,
        hooks: matching
            .offered
            .iter()
            .map(|hook| ListedHook {
                url: hook.url.clone(),
                digest: hook.digest,
                size: hook.envelope.len() as u64,
                expires_at: hook.expires_at,
                token: token(&hook.digest),
            })
            .collect(),
        stopped: matching.stopped,
        extensions: BTreeMap::new(),
        critical: Vec::new(),
    };
    let envelope = list
        .envelope(&[&ring.online])
        .map_err(|e| Problem::internal("signing a hook list", e))?;
    envelope
        .to_bson()
        .map_err(|e| Problem::internal("encoding a hook list", e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn within_a_period_of_issue_half_of_a_lists_life_is_left() {
        let life = 7_200_000;
        let instance: InstanceId = "i-1".parse().unwrap();
        for issued in (0..20).map(|n| Time::from_ms(1_700_000_000_000 + n * 777_777)) {
            let (issue, end) = period(&instance, issued, life / 2);
            let last = end.plus_ms(-1);
            assert_eq!(period(&instance, last, life / 2).0, issue);
            assert_eq!(period(&instance, end, life / 2).0, issue + 1);
            assert!(issued.plus_ms(life).since(last) >= life / 2);
        }
    }

    #[test]
    fn instances_change_period_at_different_moments() {
        let end = |id: &str| {
            period(
                &id.parse().unwrap(),
                Time::from_ms(1_700_000_000_000),
                3_600_000,
            )
            .1
        };
        assert_ne!(end("i-1"), end("i-2"));
    }
}
