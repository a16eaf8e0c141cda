//! Hooks that could run, and wait, are declined, are stopped while they run, or ran already.
use std::path::PathBuf;

use boathook_hooks::{
    documents::{
        Document as _,
        hook::{Hook, Reask},
        revocation::Revoked,
    },
    envelope::Envelope,
    ids::Digest,
    protocol::AnswerKind,
};
use boathook_tests::{
    liar::{Liar, command, ledger, log_line, until},
    world::{OPEN_POLICY, World, agent::Agent},
};

use super::nothing_ran;

/// An agent that asks before every run, with a hook in order that waits.
async fn waiting() -> (Liar, Agent, Hook, Digest) {
    let liar = Liar::start().await.unwrap();
    let hook = liar.hook();
    let digest = liar.serve(2, &liar.both(&hook).unwrap()).unwrap();
    let agent = liar.agent_with(&liar.policy("ask-run")).await.unwrap();
    let said = liar.answer(&agent, &digest).await.unwrap();
    let words = "the administrator has not said yet".to_owned();
    assert_eq!(said, (AnswerKind::Waiting, words));
    until(&agent, "waiting hook", || {
        let status = agent.command(&["status"], "").ok()?;
        status.contains("WAITS FOR YOU: A mark").then_some(())
    })
    .await
    .unwrap();
    nothing_ran(&liar, &agent, &digest);
    (liar, agent, hook, digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_needs_consent_runs_only_after_approve() {
    let (liar, agent, hook, digest) = waiting().await;
    let id = agent
        .command(&["approve", hook.id.as_str()], "")
        .unwrap_err();
    assert!(id.to_string().contains("by its digest"), "{id}");
    let digest_text = digest.to_string();
    let few = agent
        .command(&["approve", &digest_text[..8]], "")
        .unwrap_err();
    assert!(few.to_string().contains("by its digest"), "{few}");
    agent.command(&["approve", &digest_text[..12]], "").unwrap();
    until(&agent, "packet", || (liar.packets() == 1).then_some(()))
        .await
        .unwrap();
    assert!(liar.marker().exists() && liar.claims(&digest) == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_hook_does_not_run_and_its_author_is_told_why() {
    let (liar, agent, hook, digest) = waiting().await;
    let args = [
        "decline",
        hook.id.as_str(),
        "--reason",
        "not during the audit",
    ];
    agent.command(&args, "").unwrap();
    let last = until(&agent, "second answer", || {
        liar.answers(&digest).into_iter().nth(1)
    })
    .await
    .unwrap();
    assert_eq!(last, (AnswerKind::Declined, "not during the audit".into()));
    // Another list changes nothing.
    let (second, both) = (liar.hook(), liar.both(&hook).unwrap());
    let second = liar.both(&second).unwrap();
    liar.serve_as(second.digest(), second.to_bson().unwrap());
    liar.serve_list(&liar.list(3, &[&both, &second])).unwrap();
    liar.answer(&agent, &second.digest()).await.unwrap();
    nothing_ran(&liar, &agent, &digest);
}

/// The process whose last argument this is.
fn process(argument: &str) -> Option<PathBuf> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.map(|p| p.path()).find(|path| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.ends_with(format!("\0{argument}\0").as_bytes())
            && line.windows(5).any(|w| w == b"sleep")
    })
}

/// A hook sleeps; then the server says something; why the run ended, by the ledger.
async fn ended_by(seconds: &str, say: impl FnOnce(&Liar, &Envelope)) -> String {
    let liar = Liar::start().await.unwrap();
    let mut hook = liar.hook();
    hook.collectors = vec![command("nap", "/usr/bin/sleep", &[seconds])];
    let hook = liar.both(&hook).unwrap();
    liar.serve(2, &hook).unwrap();
    let agent = liar.agent().await.unwrap();
    until(&agent, "sleeping command", || process(seconds))
        .await
        .unwrap();
    say(&liar, &hook);
    let reason = until(&agent, "end of the run", || {
        let records = ledger(&agent).ok()?;
        let ended = records.into_iter().find(|r| r["what"] == "ended")?;
        assert_eq!(ended["end"]["end"], "stopped", "{ended}");
        Some(ended["end"]["reason"].as_str()?.to_owned())
    })
    .await
    .unwrap();
    assert_eq!(process(seconds), None, "the command still runs");
    // Whatever would be sent is sent before what comes later.
    let later = liar.hook().envelope(&[&liar.online]).unwrap();
    let later = liar.serve(4, &later).unwrap();
    liar.answer(&agent, &later).await.unwrap();
    assert_eq!(liar.packets(), 0, "something was sent");
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_hook_is_killed_and_nothing_is_sent() {
    let reason = ended_by("97.111", |liar, hook| {
        let mut list = liar.list(3, &[]);
        list.stopped = vec![hook.digest()];
        liar.serve_list(&list).unwrap();
    })
    .await;
    assert_eq!(reason, "the hook was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_revoked_while_it_runs_is_killed() {
    let reason = ended_by("97.222", |liar, hook| {
        let revocation = liar.house.revocation(1, Revoked::Hook(hook.digest()));
        liar.put_revocation(1, revocation.unwrap());
        liar.serve_list(&liar.list(3, &[hook])).unwrap();
    })
    .await;
    assert_eq!(reason, "the hook was revoked: laptop stolen");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_does_not_run_again() {
    let liar = Liar::start().await.unwrap();
    let first = liar.hook();
    let envelope = liar.both(&first).unwrap();
    let digest = liar.serve(2, &envelope).unwrap();
    let mut agent = liar.agent().await.unwrap();
    let accepted =
        |r: &serde_json::Value| r["what"] == "settled" && r["fate"]["fate"] == "accepted";
    until(&agent, "receipt", || {
        ledger(&agent).ok()?.iter().any(accepted).then_some(())
    })
    .await
    .unwrap();
    // The same again, to an agent that was killed meanwhile.
    agent.kill().unwrap();
    std::fs::remove_file(liar.marker()).unwrap();
    agent.start().unwrap();
    let second = liar
        .both(&Hook {
            revision: 2,
            title: "A second mark".into(),
            ..first.clone()
        })
        .unwrap();
    liar.serve_as(second.digest(), second.to_bson().unwrap());
    liar.serve_list(&liar.list(3, &[&envelope, &second]))
        .unwrap();
    let (kind, words) = liar.answer(&agent, &second.digest()).await.unwrap();
    assert_eq!(kind, AnswerKind::AnsweredBefore);
    assert!(
        words.starts_with("revision 1 of this hook ran here at "),
        "{words}"
    );
    assert_eq!(
        (liar.claims(&digest), liar.claims(&second.digest())),
        (1, 0)
    );
    assert!(!liar.marker().exists(), "it ran again");
    // A revision that asks all again does run.
    let third = liar.both(&Hook {
        revision: 3,
        reask: Reask::All,
        ..first
    });
    let third = liar.serve(4, &third.unwrap()).unwrap();
    until(&agent, "run of revision 3", || {
        (liar.claims(&third) == 1 && liar.packets() == 2).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_its_author_stops_on_the_real_server_is_killed_where_it_runs() {
    let seconds = "97.333";
    let world = World::start().await.unwrap();
    let policy = format!(
        "{OPEN_POLICY}[[allow.commands]]\npath = \"/usr/bin/sleep\"\nargs = [\"{seconds}\"]\n"
    );
    let agent = world.agent_with("app-01", &policy).await.unwrap();
    let hook = format!(
        "title = \"A nap\"\nreason = \"Slow.\"\ncustomers = [\"acme\"]\nexpires = \"1d\"\n\
         [ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n[audience]\neveryone = true\n\
         [limits]\nplaces = 1\npacket = \"1 MiB\"\n\
         [[collect]]\nsection = \"nap\"\ncollector = \"command\"\npath = \"/usr/bin/sleep\"\nargs = [\"{seconds}\"]\n"
    );
    let hook = world.publish(&hook).await.unwrap();
    until(&agent, "sleeping command", || process(seconds))
        .await
        .unwrap();
    let why = serde_json::json!({"why": "the wrong machine"});
    let path = format!("hooks/{}/stop", hook.id);
    world.ada.post(&path, why).await.unwrap();
    let line = log_line(&agent, &["the run ended"]).await.unwrap();
    assert!(
        line.contains("Stopped { reason: \"the hook was stopped\" }"),
        "{line}"
    );
    assert_eq!(process(seconds), None, "the command still runs");
    let packets = world.ada.get(&format!("packets?hook={}", hook.id)).await;
    assert_eq!(packets.unwrap()["items"], serde_json::json!([]));
    // The engineer sees what became of it.
    let (kind, reason) = world.answer(&hook).await.unwrap();
    assert_eq!(
        (kind.as_str(), reason.as_str()),
        ("failed", "the hook was stopped")
    );
}
