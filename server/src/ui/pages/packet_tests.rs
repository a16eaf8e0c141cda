//! A packet's page through the real router.
#![allow(clippy::unwrap_used)]
use boathook_hooks::packet::Outcome;
use boathook_schema::EventKind;

use crate::{
    api::tests::house::House,
    ui::{
        packets::testing::{Part, failed, ok, sent, sent_by},
        tests::{Browser, alike},
    },
};

#[tokio::test]
async fn the_worst_sections_stand_first_with_why_and_what_was_left_out() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = sent(
        &house,
        &hook,
        &[
            ok("host", &[("facts.txt", b"kernel password=hunter2hunter2")]),
            failed("later", Outcome::DeniedByPolicy, "the policy denies /etc"),
            Part {
                left_out: &["older lines"],
                ..failed("logs", Outcome::Truncated, "")
            },
            failed("ldap", Outcome::Failed, "connection refused"),
            failed("slow", Outcome::TimedOut, "30 s"),
        ],
    )
    .await;
    let ada = Browser::of(&house, "ada").await;
    let text = ada.get(&format!("/packets/{claim}")).await.text();
    let order: Vec<usize> = ["ldap", "logs", "slow", "later", "host"]
        .iter()
        .map(|name| {
            text.find(&format!("id=\"section-{name}\""))
                .unwrap_or_else(|| panic!("{name}: {text}"))
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    for wanted in [
        "connection refused",
        "the policy denies /etc",
        "denied by policy",
        "timed out",
        "older lines",
        "4.8 MiB",
        "1.2 s",
        "1 ok",
        "1 failed",
        "href=\"/tickets/jira/SUP-1\"",
        "revision=1",
        "ada, ben",
        "no new privileges",
        "reads as &#60;root&#62;",
        &format!("href=\"/packets/{claim}/files/host/facts.txt\""),
        &format!("href=\"/packets/{claim}/files/redactions.json\""),
        &format!("href=\"/api/v1/packets/{claim}/zip\""),
        &format!("href=\"/api/v1/packets/{claim}/receipt\""),
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let packet = house
        .get("ada", &format!("/api/v1/packets/{claim}"))
        .await
        .ok();
    for part in ["sha256", "name"] {
        assert!(text.contains(packet[part].as_str().unwrap()), "{part}");
    }
    let command = format!(
        "boathook verify {} --root root-1.bson<",
        packet["name"].as_str().unwrap()
    );
    assert!(text.contains(&command), "{text}");
    let receipt = ada.get(&format!("/api/v1/packets/{claim}/receipt")).await;
    assert!(
        receipt
            .header("content-disposition")
            .ends_with(".zip.receipt\""),
        "{:?}",
        receipt.headers
    );
}

#[tokio::test]
async fn people_say_whether_it_answered_and_may_think_again() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = sent(&house, &hook, &[]).await;
    let (path, verdict) = (
        format!("/packets/{claim}"),
        format!("/packets/{claim}/verdict"),
    );
    let ada = Browser::of(&house, "ada").await;
    let text = ada.get(&path).await.text();
    assert!(
        text.contains("Did this answer it?") && text.contains("Nobody has said"),
        "{text}"
    );
    let form = [("answered", "partly"), ("note", "half\u{202e}<b>")];
    let said = ada.post(&verdict, &form).await;
    assert_eq!(
        said.header("location"),
        format!("{path}#answered"),
        "{}",
        said.text()
    );
    let ben = Browser::of(&house, "ben").await;
    assert_eq!(ben.post(&verdict, &[("answered", "yes")]).await.status, 303);
    let text = ada.get(&path).await.text();
    assert!(
        text.contains("answered partly") && text.contains("answered it"),
        "{text}"
    );
    assert!(text.contains("⟨U+202E⟩") && !text.contains('\u{202e}') && !text.contains("<b>"));
    let ticket = ada.get("/tickets/jira/SUP-1").await.text();
    assert!(ticket.contains("people differ"), "{ticket}");
    ada.post(&verdict, &[("answered", "yes")]).await;
    let ticket = ada.get("/tickets/jira/SUP-1").await.text();
    assert!(
        ticket.contains("answered it") && !ticket.contains("people differ"),
        "{ticket}"
    );
    let long = "x".repeat(301);
    let said = ada
        .post(&verdict, &[("answered", "no"), ("note", &long)])
        .await;
    assert_eq!(said.status, 422);
    assert!(said.text().contains(&long) && said.text().contains("note-wrong"));
    // Neither who only reads, nor who does not see it.
    let adam = Browser::of(&house, "adam").await;
    assert_eq!(adam.post(&verdict, &[("answered", "no")]).await.status, 403);
    assert!(!adam.get(&path).await.text().contains("/verdict\""));
    let gil = Browser::of(&house, "gil").await;
    assert_eq!(gil.post(&verdict, &[("answered", "no")]).await.status, 404);
    let row = house
        .get("ada", &format!("/api/v1/packets/{claim}"))
        .await
        .ok();
    assert_eq!(
        row["verdicts"],
        serde_json::json!({"yes": 2, "partly": 0, "no": 0})
    );
}

#[tokio::test]
async fn a_section_of_many_files_has_pages_of_its_own() {
    let house = House::new().await;
    let hook = house.published().await;
    let names: Vec<String> = (0..600).map(|n| format!("f{n:03}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b"x"[..])).collect();
    let claim = sent(&house, &hook, &[ok("many", &files), ok("one", &[])]).await;
    let ada = Browser::of(&house, "ada").await;
    let base = format!("/packets/{claim}");
    let count = |text: &str| text.matches("/files/many/").count();
    let text = ada.get(&base).await.text();
    assert_eq!(count(&text), 50);
    assert!(text.contains(&format!("{base}?section=many\"")), "{text}");
    let text = ada.get(&format!("{base}?section=many")).await.text();
    assert_eq!(count(&text), 500);
    assert!(!text.contains("id=\"section-one\""));
    let after = "section=many&#38;after=many%2Ff499";
    assert!(text.contains(after), "{text}");
    let text = ada
        .get(&format!("{base}?section=many&after=many%2Ff499"))
        .await
        .text();
    assert_eq!(count(&text), 100);
    assert!(text.contains("files/many/f599") && !text.contains("after="));
}

#[tokio::test]
async fn what_an_instance_says_of_itself_does_nothing() {
    let house = House::new().await;
    let hook = house.published().await;
    let evil = "<script>alert(1)</script>\u{202e}\u{1b}[2J' onclick=x";
    let claim = sent_by(
        &house,
        evil,
        &hook,
        &[Part {
            left_out: &[evil],
            files: &[("../../<b>' onload=x/[1].txt", b"x")],
            ..failed("logs", Outcome::Failed, evil)
        }],
    )
    .await;
    let text = Browser::of(&house, "ada")
        .await
        .get(&format!("/packets/{claim}"))
        .await
        .text();
    assert!(!text.contains("<script>alert") && !text.contains("<b>"));
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
    assert!(!text.contains("href=\"../") && !text.contains("/../"));
    assert_eq!(text.matches("⟨U+202E⟩").count() % 4, 0, "{text}");
    assert!(text.contains("%5B1%5D.txt\""), "{text}");
}

#[tokio::test]
async fn each_opening_is_an_event_and_a_refused_one_is_none() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = sent(&house, &hook, &[]).await;
    let path = format!("/packets/{claim}");
    let vera = Browser::of(&house, "vera").await;
    assert_eq!(vera.get(&path).await.status, 403);
    let gil = Browser::of(&house, "gil").await;
    let hidden = gil.get(&path).await;
    let mut none = claim.clone();
    none.reservation += 7;
    let missing = gil.get(&format!("/packets/{none}")).await;
    assert_eq!(
        (hidden.status.as_u16(), missing.status.as_u16()),
        (404, 404)
    );
    assert_eq!(alike(&hidden.text()), alike(&missing.text()));
    assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 0);
    let ada = Browser::of(&house, "ada").await;
    assert_eq!(ada.get(&path).await.status, 200);
    assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 1);
    assert_eq!(ada.get("/packets/AAAA").await.status, 404);
}
