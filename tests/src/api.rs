//! A small client of the JSON API, for tests: a bearer token, JSON in and out, TLS checked against one CA.
use anyhow::{Context as _, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub struct Api {
    origin: String,
    token: String,
    client: reqwest::Client,
}

/// Status and body, whatever the status.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: bytes::Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A client that trusts only `ca` (PEM).
pub fn http(ca: &str) -> Result<reqwest::Client> {
    Ok(client(ca)?.build()?)
}

/// As [`http`], for a caller that wants more of it.
pub fn client(ca: &str) -> Result<reqwest::ClientBuilder> {
    crate::provider();
    Ok(reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(ca.as_bytes())?])
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(60)))
}

impl Api {
    pub fn new(origin: &str, client: reqwest::Client) -> Self {
        Self {
            origin: origin.to_owned(),
            token: String::new(),
            client,
        }
    }

    /// The same sign-in by another client, which may come to another server.
    pub fn by(&self, client: reqwest::Client) -> Self {
        Self {
            client,
            ..self.clone()
        }
    }

    /// Signs in; the token goes with every request afterwards.
    pub async fn sign_in(mut self, person: &str, password: &str) -> Result<Self> {
        let body = serde_json::json!({"person": person, "password": password, "label": "test"});
        let reply = self.post("sign-in", body).await?;
        self.token = reply["token"]
            .as_str()
            .context("sign-in gave no token")?
            .to_owned();
        Ok(self)
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// One request, whatever its status.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Reply> {
        let mut request = self
            .client
            .request(method, format!("{}/api/v1/{path}", self.origin));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let reply = request.send().await?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        Ok(Reply {
            status,
            headers,
            bytes: reply.bytes().await?,
        })
    }

    async fn good(&self, method: Method, path: &str, body: Option<Value>) -> Result<Reply> {
        let reply = self.send(method.clone(), path, body).await?;
        if !reply.status.is_success() {
            bail!("{method} {path}: {} {}", reply.status, reply.text());
        }
        Ok(reply)
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.good(Method::GET, path, None).await?.json())
    }

    pub async fn bytes(&self, path: &str) -> Result<bytes::Bytes> {
        Ok(self.good(Method::GET, path, None).await?.bytes)
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        Ok(self.good(Method::POST, path, Some(body)).await?.json())
    }

    pub async fn put(&self, path: &str, body: Value) -> Result<Value> {
        Ok(self.good(Method::PUT, path, Some(body)).await?.json())
    }

    pub async fn post_bytes(&self, path: &str, bytes: Vec<u8>) -> Result<Reply> {
        let reply = self
            .client
            .post(format!("{}/api/v1/{path}", self.origin))
            .bearer_auth(&self.token)
            .header("content-type", "application/bson")
            .body(bytes)
            .send()
            .await?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        Ok(Reply {
            status,
            headers,
            bytes: reply.bytes().await?,
        })
    }
}
