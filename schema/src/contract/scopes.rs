//! Nobody sees or changes what is another's: what the scope does not hold is as if it were not there.
use boathook_hooks::{
    protocol::AnswerKind,
    states::{Move, StoppedBy},
};

use super::bench::{Bench, acme, ada, at_acme, at_bolt, bolt, done, iid, refused, ticket};
use crate::{
    AfterSignature, HookFilter, InstanceFilter, NewAnswer, Page, PutTicket, Refused, Scope,
    SuspendReason,
};

fn page() -> Page {
    Page::default()
}

fn agent_of_bolt() -> Scope {
    Scope::Instance {
        customer: bolt(),
        instance: iid(9),
    }
}

pub async fn an_engineer_of_one_customer_sees_nothing_of_another(b: Bench) {
    b.customer(acme()).await;
    b.instance(1, acme()).await;
    let put = PutTicket {
        at: ticket(),
        customer: acme(),
        title: "Slow".into(),
        url: None,
        state: None,
    };
    done(b.store.put_ticket(&Scope::All, b.ada(), put).await);
    let digest = b.published(5).await;
    let claim = b.accepted(digest, 1, 100).await;
    let said = NewAnswer {
        revision: digest,
        instance: iid(2),
        customer: acme(),
        kind: AnswerKind::Refused,
        reason: "no".into(),
    };
    done(b.store.answer(&Scope::System, b.system(), said).await);
    let hook = b.revision(&digest).await.hook;
    let s = &b.store;
    for scope in [at_bolt(), agent_of_bolt()] {
        assert_eq!(s.customer(&scope, &acme()).await.unwrap(), None);
        assert_eq!(s.instance(&scope, &iid(1)).await.unwrap(), None);
        assert_eq!(s.ticket(&scope, &ticket()).await.unwrap(), None);
        assert_eq!(s.hook(&scope, &hook).await.unwrap(), None);
        assert_eq!(s.hook_revision(&scope, &hook, 1).await.unwrap(), None);
        assert_eq!(s.revision(&scope, &digest).await.unwrap(), None);
        assert_eq!(s.envelope(&scope, &digest).await.unwrap(), None);
        assert_eq!(s.claim_by_id(&scope, &claim).await.unwrap(), None);
        assert_eq!(s.claim_of(&scope, &digest, &iid(1)).await.unwrap(), None);
        assert_eq!(s.packet(&scope, &claim).await.unwrap(), None);
        assert_eq!(s.claims(&scope, &digest, page()).await.unwrap().items, []);
        assert_eq!(s.answers(&scope, &digest, page()).await.unwrap().items, []);
        assert_eq!(
            s.tickets(&scope, Some(acme()), page()).await.unwrap().items,
            []
        );
        assert_eq!(s.tickets(&scope, None, page()).await.unwrap().items, []);
        for customer in [None, Some(acme())] {
            let filter = InstanceFilter {
                customer: customer.clone(),
                state: None,
            };
            assert_eq!(s.instances(&scope, filter, page()).await.unwrap().items, []);
            let filter = HookFilter {
                customer,
                ..HookFilter::default()
            };
            assert_eq!(s.hooks(&scope, filter, page()).await.unwrap().items, []);
        }
        assert_eq!(s.search(&scope, "slow", page()).await.unwrap().items, []);
        assert_eq!(s.due_leases(&scope, b.lease(), 10).await.unwrap(), []);
        assert_eq!(
            s.due_expiry(&scope, b.quota(1).expires_at, 10)
                .await
                .unwrap(),
            []
        );
        assert_eq!(s.active_hooks(&scope, b.now).await.unwrap().hooks, []);
        assert_eq!(s.changes_since(&scope, 0, 10).await.unwrap().entries, []);
        assert_eq!(
            s.heads_of(&scope, &acme()).await.unwrap().customer.number,
            0
        );
    }
    assert!(s.hook(&at_acme(), &hook).await.unwrap().is_some());
    assert_eq!(
        s.answers(&at_acme(), &digest, page())
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

pub async fn an_engineer_of_one_customer_changes_nothing_of_another(b: Bench) {
    b.customer(acme()).await;
    b.instance(1, acme()).await;
    let hook = b.in_review(&[acme()]).await;
    let s = &b.store;
    let scope = at_bolt();
    let missing = |reason: Refused| assert!(matches!(reason, Refused::NotFound(_)), "{reason:?}");
    let draft = b.draft(&hook.id, &[acme()]);
    let answer = s
        .submit_draft(&scope, b.ada(), draft, Some(hook.version))
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    // Claiming it for oneself does not make it one's own.
    let draft = b.draft(&hook.id, &[bolt()]);
    missing(refused(
        s.submit_draft(&scope, b.ada(), draft, Some(hook.version))
            .await,
    ));
    let back = Move::SendBack {
        by: ada(),
        words: "x".into(),
    };
    missing(refused(
        s.advance(&scope, b.ada(), hook.id.clone(), 1, None, back, None)
            .await,
    ));
    let signature = b.signature(&hook, 1, AfterSignature::Wait);
    missing(refused(s.add_signature(&scope, b.ada(), signature).await));
    let digest = b.published(5).await;
    let by = || StoppedBy::Person(ada());
    missing(refused(
        s.stop(&scope, b.ada(), digest, by(), "x".into()).await,
    ));
    missing(refused(
        s.lower(&scope, b.ada(), digest, Some(1), None).await,
    ));
    missing(refused(s.expire(&scope, b.ada(), digest).await));
    let reason = SuspendReason::Cloned;
    missing(refused(
        s.suspend_instance(&scope, b.ada(), iid(1), reason).await,
    ));
    missing(refused(
        s.resume_instance(&scope, b.ada(), iid(1), "x".into()).await,
    ));
    missing(refused(
        s.retire_instance(&scope, b.ada(), iid(1), "x".into()).await,
    ));
}

pub async fn a_hook_of_two_customers_is_seen_by_either_and_changed_by_both(b: Bench) {
    let hook = b.in_review(&[acme(), bolt()]).await;
    let s = &b.store;
    assert!(s.hook(&at_bolt(), &hook.id).await.unwrap().is_some());
    let back = || Move::SendBack {
        by: ada(),
        words: "x".into(),
    };
    let one = s
        .advance(&at_bolt(), b.ada(), hook.id.clone(), 1, None, back(), None)
        .await;
    assert_eq!(refused(one), Refused::OutOfScope);
    let both = Scope::Only([acme(), bolt()].into());
    done(
        s.advance(&both, b.ada(), hook.id.clone(), 1, None, back(), None)
            .await,
    );
}

/// Taking a hook away from a customer is told to that customer too.
pub async fn a_customer_that_is_taken_off_a_hook_is_told(b: Bench) {
    let hook = b.drafted(&[acme(), bolt()]).await;
    let draft = b.draft(&hook.id, &[bolt()]);
    done(
        b.store
            .submit_draft(&Scope::All, b.ada(), draft, Some(hook.version))
            .await,
    );
    assert_eq!(b.count(crate::EventKind::DRAFT_PUT).await, 2);
    assert_eq!(b.store.hook(&at_acme(), &hook.id).await.unwrap(), None);
    let listed = b
        .store
        .hooks(&at_acme(), HookFilter::default(), page())
        .await
        .unwrap();
    assert_eq!(listed.items, []);
    assert_eq!(
        b.store
            .search(&at_acme(), "slow", page())
            .await
            .unwrap()
            .items,
        []
    );
}

pub async fn agents_do_nothing_that_people_do(b: Bench) {
    b.customer(acme()).await;
    b.instance(1, acme()).await;
    let agent = Scope::Instance {
        customer: acme(),
        instance: iid(1),
    };
    let s = &b.store;
    let put = PutTicket {
        at: ticket(),
        customer: acme(),
        title: "x".into(),
        url: None,
        state: None,
    };
    assert_eq!(
        refused(s.put_ticket(&agent, b.system(), put).await),
        Refused::OutOfScope
    );
    let name = "mine".to_owned();
    let answer = s
        .put_customer(&agent, b.system(), acme(), name.clone())
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let draft = b.draft(&boathook_hooks::ids::HookId::fresh(), &[acme()]);
    assert_eq!(
        refused(s.submit_draft(&agent, b.system(), draft, None).await),
        Refused::OutOfScope
    );
    let digest = b.published(5).await;
    let by = StoppedBy::Person(ada());
    let answer = s.stop(&agent, b.system(), digest, by, name.clone()).await;
    assert!(matches!(refused(answer), Refused::NotFound(_)));
    let answer = s
        .resume_instance(&agent, b.system(), iid(1), name.clone())
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = s
        .reserve_name(&agent, b.system(), name.clone(), name.clone(), name)
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    // What is its own to read, it reads.
    assert!(s.revision(&agent, &digest).await.unwrap().is_some());
    assert!(s.envelope(&agent, &digest).await.unwrap().is_some());
    assert!(s.instance(&agent, &iid(1)).await.unwrap().is_some());
}
