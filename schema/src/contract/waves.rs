//! Waves: a published revision is offered to more and more of its audience, and never to fewer.
use boathook_hooks::{
    ids::{Digest, InstanceId},
    keys::SecretKey,
    time::{DAY, MINUTE},
    waves::Wave,
};
use futures_util::future::join_all;

use super::bench::{Bench, acme, at_acme, at_bolt, bolt, done, iid, refused};
use crate::{Chain, Change, EventKind, NewInstance, Refused, Scope, Told};

/// Published for Acme with a first wave.
async fn waved(b: &Bench, places: u32, wave: Wave) -> Digest {
    let hook = b.signed(&[acme()]).await;
    let publish = crate::Publish {
        wave,
        ..b.publish(&hook, b.quota(places))
    };
    let digest = publish.digest;
    done(b.store.publish(&at_acme(), b.ada(), publish).await);
    digest
}

async fn widen(b: &Bench, digest: Digest, wave: Wave) -> crate::Answer<Told> {
    b.store
        .widen(&Scope::System, b.system(), digest, wave)
        .await
}

fn tenth() -> Wave {
    Wave::of_share(0.1)
}

pub async fn a_revision_keeps_its_first_wave_and_servers_read_it(b: Bench) {
    let first = waved(&b, 3, tenth()).await;
    let all = b.published(3).await;
    let active = b.store.active_hooks(&Scope::System, b.now).await.unwrap();
    let wave_of = |digest| {
        let hook = active.hooks.iter().find(|h| h.digest == digest).unwrap();
        (hook.wave, hook.widened_at, hook.wave_since())
    };
    assert_eq!(wave_of(first), (tenth(), None, b.now));
    assert_eq!(wave_of(all), (Wave::ALL, None, b.now));
    assert_eq!(b.revision(&first).await.wave, tenth());
}

pub async fn widening_is_told_to_the_control_log_and_the_audit(mut b: Bench) {
    let digest = waved(&b, 3, tenth()).await;
    b.later(MINUTE);
    let wave = tenth().wider(2);
    let told = done(widen(&b, digest, wave).await);
    assert_eq!(told.state.word(), "published");
    assert_eq!(b.changes().await.pop(), Some(Change::Wave { digest, wave }));
    let revision = b.revision(&digest).await;
    assert_eq!(
        (revision.wave, revision.wave_since(), revision.control),
        (wave, b.now, told.control)
    );
    let active = b.store.active_hooks(&Scope::System, b.now).await.unwrap();
    assert_eq!(
        (active.hooks[0].wave, active.number >= told.control),
        (wave, true)
    );
    let chain = Chain::Customer(acme());
    let events = b.events(chain, Some(EventKind::HOOK_WIDENED)).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].actor, Some(crate::Actor::System));
    assert_eq!(events[0].refs.revision, Some(digest));
    let share = events[0].details.get_f64("offered").unwrap();
    assert!((share - 0.2).abs() < 1e-9, "{share}");
}

pub async fn a_wave_grows_and_never_shrinks(mut b: Bench) {
    let digest = waved(&b, 3, tenth()).await;
    let wave = tenth().wider(2);
    let first = done(widen(&b, digest, wave).await);
    b.later(MINUTE);
    assert_eq!(refused(widen(&b, digest, tenth()).await), Refused::Narrows);
    assert_eq!(
        done(widen(&b, digest, wave).await),
        first,
        "the same again changes nothing"
    );
    let revision = b.revision(&digest).await;
    assert_eq!((revision.wave, revision.control), (wave, first.control));
    assert!(revision.wave_since() < b.now);
    assert_eq!(b.changes().await.len(), 2);
    assert_eq!(b.count(EventKind::HOOK_WIDENED).await, 1);
    done(widen(&b, digest, Wave::ALL).await);
    assert!(b.revision(&digest).await.wave.is_all());
    assert_eq!(refused(widen(&b, digest, wave).await), Refused::Narrows);
}

pub async fn widening_sent_again_is_one_widening(b: Bench) {
    let digest = waved(&b, 3, tenth()).await;
    let wave = tenth().wider(2);
    let write = b.system();
    let again = || b.store.widen(&Scope::System, write.clone(), digest, wave);
    assert_eq!(done(again().await), done(again().await));
    // Servers that come to the same wave together.
    let other = b.another().await;
    let next = wave.wider(2);
    let all = join_all((0..6).map(|n| {
        let store = if n % 2 == 0 { &b.store } else { &other };
        store.widen(&Scope::System, b.system(), digest, next)
    }));
    let told: Vec<Told> = all.await.into_iter().map(done).collect();
    assert!(told.iter().all(|t| t.state.word() == "published"));
    assert_eq!(b.count(EventKind::HOOK_WIDENED).await, 2);
    assert_eq!(b.changes().await.len(), 3);
}

pub async fn what_is_over_is_not_widened(mut b: Bench) {
    let ended = |reason: Refused| assert!(matches!(reason, Refused::Ended { .. }), "{reason:?}");
    let stopped = waved(&b, 3, tenth()).await;
    b.stop(stopped).await;
    ended(refused(widen(&b, stopped, Wave::ALL).await));
    let full = waved(&b, 1, tenth()).await;
    b.accepted(full, 1, 100).await;
    ended(refused(widen(&b, full, Wave::ALL).await));
    let expired = waved(&b, 3, tenth()).await;
    b.later(7 * DAY);
    ended(refused(widen(&b, expired, Wave::ALL).await));
    let expire = b.store.expire(&Scope::System, b.system(), expired);
    done(expire.await);
    ended(refused(widen(&b, expired, Wave::ALL).await));
    assert_eq!(b.count(EventKind::HOOK_WIDENED).await, 0);
    let unknown = widen(&b, Digest::of(b"x"), Wave::ALL).await;
    assert!(matches!(refused(unknown), Refused::NotFound(_)));
}

pub async fn agents_and_other_customers_people_widen_nothing(b: Bench) {
    let digest = waved(&b, 3, tenth()).await;
    let agent = Scope::Instance {
        customer: acme(),
        instance: iid(1),
    };
    for scope in [agent, at_bolt()] {
        let answer = b.store.widen(&scope, b.ada(), digest, Wave::ALL).await;
        assert!(matches!(refused(answer), Refused::NotFound(_)));
    }
    assert_eq!(b.revision(&digest).await.wave, tenth());
}

/// Enough that a thinner sample is taken: as instances of their own keys.
async fn many(b: &Bench, customer: boathook_hooks::ids::CustomerId, count: u32) {
    let key = SecretKey::from_seed(&[7; 32]).public();
    for group in (0..count).collect::<Vec<_>>().chunks(64) {
        let puts = group.iter().map(|n| {
            let id: InstanceId = format!("{customer}-{n}").parse().unwrap();
            let new = NewInstance {
                id,
                customer: customer.clone(),
                key,
                facts: boathook_hooks::documents::identity::Facts::default(),
                confirm: false,
            };
            b.store.put_instance(&Scope::System, b.system(), new)
        });
        join_all(puts).await.into_iter().map(done).for_each(drop);
    }
}

pub async fn a_sample_of_few_is_all_of_them(b: Bench) {
    b.customer(acme()).await;
    b.customer(bolt()).await;
    for n in 0..5 {
        b.instance(n, if n < 3 { acme() } else { bolt() }).await;
    }
    let count = async |scope: Scope, customer| {
        let sample = b.store.instance_sample(&scope, customer).await.unwrap();
        assert_eq!(sample.each, 1);
        sample.items.len()
    };
    assert_eq!(count(Scope::System, None).await, 5);
    assert_eq!(count(Scope::System, Some(acme())).await, 3);
    assert_eq!(count(at_bolt(), None).await, 2);
    assert_eq!(count(at_bolt(), Some(acme())).await, 0);
    let agent = Scope::Instance {
        customer: acme(),
        instance: iid(1),
    };
    assert_eq!(count(agent, None).await, 0);
    // What it shows is as it is now, and stands once.
    let reason = crate::SuspendReason::Cloned;
    done(
        b.store
            .suspend_instance(&Scope::System, b.ada(), iid(1), reason)
            .await,
    );
    let sample = b.store.instance_sample(&Scope::System, Some(acme())).await;
    let items = sample.unwrap().items;
    let working = items.iter().filter(|i| i.may_work()).count();
    assert_eq!((items.len(), working), (3, 2));
}

pub async fn a_sample_of_many_stands_for_about_all_of_them(b: Bench) {
    b.customer(acme()).await;
    b.customer(bolt()).await;
    many(&b, acme(), 2_100).await;
    many(&b, bolt(), 90).await;
    for (customer, wanted) in [(None, 2_190.0), (Some(acme()), 2_100.0)] {
        let sample = b.store.instance_sample(&Scope::System, customer).await;
        let sample = sample.unwrap();
        assert_eq!(sample.each, 16);
        let about = (sample.items.len() as u64 * sample.each) as f64;
        assert!((about - wanted).abs() < wanted * 0.3, "{about}");
    }
    let few = b.store.instance_sample(&Scope::System, Some(bolt())).await;
    let few = few.unwrap();
    assert_eq!((few.items.len(), few.each), (90, 1));
}
