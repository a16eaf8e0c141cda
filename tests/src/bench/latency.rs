//! Second signature → packet on the ticket: a real server, a real agent, TLS, child processes; hooks one after another.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::pae,
    keys::SecretKey,
};
use serde_json::{Value, json};

use super::{baseline::Baseline, machine, ms, spread::Spread, verdict};
use crate::{
    api::Api,
    world::{World, agent::Agent, hooks::Published},
};

/// How often the API is asked for the packet; a time is too long by half of it on average.
const ASK_EVERY: Duration = Duration::from_millis(2);
const SETTLED: Duration = Duration::from_secs(10);

fn hook(dir: &str) -> String {
    format!(
        r#"title = "Facts, a log and a command"
reason = "How long the way takes."
customers = ["acme"]
expires = "1d"
[ticket]
system = "jira"
key = "SUP-1"
[audience]
everyone = true
[limits]
places = 3
packet = "5 MiB"
[[collect]]
section = "host"
collector = "host"
[[collect]]
section = "logs"
collector = "file"
paths = ["{dir}/*.log"]
tail_bytes = "64 KiB"
[[collect]]
section = "kernel"
collector = "command"
path = "/bin/uname"
args = ["-a"]
"#
    )
}

/// Some 200 KiB of a log of today.
fn log() -> String {
    (0..2_000)
        .map(|n| format!("2026-11-21T08:00:00.{n:03}Z INFO request {n} GET /api/v4/users/me 200 user=u{n} took={} ms\n", n % 97))
        .collect()
}

pub async fn run(runs: usize) -> Result<()> {
    println!("\nSecond signature to packet on the ticket, {runs} in a row");
    let world = World::start().await?;
    let dir = world.path().join("log");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("app.log"), log())?;
    let dir = dir.display().to_string();
    let policy = format!(
        "consent = \"auto\"\n[allow]\ndirectories = [\"{dir}\"]\n[[allow.commands]]\npath = \"/bin/uname\"\nargs = [\"-a\"]\n\
         [limits]\nruns_per_day = 100000\nbytes_per_day = \"10 GiB\"\n[agent]\nallow_root = true\n"
    );
    let mut agent = world.agent_with("app-01", &policy).await?;
    let text = hook(&dir);
    // The first one waits for the agent's first session; it is not counted.
    once(&world, &text).await?;
    let baseline = Baseline::measure(&world).await?;
    let server = world.server.process().context("no server")?.id();
    let daemon = agent.process().context("no agent")?.id();
    let before = (machine::cpu(server)?, machine::cpu(daemon)?);
    let (mut whole, mut answered) = (Spread::default(), Spread::default());
    for _ in 0..runs {
        let (signed, there) = once(&world, &text).await?;
        answered.push(signed);
        whole.push(there);
    }
    report(&whole, &answered, &baseline);
    let each = |now: Duration, then: Duration| ms(now.saturating_sub(then)) / runs.max(1) as f64;
    println!(
        "  CPU a packet: server {:.1} ms, agent's daemon {:.1} ms",
        each(machine::cpu(server)?, before.0),
        each(machine::cpu(daemon)?, before.1)
    );
    memory(&mut agent).await
}

/// At once, and when the agent has waited for a while.
async fn memory(agent: &mut Agent) -> Result<()> {
    let pid = agent.process().context("no agent")?.id();
    let rss = || machine::memory(pid, "VmRSS").map(machine::mib);
    let busy = rss()?;
    tokio::time::sleep(SETTLED).await;
    println!(
        "  the agent after them: VmRSS {busy:.1} MiB, {:.1} MiB once it has waited for {} s, VmHWM {:.1} MiB",
        rss()?,
        SETTLED.as_secs(),
        machine::mib(machine::memory(pid, "VmHWM")?)
    );
    agent.stop()
}

fn report(whole: &Spread, answered: &Spread, baseline: &Baseline) {
    println!("  the packet is there after          {}", whole.line());
    println!("  of it, the signature is answered   {}", answered.line());
    println!(
        "  the first ten                      {}",
        whole.first(10).line()
    );
    println!(
        "  the last ten                       {}",
        whole.last(10).line()
    );
    baseline.print();
    let (p50, p99) = (whole.percentile(50), whole.percentile(99));
    println!(
        "  ratios of the p50: {:.1} empty HTTPS requests, {:.1} synced writes; last ten to first ten {:.2}",
        p50 / baseline.https.percentile(50),
        p50 / baseline.sync.percentile(50),
        whole.last(10).percentile(50) / whole.first(10).percentile(50)
    );
    println!(
        "  aims: p50 250 ms {}, p99 1 s {}",
        verdict(p50, 250.0),
        verdict(p99, 1_000.0)
    );
}

/// From before the second signature is sent: until the server has answered it, and until the packet is there.
async fn once(world: &World, text: &str) -> Result<(Duration, Duration)> {
    let hook = world.submit(text).await?;
    world.sign(&world.ada, &world.house.ada.file, &hook).await?;
    let body = signature(&world.ben, &world.house.ben.file, &hook).await?;
    let begin = Instant::now();
    world
        .ben
        .post(&format!("hooks/{}/signatures", hook.id), body)
        .await?;
    let signed = begin.elapsed();
    let path = format!("packets?hook={}", hook.id);
    while begin.elapsed() < Duration::from_secs(60) {
        let list = world.ada.get(&path).await?;
        if list["items"].as_array().is_some_and(|i| !i.is_empty()) {
            return Ok((signed, begin.elapsed()));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    bail!("no packet after 60 s; server: {}", world.server.log())
}

/// The body of a signature that is made but not sent yet.
async fn signature(who: &Api, key: &SecretKey, hook: &Published) -> Result<Value> {
    let Published {
        id,
        revision,
        digest,
    } = hook;
    let payload = who
        .bytes(&format!("hooks/{id}/revisions/{revision}/payload"))
        .await?;
    let sig = key.sign(&pae(Hook::PAYLOAD_TYPE, &payload));
    Ok(json!({"revision": revision, "digest": digest, "keyid": key.public().id(), "sig": sig}))
}
