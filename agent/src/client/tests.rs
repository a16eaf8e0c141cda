#![allow(clippy::unwrap_used)]
//! The connection against a local TLS listener: what is not the join string's server is refused.
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

struct Server {
    origin: String,
    ca: String,
}

/// Answers each connection's first request with `answer`; `names` and `expired` shape its certificate.
async fn serve(names: &[&str], expired: bool, answer: Vec<u8>) -> Server {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Each CA has a name of its own: of two with one name, the signature is what differs.
    let name = uuid::Uuid::now_v7().to_string();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params =
        CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
    if expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!(
        "https://127.0.0.1:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = tls.read(&mut request).await;
            let _ = tls.write_all(&answer).await;
            let _ = tls.shutdown().await;
        }
    });
    Server {
        origin,
        ca: ca.pem(),
    }
}

fn response(head: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn get(origin: &str, ca: Option<&str>) -> Result<Answer, ClientError> {
    let client = Client::new(origin, ca, &Network::default()).unwrap();
    client
        .request("asking", Method::GET, "/x")
        .unwrap()
        .limit(100)
        .send()
        .await
}

#[tokio::test]
async fn a_server_with_the_join_strings_ca_is_spoken_to() {
    let server = serve(&["127.0.0.1"], false, response("200 OK", "hello")).await;
    assert_eq!(
        get(&server.origin, Some(&server.ca)).await.unwrap().body,
        "hello"
    );
}

#[tokio::test]
async fn wrong_name_expired_certificate_and_unknown_ca_are_refused_each_with_its_words() {
    let named = serve(&["elsewhere.example"], false, response("200 OK", "")).await;
    let ended = serve(&["127.0.0.1"], true, response("200 OK", "")).await;
    let other = serve(&["127.0.0.1"], false, response("200 OK", "")).await;
    for (server, ca, words) in [
        (&named, &named.ca, "not valid for name"),
        (&ended, &ended.ca, "expired"),
        (&other, &named.ca, "UnknownIssuer"),
    ] {
        let refused = get(&server.origin, Some(ca)).await.unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_even_to_the_same_host() {
    for to in ["https://evil.example/", "/y"] {
        let answer = response(&format!("302 Found\r\nlocation: {to}"), "");
        let server = serve(&["127.0.0.1"], false, answer).await;
        let refused = get(&server.origin, Some(&server.ca)).await.unwrap_err();
        assert!(
            matches!(&refused, ClientError::Redirect { to: found, .. } if found == to),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_bounded_whether_or_not_it_tells_its_length() {
    let long = "x".repeat(101);
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{long}").into_bytes();
    for answer in [response("200 OK", &long), endless] {
        let server = serve(&["127.0.0.1"], false, answer).await;
        let refused = get(&server.origin, Some(&server.ca)).await.unwrap_err();
        assert!(
            matches!(refused, ClientError::TooLarge { limit: 100, .. }),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_problem_is_read_with_its_challenge_and_retry_after() {
    let body = r#"{"title":"sign this","status":401,"challenge":"abc","newer":1}"#;
    let server = serve(
        &["127.0.0.1"],
        false,
        response("401 x\r\nretry-after: 7\r\nboathook-poll: every=60", body),
    )
    .await;
    let refused = get(&server.origin, Some(&server.ca)).await.unwrap_err();
    let ClientError::Problem { problem, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(
        (problem.challenge.as_deref(), problem.retry_after),
        (Some("abc"), Some(Duration::from_secs(7)))
    );
    assert_eq!(problem.poll, Some(protocol::PollAdvice::Every(60)));
    assert_eq!(refused.to_string(), "asking: 401 sign this");
}

#[test]
fn only_paths_on_the_own_origin_are_asked() {
    let client = Client::new("https://b.example:8443", None, &Network::default()).unwrap();
    for bad in [
        "//evil.example/x",
        "https://evil.example/x",
        "http://b.example:8443/x",
        "x",
        "/\\evil",
        "https://b.example:8443.evil/x",
        "https://b.example:8443@evil/x",
    ] {
        assert!(
            matches!(
                client.request("asking", Method::GET, bad),
                Err(ClientError::OtherOrigin { .. })
            ),
            "{bad}"
        );
    }
    for good in [
        "/agent/v1/hooks?wait=3",
        "https://b.example:8443/agent/v1/x",
    ] {
        assert!(
            client.request("asking", Method::GET, good).is_ok(),
            "{good}"
        );
    }
}

#[test]
fn an_origin_without_tls_is_refused() {
    assert!(Client::new("http://b.example", None, &Network::default()).is_err());
}

#[tokio::test]
async fn a_failed_handshake_is_told_in_plain_words_first() {
    let ended = serve(&["127.0.0.1"], true, response("200 OK", "")).await;
    let refused = get(&ended.origin, Some(&ended.ca)).await.unwrap_err();
    let words = "asking: the server's certificate has expired, or this machine's clock is wrong (";
    assert!(refused.to_string().starts_with(words), "{refused}");
}
