//! Hooks from draft to the last signature: states, versions, frozen bytes.
use boathook_hooks::{
    ids::{Digest, HookId},
    states::{HookState, Move, StoppedBy},
};
use futures_util::future::join_all;

use super::bench::{Bench, acme, ada, at_acme, bob, bolt, done, refused, ticket};
use crate::{
    AfterSignature, Chain, DraftText, EventKind, HookFilter, HookRecord, Outcome, Page, Refused,
    Scope, TicketRef,
};

fn send_back() -> Move {
    Move::SendBack {
        by: bob(),
        words: "too much".into(),
    }
}

fn state(hook: &HookRecord) -> &HookState {
    &hook.latest().unwrap().state
}

async fn edit(b: &Bench, hook: &HookRecord, toml: &str, expect: u64) -> crate::Answer<HookRecord> {
    let draft = DraftText {
        toml: toml.into(),
        template: None,
        ..b.draft(&hook.id, &hook.customers)
    };
    b.store
        .submit_draft(&Scope::All, b.ada(), draft, Some(expect))
        .await
}

pub async fn a_draft_becomes_a_hook_with_one_revision(b: Bench) {
    let hook = b.drafted(&[acme()]).await;
    assert_eq!((hook.version, hook.revisions.len()), (1, 1));
    assert_eq!(state(&hook), &HookState::Draft);
    let text = b
        .store
        .hook_revision(&at_acme(), &hook.id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((text.toml.as_str(), text.payload), ("format = 1", None));
    let again = b.draft(&hook.id, &[acme()]);
    let answer = b
        .store
        .submit_draft(&Scope::All, b.ada(), again, None)
        .await;
    assert!(matches!(refused(answer), Refused::Exists(_)));
    assert_eq!(b.count(EventKind::DRAFT_PUT).await, 1);
}

pub async fn a_stale_version_is_refused_and_changes_nothing(b: Bench) {
    let hook = b.drafted(&[acme()]).await;
    let edited = done(edit(&b, &hook, "second", hook.version).await);
    assert!(edited.version > hook.version);
    let found = edited.version;
    let stale = edit(&b, &hook, "third", hook.version).await;
    assert_eq!(refused(stale), Refused::Version { found });
    let stale = b.step(&hook, Move::Submit, Some(b"x")).await;
    assert_eq!(refused(stale), Refused::Version { found });
    let text = b
        .store
        .hook_revision(&Scope::All, &hook.id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text.toml, "second");
    assert_eq!(b.hook(&hook.id).await, edited);
}

pub async fn an_edit_takes_back_the_frozen_bytes(b: Bench) {
    let hook = b.in_review(&[acme()]).await;
    assert!(hook.latest().unwrap().digest.is_some());
    let hook = done(edit(&b, &hook, "again", hook.version).await);
    assert_eq!(
        (state(&hook), hook.latest().unwrap().digest),
        (&HookState::Draft, None)
    );
    let text = b
        .store
        .hook_revision(&Scope::All, &hook.id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (text.payload, text.digest, text.signatures),
        (None, None, vec![])
    );
}

pub async fn the_legal_moves_lead_on_and_the_others_are_refused(b: Bench) {
    let hook = b.drafted(&[acme()]).await;
    assert!(matches!(
        refused(b.step(&hook, send_back(), None).await),
        Refused::IllegalMove { .. }
    ));
    let hook = done(b.step(&hook, Move::Submit, Some(b"bytes")).await);
    assert_eq!(state(&hook), &HookState::InReview);
    assert_eq!(hook.latest().unwrap().digest, Some(Digest::of(b"bytes")));
    assert!(matches!(
        refused(b.step(&hook, Move::Submit, Some(b"bytes")).await),
        Refused::IllegalMove { .. }
    ));
    let hook = done(b.step(&hook, send_back(), None).await);
    assert_eq!(state(&hook).word(), "sent back");
    let hook = done(b.step(&hook, Move::Submit, Some(b"other")).await);
    let stop = Move::Stop {
        by: StoppedBy::Person(ada()),
        why: "not needed".into(),
    };
    let hook = done(b.step(&hook, stop, None).await);
    assert_eq!(state(&hook).word(), "stopped");
    assert!(matches!(
        refused(b.step(&hook, Move::Submit, Some(b"x")).await),
        Refused::IllegalMove { .. }
    ));
    assert_eq!(
        b.count(EventKind::HOOK_MOVED).await,
        4,
        "a refusal writes no event"
    );
    let hook = done(edit(&b, &hook, "a new revision", hook.version).await);
    assert_eq!((hook.revisions.len(), state(&hook)), (2, &HookState::Draft));
    assert_eq!(hook.template.as_deref(), Some("journal"), "for ever");
}

pub async fn what_has_a_verb_of_its_own_is_refused_by_advance(b: Bench) {
    let hook = b.in_review(&[acme()]).await;
    let others = [
        Move::LastSignature,
        Move::Publish,
        Move::Fill,
        Move::Edit,
        Move::Supersede { revision: 2 },
    ];
    for step in others {
        assert!(matches!(
            refused(b.step(&hook, step, None).await),
            Refused::Malformed(_)
        ));
    }
    let digest = b.published(1).await;
    let hook = b.revision(&digest).await.hook;
    let hook = b.hook(&hook).await;
    let stop = Move::Stop {
        by: StoppedBy::Person(ada()),
        why: "x".into(),
    };
    for step in [stop, Move::Expire] {
        assert!(matches!(
            refused(b.step(&hook, step, None).await),
            Refused::Malformed(_)
        ));
    }
    assert_eq!(b.revision(&digest).await.state, HookState::Published);
}

pub async fn what_is_signed_is_held_and_what_is_not_is_not(b: Bench) {
    let hold = || Move::Hold { by: bob() };
    let hook = b.in_review(&[acme()]).await;
    assert!(matches!(
        refused(b.step(&hook, hold(), None).await),
        Refused::Malformed(_)
    ));
    let hook = b.signed(&[acme()]).await;
    let hook = done(b.step(&hook, hold(), None).await);
    assert_eq!(state(&hook), &HookState::Held { by: bob() });
    let told = b.publish(&hook, b.quota(1));
    let told = b.store.publish(&Scope::All, b.ada(), told).await;
    assert_eq!(done(told).state, HookState::Published);
}

pub async fn review_needs_the_bytes_and_nothing_else_takes_any(b: Bench) {
    let hook = b.drafted(&[acme()]).await;
    assert!(matches!(
        refused(b.step(&hook, Move::Submit, None).await),
        Refused::Malformed(_)
    ));
    let hook = b.in_review(&[acme()]).await;
    assert!(matches!(
        refused(b.step(&hook, send_back(), Some(b"x")).await),
        Refused::Malformed(_)
    ));
}

pub async fn a_signature_is_over_the_frozen_bytes_and_counts_once(b: Bench) {
    let hook = b.in_review(&[acme()]).await;
    let mut other = b.signature(&hook, 1, AfterSignature::Wait);
    other.digest = Digest::of(b"other bytes");
    let answer = b.store.add_signature(&Scope::All, b.ada(), other).await;
    assert_eq!(refused(answer), Refused::OtherBytes);
    let first = b.signature(&hook, 1, AfterSignature::Wait);
    let hook = done(
        b.store
            .add_signature(&Scope::All, b.ada(), first.clone())
            .await,
    );
    // The same key again, at a version that has passed.
    let again = done(b.store.add_signature(&Scope::All, b.ada(), first).await);
    assert_eq!(again, hook);
    let text = b
        .store
        .hook_revision(&Scope::All, &hook.id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text.signatures.len(), 1);
    assert_eq!(b.count(EventKind::HOOK_SIGNED).await, 1);
    assert_eq!(hook.latest().unwrap().signed_by, [ada()]);
    // Who signed other bytes did not sign these.
    let hook = done(b.step(&hook, send_back(), None).await);
    let hook = done(b.step(&hook, Move::Submit, Some(b"new")).await);
    assert_eq!(hook.latest().unwrap().signed_by, []);
}

pub async fn a_signature_counted_at_an_older_version_is_refused(b: Bench) {
    let hook = b.in_review(&[acme()]).await;
    // Ada's and Bob's were both counted as the first of two.
    let adas = b.signature(&hook, 1, AfterSignature::Wait);
    let bobs = b.signature(&hook, 2, AfterSignature::Wait);
    let hook = done(b.store.add_signature(&Scope::All, b.ada(), adas).await);
    let answer = b.store.add_signature(&Scope::All, b.ada(), bobs).await;
    assert_eq!(
        refused(answer),
        Refused::Version {
            found: hook.version
        }
    );
}

pub async fn what_somebody_signed_is_not_edited_under_them(b: Bench) {
    let hook = b.in_review(&[acme()]).await;
    let first = b.signature(&hook, 1, AfterSignature::Wait);
    let hook = done(b.store.add_signature(&Scope::All, b.ada(), first).await);
    assert_eq!(
        refused(edit(&b, &hook, "sly", hook.version).await),
        Refused::Signed
    );
    let hook = done(b.step(&hook, send_back(), None).await);
    let hook = done(edit(&b, &hook, "open", hook.version).await);
    let hook = done(b.step(&hook, Move::Submit, Some(b"new bytes")).await);
    let text = b
        .store
        .hook_revision(&Scope::All, &hook.id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text.signatures, vec![], "new bytes have no signatures");
    let hook = b.signed(&[acme()]).await;
    assert!(matches!(
        refused(edit(&b, &hook, "sly", hook.version).await),
        Refused::IllegalMove { .. }
    ));
}

pub async fn the_last_signature_signs_or_holds(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    assert_eq!(state(&hook), &HookState::Signed);
    let third = b.signature(&hook, 3, AfterSignature::Wait);
    let answer = b.store.add_signature(&Scope::All, b.ada(), third).await;
    assert!(matches!(refused(answer), Refused::IllegalMove { .. }));
    let hook = b.in_review(&[acme()]).await;
    let held = b.signature(&hook, 2, AfterSignature::Held);
    let hook = done(b.store.add_signature(&Scope::All, b.ada(), held).await);
    assert_eq!(state(&hook), &HookState::Held { by: bob() });
    let told = done(
        b.store
            .publish(&Scope::All, b.ada(), b.publish(&hook, b.quota(1)))
            .await,
    );
    assert_eq!(told.state, HookState::Published);
}

pub async fn of_two_drafts_at_once_over_one_version_one_wins(b: Bench) {
    let hook = b.drafted(&[acme()]).await;
    let texts: Vec<String> = (0..20).map(|n| format!("text {n}")).collect();
    let all = join_all(texts.iter().map(|text| edit(&b, &hook, text, hook.version))).await;
    let won = all
        .into_iter()
        .filter(|a| matches!(a, Ok(Outcome::Done(_))))
        .count();
    assert_eq!(won, 1);
    assert_eq!(b.hook(&hook.id).await.version, 2);
}

pub async fn hooks_are_listed_by_state_customer_ticket_and_author_newest_first(b: Bench) {
    let draft = b.drafted(&[acme()]).await;
    let review = b.in_review(&[acme(), bolt()]).await;
    let elsewhere = DraftText {
        ticket: Some(TicketRef {
            key: "4712".into(),
            ..ticket()
        }),
        ..b.draft(&HookId::fresh(), &[bolt()])
    };
    let other = done(
        b.store
            .submit_draft(&Scope::All, b.ada(), elsewhere, None)
            .await,
    );
    let list = async |filter: HookFilter| -> Vec<HookId> {
        let page = b
            .store
            .hooks(&Scope::All, filter, Page::default())
            .await
            .unwrap();
        page.items.into_iter().map(|h| h.id).collect()
    };
    // An id begins with when it was made.
    let newest_first = |mut ids: Vec<HookId>| {
        ids.sort();
        ids.reverse();
        ids
    };
    let in_review = HookFilter {
        state: Some("in review".into()),
        ..HookFilter::default()
    };
    assert_eq!(list(in_review).await, std::slice::from_ref(&review.id));
    let bolts = HookFilter {
        customer: Some(bolt()),
        ..HookFilter::default()
    };
    assert_eq!(
        list(bolts.clone()).await,
        newest_first(vec![review.id.clone(), other.id.clone()])
    );
    let on_ticket = HookFilter {
        ticket: Some(ticket()),
        ..HookFilter::default()
    };
    assert_eq!(
        list(on_ticket.clone()).await,
        newest_first(vec![draft.id.clone(), review.id.clone()])
    );
    let both = HookFilter {
        ticket: Some(ticket()),
        ..bolts
    };
    assert_eq!(list(both).await, std::slice::from_ref(&review.id));
    let of = |author, state: Option<&str>| HookFilter {
        author: Some(author),
        state: state.map(ToOwned::to_owned),
        ..HookFilter::default()
    };
    assert_eq!(list(of(bob(), None)).await, []);
    let all = newest_first(vec![draft.id.clone(), review.id.clone(), other.id.clone()]);
    assert_eq!(list(of(ada(), None)).await, all);
    let drafts = newest_first(vec![draft.id.clone(), other.id]);
    assert_eq!(list(of(ada(), Some("draft"))).await, drafts);
    let sent = done(
        b.step(&b.hook(&draft.id).await, Move::Submit, Some(b"x"))
            .await,
    );
    assert_eq!(list(of(ada(), Some("draft"))).await, drafts[..1]);
    let reviews = newest_first(vec![review.id, sent.id]);
    assert_eq!(list(of(ada(), Some("in review"))).await, reviews);
    let bolts_chain = b
        .events(Chain::Customer(bolt()), Some(EventKind::DRAFT_PUT))
        .await;
    assert_eq!(
        bolts_chain.len(),
        2,
        "each customer's own chain tells of it"
    );
}
