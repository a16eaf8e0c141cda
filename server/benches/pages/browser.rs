//! Requests through the real router, as a browser or a program of a person sends them.
use anyhow::{Context as _, Result, bail};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::house::House;

/// Somebody signed in.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    token: String,
}

pub struct Said {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Browser {
    pub async fn of(house: &House, person: &str) -> Result<Self> {
        Ok(Self {
            router: house.router.clone(),
            token: house.token(person).await?,
        })
    }

    async fn send(&self, request: Request<Body>) -> Result<Said> {
        let response = self.router.clone().oneshot(request).await?;
        let (parts, body) = response.into_parts();
        Ok(Said {
            status: parts.status,
            body: to_bytes(body, usize::MAX).await?,
        })
    }

    /// A page; `zipped` as browsers ask for it.
    pub async fn page(&self, path: &str, zipped: bool) -> Result<Said> {
        let mut request = Request::get(path)
            .header(header::ACCEPT, "text/html,*/*;q=0.8")
            .header(header::COOKIE, format!("__Host-boathook={}", self.token));
        if zipped {
            request = request.header(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd");
        }
        self.send(request.body(Body::empty())?).await
    }

    /// The JSON API; its answer, which must be a success.
    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let said = self.raw(method, path, body).await?;
        if said.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&said.body).with_context(|| format!("{method} {path}"))
    }

    pub async fn raw(&self, method: &str, path: &str, body: Option<Value>) -> Result<Said> {
        let bearer = format!("Bearer {}", self.token);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, bearer);
        let body = match body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        let said = self.send(request.body(body)?).await?;
        if !said.status.is_success() {
            let text = String::from_utf8_lossy(&said.body);
            bail!("{method} {path}: {} {text}", said.status);
        }
        Ok(said)
    }
}
