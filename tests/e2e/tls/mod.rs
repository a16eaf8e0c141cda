//! Whom an agent talks to: only the join string's origin, proved by a certificate, over TLS. All by real handshakes;
//! whoever else listens learns nothing.
mod elsewhere;

use std::time::{Duration, Instant};

use boathook_hooks::protocol::JoinString;
use boathook_tests::{
    liar::{Liar, log_line, tap::Tap, took_list, trouble, until},
    tls::{Ca, Certificate},
    world::{OPEN_POLICY, agent::Agent},
};

/// What the agent says when it cannot enrol.
async fn enroll_error(liar: &Liar, join: JoinString) -> String {
    let agent = Agent::prepare(&liar.dir().join("agent"), "app-01", OPEN_POLICY).unwrap();
    tokio::task::spawn_blocking(move || agent.enroll(&join).unwrap_err().to_string())
        .await
        .unwrap()
}

/// A server with this certificate is refused before a single request is sent to it; with what words.
async fn refused(certify: impl FnOnce(&Ca) -> Certificate) -> String {
    let liar = Liar::start().await.unwrap();
    liar.doors.present(&certify(&liar.ca)).unwrap();
    let words = enroll_error(&liar, liar.join()).await;
    // The agent may be gone before this side has heard why.
    let end = Instant::now() + Duration::from_secs(10);
    while liar.doors.failures().is_empty() {
        assert!(Instant::now() < end, "no handshake was begun: {words}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(liar.doors.requests().is_empty(), "a request was sent");
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_in_order_is_taken_so_that_the_refusals_here_mean_something() {
    let liar = Liar::start().await.unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 1).await.unwrap();
    let requests = liar.doors.requests();
    assert!(requests.iter().any(|r| r.path == "/agent/v1/enroll"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_is_refused() {
    let words = refused(|ca| ca.server(&["other.example"]).unwrap()).await;
    assert!(words.contains("enrolling: the server's certificate is for another host (invalid peer certificate: certificate not valid for name \"localhost\""), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused() {
    let words = refused(|ca| ca.expired(&["localhost"]).unwrap()).await;
    assert!(
        words.contains(
            "enrolling: the server's certificate has expired, or this machine's clock is wrong ("
        ),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_by_an_unknown_ca_is_refused() {
    let words = refused(|_| Ca::new().unwrap().server(&["localhost"]).unwrap()).await;
    assert!(
        words.contains(
            "enrolling: the server's certificate is by no authority that this agent trusts ("
        ),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ca_in_the_join_string_only_the_systems_are_trusted() {
    let liar = Liar::start().await.unwrap();
    let mut join = liar.join();
    join.ca = None;
    let words = enroll_error(&liar, join).await;
    assert!(liar.doors.requests().is_empty());
    assert!(
        words.contains(
            "enrolling: the server's certificate is by no authority that this agent trusts ("
        ),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_without_tls_is_refused_before_anything_is_sent() {
    let liar = Liar::start().await.unwrap();
    let tap = Tap::open().await.unwrap();
    let mut join = liar.join();
    join.origin = format!("http://localhost:{}", tap.port);
    let words = enroll_error(&liar, join).await;
    assert!(tap.heard().is_empty());
    assert!(
        words.contains("the join string's origin is not https://host[:port]"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_plain_http_gets_a_handshake_and_no_secret() {
    let liar = Liar::start().await.unwrap();
    let tap = Tap::open().await.unwrap();
    let mut join = liar.join();
    join.origin = format!("https://localhost:{}", tap.port);
    let token = join.token.clone();
    let words = enroll_error(&liar, join).await;
    let heard = tap.heard();
    // A TLS record of kind 22: the begin of a handshake.
    assert_eq!(heard.first(), Some(&22));
    assert!(!heard.windows(token.len()).any(|w| w == token.as_bytes()));
    assert!(
        words.contains("enrolling: the server does not speak TLS ("),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_runs_stops_talking_when_the_certificate_ends_and_goes_on_with_the_next() {
    let liar = Liar::start().await.unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 1).await.unwrap();
    let expired = liar.ca.expired(&["localhost"]).unwrap();
    liar.doors.present(&expired).unwrap();
    let before = liar.doors.requests().len();
    let words = trouble(&agent, "certificate").await.unwrap();
    assert!(words.contains("asking for hooks: the server's certificate has expired, or this machine's clock is wrong ("), "{words}");
    assert_eq!(liar.doors.requests().len(), before);
    let good = liar.ca.server(&["localhost"]).unwrap();
    liar.doors.present(&good).unwrap();
    liar.serve(2, &liar.both(&liar.hook()).unwrap()).unwrap();
    until(&agent, "packet", || (liar.packets() == 1).then_some(()))
        .await
        .unwrap();
    log_line(&agent, &["the server has the packet"])
        .await
        .unwrap();
}
