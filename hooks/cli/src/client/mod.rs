//! The client of the server's JSON API: one method a request. Commands use it, and tests that play engineers.
mod calls;
mod download;
mod hooks;
mod problem;
mod trust;
mod types;
mod watch;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, header};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

pub use download::Downloaded;
pub use problem::Problem;
pub(crate) use problem::is_missing;
pub use types::{
    HookFilter, HookView, List, Me, NewSignature, PacketFilter, PacketView, Payload, People,
    SignedIn, TicketView,
};
pub use watch::Watching;

/// Longest wait for an answer that is no download.
const ANSWER: Duration = Duration::from_secs(60);
/// Longest silence within a download.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest answer that is no download, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Talks to one origin, over TLS only, and follows no redirect: the token goes nowhere else.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: Url,
    token: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.origin)
    }
}

impl Client {
    /// `url` is `https://host[:port]`. With `ca` (PEM, one certificate or more) only those are trusted, else the system's.
    /// A TLS provider must have been installed for the process.
    pub fn new(url: &str, ca: Option<&[u8]>) -> Result<Self> {
        let next = "give the server's URL, such as https://boathook.example.com";
        let origin =
            Url::parse(url).map_err(|e| Error::usage(format!("{url:?} is no URL: {e}"), next))?;
        if origin.scheme() != "https"
            || origin.host_str().is_none()
            || !origin.username().is_empty()
            || origin.password().is_some()
        {
            return Err(Error::usage(
                "the URL must begin with https:// and name a host alone",
                next,
            ));
        }
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .user_agent(concat!("boathook/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = ca {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|list| !list.is_empty());
            let certificates = certificates.ok_or_else(|| {
                Error::usage(
                    "the CA file holds no certificate in PEM",
                    "`boathook-server init --self-signed` prints its path (data/tls/ca.pem)",
                )
            })?;
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder
            .build()
            .map_err(|source| network("begin", &origin, source))?;
        Ok(Self {
            http,
            origin,
            token: None,
        })
    }

    /// With a token, as [`Client::sign_in`] gave it.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(Zeroizing::new(token.to_owned()));
        self
    }

    /// `https://host[:port]`.
    pub fn origin(&self) -> String {
        self.origin.origin().ascii_serialization()
    }

    fn url(&self, parts: &[&str]) -> Result<Url> {
        if let Some(bad) = parts.iter().find(|p| matches!(**p, "" | "." | "..")) {
            return Err(Error::usage(
                format!("{bad:?} cannot be part of a URL"),
                "check the ticket or id",
            ));
        }
        let mut url = self.origin.clone();
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(["api", "v1"]).extend(parts);
        }
        Ok(url)
    }

    fn request(&self, method: Method, parts: &[&str]) -> Result<RequestBuilder> {
        let request = self.http.request(method, self.url(parts)?);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        })
    }

    /// The answer, when it is a success.
    async fn send(&self, operation: &'static str, request: RequestBuilder) -> Result<Response> {
        let response = request
            .send()
            .await
            .map_err(|source| network(operation, &self.origin, source))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let retry_after = headers
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse().ok());
        let body = bounded(operation, &self.origin, response)
            .await
            .unwrap_or_default();
        Err(Error::Problem(Box::new(Problem::read(
            status,
            retry_after,
            &body,
        ))))
    }

    async fn bytes(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<(Vec<u8>, header::HeaderMap)> {
        let response = self.send(operation, request.timeout(ANSWER)).await?;
        let headers = response.headers().clone();
        Ok((bounded(operation, &self.origin, response).await?, headers))
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<T> {
        let (body, _) = self.bytes(operation, request).await?;
        // 204 has no body: `()` and `Value` read null.
        let body = if body.is_empty() {
            b"null".as_slice()
        } else {
            &body
        };
        serde_json::from_slice(body).map_err(|e| Error::Answer {
            what: e.to_string(),
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parts: &[&str],
        query: &[(&str, String)],
    ) -> Result<T> {
        self.answer(operation, self.request(Method::GET, parts)?.query(query))
            .await
    }

    async fn put<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parts: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        self.answer(operation, self.request(Method::PUT, parts)?.json(body))
            .await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parts: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        self.answer(operation, self.request(Method::POST, parts)?.json(body))
            .await
    }

    /// Every page of a list.
    async fn all<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parts: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut query = query.to_vec();
        loop {
            let page: List<T> = self.get(operation, parts, &query).await?;
            items.extend(page.items);
            let Some(next) = page.next else {
                return Ok(items);
            };
            query.retain(|(name, _)| *name != "after");
            query.push(("after", next));
        }
    }
}

fn network(operation: &'static str, origin: &Url, source: reqwest::Error) -> Error {
    Error::Network {
        operation,
        origin: origin.origin().ascii_serialization(),
        source: source.without_url(),
    }
}

async fn bounded(operation: &'static str, origin: &Url, mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|source| network(operation, origin, source))?
    {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Error::Answer {
                what: format!("it has more than {MAX_ANSWER} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<Client> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Client::new(url, None)
    }

    #[test]
    fn only_https_origins_are_talked_to() {
        for bad in [
            "http://example.com",
            "ftp://example.com",
            "example.com",
            "https://ada:secret@example.com",
            "",
        ] {
            assert!(matches!(client(bad), Err(Error::Usage { .. })), "{bad:?}");
        }
        assert_eq!(
            client("https://example.com:8443/").unwrap().origin(),
            "https://example.com:8443"
        );
    }

    #[test]
    fn a_part_of_a_url_stays_one_part() {
        let client = client("https://example.com").unwrap();
        let url = client.url(&["tickets", "jira", "A/B?c#d%2e"]).unwrap();
        assert_eq!(
            url.as_str(),
            "https://example.com/api/v1/tickets/jira/A%2FB%3Fc%23d%252e"
        );
        assert!(client.url(&["tickets", ".."]).is_err());
    }

    #[test]
    fn a_token_never_shows_in_debug() {
        let client = client("https://example.com")
            .unwrap()
            .with_token("bh_secret");
        assert!(!format!("{client:?}").contains("secret"));
    }
}
