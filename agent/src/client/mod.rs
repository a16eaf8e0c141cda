//! HTTPS to the one origin of the join string: certificates verified, no redirects, URLs taken as paths, every answer
//! bounded while it streams.
mod error;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Certificate, Method, Proxy, RequestBuilder, Response,
    header::{self, HeaderMap},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use url::Url;

use boathook_hooks::{protocol, strict::MAX_DOCUMENT};

pub use error::{ClientError, Problem, causes};

use crate::config::{Network, read_text};

/// Largest answer that is read of requests other than documents, in bytes.
pub const MAX_ANSWER: usize = 1 << 20;
const MAX_PROBLEM: usize = 16 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that is kept alive, to one origin. Cloning shares it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: Url,
}

/// A success.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as BSON; unknown fields are ignored, since servers may be newer.
    pub fn bson<T: DeserializeOwned>(&self, operation: &'static str) -> Result<T, ClientError> {
        boathook_hooks::strict::decode(&self.body, MAX_ANSWER).map_err(|e| {
            ClientError::Unreadable {
                operation,
                what: e.to_string(),
            }
        })
    }

    pub fn poll(&self) -> Option<protocol::PollAdvice> {
        advice(&self.headers)
    }
}

fn advice(headers: &HeaderMap) -> Option<protocol::PollAdvice> {
    headers
        .get(protocol::HEADER_POLL)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// What is asked; built by [`Client::request`].
pub struct Request {
    pub operation: &'static str,
    builder: RequestBuilder,
    limit: usize,
}

impl Request {
    #[must_use]
    pub fn bearer(mut self, bearer: &str) -> Self {
        self.builder = self.builder.bearer_auth(bearer);
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.builder = self.builder.header(name, value.to_string());
        self
    }

    #[must_use]
    pub fn bson(mut self, body: Vec<u8>) -> Self {
        self.builder = self
            .builder
            .header(header::CONTENT_TYPE, protocol::CONTENT_TYPE)
            .body(body);
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.body(body);
        self
    }

    /// Instead of 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.builder = self.builder.timeout(timeout);
        self
    }

    /// Largest answer in bytes, instead of [`MAX_ANSWER`].
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Success is 2xx or 304.
    pub async fn send(self) -> Result<Answer, ClientError> {
        let operation = self.operation;
        let transport = |e: reqwest::Error| ClientError::Transport {
            operation,
            what: causes(&e.without_url()),
        };
        let response = self.builder.send().await.map_err(transport)?;
        let status = response.status();
        let headers = response.headers().clone();
        if status.is_redirection() && status != reqwest::StatusCode::NOT_MODIFIED {
            let to = headers
                .get(header::LOCATION)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default();
            let to = to.chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(ClientError::Redirect {
                operation,
                status: status.as_u16(),
                to,
            });
        }
        if status.is_success() || status == reqwest::StatusCode::NOT_MODIFIED {
            let body = bounded(response, self.limit, operation).await?;
            return Ok(Answer {
                status: status.as_u16(),
                headers,
                body,
            });
        }
        let body = bounded(response, MAX_PROBLEM, operation)
            .await
            .unwrap_or_default();
        let mut problem = Problem::read(status.as_u16(), &body);
        problem.retry_after = headers
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok()?.parse().ok())
            .map(|s: u64| Duration::from_secs(s.min(86_400)));
        problem.poll = advice(&headers);
        if problem.title.is_empty() && problem.detail.is_empty() {
            problem.title = status
                .canonical_reason()
                .unwrap_or("an error without words")
                .to_owned();
        }
        Err(ClientError::Problem { operation, problem })
    }
}

async fn bounded(
    mut response: Response,
    limit: usize,
    operation: &'static str,
) -> Result<Bytes, ClientError> {
    let too_large = || ClientError::TooLarge { operation, limit };
    if response.content_length().is_some_and(|n| n > limit as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| ClientError::Transport {
        operation,
        what: causes(&e.without_url()),
    })? {
        if body.len() + piece.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

impl Client {
    /// `ca` (PEM) is the only trusted authority where the join string has one, else the system's are trusted.
    pub fn new(origin: &str, ca: Option<&str>, network: &Network) -> Result<Self, ClientError> {
        // An error only says that it was installed already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let settings = |what: String| ClientError::Settings(what);
        let parsed =
            Url::parse(origin).map_err(|e| settings(format!("the origin {origin:?}: {e}")))?;
        if parsed.scheme() != "https" || !parsed.has_host() {
            return Err(settings(format!(
                "the origin {origin:?} is not https://host[:port]"
            )));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .https_only(true)
            .connect_timeout(network.connect_timeout)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(120))
            .pool_max_idle_per_host(2)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(60))
            // Idle memory: an agent never receives much at once.
            .http2_initial_stream_window_size(64 * 1024)
            .http2_initial_connection_window_size(256 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(60))
            .http2_keep_alive_timeout(Duration::from_secs(20))
            .user_agent(concat!("boathook-agent/", env!("CARGO_PKG_VERSION")));
        let mut extra = Vec::new();
        if let Some(path) = &network.extra_ca {
            let pem = read_text(path).map_err(|e| settings(format!("{e}: {}", causes(&e))))?;
            extra = certificates(&pem).map_err(|e| settings(format!("extra_ca: {e}")))?;
        }
        builder = match ca {
            Some(pem) => {
                extra.extend(
                    certificates(pem)
                        .map_err(|e| settings(format!("the join string's CA: {e}")))?,
                );
                builder.tls_certs_only(extra)
            }
            None => builder.tls_certs_merge(extra),
        };
        if let Some(proxy) = &network.proxy {
            let mut proxy =
                Proxy::https(proxy).map_err(|e| settings(format!("proxy: {}", causes(&e))))?;
            if let (Some(user), Some(password)) = (&network.proxy_user, &network.proxy_password) {
                proxy = proxy.basic_auth(user, password);
            }
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(|e| settings(causes(&e)))?;
        Ok(Self {
            http,
            origin: parsed,
        })
    }

    /// `path` is one on the origin: what a server names elsewhere is refused.
    pub fn request(
        &self,
        operation: &'static str,
        method: Method,
        path: &str,
    ) -> Result<Request, ClientError> {
        let url = self.on_origin(operation, path)?;
        Ok(Request {
            operation,
            builder: self.http.request(method, url),
            limit: MAX_ANSWER,
        })
    }

    /// A document's envelope.
    pub async fn document(
        &self,
        operation: &'static str,
        path: &str,
        bearer: &str,
    ) -> Result<Bytes, ClientError> {
        let request = self
            .request(operation, Method::GET, path)?
            .bearer(bearer)
            .limit(MAX_DOCUMENT);
        Ok(request.send().await?.body)
    }

    fn on_origin(&self, operation: &'static str, path: &str) -> Result<Url, ClientError> {
        let refuse = || ClientError::OtherOrigin {
            operation,
            path: path.chars().take(200).collect(),
        };
        let own = path
            .strip_prefix(self.origin.as_str().trim_end_matches('/'))
            .unwrap_or(path);
        if !own.starts_with('/') || own.starts_with("//") || own.contains(['\\', '#']) {
            return Err(refuse());
        }
        let url = self.origin.join(own).map_err(|_| refuse())?;
        if url.origin() == self.origin.origin() {
            Ok(url)
        } else {
            Err(refuse())
        }
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, String> {
    let found = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| causes(&e))?;
    if found.is_empty() {
        Err("no certificate in the PEM".into())
    } else {
        Ok(found)
    }
}
