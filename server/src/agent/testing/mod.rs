//! A server in this process and instances that speak to its real router, for the tests of the agent protocol.
#![allow(clippy::unwrap_used)]
mod on_record;
mod publish;
mod sim;
mod uploading;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use boathook_hooks::{
    documents::{
        Document as _,
        identity::{Enroll, Facts},
        root::Root,
    },
    ids::{Blob, CustomerId, Digest},
    keys::SecretKey,
    protocol::*,
    strict,
    time::Time,
    verify::sample::Sample,
};
use boathook_schema::{Migrate, NewJoinToken, Scope, Write};
use futures_util::StreamExt as _;
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt as _;

pub use sim::{Sim, nonce, read_list};

use crate::{
    app::{Clock, Shared},
    config::Config,
    keys::Keys,
    listeners, routes,
};

pub const ORIGIN: &str = "https://boathook.test";

pub struct Bench {
    pub app: Shared,
    pub router: Router,
    pub sample: Sample,
    pub root: Root,
    /// The store lies here, until the test ends.
    _dir: tempfile::TempDir,
}

/// What the server said.
#[derive(Debug)]
pub struct Said {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Said {
    pub fn bson<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        bson::deserialize_from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The last part of the problem's type.
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json["type"]
            .as_str()
            .unwrap_or_default()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned()
    }
}

pub fn acme() -> CustomerId {
    "acme".parse().unwrap()
}

impl Bench {
    /// Acme and globex, root and roster imported, the control log followed.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(settings: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path(), ORIGIN);
        // One peer sends all of a test's requests.
        config.limits.enroll_burst = 100_000;
        config.limits.session_burst = 100_000;
        settings(&mut config);
        let now = Time::from_ms(1_780_000_000_000);
        let sample = Sample::new(now);
        let keys = Keys::create(dir.path()).unwrap();
        std::fs::create_dir_all(dir.path().join("store")).unwrap();
        boathook_schema::migrate(&config.store_url(), Migrate::Up)
            .await
            .unwrap();
        let app = listeners::open(config, Clock::at(now), None, Default::default())
            .await
            .unwrap();

        let root = Root {
            online: vec![keys.online_public()],
            ..sample.root()
        };
        let (all, write) = (Scope::System, || Write::system(now));
        let root_bytes = sample.signed(&root, &[&sample.rita, &sample.rolf]);
        app.store
            .add_root(&all, write(), 1, Blob(root_bytes))
            .await
            .unwrap()
            .done()
            .unwrap();
        let roster = sample.roster_bytes(&sample.roster());
        app.store
            .add_roster(&all, write(), 1, Blob(roster))
            .await
            .unwrap()
            .done()
            .unwrap();
        for customer in ["acme", "globex"] {
            let (id, name) = (customer.parse().unwrap(), customer.to_owned());
            app.store
                .put_customer(&all, write(), id, name)
                .await
                .unwrap()
                .done()
                .unwrap();
        }
        app.trust.reload(&app.store).await.unwrap();
        crate::control::spawn(&app);
        Self {
            router: routes::router(app.clone()),
            app,
            sample,
            root,
            _dir: dir,
        }
    }

    pub fn now(&self) -> Time {
        self.app.now()
    }

    pub async fn send(&self, request: Request<Body>) -> Said {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let body = match kind.is_some_and(|v| v.as_bytes() == b"text/event-stream") {
            // It does not end by itself: the first event will do.
            true => body.into_data_stream().next().await.unwrap().unwrap(),
            false => axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        };
        Said {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn post<T: Serialize>(&self, path: &str, body: &T) -> Said {
        self.send(post(path, strict::encode(body).unwrap())).await
    }

    /// The text of a join token of acme.
    pub async fn token(&self, count: u32, confirm: bool) -> String {
        self.token_of("acme", count, confirm).await
    }

    pub async fn token_of(&self, customer: &str, count: u32, confirm: bool) -> String {
        let mut chance = [0; 16];
        getrandom::fill(&mut chance).unwrap();
        let text: String = chance.iter().map(|b| format!("{b:02x}")).collect();
        let token = NewJoinToken {
            hash: Digest::of(text.as_bytes()),
            count,
            ends_at: self.now().plus_ms(3_600_000),
            confirm,
        };
        let (scope, write) = (Scope::System, Write::system(self.now()));
        self.app
            .store
            .add_join_token(&scope, write, customer.parse().unwrap(), token)
            .await
            .unwrap()
            .done()
            .unwrap();
        text
    }

    pub fn enroll_request(&self, key: &SecretKey, token: &str) -> EnrollRequest {
        let enroll = Enroll {
            origin: ORIGIN.into(),
            token: Digest::of(token.as_bytes()),
            key: key.public(),
            facts: Facts::default(),
            signed_at: self.now(),
        };
        let envelope = Blob(enroll.envelope(&[key]).unwrap().to_bson().unwrap());
        EnrollRequest {
            token: token.to_owned(),
            envelope,
        }
    }

    pub async fn enroll(&self, key: &SecretKey, token: &str) -> Said {
        self.post(PATH_ENROLL, &self.enroll_request(key, token))
            .await
    }

    /// A confirmed instance of acme with a session.
    pub async fn instance(&self) -> Sim<'_> {
        let token = self.token(1, false).await;
        self.join(&token).await
    }

    pub async fn instance_of(&self, customer: &str) -> Sim<'_> {
        let token = self.token_of(customer, 1, false).await;
        self.join(&token).await
    }

    pub async fn join(&self, token: &str) -> Sim<'_> {
        let key = SecretKey::generate().unwrap();
        let answer: EnrollAnswer = self.enroll(&key, token).await.bson();
        let mut sim = Sim {
            bench: self,
            key,
            instance: answer.instance,
            customer: answer.customer,
            bearer: String::new(),
            value: String::new(),
            facts: Facts::default(),
        };
        sim.renew().await;
        sim
    }
}

pub fn post(path: &str, body: Vec<u8>) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .body(body.into())
        .unwrap()
}
