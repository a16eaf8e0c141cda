//! Whether packets answered: said by people, counted by starting text, gone with the packet.
use boathook_hooks::ids::ClaimId;

use super::{
    bench::{Bench, acme, ada, at_acme, at_bolt, bob, bolt, done, iid, refused},
    whole::{check, delivered},
};
use crate::{
    Chain, EventKind, Helped, Refused, Scope, Verdicts, Write,
    engine::{Home, Table, look::beyond},
};

async fn says(b: &Bench, who: Write, claim: &ClaimId, helped: Helped, note: &str) {
    let scope = at_acme();
    let said = b
        .store
        .judge_packet(&scope, who, claim.clone(), helped, note.into());
    done(said.await);
}

fn bobs(b: &Bench) -> Write {
    Write::person(bob(), b.now)
}

fn counts(yes: u32, partly: u32, no: u32) -> Verdicts {
    Verdicts { yes, partly, no }
}

async fn of_journal(b: &Bench, scope: &Scope) -> Verdicts {
    b.store
        .template_verdicts(scope, "journal", 100)
        .await
        .unwrap()
}

pub async fn a_verdict_stands_until_its_person_says_something_else(mut b: Bench) {
    let digest = b.published(3).await;
    let claim = delivered(&b, digest, 1).await.id;
    says(&b, b.ada(), &claim, Helped::Partly, "half of it").await;
    says(&b, bobs(&b), &claim, Helped::No, "").await;
    b.later(1_000);
    says(&b, b.ada(), &claim, Helped::Yes, "").await;
    // The same again is no news.
    says(&b, b.ada(), &claim, Helped::Yes, "").await;
    assert_eq!(b.count(EventKind::PACKET_JUDGED).await, 3);
    let said = b.store.verdicts(&at_acme(), &claim).await.unwrap();
    let said: Vec<_> = said
        .into_iter()
        .map(|v| (v.person, v.answered, v.note))
        .collect();
    assert_eq!(
        said,
        [
            (ada(), Helped::Yes, String::new()),
            (bob(), Helped::No, String::new())
        ]
    );
    let packet = b.store.packet(&at_acme(), &claim).await.unwrap().unwrap();
    assert_eq!(packet.verdicts, counts(1, 0, 1));
    let by = crate::PacketsBy::Instance(iid(1));
    let listed = b
        .store
        .packets(&at_acme(), by, crate::Page::default())
        .await;
    assert_eq!(listed.unwrap().items[0].verdicts, counts(1, 0, 1));
    let events = b
        .events(Chain::Customer(acme()), Some(EventKind::PACKET_JUDGED))
        .await;
    assert_eq!(events[0].refs.claim, Some(claim));
    assert_eq!(events[0].details.get_str("answered").ok(), Some("partly"));
    // What somebody wrote is personal.
    assert!(!events[0].details.contains_key("words"));
    let personal = events[0].personal.as_ref().unwrap();
    assert_eq!(personal.get_str("words").ok(), Some("half of it"));
    assert_eq!(check(&b, false).await.faults, []);
}

pub async fn verdicts_are_counted_by_starting_text_within_the_scope(b: Bench) {
    let digest = b.published(4).await;
    assert_eq!(of_journal(&b, &Scope::All).await, counts(0, 0, 0));
    for (n, helped) in [(1, Helped::Yes), (2, Helped::Partly), (3, Helped::Yes)] {
        let claim = delivered(&b, digest, n).await.id;
        says(&b, b.ada(), &claim, helped, "").await;
    }
    // One that nobody said anything of counts for nothing.
    delivered(&b, digest, 4).await;
    assert_eq!(of_journal(&b, &Scope::All).await, counts(2, 1, 0));
    assert_eq!(of_journal(&b, &at_acme()).await, counts(2, 1, 0));
    assert_eq!(
        of_journal(&b, &Scope::Only([acme(), bolt()].into())).await,
        counts(2, 1, 0)
    );
    assert_eq!(of_journal(&b, &at_bolt()).await, counts(0, 0, 0));
    let other = b
        .store
        .template_verdicts(&Scope::All, "postgres", 100)
        .await;
    assert_eq!(other.unwrap(), counts(0, 0, 0));
    // Of the newest alone.
    let newest = b.store.template_verdicts(&Scope::All, "journal", 2).await;
    assert_eq!(newest.unwrap().all(), 2);
}

pub async fn a_verdict_is_of_a_person_of_the_customer_and_short(b: Bench) {
    let digest = b.published(1).await;
    let claim = delivered(&b, digest, 1).await.id;
    let judge = async |scope: Scope, who: Write, note: String| {
        refused(
            b.store
                .judge_packet(&scope, who, claim.clone(), Helped::Yes, note)
                .await,
        )
    };
    let none = String::new;
    let nothing = Refused::NotFound("packet".into());
    assert_eq!(judge(at_bolt(), b.ada(), none()).await, nothing);
    let agent = Scope::Instance {
        customer: acme(),
        instance: iid(1),
    };
    assert_eq!(judge(agent.clone(), b.ada(), none()).await, nothing);
    assert_eq!(
        judge(Scope::System, b.system(), none()).await,
        Refused::OutOfScope
    );
    let long = "x".repeat(crate::LONGEST_NOTE + 1);
    assert!(matches!(
        judge(at_acme(), b.ada(), long).await,
        Refused::Malformed(_)
    ));
    says(
        &b,
        b.ada(),
        &claim,
        Helped::Yes,
        &"ä".repeat(crate::LONGEST_NOTE),
    )
    .await;
    for scope in [at_bolt(), agent] {
        assert_eq!(b.store.verdicts(&scope, &claim).await.unwrap(), []);
    }
    assert_eq!(b.count(EventKind::PACKET_JUDGED).await, 1);
}

pub async fn what_was_said_of_a_packet_is_erased_with_it(b: Bench) {
    let digest = b.published(2).await;
    let claim = delivered(&b, digest, 1).await.id;
    says(&b, b.ada(), &claim, Helped::No, "a note").await;
    let other = delivered(&b, digest, 2).await.id;
    says(&b, b.ada(), &other, Helped::Yes, "").await;
    let scope = at_acme();
    let erased = b
        .store
        .erase_packet(&scope, b.ada(), claim.clone(), "asked".into());
    done(erased.await);
    assert_eq!(of_journal(&b, &Scope::All).await, counts(1, 0, 0));
    assert_eq!(b.store.verdicts(&at_acme(), &claim).await.unwrap(), []);
    let home = Home::new(Table::Packets, &claim);
    let rows = b
        .store
        .0
        .raw_rows(&home, "v/", &beyond("v/"))
        .await
        .unwrap();
    assert_eq!(rows, []);
    let again = b
        .store
        .judge_packet(&scope, b.ada(), claim, Helped::Yes, String::new());
    assert!(matches!(refused(again.await), Refused::Erased { .. }));
}
