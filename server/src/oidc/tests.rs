//! Sign-ins at a small provider in this process: what it must say to be believed, and whom it makes.
#![allow(clippy::unwrap_used)]
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Form, Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use boathook_hooks::time::MINUTE;
use boathook_schema::{Chain, EventFilter, EventKind, Role, Scope};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    agent::testing::{ORIGIN, Said},
    api::tests::house::House,
    config::{self, Config},
    ui::tests::Browser,
};

const CLIENT: &str = "boathook test";
const SECRET: &str = "s3cret/+";

struct Key(EcdsaKeyPair);

impl Key {
    fn fresh() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one",
            "x": part(&point[1..33]), "y": part(&point[33..65]),
        })
    }

    fn jwt(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "ES256", "kid": "one", "typ": "JWT"});
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A code that was given out: the challenge that it belongs to, and the token that it buys.
type Code = (String, String);

struct Op {
    issuer: String,
    key: Key,
    codes: Mutex<HashMap<String, Code>>,
}

async fn discovery(State(op): State<Arc<Op>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", op.issuer);
    Json(json!({
        "issuer": op.issuer,
        "authorization_endpoint": at("/auth"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(op): State<Arc<Op>>) -> Json<Value> {
    Json(json!({"keys": [op.key.jwk()]}))
}

async fn token(
    State(op): State<Arc<Op>>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let refuse =
        |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    let escaped =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let basic = STANDARD.encode(format!("{}:{}", escaped(CLIENT), escaped(SECRET)));
    if headers["authorization"] != format!("Basic {basic}") {
        return refuse("invalid_client");
    }
    // A code is for one use.
    let Some((challenge, token)) = op.codes.lock().unwrap().remove(&form["code"]) else {
        return refuse("invalid_grant");
    };
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if proof != challenge || form["redirect_uri"] != format!("{ORIGIN}{}", super::CALLBACK) {
        return refuse("invalid_grant");
    }
    let said = json!({"access_token": "a", "token_type": "Bearer", "id_token": token});
    Json(said).into_response()
}

impl Op {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let op = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key: Key::fresh(),
            codes: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(op.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        op
    }

    /// A house whose people sign in here.
    async fn house(&self) -> House {
        let (issuer, dir) = (self.issuer.clone(), tempfile::tempdir().unwrap());
        let secret = dir.path().join("secret");
        crate::keys::write_secret(&secret, format!("{SECRET}\n").as_bytes()).unwrap();
        // Read at each sign-in.
        let _ = dir.keep();
        House::with(move |config: &mut Config| {
            let roles = [
                ("support", vec!["engineer:acme".to_owned()]),
                ("leads", vec!["admin".to_owned()]),
            ];
            config.oidc = config::Oidc {
                issuer,
                client_id: CLIENT.into(),
                client_secret_file: secret,
                roles: roles.map(|(group, all)| (group.to_owned(), all)).into(),
                ..config::Oidc::default()
            };
            config.limits.sign_in_burst = 1_000;
        })
        .await
    }
}

/// A browser that left for the provider.
struct Away {
    cookie: String,
    asked: HashMap<String, String>,
}

async fn leave(house: &House, to: &str) -> Away {
    let said = Browser::nobody(house)
        .get(&format!("/sign-in/oidc?to={to}"))
        .await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let cookie = said.header("set-cookie").to_owned();
    for part in [
        "__Host-boathook-oidc=",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
        "Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let (_, query) = said.header("location").split_once("/auth?").unwrap();
    let asked: HashMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["scope"], "openid profile");
    Away {
        cookie: cookie.split(';').next().unwrap().to_owned(),
        asked,
    }
}

impl Away {
    /// Claims of somebody who may come in.
    fn claims(&self, house: &House, op: &Op, subject: &str, called: &str) -> Value {
        let now = house.bench.now().ms() / 1000;
        json!({
            "iss": op.issuer, "aud": CLIENT, "sub": subject, "nonce": self.asked["nonce"],
            "iat": now, "exp": now + 60,
            "preferred_username": called, "name": "Olga <b>", "groups": ["support"],
        })
    }

    /// The provider's code for that token.
    fn code(&self, op: &Op, token: String) -> String {
        let code = format!("code {}", op.codes.lock().unwrap().len());
        let held = (self.asked["code_challenge"].clone(), token);
        op.codes.lock().unwrap().insert(code.clone(), held);
        code
    }

    fn query(&self, code: &str) -> Vec<(String, String)> {
        [("code", code), ("state", &self.asked["state"])]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into()
    }

    async fn back(&self, house: &House, query: &[(String, String)]) -> Said {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        let request = Request::get(format!("{}?{query}", super::CALLBACK))
            .header("accept", "text/html")
            .header("cookie", &self.cookie)
            .body(Body::empty())
            .unwrap();
        house.bench.send(request).await
    }

    /// Comes back with a token of these claims.
    async fn with(&self, house: &House, op: &Op, claims: &Value) -> Said {
        let code = self.code(op, op.key.jwt(claims));
        self.back(house, &self.query(&code)).await
    }
}

/// The sign-in that an answer opened.
fn opened<'a>(house: &'a House, said: &Said) -> Browser<'a> {
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let cookies: Vec<&str> = said
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|v| v.to_str().unwrap())
        .collect();
    let ours = cookies
        .iter()
        .find_map(|c| c.strip_prefix("__Host-boathook="));
    let forgotten = cookies
        .iter()
        .any(|c| c.starts_with("__Host-boathook-oidc=;") && c.contains("Max-Age=0"));
    assert!(forgotten, "{cookies:?}");
    Browser {
        token: Some(ours.unwrap().split(';').next().unwrap().to_owned()),
        ..Browser::nobody(house)
    }
}

async fn refusals(house: &House) -> Vec<String> {
    let filter = EventFilter {
        kind: Some(EventKind::SIGN_IN_REFUSED),
        ..EventFilter::default()
    };
    let page = boathook_schema::Page::first(1_000);
    let store = &house.bench.app.store;
    let events = store.events(&Scope::System, &Chain::House, filter, page);
    let events = events.await.unwrap();
    events.items.iter().map(|e| format!("{e:?}")).collect()
}

#[tokio::test]
async fn somebody_new_comes_in_with_the_roles_of_their_groups() {
    let op = Op::start().await;
    let house = op.house().await;
    let page = Browser::nobody(&house)
        .get("/sign-in?to=/hooks")
        .await
        .text();
    assert!(page.contains("Sign in with your organisation"), "{page}");
    assert!(page.contains("/sign-in/oidc?to=%2Fhooks"), "{page}");
    let away = leave(&house, "/hooks?x=1").await;
    let claims = away.claims(&house, &op, "1", "Olga@example.com");
    let said = away.with(&house, &op, &claims).await;
    assert_eq!(said.header("location"), "/hooks?x=1");
    let olga = opened(&house, &said);
    let me = olga.get("/api/v1/me").await.ok();
    assert_eq!(
        (&me["person"], &me["name"]),
        (&json!("olga"), &json!("Olga <b>"))
    );
    assert_eq!(
        me["roles"],
        json!([{"role": "engineer", "customers": ["acme"]}])
    );
    let text = olga.get("/me").await.text();
    assert!(
        text.contains(&op.issuer) && text.contains("at the provider"),
        "{text}"
    );
    // An open redirect is none here either.
    let away = leave(&house, "https://evil.example").await;
    let claims = away.claims(&house, &op, "1", "olga");
    assert_eq!(
        away.with(&house, &op, &claims).await.header("location"),
        "/"
    );
    let opened = EventFilter {
        kind: Some(EventKind::SIGN_IN_OPENED),
        ..EventFilter::default()
    };
    let page = boathook_schema::Page::first(10);
    let store = &house.bench.app.store;
    let events = store.events(&Scope::System, &Chain::House, opened, page);
    assert!(format!("{:?}", events.await.unwrap()).contains("provider"));
}

#[tokio::test]
async fn roles_follow_the_groups_and_the_id_stays_with_the_subject() {
    let op = Op::start().await;
    let house = op.house().await;
    let come = async |change: &dyn Fn(&mut Value)| {
        let away = leave(&house, "/").await;
        let mut claims = away.claims(&house, &op, "1", "olga");
        change(&mut claims);
        away.with(&house, &op, &claims).await
    };
    let first = opened(&house, &come(&|_| {}).await);
    assert_eq!(first.get("/tickets").await.status, 200);
    let renamed = come(&|c| {
        c["preferred_username"] = json!("ada");
        c["groups"] = json!(["leads", "support"]);
    })
    .await;
    let renamed = opened(&house, &renamed);
    let me = renamed.get("/api/v1/me").await.ok();
    assert_eq!(me["person"], "olga", "whatever the provider calls them now");
    assert_eq!(renamed.get("/admin/people").await.status, 200);
    // Without a group: refused, and what they had is gone at once.
    let said = come(&|c| c["groups"] = json!([])).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    assert!(said.text().contains("gives you a role"), "{}", said.text());
    assert_eq!(first.get("/tickets").await.status, 403);
    assert_eq!(renamed.get("/admin/people").await.status, 403);
}

#[tokio::test]
async fn nobody_who_is_here_is_taken_over() {
    let op = Op::start().await;
    let house = op.house().await;
    let away = leave(&house, "/").await;
    let claims = away.claims(&house, &op, "1", "hana");
    let said = away.with(&house, &op, &claims).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    assert!(said.text().contains("somebody else"), "{}", said.text());
    let hana = "hana".parse().unwrap();
    let known = house.bench.app.store.person(&Scope::System, &hana);
    let known = known.await.unwrap().unwrap();
    assert_eq!((known.origin, known.roles[0].role), (None, Role::Admin));
    // Nor is one outside person another.
    for (subject, status) in [("2", 303), ("3", 403)] {
        let away = leave(&house, "/").await;
        let claims = away.claims(&house, &op, subject, "olga");
        let said = away.with(&house, &op, &claims).await;
        assert_eq!(said.status.as_u16(), status, "{}", said.text());
    }
    // Refused for their name, they come in once they have another.
    let away = leave(&house, "/").await;
    let claims = away.claims(&house, &op, "1", "hana.new");
    opened(&house, &away.with(&house, &op, &claims).await);
    // Their password is at the provider.
    let body = json!({"name": "Olga", "roles": [], "password": "a long enough one"});
    let said = house
        .ask("hana", "PUT", "/api/v1/users/olga", Some(body))
        .await;
    assert_eq!(
        (said.status.as_u16(), said.field().as_str()),
        (422, "password")
    );
}

#[tokio::test]
async fn what_the_provider_must_have_said_is_looked_at_each_by_itself() {
    let op = Op::start().await;
    let house = op.house().await;
    let now = house.bench.now().ms() / 1000;
    let cases: [(&str, &str, Value, &str); 9] = [
        (
            "oidc_issuer",
            "iss",
            json!("https://evil.example"),
            "somebody else than the provider",
        ),
        ("oidc_audience", "aud", json!("another"), "another program"),
        (
            "oidc_audience",
            "aud",
            json!([CLIENT, "another"]),
            "another program",
        ),
        ("oidc_nonce", "nonce", json!("other"), "another sign-in"),
        ("oidc_nonce", "nonce", Value::Null, "another sign-in"),
        ("oidc_expired", "exp", json!(now - 1), "has ended"),
        (
            "oidc_no_role",
            "groups",
            json!(["nobody"]),
            "gives you a role",
        ),
        (
            "oidc_claim",
            "preferred_username",
            Value::Null,
            "does not say",
        ),
        (
            "oidc_name",
            "preferred_username",
            json!("<script>"),
            "cannot be a name",
        ),
    ];
    for (n, (code, claim, value, words)) in cases.iter().enumerate() {
        let away = leave(&house, "/").await;
        let mut claims = away.claims(&house, &op, "1", "olga");
        claims[claim] = value.clone();
        let said = away.with(&house, &op, &claims).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{claim}: {value}");
        let text = said.text();
        assert!(
            text.contains(words) && !text.contains("<script>"),
            "{claim}: {text}"
        );
        assert!(
            !said.header("set-cookie").contains("boathook=bh_"),
            "{claim}"
        );
        let events = refusals(&house).await;
        assert_eq!(events.len(), n + 1);
        assert!(
            events.iter().any(|e| e.contains(code)),
            "{code}: {events:?}"
        );
    }
    let olga = "olga".parse().unwrap();
    let known = house.bench.app.store.person(&Scope::System, &olga);
    assert_eq!(known.await.unwrap(), None);
    // Signed by another key under the same name, or by none.
    let away = leave(&house, "/").await;
    let claims = away.claims(&house, &op, "1", "olga");
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims));
    for token in [Key::fresh().jwt(&claims), unsigned] {
        let code = away.code(&op, token);
        let said = away.back(&house, &away.query(&code)).await;
        assert!(said.status.as_u16() >= 400, "{}", said.text());
    }
    // The very same claims, signed as they should be, count.
    opened(&house, &away.with(&house, &op, &claims).await);
}

#[tokio::test]
async fn an_answer_is_for_the_browser_that_asked_once_and_soon() {
    let op = Op::start().await;
    let house = op.house().await;
    let refused = async |away: &Away, query: &[(String, String)], words: &str| {
        let said = away.back(&house, query).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{words}");
        assert!(said.text().contains(words), "{words}: {}", said.text());
    };
    let away = leave(&house, "/").await;
    let claims = away.claims(&house, &op, "1", "olga");
    let code = away.code(&op, op.key.jwt(&claims));
    let good = away.query(&code);
    let with = |name: &str, value: &str| {
        let mut query = good.clone();
        query.retain(|(n, _)| n != name);
        query.push((name.to_owned(), value.to_owned()));
        query
    };
    refused(&away, &with("state", "other"), "another sign-in").await;
    refused(&away, &with("state", ""), "another sign-in").await;
    refused(&away, &with("iss", "https://evil.example"), "somebody else").await;
    refused(
        &away,
        &with("error", "access_denied"),
        "the provider says: access_denied",
    )
    .await;
    let other = leave(&house, "/").await;
    refused(&other, &good, "another sign-in").await;
    let none = Away {
        cookie: "a=b".into(),
        asked: HashMap::new(),
    };
    refused(&none, &good, "began no sign-in here").await;
    let mut forged = away.cookie.clone();
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    forged.push(last);
    let forged = Away {
        cookie: forged,
        asked: HashMap::new(),
    };
    refused(&forged, &good, "began no sign-in here").await;
    // Another attempt's verifier does not fit this code.
    let mixed = with("state", &other.asked["state"]);
    refused(&other, &mixed, "does not take its own answer").await;
    // That spent the code; a fresh one counts once.
    let code = away.code(&op, op.key.jwt(&claims));
    let good = away.query(&code);
    opened(&house, &away.back(&house, &good).await);
    refused(&away, &good, "does not take its own answer").await;
    let late = leave(&house, "/").await;
    let claims = late.claims(&house, &op, "1", "olga");
    let code = late.code(&op, op.key.jwt(&claims));
    house.bench.app.clock.advance(10 * MINUTE + 1);
    refused(&late, &late.query(&code), "longer than ten minutes").await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_and_one_that_is_not_set_is_no_address() {
    let house = House::with(|c| {
        c.oidc.issuer = "http://127.0.0.1:1".into();
        c.oidc.client_id = CLIENT.into();
    })
    .await;
    let said = Browser::nobody(&house).get("/sign-in/oidc").await;
    assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        said.text().contains("does not answer as it should"),
        "{}",
        said.text()
    );
    assert!(
        said.text().contains("name=\"password\""),
        "the other way in stays"
    );
    let house = House::new().await;
    let nobody = Browser::nobody(&house);
    for path in ["/sign-in/oidc", "/sign-in/oidc/callback?code=x&state=y"] {
        assert_eq!(
            nobody.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert!(!nobody.get("/sign-in").await.text().contains("organisation"));
}
