//! Days that are over, as they were counted last. A day's hooks stand in a partition of each chain, so a year of many
//! customers is in thousands of them; and what is over changes no more, but for what came late.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use boathook_hooks::time::{DAY, HOUR, Time};
use boathook_schema::{Chain, HookDay, Scope};

/// After its end a day waits so long for what a server left behind and another one finished.
const SETTLED: i64 = HOUR;
/// Counted again after so long: an event may come later still, and days are recounted after a repair.
const KEPT: i64 = HOUR;
/// Whose days are kept at once, and how many of one.
const VIEWS: usize = 64;
const DAYS: usize = 4_000;

/// By whose they are: all, one chain's, or those of some customers.
#[derive(Default)]
pub struct KeptDays(Mutex<HashMap<String, View>>);

type View = BTreeMap<String, (HookDay, Time)>;

/// Two callers have the same name here only where the store would count the same for both.
pub(super) fn name(scope: &Scope, chain: Option<&Chain>) -> Option<String> {
    match (chain, scope) {
        (Some(chain), _) => Some(chain.to_string()),
        (None, Scope::All | Scope::System) => Some("*".to_owned()),
        (None, Scope::Only(some)) => {
            let some: Vec<&str> = some.iter().map(|customer| customer.as_str()).collect();
            Some(format!("customers:{}", some.join(",")))
        }
        (None, Scope::Instance { .. }) => None,
    }
}

fn is_over(day: &str, now: Time) -> bool {
    let start = format!("{day}T00:00:00Z").parse::<Time>();
    start.is_ok_and(|start| start.plus_ms(DAY + SETTLED) <= now)
}

impl KeptDays {
    /// Of those days the ones that were counted not long ago.
    pub(super) fn of(&self, name: &str, days: &[String], now: Time) -> Vec<HookDay> {
        let views = self.lock();
        let Some(view) = views.get(name) else {
            return Vec::new();
        };
        let kept = days.iter().filter_map(|day| view.get(day));
        kept.filter(|(_, at)| now.since(*at) < KEPT)
            .map(|(day, _)| day.clone())
            .collect()
    }

    /// Keeps those of `days` that were over at `now`, which is before they were counted.
    pub(super) fn keep(&self, name: &str, days: &[HookDay], now: Time) {
        let mut views = self.lock();
        if views.len() >= VIEWS && !views.contains_key(name) {
            views.clear();
        }
        let view = views.entry(name.to_owned()).or_default();
        if view.len() + days.len() > DAYS {
            view.clear();
        }
        for day in days.iter().filter(|day| is_over(&day.day, now)) {
            view.insert(day.day.clone(), (day.clone(), now));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, View>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_schema::{EventKind, NewEvent, Role, Write};

    use super::*;
    use crate::{agent::testing::acme, api::tests::house::House};

    async fn packets(house: &House, person: &str, day: &str) -> u64 {
        let path = format!("/api/v1/audit/hook-days?from={day}&to={day}");
        let said = house.get(person, &path).await.ok();
        said["items"][0]["packets"].as_u64().unwrap()
    }

    #[tokio::test]
    async fn a_day_that_is_over_is_counted_once_an_hour_and_every_other_each_time() {
        let house = House::new().await;
        house.person("vic", &[Role::Viewer], None).await;
        house.person("gus", &[Role::Viewer], Some("globex")).await;
        let app = house.bench.app.clone();
        let hook = house.published().await;
        let at = house.bench.now();
        let day = at.day();
        let late = async || {
            let mut event = NewEvent::new(EventKind::PACKET_ACCEPTED);
            event.refs.hook = Some(hook["id"].as_str().unwrap().parse().unwrap());
            let (write, chain) = (Write::system(at), Chain::Customer(acme()));
            app.record(write, chain, event).await.unwrap();
        };
        late().await;
        assert_eq!(packets(&house, "vera", &day).await, 1);
        late().await;
        assert_eq!(packets(&house, "vera", &day).await, 2, "today");

        app.clock.advance(2 * DAY);
        assert_eq!(packets(&house, "vera", &day).await, 2);
        late().await;
        assert_eq!(packets(&house, "vera", &day).await, 2, "kept");
        // What is kept for one is nothing to others.
        assert_eq!(packets(&house, "vic", &day).await, 3);
        assert_eq!(packets(&house, "gus", &day).await, 0);
        app.clock.advance(KEPT);
        assert_eq!(packets(&house, "vera", &day).await, 3);
    }

    #[test]
    fn a_day_is_over_an_hour_after_its_end() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        assert!(!is_over("2026-11-21", at("2026-11-22T00:59:59Z")));
        assert!(is_over("2026-11-21", at("2026-11-22T01:00:00Z")));
        assert!(!is_over("no day", at("2026-11-22T01:00:00Z")));
    }

    #[test]
    fn what_is_kept_has_bounds() {
        let kept = KeptDays::default();
        let now: Time = "2026-11-22T12:00:00Z".parse().unwrap();
        let day = |n: usize| HookDay {
            day: now.plus_ms(-DAY * (2 + n as i64)).day(),
            ..HookDay::default()
        };
        for n in 0..VIEWS + 1 {
            kept.keep(&n.to_string(), &[day(0)], now);
        }
        assert_eq!(kept.lock().len(), 1);
        for n in 0..=DAYS {
            kept.keep("*", &[day(n)], now);
        }
        assert_eq!(kept.lock()["*"].len(), 1);
    }
}
