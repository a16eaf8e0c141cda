//! Hooks by day: published, working, failed, each once.
use boathook_hooks::{
    protocol::AnswerKind,
    time::{DAY, HOUR},
};
use bson::doc;

use super::{
    bench::{Bench, acme, at_acme, at_bolt, bolt, done},
    claims::release,
};
use crate::{Chain, HookDay, Scope};

fn day(day: &str, counts: [u64; 5]) -> HookDay {
    let [active, inactive, working, failed, packets] = counts;
    HookDay {
        day: format!("2026-11-{day}"),
        active,
        inactive,
        working,
        failed,
        packets,
    }
}

async fn days(b: &Bench, scope: &Scope, chain: Option<Chain>) -> Vec<HookDay> {
    let (from, to) = ("2026-11-20", "2026-11-24");
    b.store.hook_days(scope, chain, from, to).await.unwrap()
}

pub async fn hooks_are_counted_once_a_day_by_what_they_did(mut b: Bench) {
    // On the 21st: one that works, one that only fails, one that nobody claims.
    let (one, two, three) = (
        b.published(10).await,
        b.published(10).await,
        b.published(10).await,
    );
    b.accepted(one, 1, 100).await;
    b.accepted(one, 2, 100).await;
    let lease = b.granted(two, 1, 100).await;
    done(release(&b, &lease.claim, AnswerKind::Interrupted).await);
    b.later(DAY);
    // On the 22nd: a packet with a failed section, and a run that was declined, which is no failure.
    let lease = b.granted(two, 2, 100).await;
    let mut packet = b.packet(&lease.claim, 100, "half");
    packet.sections = vec![
        doc! { "name": "host", "outcome": "ok" },
        doc! { "name": "ldap", "outcome": "failed" },
    ];
    done(b.commit(packet).await);
    let lease = b.granted(one, 3, 100).await;
    done(release(&b, &lease.claim, AnswerKind::Declined).await);
    b.stop(three).await;
    b.later(DAY);
    // On the 23rd nothing but an end, which makes it active on that day.
    b.stop(two).await;
    b.stop(two).await;
    let wanted = [
        day("20", [0, 0, 0, 0, 0]),
        day("21", [3, 1, 1, 1, 2]),
        day("22", [3, 1, 0, 0, 1]),
        day("23", [2, 2, 0, 0, 0]),
        day("24", [1, 1, 0, 0, 0]),
    ];
    for scope in [Scope::All, at_acme()] {
        assert_eq!(days(&b, &scope, None).await, wanted);
    }
    assert_eq!(days(&b, &at_bolt(), None).await[1], day("21", [0; 5]));
    let foreign = days(&b, &at_bolt(), Some(Chain::Customer(acme()))).await;
    assert_eq!(foreign[1], day("21", [0; 5]));
}

pub async fn a_hook_of_two_chains_is_one_hook(mut b: Bench) {
    let mut quota = b.quota(10);
    quota.expires_at = b.now.plus_ms(12 * HOUR);
    b.published_with(&[acme(), bolt()], quota).await;
    b.later(DAY);
    // It ended with the last moment of the 21st by itself.
    for scope in [Scope::All, at_acme(), at_bolt()] {
        let found = days(&b, &scope, None).await;
        assert_eq!(found[1], day("21", [1, 1, 0, 0, 0]), "{scope:?}");
        assert_eq!(found[2], day("22", [0; 5]), "{scope:?}");
    }
    for chain in [acme(), bolt()].map(Chain::Customer) {
        let found = days(&b, &Scope::All, Some(chain)).await;
        assert_eq!(found[1], day("21", [1, 1, 0, 0, 0]));
    }
}

pub async fn a_day_of_hooks_is_made_again_from_its_events(b: Bench) {
    let digest = b.published(10).await;
    b.accepted(digest, 1, 100).await;
    let before = days(&b, &Scope::All, None).await;
    assert_eq!(before[1], day("21", [1, 0, 1, 0, 1]));
    let chain = Chain::Customer(acme());
    let write = b.system();
    let again = b
        .store
        .recount_day(&Scope::System, write, chain, "2026-11-21".into());
    assert!(done(again.await) > 5);
    assert_eq!(days(&b, &Scope::All, None).await, before);
}
