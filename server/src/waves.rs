//! Waves: with which share of its audience a hook begins, and how it stands with the next one.
use boathook_hooks::{
    audience,
    documents::hook::{Hook, HookCustomers},
    states::HookState,
    time::Time,
    waves::{Hold, Rules, Standing, Wave, at_most},
};
use boathook_schema::{Revision, Scope, StoreError};

use crate::app::App;

/// More customers than these are not asked for one by one.
const CUSTOMERS: usize = 16;

/// The first wave of a hook that is about to be published. One that names its instances is offered to all of them.
pub async fn first(app: &App, hook: &Hook) -> Result<Wave, StoreError> {
    if !hook.audience.instances.is_empty() {
        return Ok(Wave::ALL);
    }
    let matching = matching(app, hook).await?;
    Ok(Wave::first(
        hook.places,
        matching.most,
        &app.config.waves.rules(),
    ))
}

/// About how many instances the hook is for that may work, by what they said of themselves last.
pub async fn about(app: &App, hook: &Hook) -> Result<u64, StoreError> {
    Ok(matching(app, hook).await?.about)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Matching {
    about: u64,
    /// The same number where all of them were looked at.
    most: u64,
}

async fn matching(app: &App, hook: &Hook) -> Result<Matching, StoreError> {
    let customers = match &hook.customers {
        HookCustomers::Only(some) if some.len() <= CUSTOMERS => {
            some.iter().cloned().map(Some).collect()
        }
        _ => vec![None],
    };
    let mut all = Matching::default();
    for customer in customers {
        let sample = app.store.instance_sample(&Scope::System, customer).await?;
        let found = sample
            .items
            .iter()
            .filter(|i| i.may_work() && audience::matches(hook, &i.id, &i.customer, &i.facts))
            .count() as u64;
        all.about = all.about.saturating_add(found.saturating_mul(sample.each));
        all.most = all.most.saturating_add(at_most(found, sample.each));
    }
    Ok(all)
}

/// What follows on a published revision's wave at `now`; none when it is not published.
pub fn next(revision: &Revision, rules: &Rules, now: Time) -> Option<Result<Wave, Hold>> {
    let (usage, quota) = (&revision.usage, &revision.quota);
    let bytes = usage.accepted_bytes.saturating_add(usage.reserved_bytes);
    let no_room = bytes.saturating_add(quota.packet_bytes) > quota.total_bytes
        || usage.rows >= quota.places.saturating_mul(4);
    let standing = Standing {
        wave: revision.wave,
        since: revision.wave_since(),
        places: revision.places(),
        accepted: revision.usage.accepted,
        reserved: revision.usage.reserved,
        no_room,
        failed: revision.usage.failed,
        stop_error_percent: revision.quota.stop_error_percent,
    };
    let is_on = revision.state == HookState::Published && now < revision.expires_at();
    is_on.then(|| standing.next(rules, now))
}
