//! Who may erase, and see that something was erased.
use super::{agent, begin, erase, open, retire};
use crate::{
    ErasedKind, Page, Refused, Scope,
    contract::bench::{Bench, acme, at_acme, at_bolt, done, iid, refused},
};

pub async fn erasing_is_for_people_of_the_customer(b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    b.instance(1, acme()).await;
    retire(&b, iid(1)).await;
    let s = &b.store;
    let packets = async |scope: &Scope, why: &str| {
        refused(
            s.erase_packet(scope, b.ada(), claim.clone(), why.into())
                .await,
        )
    };
    let instances = async |scope: &Scope, why: &str| {
        refused(s.erase_instance(scope, b.ada(), iid(1), why.into()).await)
    };
    let finishes = async |scope: &Scope, kind: ErasedKind| {
        let id = match kind {
            ErasedKind::Packet => claim.to_string(),
            ErasedKind::Instance => iid(1).to_string(),
        };
        refused(s.finish_erasure(scope, b.ada(), kind, id).await)
    };
    let answers =
        async |scope: &Scope| refused(s.erase_answers(scope, b.ada(), iid(1), None).await);
    let missing = |what: &str| Refused::NotFound(what.into());
    let (p, i) = (ErasedKind::Packet, ErasedKind::Instance);
    // Neither before it is begun nor after.
    for begun in [false, true] {
        if begun {
            begin(&b, &claim).await;
            done(erase(&b, &iid(1)).await);
        } else {
            assert_eq!(finishes(&at_acme(), p).await, missing("packet"));
            assert_eq!(finishes(&at_acme(), i).await, missing("instance"));
            assert_eq!(answers(&at_acme()).await, missing("erasure"));
        }
        assert_eq!(packets(&at_bolt(), "x").await, missing("packet"));
        assert_eq!(instances(&at_bolt(), "x").await, missing("instance"));
        assert_eq!(finishes(&at_bolt(), p).await, missing("packet"));
        assert_eq!(finishes(&at_bolt(), i).await, missing("instance"));
        assert_eq!(answers(&at_bolt()).await, missing("erasure"));
        assert_eq!(packets(&agent(1), "x").await, Refused::OutOfScope);
        assert_eq!(instances(&agent(1), "x").await, Refused::OutOfScope);
        assert_eq!(finishes(&agent(1), p).await, Refused::OutOfScope);
        assert_eq!(finishes(&agent(1), i).await, Refused::OutOfScope);
        assert_eq!(answers(&agent(1)).await, Refused::OutOfScope);
        for why in ["", "  ", &"x".repeat(1_001)] {
            let refusals = [
                packets(&at_acme(), why).await,
                instances(&at_acme(), why).await,
            ];
            for reason in refusals {
                assert!(matches!(reason, Refused::Malformed(_)), "{reason:?}");
            }
        }
    }
    for scope in [at_bolt(), agent(1)] {
        for (kind, id) in [(p, claim.to_string()), (i, iid(1).to_string())] {
            assert_eq!(s.erasure(&scope, kind, &id).await.unwrap(), None);
        }
        let page = s.erasures(&scope, Page::default()).await.unwrap();
        assert_eq!(page.items, []);
    }
    for scope in [Scope::All, at_acme(), agent(1)] {
        let open = s.unfinished_erasures(&scope, Page::default()).await;
        assert_eq!(open.unwrap().items, [], "the runner's alone");
    }
    assert_eq!(open(&b).await.len(), 2);
}
