//! Waves: with which share of its audience a hook begins, and how it stands with the next one.
use boathook_hooks::{
    audience,
    documents::hook::{Hook, HookCustomers},
    ids::InstanceId,
    states::HookState,
    time::Time,
    waves::{Hold, Rules, Standing, Wave, at_most},
};
use boathook_schema::{Revision, Scope, StoreError};

use crate::app::App;

/// More customers than these are not asked for one by one.
const CUSTOMERS: usize = 16;
/// So many of those that match are named.
const NAMES: usize = 8;

/// The first wave of a hook that is about to be published. One that names its instances is offered to all of them.
pub async fn first(app: &App, hook: &Hook) -> Result<Wave, StoreError> {
    if !hook.audience.instances.is_empty() {
        return Ok(Wave::ALL);
    }
    let matching = matching(app, &Scope::System, hook).await?;
    Ok(Wave::first(
        hook.places,
        matching.most,
        &app.config.waves.rules(),
    ))
}

/// About how many instances the hook is for that may work, by what they said of themselves last.
pub async fn about(app: &App, hook: &Hook) -> Result<u64, StoreError> {
    Ok(matching(app, &Scope::System, hook).await?.about)
}

/// Instances that a hook is for, by what they said of themselves last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// About how many.
    pub about: u64,
    /// The same number where all of them were looked at.
    most: u64,
    /// Some of them by name: the first ones of those that were looked at.
    pub names: Vec<(String, InstanceId)>,
}

/// Those of the scope's customers alone: what a text names of others tells nothing.
pub async fn matching(app: &App, scope: &Scope, hook: &Hook) -> Result<Matching, StoreError> {
    let customers = match &hook.customers {
        HookCustomers::Only(some) if some.len() <= CUSTOMERS => {
            some.iter().cloned().map(Some).collect()
        }
        _ => vec![None],
    };
    let mut all = Matching::default();
    for customer in customers {
        let sample = app.store.instance_sample(scope, customer).await?;
        let items = sample.items.into_iter();
        let named: Vec<_> = items
            .filter(|i| i.may_work() && audience::matches(hook, &i.id, &i.customer, &i.facts))
            .map(|i| (i.facts.name, i.id))
            .collect();
        let found = named.len() as u64;
        all.names.extend(named);
        all.about = all.about.saturating_add(found.saturating_mul(sample.each));
        all.most = all.most.saturating_add(at_most(found, sample.each));
    }
    all.names.sort();
    all.names.truncate(NAMES);
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
