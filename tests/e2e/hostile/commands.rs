//! Commands that fork, leave their session and ignore every signal that can be ignored.
use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use boathook_tests::world::World;

use super::{Packet, directory, hook, policy};

/// Compiled for this test alone, so that its processes are known by their path.
fn compile(dir: &Path) -> PathBuf {
    let program = dir.join("hostile");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/hostile/hostile.c");
    let status = Command::new("cc")
        .args(["-O1", "-o"])
        .arg(&program)
        .arg(source)
        .status()
        .unwrap();
    assert!(status.success(), "cc: {status}");
    program
}

/// Living processes that run `program`, as /proc knows them.
fn running(program: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let is = |name: &str, what: &[u8]| {
            fs::read(entry.path().join(name))
                .is_ok_and(|b| b.windows(what.len()).any(|w| w == what))
        };
        let exe = fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program);
        if exe || is("cmdline", program.as_os_str().as_bytes()) {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            found.push(stat);
        }
    }
    found
}

/// Children of `parent` that are dead and that nobody waited for.
fn zombies(parent: u32) -> usize {
    let stats = fs::read_dir("/proc").unwrap().flatten();
    stats
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let (_, fields) = stat.rsplit_once(") ").unwrap_or_default();
            fields.starts_with(&format!("Z {parent} "))
        })
        .count()
}

/// Nothing is left once the packet is there; the dead may take a moment until they are reaped.
fn nothing_is_left(program: &Path) {
    let until = Instant::now() + Duration::from_secs(2);
    while !running(program).is_empty() {
        assert!(
            Instant::now() < until,
            "{} left over, such as {:?}",
            running(program).len(),
            running(program).first()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn section(program: &Path, how: &str) -> String {
    format!(
        "[[collect]]\nsection = \"{how}\"\ncollector = \"command\"\npath = {program:?}\nargs = [\"{how}\"]\nseconds = 4\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_fork_leave_their_session_and_ignore_term_are_killed_with_all_they_started() {
    let world = World::start().await.unwrap();
    let program = compile(&directory(&world, "bin"));
    let mut agent = world
        .agent_with("app-01", &policy(&[], &[&program]))
        .await
        .unwrap();
    let daemon = agent.process().unwrap().id();

    let expected = [
        ("stay", &["timed_out"][..]),
        ("leave", &["ok"]),
        ("run", &["ok"]),
        ("talk", &["timed_out", "truncated"]),
        ("many", &["timed_out"]),
    ];
    for (how, outcomes) in expected {
        let after = "[[collect]]\nsection = \"after\"\ncollector = \"host\"\n";
        let packet = Packet::of(&world, &hook(&(section(&program, how) + after))).await;
        nothing_is_left(&program);
        let (outcome, said) = (packet.outcome(how), packet.text(how));
        assert!(
            outcomes.contains(&outcome),
            "{how} is {outcome}: {}",
            packet.words(how)
        );
        assert!(said.contains(&format!("begun {how}\n")), "{how}: {said}");
        assert!(
            outcome != "ok" || said.contains("\"left_others_running\": true"),
            "{how}: {said}"
        );
        assert_eq!(packet.outcome("after"), "ok", "after {how}");
        assert_eq!(zombies(daemon), 0, "after {how}");
    }
    assert!(
        agent.process().unwrap().ended().unwrap().is_none(),
        "the daemon went too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_stopped_in_the_middle_of_a_run_leaves_nothing_behind() {
    let world = World::start().await.unwrap();
    let program = compile(&directory(&world, "bin"));
    let mut agent = world
        .agent_with("app-01", &policy(&[], &[&program]))
        .await
        .unwrap();
    let toml = hook(&section(&program, "stay").replace("seconds = 4", "seconds = 60"));
    world.publish(&toml).await.unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while running(&program).len() < 3 {
        assert!(Instant::now() < until, "it never began: {}", agent.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    agent.stop().unwrap();
    nothing_is_left(&program);
}
