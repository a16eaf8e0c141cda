//! Words within a packet: found in its text files, with the lines they stand in.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::ids::ClaimId;
use serde::Deserialize;

use crate::{
    api::{
        extract::{Path, Query},
        packets::{self, find, listed, statement},
    },
    app::Shared,
    errors::{Answer, Problem},
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        names::Names,
        packets::{
            Fault, Zip,
            search::{Bounds, Found, Hit, search},
        },
        shown::{LONGEST_SEARCH, Shown, Words},
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/packet_search.html")]
struct Page {
    chrome: Chrome,
    base: String,
    name: Shown,
    q: String,
    result: Option<Result>,
}

enum Result {
    Found(Found),
    /// The packet is not what the instance signed.
    Differs(Shown),
}

#[derive(Deserialize)]
pub struct Asked {
    q: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path(claim): Path<ClaimId>,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let q = asked.q.unwrap_or_default();
    if q.chars().count() > LONGEST_SEARCH {
        return Err(Problem::field(
            "q",
            "these are too many words",
            format!("at most {LONGEST_SEARCH} characters"),
        ));
    }
    let known = find(&app, &caller.scope, &claim).await?;
    let names = Names::of(&app, &caller.scope, [known.instance()]).await?;
    let words = Words::of(&q);
    let result = match words.is_empty() {
        true => None,
        false => {
            let bounds = Bounds::default();
            let all: u64 = listed(&statement(&known)?).iter().map(|f| f.bytes).sum();
            let place = app.downloads.take(&caller.person)?;
            let packet = packets::search(&app, &caller, &claim, all.min(bounds.bytes)).await?;
            let zip = Zip::of(&app, &packet);
            let run = place.run(move |still| search(zip, &words, bounds, still));
            Some(match run.await? {
                Ok(found) => Result::Found(found),
                Err(fault) => Result::Differs(Shown::cut(&Fault::differs(fault)?, 500)),
            })
        }
    };
    let name = names.get(known.instance());
    let title = format!("Find in the packet of {}", name.plain());
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Packets, title),
        base: format!("/packets/{claim}"),
        name,
        q,
        result,
    })
}

impl Page {
    fn file(&self, path: &str) -> String {
        format!("{}/files/{}", self.base, links::segments(path))
    }

    /// The hit's line on its file's page.
    fn line(&self, path: &str, hit: &Hit) -> String {
        let spot = hit.spot.to_string();
        let query = [("as", "text"), ("from", &spot), ("q", &self.q)];
        links::with_query(&self.file(path), query) + "#L" + &spot
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_schema::{Chain, EventFilter, EventKind, Page, Scope};

    use crate::{
        agent::testing::acme,
        api::tests::house::House,
        ui::{
            packets::testing::{ok, sent, spoil},
            tests::Browser,
        },
    };

    #[tokio::test]
    async fn words_are_found_in_all_text_files_with_links_to_their_lines() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(
            &house,
            &hook,
            &[
                ok(
                    "logs",
                    &[
                        ("a b.log", b"start\nERROR Connection Refused\nend\n"),
                        ("b.log", b"nothing\n"),
                    ],
                ),
                ok("data", &[("c.bin", b"\0error connection")]),
                ok("host", &[("d.txt", b"connection\nerror\n")]),
            ],
        )
        .await;
        let ada = Browser::of(&house, "ada").await;
        let path = format!("/packets/{claim}/search");
        let said = ada.get(&format!("{path}?q=connection+error")).await;
        let text = said.text();
        let link = format!(
            "href=\"/packets/{claim}/files/logs/a%20b.log?as=text&#38;from=2&#38;q=connection+error#L2\""
        );
        assert!(text.contains(&link), "{text}");
        assert!(text.contains("<mark>ERROR</mark> <mark>Connection</mark> Refused"));
        assert!(text.contains("1 hit in 1 file"), "{text}");
        assert!(text.contains("1 file that is not text"), "{text}");
        // The link leads to the marked line.
        let said = ada
            .get(&format!(
                "/packets/{claim}/files/logs/a%20b.log?as=text&from=2&q=connection+error"
            ))
            .await;
        assert!(said.text().contains("<tr id=\"L2\" class=\"here\">"));
        assert!(said.text().contains("<mark>ERROR</mark>"));

        let text = ada.get(&format!("{path}?q=zebra")).await.text();
        assert!(text.contains("Nothing holds"), "{text}");
        let text = ada.get(&path).await.text();
        assert!(!text.contains("hit"), "{text}");
        let long = "x".repeat(301);
        assert_eq!(ada.get(&format!("{path}?q={long}")).await.status, 422);
    }

    #[tokio::test]
    async fn hits_have_bounds_a_file_and_in_all_and_say_so() {
        let house = House::new().await;
        let hook = house.published().await;
        let many = "needle\n".repeat(30);
        let names: Vec<String> = (0..15).map(|n| format!("{n:02}.log")).collect();
        let files: Vec<(&str, &[u8])> = names
            .iter()
            .map(|n| (n.as_str(), many.as_bytes()))
            .collect();
        let claim = sent(&house, &hook, &[ok("logs", &files)]).await;
        let ada = Browser::of(&house, "ada").await;
        let text = ada
            .get(&format!("/packets/{claim}/search?q=needle"))
            .await
            .text();
        assert_eq!(text.matches("<mark>needle</mark>").count(), 200);
        assert_eq!(text.matches("#L20\"").count(), 10, "20 a file");
        assert!(!text.contains("#L21\""));
        assert!(text.contains("that many hits"), "{text}");
    }

    #[tokio::test]
    async fn a_search_is_an_event_without_its_words() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(&house, &hook, &[ok("logs", &[("a.log", b"hunter2")])]).await;
        let path = format!("/packets/{claim}/search");
        for (person, status) in [("vera", 403), ("gil", 404)] {
            let who = Browser::of(&house, person).await;
            let said = who.get(&format!("{path}?q=hunter2")).await;
            assert_eq!(said.status, status, "{person}");
        }
        let ada = Browser::of(&house, "ada").await;
        ada.get(&path).await;
        assert_eq!(house.bench.events(EventKind::PACKET_SEARCHED).await, 0);
        assert_eq!(ada.get(&format!("{path}?q=hunter2")).await.status, 200);
        assert_eq!(house.bench.events(EventKind::PACKET_SEARCHED).await, 1);
        let filter = EventFilter {
            kind: Some(EventKind::PACKET_SEARCHED),
            ..EventFilter::default()
        };
        let chain = Chain::Customer(acme());
        let store = &house.bench.app.store;
        let events = store.events(&Scope::System, &chain, filter, Page::first(9));
        let event = events.await.unwrap().items.remove(0);
        assert_eq!(event.refs.claim, Some(claim));
        let stored = format!("{event:?}{}", String::from_utf8_lossy(&event.stored.0));
        assert!(!stored.contains("hunter2"), "{stored}");
    }

    #[tokio::test]
    async fn a_search_takes_a_place_as_downloads_do() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(&house, &hook, &[ok("logs", &[("a.log", b"x")])]).await;
        let ada = Browser::of(&house, "ada").await;
        let person = "ada".parse().unwrap();
        let downloads = &house.bench.app.downloads;
        let taken: Vec<_> = (0..4).map(|_| downloads.take(&person).unwrap()).collect();
        for path in ["search?q=x", "files/logs/a.log"] {
            let said = ada.get(&format!("/packets/{claim}/{path}")).await;
            assert_eq!(said.status, 503, "{path}");
            assert_eq!(said.header("retry-after"), "10");
        }
        drop(taken);
        let said = ada.get(&format!("/packets/{claim}/search?q=x")).await;
        assert_eq!(said.status, 200);
    }

    #[tokio::test]
    async fn what_is_found_is_shown_as_text() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(
            &house,
            &hook,
            &[ok(
                "logs",
                &[("<i>.log", "<script>needle</script>\u{202e}".as_bytes())],
            )],
        )
        .await;
        let ada = Browser::of(&house, "ada").await;
        let text = ada
            .get(&format!("/packets/{claim}/search?q=%3Cscript%3Eneedle"))
            .await
            .text();
        assert!(!text.contains("<script>needle") && !text.contains("<i>"));
        assert!(!text.contains('\u{202e}') && text.contains("⟨U+202E⟩"));
        assert!(
            text.contains("<mark>&#60;script&#62;needle</mark>"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_spoilt_file_is_named_and_nothing_of_it_is_shown() {
        let house = House::new().await;
        let hook = house.published().await;
        let noise: Vec<u8> = (0..40_000_u32)
            .flat_map(|n| format!("{:08x}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        let claim = sent(
            &house,
            &hook,
            &[ok(
                "logs",
                &[("a.log", &noise), ("b.log", b"00000000 whole\n")],
            )],
        )
        .await;
        spoil(&house, &claim, |bytes| bytes[60_000] ^= 0x55).await;
        let ada = Browser::of(&house, "ada").await;
        let text = ada
            .get(&format!("/packets/{claim}/search?q=00000000"))
            .await
            .text();
        assert!(text.contains("is not what the instance signed"), "{text}");
        assert!(text.contains("b.log") && text.contains("whole"), "{text}");
        assert!(!text.contains("a.log?as=text"), "{text}");
    }
}
