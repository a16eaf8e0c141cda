//! An embedded installation moves to the cluster: `store copy`, killed and gone on with.
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use boathook_hooks::documents::root::Bounds;
use futures_util::{StreamExt as _, stream};

use super::{
    Size, crowd,
    node::all_there,
    seconds,
    send::{self, Failing, Sent},
    site::{LIMITS, Site, operator_secret},
};
use crate::world::{
    World,
    process::{binary, run as run_command},
    server::{Server, Settings},
    text::HookText,
};

const UPLOADING: usize = 16;
const BYTES: usize = 2 << 10;
/// A copy is killed after each of these milliseconds, until one ends before: a slow machine has hardly begun after the first.
const KILLED: [u64; 6] = [400, 700, 1_000, 1_500, 2_000, 3_000];
/// What the target says while nothing is in it yet.
const EMPTY: &str = "there are no keys in the store";

pub async fn run(site: &Site, size: &Size) -> Result<()> {
    let settings = Settings {
        config: LIMITS,
        ..Settings::default()
    };
    let mut world = World::with(&settings, Bounds::default()).await?;
    let begin = Instant::now();
    let sent = deliver(&world, size).await?;
    println!(
        "  an embedded store with {} packets after {}",
        sent.len(),
        seconds(begin.elapsed())
    );
    // With the keys: the new servers must be the old one to its agents.
    let secret = operator_secret(world.path())?;
    world.server.stop()?;
    add_top(&world.server, &format!("operator_secret = {secret:?}"))?;
    world.server.command(&["keys", "seal"], "")?;
    let before = world.server.command(&["audit", "verify"], "")?;

    let mut target = target(site, &world, &secret)?;
    target.command(&["migrate"], "")?;
    let (mut cut, mut halves) = (0, 0);
    for after in KILLED.map(Duration::from_millis) {
        if copy_for(&world.server, &target, after)? == Ended::Done {
            break;
        }
        cut += 1;
        // What was killed on its very last step is whole: then all that the source says is said here too.
        let half = target.command(&["audit", "verify"], "");
        let words = half.unwrap_or_else(|e| format!("{e:#}"));
        if words == before {
            break;
        }
        let is_half = words.contains("begin of a copy");
        ensure!(
            is_half || (halves == 0 && words.contains(EMPTY)),
            "a half of a copy can be opened: it says {words}"
        );
        halves += u32::from(is_half);
    }
    ensure!(halves > 0, "no copy was killed in its midst");
    let begin = Instant::now();
    let said = copy(&world.server, &target)?;
    println!(
        "  store copy, killed {cut} times, gone on with and done after {} more:",
        seconds(begin.elapsed())
    );
    for line in said.lines() {
        println!("    {line}");
    }
    let check = target.command(&["store", "check", "--read-bytes"], "")?;
    println!("  store check: {}", check.trim_end());
    let after = target.command(&["audit", "verify"], "")?;
    ensure!(before == after, "the chains differ:\n{before}\n{after}");
    println!("  audit verify says the same on both sides:");
    for line in after.lines() {
        println!("    {line}");
    }
    target.start().await?;
    let ada = target.sign_in("ada").await?;
    all_there(&ada, &sent).await?;
    target.stop()?;
    println!(
        "  a server on the cluster has all {} packets, byte for byte, and on the ticket's list",
        sent.len()
    );
    Ok(())
}

async fn deliver(world: &World, size: &Size) -> Result<Vec<Sent>> {
    let count = u32::try_from(size.moved)?;
    let sims = crowd::enrol(world, &[&world.server], count).await?;
    let text = HookText::new("Before the move")
        .places(count)
        .packet("128 KiB")
        .collect("host", "host", "");
    let hook = world.publish(&text.to_string()).await?;
    let tokens = crowd::tokens(&sims, &hook.digest).await?;
    let sent: Vec<Result<Sent>> = stream::iter(sims.iter().zip(&tokens))
        .map(|(sim, token)| {
            let hook = &hook;
            async move {
                let mut failing = Failing::default();
                send::deliver(sim, hook, token, &send::noise(BYTES)?, &mut failing).await
            }
        })
        .buffer_unordered(UPLOADING)
        .collect()
        .await;
    sent.into_iter().collect()
}

/// Lines in front of the config's sections.
fn add_top(server: &Server, lines: &str) -> Result<()> {
    let text = std::fs::read_to_string(&server.config)?;
    std::fs::write(&server.config, format!("{lines}\n{text}"))?;
    Ok(())
}

/// The same installation on the cluster and the bucket: origin, certificates and secret are the old ones.
fn target(site: &Site, world: &World, secret: &std::path::Path) -> Result<Server> {
    let dir = world.path().join("moved");
    let objects = site.s3.settings(&world.path().join("key"))?;
    // A bucket serves more than one installation by its prefix.
    let url = site.s3.url();
    let objects = objects.replacen(&url, &format!("{url}/moved"), 1);
    let store = site.cassandra.fresh("moved")?;
    world.server.beside(
        &dir,
        &format!("store = {store:?}\noperator_secret = {secret:?}\n"),
        &format!("{LIMITS}{objects}"),
    )
}

fn command(from: &Server, to: &Server) -> Result<Command> {
    let mut command = Command::new(binary("boathook-server")?);
    command
        .arg("--config")
        .arg(&to.config)
        .args(["store", "copy", "--from-config"])
        .arg(&from.config);
    Ok(command)
}

#[derive(PartialEq, Eq)]
enum Ended {
    Done,
    Killed,
}

/// A copy that has this much time.
fn copy_for(from: &Server, to: &Server, time: Duration) -> Result<Ended> {
    let mut child = command(from, to)?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("store copy")?;
    std::thread::sleep(time);
    child.kill()?;
    // The status says it, not a look before the kill: it may have ended in between.
    match child.wait()?.code() {
        Some(0) => Ok(Ended::Done),
        Some(code) => bail!("store copy ended with {code}"),
        None => Ok(Ended::Killed),
    }
}

fn copy(from: &Server, to: &Server) -> Result<String> {
    run_command(&mut command(from, to)?, "")
}
