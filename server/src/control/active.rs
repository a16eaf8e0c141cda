//! The active hooks in memory, indexed so that one instance's hooks are found without looking at all.
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::body::Bytes;
use boathook_hooks::{
    audience,
    documents::{
        hook::{Hook, HookCustomers},
        identity::Facts,
    },
    ids::{CustomerId, Digest, InstanceId},
    protocol,
    time::Time,
    waves::Wave,
};

/// A published hook (one revision) as polls and claims need it.
#[derive(Debug)]
pub struct ActiveHook {
    pub digest: Digest,
    pub hook: Hook,
    /// The envelope's bytes, as they are served.
    pub envelope: Bytes,
    /// Its path for agents.
    pub url: String,
    /// The hook's own end, or an earlier one.
    pub expires_at: Time,
    /// Places as they are now: the hook's own, or fewer.
    pub places: u32,
    /// Whom of its audience it is offered to yet.
    pub wave: Wave,
}

impl ActiveHook {
    pub fn new(digest: Digest, hook: Hook, envelope: Bytes) -> Self {
        Self {
            digest,
            url: protocol::path_hook(&digest),
            expires_at: hook.expires_at,
            places: hook.places,
            wave: Wave::ALL,
            hook,
            envelope,
        }
    }

    /// What lists say of it once it is stopped.
    pub fn stopped(&self) -> Stopped {
        let (customers, opted_in) = match &self.hook.customers {
            HookCustomers::Only(customers) => (customers.clone(), false),
            HookCustomers::OptedIn => (Vec::new(), true),
        };
        Stopped {
            customers,
            opted_in,
            until: self.expires_at,
        }
    }

    /// Customer and audience, as the agent will check them again.
    pub fn is_for(&self, asker: Asker<'_>) -> bool {
        let customer = match &self.hook.customers {
            HookCustomers::Only(customers) => customers.contains(asker.customer),
            HookCustomers::OptedIn => asker.facts.opted_in,
        };
        customer && audience::matches(&self.hook, asker.instance, asker.customer, asker.facts)
    }

    /// Whether the waves have come to this instance.
    pub fn reaches(&self, instance: &InstanceId) -> bool {
        self.wave.reaches(&self.digest, instance)
    }

    /// Meant for this instance, and its turn.
    fn is_offered(&self, asker: Asker<'_>, now: Time) -> bool {
        // One hash: cheaper than versions and labels.
        now < self.expires_at && self.reaches(asker.instance) && self.is_for(asker)
    }
}

/// Whom a poll is for.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    pub instance: &'a InstanceId,
    pub customer: &'a CustomerId,
    pub facts: &'a Facts,
}

/// What one instance should know, in order of digest.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    pub offered: Vec<Arc<ActiveHook>>,
    pub stopped: Vec<Digest>,
}

/// A hook that was stopped: a run of it is to be killed.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    /// When it would have expired anyway.
    pub until: Time,
}

/// All hooks that may be offered, and the number of the last change.
#[derive(Debug, Default)]
pub struct Active {
    pub number: u64,
    hooks: HashMap<Digest, Arc<ActiveHook>>,
    by_instance: HashMap<InstanceId, Vec<Digest>>,
    by_customer: HashMap<CustomerId, Vec<Digest>>,
    by_product: HashMap<String, Vec<Digest>>,
    for_all: Vec<Digest>,
    /// Named in the lists of their customers until they would have expired anyway.
    stopped: HashMap<Digest, Stopped>,
    /// Instances whose bearers of before this control number count no more.
    denied: HashMap<InstanceId, u64>,
    /// Instances that may work from this number on: earlier bearers that say otherwise are to be renewed.
    let_in: HashMap<InstanceId, u64>,
}

impl Active {
    pub fn get(&self, digest: &Digest) -> Option<&Arc<ActiveHook>> {
        self.hooks.get(digest)
    }

    pub fn len(&self) -> usize {
        self.hooks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    /// Adds a hook, or puts another in its place.
    pub fn put(&mut self, hook: ActiveHook) {
        let digest = hook.digest;
        if self.hooks.insert(digest, Arc::new(hook)).is_none() {
            self.index(digest);
        }
    }

    fn index(&mut self, digest: Digest) {
        let Some(entry) = self.hooks.get(&digest) else {
            return;
        };
        let audience = &entry.hook.audience;
        // Under one kind of key only: the narrowest that every instance of its audience has.
        if !audience.instances.is_empty() {
            for instance in &audience.instances {
                self.by_instance
                    .entry(instance.clone())
                    .or_default()
                    .push(digest);
            }
        } else if let HookCustomers::Only(customers) = &entry.hook.customers {
            for customer in customers {
                self.by_customer
                    .entry(customer.clone())
                    .or_default()
                    .push(digest);
            }
        } else if !audience.products.is_empty() {
            for product in &audience.products {
                self.by_product
                    .entry(product.name.clone())
                    .or_default()
                    .push(digest);
            }
        } else {
            self.for_all.push(digest);
        }
    }

    pub fn remove(&mut self, digest: &Digest) {
        let Some(entry) = self.hooks.remove(digest) else {
            return;
        };
        fn forget<K: std::hash::Hash + Eq>(
            map: &mut HashMap<K, Vec<Digest>>,
            key: &K,
            digest: &Digest,
        ) {
            if let Some(list) = map.get_mut(key) {
                list.retain(|d| d != digest);
                if list.is_empty() {
                    map.remove(key);
                }
            }
        }
        for instance in &entry.hook.audience.instances {
            forget(&mut self.by_instance, instance, digest);
        }
        if let HookCustomers::Only(customers) = &entry.hook.customers {
            for customer in customers {
                forget(&mut self.by_customer, customer, digest);
            }
        }
        for product in &entry.hook.audience.products {
            forget(&mut self.by_product, &product.name, digest);
        }
        self.for_all.retain(|d| d != digest);
    }

    /// Changes what may change of a hook: never its text.
    pub fn change(&mut self, digest: &Digest, with: impl FnOnce(&mut ActiveHook)) {
        if let Some(entry) = self.hooks.get_mut(digest) {
            let mut next = ActiveHook {
                digest: entry.digest,
                hook: entry.hook.clone(),
                envelope: entry.envelope.clone(),
                url: entry.url.clone(),
                expires_at: entry.expires_at,
                places: entry.places,
                wave: entry.wave,
            };
            with(&mut next);
            *entry = Arc::new(next);
        }
    }

    /// Takes the hook out of what is offered and names it as stopped.
    pub fn stop(&mut self, digest: Digest, stopped: Stopped) {
        self.remove(&digest);
        self.stopped.insert(digest, stopped);
    }

    /// Forgets what ended by time; true when something did.
    pub fn forget_ended(&mut self, now: Time) -> bool {
        let before = self.stopped.len();
        self.stopped.retain(|_, s| now < s.until);
        let ended: Vec<Digest> = self
            .hooks
            .values()
            .filter(|h| h.expires_at <= now)
            .map(|h| h.digest)
            .collect();
        ended.iter().for_each(|digest| self.remove(digest));
        !ended.is_empty() || self.stopped.len() != before
    }

    fn candidates(&self, asker: Asker<'_>) -> Vec<&Arc<ActiveHook>> {
        let products = asker
            .facts
            .products
            .iter()
            .filter_map(|p| self.by_product.get(&p.name));
        let lists = [
            self.by_instance.get(asker.instance),
            self.by_customer.get(asker.customer),
        ];
        let digests: HashSet<&Digest> = lists
            .into_iter()
            .flatten()
            .chain(products)
            .chain([&self.for_all])
            .flatten()
            .collect();
        digests
            .into_iter()
            .filter_map(|d| self.hooks.get(d))
            .collect()
    }

    /// The hooks for one instance at `now`.
    pub fn matching(&self, asker: Asker<'_>, now: Time) -> Matching {
        let mut offered: Vec<_> = self
            .candidates(asker)
            .into_iter()
            .filter(|h| h.is_offered(asker, now))
            .cloned()
            .collect();
        offered.sort_unstable_by_key(|h| h.digest);
        let mut stopped: Vec<Digest> = self
            .stopped
            .iter()
            .filter(|(_, s)| now < s.until)
            .filter(|(_, s)| s.opted_in || s.customers.contains(asker.customer))
            .map(|(digest, _)| *digest)
            .collect();
        stopped.sort_unstable();
        Matching { offered, stopped }
    }

    /// The hook, if it is listed for this instance at `now`.
    pub fn listed(&self, digest: &Digest, asker: Asker<'_>, now: Time) -> Option<&Arc<ActiveHook>> {
        self.hooks.get(digest).filter(|h| h.is_offered(asker, now))
    }

    /// Hooks that are not offered to all yet.
    pub fn waving(&self) -> Vec<Digest> {
        let hooks = self.hooks.values();
        hooks
            .filter(|h| !h.wave.is_all())
            .map(|h| h.digest)
            .collect()
    }

    /// From change `number` on, this instance's earlier bearers count no more.
    pub fn deny(&mut self, instance: InstanceId, number: u64) {
        let known = self.denied.entry(instance).or_default();
        *known = number.max(*known);
    }

    pub fn is_denied(&self, instance: &InstanceId, bearer_number: u64) -> bool {
        self.denied
            .get(instance)
            .is_some_and(|number| bearer_number < *number)
    }

    /// From change `number` on, this instance may work.
    pub fn let_in(&mut self, instance: InstanceId, number: u64) {
        let known = self.let_in.entry(instance).or_default();
        *known = number.max(*known);
    }

    /// Whether an unconfirmed bearer of that number is out of date.
    pub fn was_let_in(&self, instance: &InstanceId, bearer_number: u64) -> bool {
        self.let_in
            .get(instance)
            .is_some_and(|number| bearer_number < *number)
    }

    /// Forgets what only matters to bearers that have all ended: numbers are at least unix milliseconds.
    pub fn forget_instances_before(&mut self, number: u64) {
        self.denied.retain(|_, n| *n >= number);
        self.let_in.retain(|_, n| *n >= number);
    }
}
