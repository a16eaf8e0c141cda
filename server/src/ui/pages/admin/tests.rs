//! Administration through the router: who may what, and what each form does.
#![allow(clippy::unwrap_used)]
use base64::{Engine as _, engine::general_purpose::STANDARD};
use boathook_hooks::{documents::roster::Roster, keys::SecretKey, time::DAY};
use boathook_schema::Scope;
use serde_json::json;

use crate::{api::tests::house::House, people::password, ui::tests::Browser};

const HOUSE_PAGES: [&str; 4] = [
    "/admin/people",
    "/admin/people/ada",
    "/admin/keys",
    "/admin/servers",
];
const PAGES: [&str; 4] = [
    "/admin/customers",
    "/admin/customers/acme",
    "/admin/trust",
    "/admin/erasures",
];

#[tokio::test]
async fn an_admin_of_some_customers_sees_and_does_what_is_theirs_alone() {
    let house = House::new().await;
    let (hana, adam, ada) = (
        Browser::of(&house, "hana").await,
        Browser::of(&house, "adam").await,
        Browser::of(&house, "ada").await,
    );
    for path in HOUSE_PAGES {
        assert_eq!(hana.get(path).await.status, 200, "{path}");
        assert_eq!(adam.get(path).await.status, 403, "{path}");
    }
    for path in PAGES {
        assert_eq!(hana.get(path).await.status, 200, "{path}");
        let text = adam.get(path).await.text();
        for hidden in [
            "/admin/people",
            "/admin/keys",
            "/admin/servers",
            "Rename",
            "Import a",
            "New customer",
        ] {
            assert!(!text.contains(hidden), "{path}: {hidden}");
        }
    }
    for path in HOUSE_PAGES.iter().chain(&PAGES).chain(&["/admin"]) {
        assert_eq!(ada.get(path).await.status, 403, "{path}");
    }
    assert_eq!(hana.get("/admin").await.header("location"), "/admin/people");
    assert_eq!(
        adam.get("/admin").await.header("location"),
        "/admin/customers"
    );
    // Another's customer and none sound the same.
    let (other, none) = (
        adam.get("/admin/customers/globex").await,
        adam.get("/admin/customers/nobody").await,
    );
    assert_eq!((other.status.as_u16(), none.status.as_u16()), (404, 404));
    assert!(!adam.get("/admin/customers").await.text().contains("globex"));
    let form = [
        ("name", "X"),
        ("id", "x"),
        ("count", "1"),
        ("person", "x"),
        ("document", "x"),
        ("key", "x"),
    ];
    for path in [
        "/admin/people",
        "/admin/people/ada",
        "/admin/people/ada/sign-out",
        "/admin/people/ada/end-token",
        "/admin/keys/drop",
        "/admin/customers",
        "/admin/customers/acme",
        "/admin/trust/import",
    ] {
        assert_eq!(adam.post(path, &form).await.status, 403, "{path}");
    }
    let said = adam
        .post("/admin/customers/globex/join", &[("count", "1")])
        .await;
    assert_eq!(said.status, 404);
}

#[tokio::test]
async fn a_person_is_made_changed_and_signed_out() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    let form = [
        ("person", "pia"),
        ("name", "Pia <b>"),
        ("engineer", "only"),
        ("engineer_customers", "acme, globex"),
        ("viewer", "all"),
        ("password", "a long enough one"),
    ];
    let said = hana.post("/admin/people", &form).await;
    assert_eq!(
        said.header("location"),
        "/admin/people/pia?done=made",
        "{}",
        said.text()
    );
    let list = hana.get("/admin/people").await.text();
    assert!(
        list.contains("viewer engineer:acme,globex") && !list.contains("<b>"),
        "{list}"
    );
    let page = hana.get("/admin/people/pia").await.text();
    assert!(page.contains(r#"value="acme, globex""#), "{page}");
    let pia = Browser::of(&house, "pia").await;
    assert_eq!(pia.get("/tickets").await.status, 200);
    // All roles are given anew; no password leaves the one there is, and sign-ins as they are.
    let form = [("name", "Pia"), ("viewer", "all"), ("password", "")];
    hana.post("/admin/people/pia", &form).await;
    assert_eq!(pia.get("/tickets").await.status, 403);
    let app = &house.bench.app;
    let pia_id = "pia".parse().unwrap();
    let known = app.store.person(&Scope::System, &pia_id);
    let stored = known.await.unwrap().unwrap().password;
    assert!(password::verify("a long enough one".into(), stored).await);
    let said = hana.post("/admin/people/pia/sign-out", &[]).await;
    assert_eq!(said.header("location"), "/admin/people/pia?done=out");
    assert_eq!(pia.get("/tickets").await.status, 303);
    assert_eq!(
        hana.post("/admin/people/none/sign-out", &[]).await.status,
        404
    );
}

#[tokio::test]
async fn a_fault_in_a_person_is_said_beside_its_field_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    let good = [
        ("person", "pia"),
        ("name", "Pia"),
        ("viewer", "all"),
        ("password", ""),
    ];
    for (name, value, words) in [
        ("person", "Pia!", "expected a person"),
        ("name", "", "the name is empty"),
        ("viewer", "only", "viewer of which customers?"),
        ("password", "1234567", "the password is too short"),
    ] {
        let mut form = good.to_vec();
        form.retain(|(n, _)| *n != name);
        form.push((name, value));
        let said = hana.post("/admin/people", &form).await;
        assert_eq!(said.status, 422, "{name}");
        let text = said.text().replace("&#39;", "'");
        assert!(text.contains(words), "{name}: {text}");
        assert!(
            name == "person" || text.contains(r#"value="pia""#),
            "{name}: {text}"
        );
        assert!(!text.contains("1234567"), "a password is not sent back");
    }
    let form = [
        ("person", "pia"),
        ("name", "Pia"),
        ("viewer", "only"),
        ("viewer_customers", "nowhere"),
    ];
    let said = hana.post("/admin/people", &form).await;
    assert!(
        said.text().contains("there is no customer nowhere"),
        "{}",
        said.text()
    );
    let form = [("person", "ada"), ("name", "Ada"), ("viewer", "all")];
    assert_eq!(
        hana.post("/admin/people", &form).await.status,
        409,
        "nobody is overwritten"
    );
}

#[tokio::test]
async fn a_persons_token_is_ended_from_their_page_alone() {
    let house = House::new().await;
    let (hana, ada) = (
        Browser::of(&house, "hana").await,
        Browser::of(&house, "ada").await,
    );
    let form = [
        ("label", "nightly"),
        ("expires_in", "7d"),
        ("roles", "engineer:acme"),
    ];
    assert_eq!(ada.post("/me/tokens", &form).await.status, 201);
    let person = "ada".parse().unwrap();
    let store = &house.bench.app.store;
    let token = store.api_tokens(&Scope::System, &person).await.unwrap()[0]
        .hash
        .to_string();
    assert!(
        hana.get("/admin/people/ada")
            .await
            .text()
            .contains("nightly")
    );
    let form = [("token", token.as_str())];
    assert_eq!(
        hana.post("/admin/people/ben/end-token", &form).await.status,
        404
    );
    assert_eq!(
        hana.post("/admin/people/ada/end-token", &form).await.status,
        303
    );
    assert_eq!(store.api_tokens(&Scope::System, &person).await.unwrap(), []);
}

#[tokio::test]
async fn a_key_that_is_asked_for_comes_with_the_command_that_admits_it() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    assert!(
        hana.get("/admin/keys")
            .await
            .text()
            .contains("boathook keygen")
    );
    let key = SecretKey::from_seed(&[9; 32]).public();
    let body = json!({"key": key, "place": "browser", "comment": "<i>mine</i>"});
    house
        .post("ada", "/api/v1/trust/admissions", body.clone())
        .await
        .ok();
    let text = hana.get("/admin/keys").await.text();
    let command = format!("roster-1.bson ada --key {key} --place browser --out roster-2.bson");
    assert!(text.contains(&command), "{text}");
    assert!(text.contains(&key.id().to_string()) && !text.contains("<i>"));
    // Who is not in the roster yet is named with what they may do here.
    let other = SecretKey::from_seed(&[8; 32]).public();
    let body = json!({"key": other, "place": "file"});
    house
        .post("gil", "/api/v1/trust/admissions", body)
        .await
        .ok();
    let text = hana.get("/admin/keys").await.text().replace("&#39;", "'");
    let who = "gil --name 'gil' --role author --role reviewer --customer globex --key";
    assert!(text.contains(who), "{text}");
    // Of several the first makes the next roster, and the others go into it.
    for once in ["--out roster-2.bson", "roster add roster-2.bson"] {
        assert_eq!(text.matches(once).count(), 1, "{once}: {text}");
    }
    let form = [("key", key.id().to_string())];
    let form = [("key", form[0].1.as_str())];
    assert_eq!(hana.post("/admin/keys/drop", &form).await.status, 303);
    assert!(!hana.get("/admin/keys").await.text().contains(&command));
    assert_eq!(
        hana.post("/admin/keys/drop", &[("key", "x")]).await.status,
        400
    );
}

#[tokio::test]
async fn a_join_string_is_shown_once_to_an_admin_of_the_customer() {
    let house = House::new().await;
    let adam = Browser::of(&house, "adam").await;
    let form = [("count", "3"), ("expires_in", "12h"), ("confirm", "yes")];
    let said = adam.post("/admin/customers/acme/join", &form).await;
    assert_eq!(said.status, 201, "{}", said.text());
    assert_eq!(said.header("cache-control"), "private, no-store");
    let text = said.text();
    let string = text.split("<code data-copy>").nth(1).unwrap();
    let string = string.split('<').next().unwrap().to_owned();
    let join = string
        .parse::<boathook_hooks::protocol::JoinString>()
        .unwrap();
    assert_eq!(join.customer.as_str(), "acme");
    let page = adam.get("/admin/customers/acme").await.text();
    assert!(page.contains("0 of 3") && !page.contains(&string), "{page}");
    let store = &house.bench.app.store;
    let hash = crate::people::secrets::hash(&join.token);
    let kept = store
        .join_token(&Scope::System, &hash)
        .await
        .unwrap()
        .unwrap();
    assert!(kept.confirm);
    assert_eq!(kept.ends_at.since(house.bench.now()), DAY / 2);
    for (name, value) in [
        ("count", "0"),
        ("count", "x"),
        ("expires_in", "400d"),
        ("expires_in", "soon"),
    ] {
        let mut form = form.to_vec();
        form.retain(|(n, _)| *n != name);
        form.push((name, value));
        let said = adam.post("/admin/customers/acme/join", &form).await;
        assert_eq!(said.status, 422, "{name}");
        assert!(
            said.text().contains(&format!("id=\"{name}-wrong\"")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_customer_is_made_once_and_renamed() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    let form = [("id", "initech"), ("name", "Initech")];
    let said = hana.post("/admin/customers", &form).await;
    assert_eq!(said.header("location"), "/admin/customers/initech");
    let form = [("id", "acme"), ("name", "Other")];
    let said = hana.post("/admin/customers", &form).await;
    assert!(said.status == 422 && said.text().contains("acme is there already"));
    hana.post("/admin/customers/acme", &[("name", "ACME & Sons")])
        .await;
    assert!(
        hana.get("/admin/customers")
            .await
            .text()
            .contains("ACME &#38; Sons")
    );
    let said = hana.post("/admin/customers/acme", &[("name", " ")]).await;
    assert!(said.status == 422 && said.text().contains("name-wrong"));
    let said = hana
        .post("/admin/customers/none", &[("name", "None")])
        .await;
    assert_eq!(said.status, 404, "a rename makes nobody");
}

#[tokio::test]
async fn instances_that_wait_or_are_held_are_listed_with_why() {
    let house = House::new().await;
    let sim = house.bench.instance().await;
    let adam = Browser::of(&house, "adam").await;
    let calm = adam.get("/admin/customers").await.text();
    assert!(calm.contains("No instance waits"), "{calm}");
    let path = format!("/api/v1/instances/{}/suspend", sim.instance);
    house
        .post("adam", &path, json!({"why": "looks odd <b>"}))
        .await
        .ok();
    for page in ["/admin/customers", "/admin/customers/acme"] {
        let text = adam.get(page).await.text();
        assert!(
            text.contains("looks odd") && !text.contains("<b>"),
            "{text}"
        );
        assert!(text.contains(&format!("href=\"/instances/{}\"", sim.instance)));
    }
    let gil = Browser::of(&house, "gil").await;
    assert!(
        !gil.get("/admin/customers")
            .await
            .text()
            .contains("looks odd")
    );
}

#[tokio::test]
async fn a_document_is_imported_as_base64_or_json_and_verified() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    let sample = &house.bench.sample;
    let next = |version| Roster {
        version,
        ..sample.roster()
    };
    let signed = sample.signed(&next(2), &[&sample.rita, &sample.rolf]);
    let text = STANDARD.encode(&signed);
    let (front, rest) = text.split_at(40);
    let form = format!(" {front}\n{rest}\n");
    let said = hana
        .post("/admin/trust/import", &[("document", &form)])
        .await;
    assert_eq!(
        said.header("location"),
        "/admin/trust?done=roster&number=2",
        "{}",
        said.text()
    );
    let said = hana
        .post("/admin/trust/import", &[("document", &form)])
        .await;
    assert_eq!(said.header("location"), "/admin/trust?done=again");
    let page = hana.get("/admin/trust?done=roster&number=2").await.text();
    assert!(page.contains("Roster 2 counts."), "{page}");
    let one = sample.signed(&next(3), &[&sample.rita]);
    for (bad, words) in [
        (STANDARD.encode(&one), ""),
        ("not base64!".to_owned(), "that is no document"),
        ("{}".to_owned(), ""),
        (String::new(), "that is no document"),
    ] {
        let said = hana
            .post("/admin/trust/import", &[("document", &bad)])
            .await;
        assert_eq!(said.status, 422, "{bad}");
        let text = said.text();
        assert!(
            text.contains("role=\"alert\"") && text.contains(words),
            "{text}"
        );
        assert!(text.contains(&bad), "what was typed stays");
    }
    let json = boathook_hooks::envelope::Envelope::from_bson(
        &sample.signed(&next(4), &[&sample.rita, &sample.rolf]),
        boathook_hooks::strict::MAX_DOCUMENT,
    );
    let json = json.unwrap().to_json();
    let said = hana
        .post("/admin/trust/import", &[("document", &json)])
        .await;
    assert_eq!(
        said.header("location"),
        "/admin/trust?done=roster&number=4",
        "{}",
        said.text()
    );
}

#[tokio::test]
async fn servers_that_live_are_shown_with_this_one() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    let app = &house.bench.app;
    let write = boathook_schema::Write::system(app.now());
    let registered = app.store.register_server(
        &Scope::System,
        write,
        app.server.to_string(),
        "host:8443".into(),
        app.now(),
    );
    registered.await.unwrap().done().unwrap();
    let text = hana.get("/admin/servers").await.text();
    assert!(
        text.contains("this one") && text.contains("host:8443"),
        "{text}"
    );
    assert!(text.contains("answers</span>") && text.contains("reached</span>"));
}

#[tokio::test]
async fn a_new_server_says_what_comes_next_until_all_is_done() {
    let house = House::new().await;
    let hana = Browser::of(&house, "hana").await;
    let text = hana.get("/admin/people").await.text();
    // Root, roster, people and customers are there; no instance is.
    assert_eq!(text.matches("</span> done").count(), 4, "{text}");
    assert_eq!(text.matches("</span> to do").count(), 1, "{text}");
    assert!(text.contains("a first instance join"), "{text}");
}
