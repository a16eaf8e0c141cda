//! An agent that only waits: what it holds in memory and what it burns.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{machine, ms, verdict};
use crate::world::World;

pub async fn run(time: Duration) -> Result<()> {
    println!("\nAn agent idle with a long poll for {} s", time.as_secs());
    let world = World::start().await?;
    let mut agent = world.agent("app-01").await?;
    let until = Instant::now() + Duration::from_secs(30);
    while !world.server.metrics().await?.contains("long_polls 1") {
        ensure!(Instant::now() < until, "it does not poll: {}", agent.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = agent.process().context("no agent")?.id();
    let begun = machine::cpu(pid)?;
    tokio::time::sleep(time).await;
    let rss = machine::memory(pid, "VmRSS")?;
    let used = machine::cpu(pid)?;
    println!(
        "  VmRSS {:.2} MiB (of it anonymous {:.2} MiB, of files {:.2} MiB), VmHWM {:.2} MiB, {} threads",
        machine::mib(rss),
        machine::mib(machine::memory(pid, "RssAnon")?),
        machine::mib(machine::memory(pid, "RssFile")?),
        machine::mib(machine::memory(pid, "VmHWM")?),
        std::fs::read_dir(format!("/proc/{pid}/task"))?.count()
    );
    println!(
        "  CPU: {:.0} ms while idle, {:.0} ms from its start",
        ms(used.saturating_sub(begun)),
        ms(used)
    );
    println!(
        "  baseline: a shell that only waits has VmRSS {:.2} MiB",
        machine::mib(shell()?)
    );
    println!("  aim: 10 MiB {}", verdict(machine::mib(rss), 10.0));
    agent.stop()
}

/// Resident memory of `sh` while it waits for input.
fn shell() -> Result<u64> {
    let mut shell = std::process::Command::new("/bin/sh")
        .arg("-c")
        .arg("read line")
        .stdin(std::process::Stdio::piped())
        .spawn()?;
    std::thread::sleep(Duration::from_millis(200));
    let rss = machine::memory(shell.id(), "VmRSS");
    shell.kill()?;
    shell.wait()?;
    rss
}
