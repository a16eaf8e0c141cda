//! Samples: one instance in 16, in 256 and so on stands in lists of their own, so that what is said of some hundreds holds
//! about for a million, whatever is asked of them.
use boathook_hooks::ids::{CustomerId, Digest, InstanceId};

use crate::{
    Instance, InstanceSample, Scope, codec,
    engine::{Engine, List, Need, listing},
    verbs::Read,
};

/// The sample of level n has one instance in 16ⁿ.
const BITS: u32 = 4;
const LEVELS: u32 = 4;
/// A sample of fewer says little: one of this size is some 10 % off.
const ENOUGH: usize = 100;
/// So many entries of a level tell whether it is enough.
const GLANCE: usize = ENOUGH + 1;
/// What is read of one level at most: 16 times too few, and then some.
const MOST: usize = 4_096;

/// By chance, but always the same.
fn depth(instance: &InstanceId) -> u32 {
    let hash = Digest::of(instance.as_str().as_bytes()).0;
    let first = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    (first.leading_zeros() / BITS).min(LEVELS)
}

fn part(customer: Option<&CustomerId>, level: u32) -> String {
    match (customer, level) {
        (None, 0) => "*".to_owned(),
        (None, n) => format!("sample/{n}"),
        (Some(customer), 0) => format!("customer/{customer}"),
        (Some(customer), n) => format!("customer/{customer}/sample/{n}"),
    }
}

/// The samples that an instance stands in.
pub(super) fn parts(instance: &Instance) -> Vec<String> {
    let levels = 1..=depth(&instance.id);
    levels
        .flat_map(|n| [part(None, n), part(Some(&instance.customer), n)])
        .collect()
}

impl Engine {
    pub(crate) async fn instance_sample(
        &self,
        scope: &Scope,
        customer: Option<CustomerId>,
    ) -> Read<InstanceSample> {
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => listing::customers_of(other, customer),
        };
        self.read("instance_sample", move |look| {
            let parts = |level| match &only {
                None => vec![part(None, level)],
                Some(customers) => customers.iter().map(|c| part(Some(c), level)).collect(),
            };
            // All levels are glanced at in one go. The thinnest that is enough is read, of a million no more than thousands.
            let glance = |part| Need::List {
                list: List::Instances,
                part,
                after: String::new(),
                to: String::new(),
                limit: GLANCE,
            };
            let all = (0..=LEVELS).flat_map(&parts).map(glance);
            look.ahead(all.collect())?;
            let mut level = LEVELS;
            let (rows, each) = loop {
                let parts = parts(level);
                let (rows, more) = listing::merged(look, List::Instances, &parts, "", GLANCE)?;
                if level > 0 && rows.len() < ENOUGH {
                    level -= 1;
                    continue;
                }
                let each = 1 << (BITS * level);
                break match more {
                    true => {
                        let all = listing::merged(look, List::Instances, &parts, "", MOST)?;
                        (all.0, each)
                    }
                    false => (rows, each),
                };
            };
            // An estimate does without what cannot be read.
            let read = rows.iter().map(|(_, body)| codec::decode("instance", body));
            let items = read.filter_map(Result::ok).collect();
            Ok(InstanceSample { items, each })
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_about_a_sixteenth_of_the_one_before() {
        let mut deep = [0_u32; LEVELS as usize + 1];
        for n in 0..100_000 {
            let depth = depth(&format!("i-{n}").parse().unwrap());
            deep.iter_mut()
                .take(depth as usize + 1)
                .for_each(|d| *d += 1);
        }
        assert_eq!(deep[0], 100_000);
        // Within four standard deviations.
        assert!((5_940..6_560).contains(&deep[1]), "{deep:?}");
        assert!((312..470).contains(&deep[2]), "{deep:?}");
    }
}
