//! A server in this process with one person a role, and requests of theirs through the real router.
#![allow(clippy::unwrap_used)]
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::pae,
    ids::{ClaimId, Digest, PersonId},
    keys::SecretKey,
};
use boathook_schema::{Customers, Grant, PutPerson, Role, Scope, SignIn, Write};
use serde_json::{Value, json};

pub use crate::agent::testing::{Bench, Said};
use crate::{config::Config, people::secrets};

pub const TOML: &str = r#"
title = "Host facts"
reason = "Slow since the upgrade."
expires = "3d"

[audience]
everyone = true

[limits]
places = 10
packet = "1 MiB"

[[collect]]
collector = "host"
"#;

/// Vera views, Ada drafts, Ben reviews and Adam runs acme; Gil holds every role of globex; Hana is admin of all.
pub struct House {
    pub bench: Bench,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The JSON of a success.
    pub fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        self.json()
    }

    /// Status and code of a refusal, which must be a problem in all its parts.
    pub fn refusal(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(
            json["detail"].as_str().is_some_and(|d| !d.is_empty()),
            "{json}"
        );
        (self.status.as_u16(), self.code())
    }

    pub fn field(&self) -> String {
        self.json()["field"].as_str().unwrap_or_default().to_owned()
    }
}

impl House {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(settings: impl FnOnce(&mut Config)) -> Self {
        let house = Self {
            bench: Bench::with(settings).await,
        };
        for (person, roles, customer) in [
            ("vera", vec![Role::Viewer], Some("acme")),
            ("ada", vec![Role::Engineer], Some("acme")),
            ("ben", vec![Role::Reviewer], Some("acme")),
            ("adam", vec![Role::Admin], Some("acme")),
            (
                "gil",
                vec![Role::Viewer, Role::Engineer, Role::Reviewer, Role::Admin],
                Some("globex"),
            ),
            ("hana", vec![Role::Admin], None),
        ] {
            house.person(person, &roles, customer).await;
        }
        house
    }

    pub async fn person(&self, person: &str, roles: &[Role], customer: Option<&str>) {
        let customers = match customer {
            Some(id) => Customers::Only([id.parse().unwrap()].into()),
            None => Customers::All,
        };
        let grant = |role: &Role| Grant {
            role: *role,
            customers: customers.clone(),
        };
        let known = self
            .bench
            .app
            .store
            .person(&Scope::System, &person.parse().unwrap())
            .await;
        let put = PutPerson {
            id: person.parse().unwrap(),
            name: person.to_owned(),
            password: None,
            roles: roles.iter().map(grant).collect(),
        };
        let version = known.unwrap().map(|p| p.version);
        let write = Write::system(self.bench.now());
        let made = self
            .bench
            .app
            .store
            .put_person(&Scope::System, write, put, version)
            .await;
        made.unwrap().done().unwrap();
    }

    /// A fresh sign-in of a person.
    pub async fn token(&self, person: &str) -> String {
        let (token, hash) = secrets::fresh(secrets::PREFIX).unwrap();
        let person: PersonId = person.parse().unwrap();
        let now = self.bench.now();
        let sign_in = SignIn {
            hash,
            person: person.clone(),
            label: "test".into(),
            how: Default::default(),
            opened_at: now,
            expires_at: now.plus_ms(3_600_000),
        };
        let write = Write::person(person, now);
        let opened = self
            .bench
            .app
            .store
            .open_sign_in(&Scope::System, write, sign_in, None)
            .await;
        opened.unwrap().done().unwrap();
        token
    }

    pub fn request(
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Request<Body> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        match body {
            Some(json) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(json.to_string().into())
                .unwrap(),
            None => request.body(Body::empty()).unwrap(),
        }
    }

    /// Sends as somebody with a token, or as nobody.
    pub async fn send(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Said {
        self.bench
            .send(Self::request(token, method, path, body))
            .await
    }

    /// Sends as a person with a fresh sign-in.
    pub async fn ask(&self, person: &str, method: &str, path: &str, body: Option<Value>) -> Said {
        let token = self.token(person).await;
        self.send(Some(&token), method, path, body.as_ref()).await
    }

    pub async fn get(&self, person: &str, path: &str) -> Said {
        self.ask(person, "GET", path, None).await
    }

    pub async fn post(&self, person: &str, path: &str, body: Value) -> Said {
        self.ask(person, "POST", path, Some(body)).await
    }

    /// Acme's ticket jira/SUP-1.
    pub async fn ticket(&self) {
        let body = json!({"customer": "acme", "title": "Slow"});
        self.ask("ada", "PUT", "/api/v1/tickets/jira/SUP-1", Some(body))
            .await
            .ok();
    }

    /// Ada's draft for that ticket.
    pub async fn draft(&self, toml: &str) -> Value {
        self.ticket().await;
        let body = json!({"toml": toml, "ticket": {"system": "jira", "key": "SUP-1"}});
        self.post("ada", "/api/v1/hooks", body).await.ok()
    }

    /// Ada's hook in review.
    pub async fn in_review(&self, toml: &str) -> Value {
        let draft = self.draft(toml).await;
        let id = id(&draft);
        self.ask("ada", "POST", &format!("/api/v1/hooks/{id}/submit"), None)
            .await
            .ok()
    }

    /// The body of a signature over `hook`'s bytes.
    pub async fn signature(&self, hook: &Value, key: &SecretKey) -> Value {
        let revision = hook["revision"].as_u64().unwrap();
        let path = format!("/api/v1/hooks/{}/revisions/{revision}/payload", id(hook));
        let said = self.get("ada", &path).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text());
        assert_eq!(
            said.header("boathook-digest"),
            Digest::of(&said.body).to_string()
        );
        json!({
            "revision": revision,
            "digest": said.header("boathook-digest"),
            "keyid": key.public().id(),
            "sig": key.sign(&pae(Hook::PAYLOAD_TYPE, &said.body)),
        })
    }

    pub async fn sign(&self, person: &str, hook: &Value, key: &SecretKey) -> Said {
        let body = self.signature(hook, key).await;
        self.post(
            person,
            &format!("/api/v1/hooks/{}/signatures", id(hook)),
            body,
        )
        .await
    }

    /// Ada's hook, signed by both and published.
    pub async fn published(&self) -> Value {
        let hook = self.in_review(TOML).await;
        self.sign("ada", &hook, &self.bench.sample.ada_browser)
            .await
            .ok();
        let hook = self
            .sign("ben", &hook, &self.bench.sample.ben_browser)
            .await
            .ok();
        assert_eq!(hook["state"]["state"], "published", "{hook}");
        crate::control::refresh(&self.bench.app).await.unwrap();
        hook
    }

    /// Posts to one of a hook's own addresses.
    pub async fn hook_post(&self, person: &str, hook: &Value, what: &str, body: Value) -> Said {
        self.post(person, &format!("/api/v1/hooks/{}/{what}", id(hook)), body)
            .await
    }

    /// Hana imports a trust document.
    pub async fn import(&self, envelope: Vec<u8>) -> Said {
        let token = self.token("hana").await;
        let request = Request::post("/api/v1/trust/documents")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/bson")
            .body(envelope.into())
            .unwrap();
        self.bench.send(request).await
    }

    /// A packet of a fresh instance for that hook, with one text file, `host/facts.txt`.
    pub async fn packet(&self, hook: &Value, text: &[u8]) -> ClaimId {
        let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
        let sim = self.bench.instance().await;
        let claim = sim.claimed(&digest).await;
        let sent = sim.upload(&claim, sim.packet(&claim, text)).await;
        assert_eq!(sent.status, StatusCode::NO_CONTENT, "{}", sent.text());
        claim
    }
}

pub fn id(hook: &Value) -> &str {
    hook["id"].as_str().unwrap()
}
