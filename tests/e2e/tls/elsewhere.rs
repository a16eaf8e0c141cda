//! Being sent elsewhere: redirects, and URLs that leave the origin.
use std::sync::Arc;

use boathook_tests::liar::{
    Liar,
    doors::{Doors, Reply},
    log_line, took_list, trouble,
};

use super::enroll_error;

/// Another host that the agent could reach, with a certificate that it would believe. It must never be asked.
async fn other_host(liar: &Liar) -> (Doors, String) {
    let certificate = liar.ca.server(&["127.0.0.1"]).unwrap();
    let handler = Arc::new(|_| -> futures_util::future::BoxFuture<'static, Reply> {
        Box::pin(async { Reply::new(200, Vec::new()) })
    });
    let doors = Doors::open(&certificate, handler).await.unwrap();
    let origin = format!("https://127.0.0.1:{}", doors.port);
    (doors, origin)
}

fn never_asked(doors: &Doors) {
    assert!(doors.requests().is_empty(), "the other host was asked");
    assert!(doors.failures().is_empty(), "the other host was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_of_the_enrolment_is_not_followed() {
    let liar = Liar::start().await.unwrap();
    let (doors, other) = other_host(&liar).await;
    liar.redirect(Some(other.clone()));
    let words = enroll_error(&liar, liar.join()).await;
    assert!(
        words.contains(&format!(
            "enrolling: the server sends elsewhere (307 to \"{other}/agent/v1/enroll\"), and this agent follows no redirect"
        )),
        "{words}"
    );
    never_asked(&doors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_of_the_poll_is_not_followed_and_the_bearer_stays_home() {
    let liar = Liar::start().await.unwrap();
    let (doors, other) = other_host(&liar).await;
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 1).await.unwrap();
    liar.redirect(Some(other.clone()));
    // Ends the poll that is under way.
    liar.serve_list(&liar.list(2, &[])).unwrap();
    let words = trouble(&agent, "elsewhere").await.unwrap();
    assert_eq!(
        words,
        format!(
            "asking for hooks: the server sends elsewhere (307 to \"{other}/agent/v1/hooks\"), and this agent follows no redirect"
        )
    );
    never_asked(&doors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_whose_url_is_on_another_host_is_not_fetched() {
    let liar = Liar::start().await.unwrap();
    let (doors, other) = other_host(&liar).await;
    let hook = liar.both(&liar.hook()).unwrap();
    let urls = [
        format!("{other}/agent/v1/hooks/{}", hook.digest()),
        format!("//127.0.0.1:{}/x", doors.port),
        format!("/\\127.0.0.1:{}/x", doors.port),
        format!("@127.0.0.1:{}/x", doors.port),
    ];
    let agent = liar.agent().await.unwrap();
    for (number, url) in (2..).zip(urls) {
        // Each time another hook, or the agent would take its time.
        let hook = liar.both(&liar.hook()).unwrap();
        let mut list = liar.list(number, &[&hook]);
        list.hooks[0].url.clone_from(&url);
        liar.serve_list(&list).unwrap();
        let line = log_line(&agent, &["a hook has to wait", &hook.digest().short()])
            .await
            .unwrap();
        assert!(
            line.contains("is not a path on the server's own origin"),
            "{line}"
        );
    }
    never_asked(&doors);
}
