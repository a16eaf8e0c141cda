//! Files of packets through the real router.
#![allow(clippy::unwrap_used)]
use boathook_hooks::ids::ClaimId;
use boathook_schema::EventKind;

use crate::{
    agent::testing::Said,
    api::tests::house::House,
    ui::{
        packets::testing::{ok, sent, spoil},
        tests::Browser,
    },
};

/// A packet with those files, in the section `s`.
async fn with(house: &House, files: &[(&str, &[u8])]) -> ClaimId {
    let hook = house.published().await;
    sent(house, &hook, &[ok("s", files)]).await
}

async fn see(house: &House, claim: &ClaimId, rest: &str) -> Said {
    let ada = Browser::of(house, "ada").await;
    ada.get(&format!("/packets/{claim}/files/s/{rest}")).await
}

#[tokio::test]
async fn text_has_numbered_lines_that_can_be_linked() {
    let house = House::new().await;
    let claim = with(
        &house,
        &[("a b.log", b"one\n\nthree password=hunter2hunter2\n")],
    )
    .await;
    let said = see(&house, &claim, "a%20b.log").await;
    let text = said.text();
    assert_eq!(said.status, 200);
    for wanted in [
        "<tr id=\"L1\"><td><a href=\"#L1\" tabindex=\"-1\">1</a></td><td><bdi dir=\"ltr\">one</bdi></td></tr>",
        "<tr id=\"L2\">",
        "Lines 1–3 of 3",
        "hidden: ",
        &format!("href=\"/api/v1/packets/{claim}/files/s/a%20b.log\""),
        &format!("href=\"/packets/{claim}/files/s/a%20b.log?as=text&#38;wrap=1\""),
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("hunter2hunter2") && !text.contains("rel=\"next\""));
    let marked = see(&house, &claim, "a%20b.log?from=3&q=THREE&wrap=1").await;
    let text = marked.text();
    assert!(text.contains("<tr id=\"L3\" class=\"here\">"), "{text}");
    assert!(text.contains("<mark>three</mark>") && text.contains("lines wrapped"));
    for odd in ["0", "x", "-1", "1.2.3"] {
        let said = see(&house, &claim, &format!("a%20b.log?from={odd}")).await;
        assert_eq!(said.status, 422, "{odd}");
    }
}

#[tokio::test]
async fn a_large_file_is_read_by_the_part() {
    let house = House::new().await;
    let lines: String = (1..=5_000).map(|n| format!("line {n}\n")).collect();
    let long = "y".repeat(600_000);
    let claim = with(
        &house,
        &[("big.log", lines.as_bytes()), ("long.txt", long.as_bytes())],
    )
    .await;
    let text = see(&house, &claim, "big.log").await.text();
    assert!(text.contains("Lines 1–2000 of 5000"), "{text}");
    assert!(text.contains("as=text&#38;from=2001\" rel=\"next\""));
    assert!(!text.contains("rel=\"prev\"") && !text.contains("line 2001"));
    let text = see(&house, &claim, "big.log?from=4321").await.text();
    assert!(text.contains("Lines 4001–5000 of 5000"));
    assert!(text.contains("<tr id=\"L4321\" class=\"here\">"));
    assert!(text.contains("from=2001\" rel=\"prev\"") && !text.contains("rel=\"next\""));
    let text = see(&house, &claim, "long.txt?from=1.262144").await.text();
    assert!(text.contains("id=\"L1.262144\"") && text.contains("from=1.524288\""));
    assert!(text.len() < 400_000, "{}", text.len());
}

#[tokio::test]
async fn json_and_bson_are_folded_or_raw() {
    let house = House::new().await;
    let bson = bson::doc! { "name": "x\u{202e}", "list": [1, 2] }
        .to_vec()
        .unwrap();
    let large = format!("[{}0]", ("1000,".repeat(300) + "\n").repeat(1_000));
    let claim = with(
        &house,
        &[
            ("a.json", br#"{"b": {"c": "<b>"}, "a": [1]}"#),
            ("broken.json", b"{\"a\": \nx<"),
            ("large.json", large.as_bytes()),
            ("d.bson", &bson),
            ("broken.bson", b"\0\0\0\0\0"),
        ],
    )
    .await;
    let text = see(&house, &claim, "a.json").await.text();
    assert!(text.contains("<details open><summary>") && text.contains("&#60;b&#62;"));
    assert!(
        text.find(">b<").unwrap() < text.find(">a<").unwrap(),
        "{text}"
    );
    assert!(text.contains("aria-current=\"page\">Folded</a>"));
    for query in ["as=text", "from=1"] {
        let text = see(&house, &claim, &format!("a.json?{query}")).await.text();
        assert!(text.contains("<tr id=\"L1\"") && !text.contains("class=\"tree\""));
        assert!(text.contains("aria-current=\"page\">Text</a>"));
    }
    let text = see(&house, &claim, "broken.json").await.text();
    assert!(text.contains("does not read as") && text.contains("<tr id=\"L2\""));
    let text = see(&house, &claim, "large.json").await.text();
    assert!(text.contains("data-lines") && !text.contains("Folded"));
    let text = see(&house, &claim, "d.bson").await.text();
    assert!(text.contains("class=\"tree\"") && text.contains("x<span class=\"odd\">⟨U+202E⟩"));
    assert!(text.contains("without redaction"));
    let text = see(&house, &claim, "broken.bson").await.text();
    assert!(text.contains("can only be downloaded") && !text.contains("Folded"));
}

#[tokio::test]
async fn csv_is_a_table_binary_is_for_download_and_empty_says_so() {
    let house = House::new().await;
    let claim = with(
        &house,
        &[
            ("t.csv", b"name,n\n\"=HYPERLINK(1)\",<i>\n"),
            ("x.png", b"\x89PNG\0<script>alert(1)</script>"),
            ("e.txt", b""),
        ],
    )
    .await;
    let text = see(&house, &claim, "t.csv").await.text();
    assert!(
        text.contains("<th scope=\"col\"><bdi dir=\"ltr\">name</bdi></th>"),
        "{text}"
    );
    assert!(text.contains("<td><bdi dir=\"ltr\">&#60;i&#62;</bdi></td>") && !text.contains("<i>"));
    assert!(
        see(&house, &claim, "t.csv?as=text")
            .await
            .text()
            .contains("id=\"L2\"")
    );
    let text = see(&house, &claim, "x.png").await.text();
    assert!(text.contains("can only be downloaded") && !text.contains("alert"));
    assert!(
        see(&house, &claim, "e.txt")
            .await
            .text()
            .contains("This file is empty")
    );
}

#[tokio::test]
async fn hostile_contents_and_names_stay_text() {
    let house = House::new().await;
    let evil = "<script>alert(1)</script>\u{202e}\u{2066}\u{1b}[31m\u{200b}\r</td>&amp;\n{{7*7}}\n";
    let latin = b"caf\xe9\n";
    let claim = with(
        &house,
        &[
            ("<svg onload=x>/'[&].log", evil.as_bytes()),
            ("latin.txt", latin),
        ],
    )
    .await;
    let files = house
        .get("ada", &format!("/api/v1/packets/{claim}/files"))
        .await
        .ok();
    let path = files["items"][0]["path"].as_str().unwrap().to_owned();
    let rest = crate::ui::links::segments(path.strip_prefix("s/").unwrap());
    let said = see(&house, &claim, &rest).await;
    let text = said.text();
    assert_eq!(said.status, 200, "{text}");
    assert!(!text.contains("<script>alert") && !text.contains("<svg onload"));
    for raw in ['\u{202e}', '\u{2066}', '\u{1b}', '\u{200b}'] {
        assert!(!text.contains(raw), "{raw:?}");
    }
    assert!(text.contains("⟨U+202E⟩⟨U+2066⟩⟨U+001B⟩") && text.contains("&#38;amp;"));
    assert!(text.contains("{{7*7}}"));
    let policy = said.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    // What is no UTF-8 is left out by the redactor's rules or stands byte by byte, never as itself.
    let text = see(&house, &claim, "latin.txt").await.text();
    assert!(!text.contains('\u{fffd}'), "{text}");
}

#[tokio::test]
async fn no_address_leads_out_of_a_packet_or_to_anothers() {
    let house = House::new().await;
    let claim = with(&house, &[("a.txt", b"x")]).await;
    let ada = Browser::of(&house, "ada").await;
    for path in [
        "../packet.json",
        "s/../packet.json",
        "s/../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/a.txt",
        "s//a.txt",
        "s/a.txt%00",
        "S/A.TXT",
        "s",
        "packet.json",
    ] {
        let said = ada.get(&format!("/packets/{claim}/files/{path}")).await;
        assert_eq!(said.status, 404, "{path}");
    }
    let path = format!("/packets/{claim}/files/s/a.txt");
    for (person, status) in [("vera", 403), ("gil", 404)] {
        let said = Browser::of(&house, person).await.get(&path).await;
        assert_eq!(said.status, status, "{person}");
    }
    assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 0);
    assert_eq!(ada.get(&path).await.status, 200);
    assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 1);
    let event = house
        .get(
            "ada",
            "/api/v1/audit/events?chain=customer:acme&kind=packet_read",
        )
        .await
        .ok();
    assert!(event.to_string().contains("s/a.txt"), "{event}");
}

#[tokio::test]
async fn a_file_that_is_not_what_was_signed_is_not_shown() {
    let house = House::new().await;
    let noise: String = (0..40_000_u32)
        .map(|n| format!("{:08x}\n", n.wrapping_mul(2_654_435_761)))
        .collect();
    let claim = with(&house, &[("a.log", noise.as_bytes())]).await;
    assert_eq!(see(&house, &claim, "a.log").await.status, 200);
    spoil(&house, &claim, |bytes| bytes[100_000] ^= 0x55).await;
    let text = see(&house, &claim, "a.log").await.text();
    assert!(text.contains("is not what the instance signed"), "{text}");
    assert!(!text.contains("00000000") && !text.contains("data-lines"));
    // And a zip that is none any more.
    spoil(&house, &claim, |bytes| {
        let end = bytes.len() - 22;
        bytes[end..].fill(0);
    })
    .await;
    let text = see(&house, &claim, "a.log").await.text();
    assert!(text.contains("is not what the instance signed"), "{text}");
}
