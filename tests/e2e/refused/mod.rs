//! What an agent refuses though a server serves it, and what a server refuses though an agent asks for it.
mod by_server;
mod hooks;
mod lists;
mod runs;
mod signatures;
mod trust;

use boathook_hooks::{envelope::Envelope, ids::Digest, protocol::AnswerKind};
use boathook_tests::{
    liar::{Liar, ledger},
    world::agent::Agent,
};

/// A fresh agent is served the hook; what it answers. Nothing may come of it.
async fn answer_to(liar: &Liar, hook: &Envelope) -> (AnswerKind, String) {
    let digest = liar.serve(1, hook).unwrap();
    let agent = liar.agent().await.unwrap();
    let answer = liar.answer(&agent, &digest).await.unwrap();
    assert!(liar.was_fetched(&digest), "the server did serve it");
    nothing_ran(liar, &agent, &digest);
    assert_eq!(
        liar.answers(&digest),
        std::slice::from_ref(&answer),
        "answered once"
    );
    answer
}

/// As [`answer_to`]; it must be *refused*.
async fn refusal_of(liar: &Liar, hook: &Envelope) -> String {
    let (kind, words) = answer_to(liar, hook).await;
    assert_eq!(kind, AnswerKind::Refused, "{words}");
    words
}

/// No claim, no run in the ledger, no trace of the command.
fn nothing_ran(liar: &Liar, agent: &Agent, digest: &Digest) {
    assert_eq!(liar.claims(digest), 0);
    let begun = |r: &serde_json::Value| r["what"] == "begun";
    assert!(!ledger(agent).unwrap().iter().any(begun));
    assert!(!liar.marker().exists(), "the command ran");
    assert_eq!(liar.packets(), 0);
}
