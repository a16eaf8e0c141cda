//! `kill -9`, of the server within an upload and of the agent within a run, again and again: nothing acknowledged is
//! lost, nothing runs twice, uploads go on where they were.
use std::{
    collections::BTreeMap,
    io::Cursor,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use boathook_hooks::{
    documents::{Document as _, receipt::Receipt},
    envelope::Envelope,
    ids::{Blob, Digest},
    packet::{self, CheckLimits, Outcome},
    strict,
};
use boathook_tests::world::{
    World,
    agent::Agent,
    hooks::Published,
    wire::{Moment, Wire},
};
use serde_json::Value;

/// Bytes of the file that each packet carries. They are random: a zip does not make them less.
const DATA: usize = 3_300_000;
/// Bytes of one PATCH of the agent's.
const PIECE: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// How often each is killed.
fn times() -> usize {
    std::env::var("BOATHOOK_TEST_KILLS").map_or(20, |n| n.parse().unwrap())
}

/// A server and an agent with a wire between them, and something to collect.
struct Scene {
    world: World,
    wire: Wire,
    agent: Agent,
    dir: PathBuf,
    hooks: Vec<(String, Published)>,
}

impl Scene {
    async fn set() -> Result<Self> {
        let mut world = World::start().await?;
        let wire = Wire::between(&mut world).await?;
        let dir = world.path().join("system");
        std::fs::create_dir_all(&dir)?;
        let mut data = vec![0; DATA];
        getrandom::fill(&mut data)?;
        std::fs::write(dir.join("data.bin"), data)?;
        // Each run leaves its line before it takes its time.
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> {0}/runs\n\
             case $1 in slow) setsid {0}/nap 60 & {0}/nap 60;; esac\nsleep 0.2\n",
            dir.display()
        );
        std::os::unix::fs::symlink("/bin/sleep", dir.join("nap"))?;
        let command = dir.join("count");
        std::fs::write(&command, script)?;
        std::fs::set_permissions(
            &command,
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        let policy = format!(
            "consent = \"auto\"\n[agent]\nallow_root = true\n[allow]\ndirectories = [\"{0}\"]\nraw = true\n\
             [[allow.commands]]\npath = \"{0}/count\"\nargs = [\"[a-z0-9-]+\"]\n",
            dir.display()
        );
        let agent = world.agent_with("app-01", &policy).await?;
        Ok(Self {
            world,
            wire,
            agent,
            dir,
            hooks: Vec::new(),
        })
    }

    /// A new hook with one run to give. `tag` is what its command leaves.
    async fn publish(&mut self, tag: &str) -> Result<Published> {
        let dir = self.dir.display();
        let text = format!(
            "title = \"Run {tag}\"\nreason = \"To be cut off.\"\ncustomers = [\"acme\"]\nexpires = \"1d\"\n\
             [ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n[audience]\neveryone = true\n\
             [limits]\nplaces = 1\nattempts = 1\npacket = \"8 MiB\"\n\
             [[collect]]\nsection = \"count\"\ncollector = \"command\"\npath = \"{dir}/count\"\nargs = [\"{tag}\"]\n\
             [[collect]]\nsection = \"data\"\ncollector = \"file\"\npaths = [\"{dir}/data.bin\"]\nraw = true\n"
        );
        // Connections of before a kill are found to be broken only now.
        let until = Instant::now() + PATIENCE;
        for api in [&self.world.ada, &self.world.ben] {
            while let Err(error) = api.get("hooks").await {
                ensure!(
                    Instant::now() < until,
                    "the server does not answer: {error:#}"
                );
            }
        }
        let hook = self.world.publish(&text).await?;
        self.hooks.push((tag.to_owned(), hook.clone()));
        Ok(hook)
    }

    fn ledger(&self) -> Result<Vec<Value>> {
        let path = self.agent.dir.join("state/ledger.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }

    fn lines_of(&self, what: &str, hook: &Published) -> Result<Vec<Value>> {
        let digest = hook.digest.to_string();
        let ledger = self.ledger()?;
        let runs: Vec<Value> = ledger
            .iter()
            .filter(|l| l["what"] == "begun" && l["digest"] == digest)
            .map(|l| l["run"].clone())
            .collect();
        Ok(ledger
            .into_iter()
            .filter(|l| l["what"] == what)
            .filter(|l| l["digest"] == digest || runs.contains(&l["run"]))
            .collect())
    }

    /// How often the command of `tag` ran.
    fn runs(&self, tag: &str) -> usize {
        let text = std::fs::read_to_string(self.dir.join("runs")).unwrap_or_default();
        text.lines().filter(|line| *line == tag).count()
    }

    /// What a run stands at, by the ledger and the spool alone.
    fn stage(&self, tag: &str, hook: &Published) -> Result<&'static str> {
        let has = |what: &str| Ok::<_, anyhow::Error>(!self.lines_of(what, hook)?.is_empty());
        Ok(if has("settled")? {
            "receipt stored"
        } else if has("ended")? {
            "packed"
        } else if !has("begun")? {
            "not in the ledger"
        } else if self.runs(tag) == 0 {
            "in the ledger"
        } else if part(&self.agent.dir.join("state/spool")) > PIECE {
            "packing"
        } else {
            "collecting"
        })
    }

    /// Waits until nothing more will come of `hook`: `accepted`, or the kind of the answer.
    async fn outcome(&self, hook: &Published) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(settled) = self.lines_of("settled", hook)?.first() {
                return Ok(settled["fate"]["fate"].as_str().unwrap_or("?").to_owned());
            }
            if let Some(answered) = self.lines_of("answered", hook)?.first() {
                return Ok(answered["kind"].as_str().unwrap_or("?").to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!(
            "nothing came of {} ({:?}); agent: {}\nserver: {}",
            hook.digest,
            self.ledger()?,
            tail(&self.agent.log()),
            tail(&self.world.server.log())
        )
    }

    async fn reached(
        &self,
        moment: Moment,
        heard: tokio::sync::oneshot::Receiver<()>,
    ) -> Result<()> {
        tokio::time::timeout(PATIENCE, heard)
            .await
            .ok()
            .and_then(Result::ok)
            .with_context(|| {
                format!(
                    "{moment:?} never came; agent: {}\nserver: {}",
                    tail(&self.agent.log()),
                    tail(&self.world.server.log())
                )
            })
    }

    /// What must hold of all hooks so far, whatever was killed when. Returns how many packets were acknowledged, and how
    /// many of them are marked interrupted.
    async fn verify(&self) -> Result<(usize, usize)> {
        let fingerprint = self.fingerprint().await?;
        let (mut acknowledged, mut interrupted) = (0, 0);
        for (tag, hook) in &self.hooks {
            let begun = self.lines_of("begun", hook)?;
            ensure!(begun.len() == 1, "{tag} began {} times", begun.len());
            ensure!(begun[0]["attempt"] == 1, "{tag}: {}", begun[0]);
            ensure!(self.runs(tag) <= 1, "{tag} ran {} times", self.runs(tag));
            let path = format!("packets?hook={}", hook.id);
            let rows = self.world.ada.get(&path).await?;
            let rows = rows["items"].as_array().cloned().unwrap_or_default();
            let settled = self.lines_of("settled", hook)?;
            ensure!(settled.len() <= 1, "{tag}: {settled:?}");
            let accepted = settled.first().filter(|s| s["fate"]["fate"] == "accepted");
            let Some(accepted) = accepted else {
                ensure!(
                    rows.is_empty(),
                    "{tag}: the server has a packet that the ledger knows nothing of"
                );
                continue;
            };
            ensure!(self.runs(tag) == 1, "{tag}: a packet without a run");
            let receipt: Blob = serde_json::from_value(accepted["fate"]["receipt"].clone())?;
            let receipt = self.receipt(&receipt.0)?;
            let claim = receipt.claim.context("no claim")?;
            ensure!(receipt.instance_key.id().to_string() == fingerprint);
            ensure!(rows.len() == 1, "{tag}: {} packets", rows.len());
            ensure!(
                rows[0]["claim_id"] == claim.to_string(),
                "{tag}: another claim's packet"
            );
            let zip = self
                .world
                .ada
                .bytes(&format!("packets/{claim}/zip"))
                .await?;
            ensure!(
                Digest::of(&zip) == receipt.packet && zip.len() as u64 == receipt.bytes,
                "{tag}: the packet is not the one that the receipt is for"
            );
            let limits = CheckLimits::zip_bytes(zip.len() as u64);
            let checked = packet::check(&mut Cursor::new(&zip), &receipt.instance_key, limits)?;
            let statement = checked.statement();
            let whole = statement.sections.iter().all(|s| s.outcome == Outcome::Ok);
            ensure!(
                whole != statement.interrupted && statement.sections.len() == 2,
                "{tag}: a packet that is not whole is marked, and only such a one: {statement:?}"
            );
            acknowledged += 1;
            interrupted += usize::from(statement.interrupted);
        }
        Ok((acknowledged, interrupted))
    }

    /// Processes of this agent's commands.
    fn commands(&self) -> usize {
        let command = format!("{}/", self.dir.display());
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|p| std::fs::read(p.path().join("cmdline")).ok())
            .filter(|line| String::from_utf8_lossy(line).contains(&command))
            .count()
    }

    /// Commands die with their agent, however it dies.
    async fn no_command_is_left(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        while self.commands() > 0 {
            ensure!(Instant::now() < until, "a command outlived its agent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn receipt(&self, bytes: &[u8]) -> Result<Receipt> {
        let envelope = Envelope::from_bson(bytes, strict::MAX_DOCUMENT)?;
        envelope.expect_type(Receipt::PAYLOAD_TYPE)?;
        ensure!(envelope.is_signed_by(&self.world.server.online));
        Ok(strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT)?)
    }

    async fn fingerprint(&self) -> Result<String> {
        let list = self.world.admin.get("instances?customer=acme").await?;
        let found = list["items"][0]["fingerprint"].as_str();
        Ok(found.context("no instance")?.to_owned())
    }
}

/// Bytes of packets that are being written.
fn part(spool: &Path) -> u64 {
    let files = std::fs::read_dir(spool).into_iter().flatten().flatten();
    files
        .filter(|f| f.path().extension().is_some_and(|e| e == "part"))
        .filter_map(|f| Some(f.metadata().ok()?.len()))
        .sum()
}

fn tail(log: &str) -> &str {
    let from = log.len().saturating_sub(4_000);
    &log[log.ceil_char_boundary(from)..]
}

fn tally(words: &[String]) -> String {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word.as_str()).or_insert(0) += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(w, n)| format!("{n} {w}")).collect();
    parts.join(", ")
}

/// The `round`th moment of twenty within an upload: from its first byte on, while the server checks and commits, and
/// when it has answered. Held there, and so many milliseconds later the server is killed.
fn within_upload(round: usize, rounds: usize) -> (Moment, u64) {
    match round * 20 / rounds.max(1) {
        step @ 0..17 => (Moment::Uploading(1_000 * step as u64 / 17), 0),
        17 => (Moment::Uploading(1_000), 0),
        18 => (Moment::Uploading(1_000), 40),
        _ => (Moment::UploadAnswered, 0),
    }
}

/// Kills the server at `moment` of a new hook's packet, `wait` milliseconds later, and starts it again; what came of the
/// hook, and where its upload went on, if it was asked.
async fn kill_server_at(
    scene: &mut Scene,
    tag: &str,
    moment: Moment,
    wait: u64,
) -> (String, Option<u64>) {
    let heard = scene.wire.trap(moment, true);
    let hook = scene.publish(tag).await.unwrap();
    scene.reached(moment, heard).await.unwrap();
    scene.wire.offsets();
    tokio::time::sleep(Duration::from_millis(wait)).await;
    scene.world.server.kill().unwrap();
    scene.wire.release();
    scene.world.server.start().await.unwrap();
    let outcome = scene.outcome(&hook).await.unwrap();
    (outcome, scene.wire.offsets().first().copied())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_within_uploads_loses_nothing_and_they_go_on() {
    let mut scene = Scene::set().await.unwrap();
    let kills = times();
    let mut offsets = Vec::new();
    let began = Instant::now();
    for round in 0..kills {
        let (moment, wait) = within_upload(round, kills);
        let tag = format!("server-{round}");
        let (outcome, asked) = kill_server_at(&mut scene, &tag, moment, wait).await;
        assert_eq!(outcome, "accepted", "round {round}, {moment:?}");
        let resumed = asked.expect("the agent asked how far it is");
        // Whole pieces of before the kill were acknowledged: they are not sent again.
        let whole = scene.wire.length();
        match moment {
            Moment::Uploading(1_000) => {
                assert!(
                    [whole / PIECE * PIECE, whole].contains(&resumed),
                    "{resumed}"
                );
            }
            Moment::Uploading(part) => {
                let sent = whole * part / 1_000 / PIECE * PIECE;
                assert_eq!(resumed, sent, "round {round}, {moment:?}");
            }
            _ => assert_eq!(resumed, whole),
        }
        offsets.push(resumed);
    }
    let resumed = offsets.iter().filter(|o| **o > 0).count();
    let (acknowledged, _) = scene.verify().await.unwrap();
    println!(
        "{kills} kills of the server within uploads of {} bytes in {:.0?}: {acknowledged} receipts, each of a packet that \
         is there and verifies; {resumed} uploads went on beyond their first byte, at {offsets:?}",
        scene.wire.length(),
        began.elapsed(),
    );
    assert_eq!(acknowledged, kills);
    assert!(resumed * 2 >= kills, "{offsets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_around_a_claim_or_a_receipt_grants_and_stores_once() {
    let mut scene = Scene::set().await.unwrap();
    let moments = [Moment::ClaimAsked, Moment::ClaimGiven, Moment::ReceiptGiven];
    for (round, moment) in moments.into_iter().enumerate() {
        let tag = format!("server-{round}");
        let (outcome, _) = kill_server_at(&mut scene, &tag, moment, 0).await;
        assert_eq!(outcome, "accepted", "{moment:?}");
    }
    assert_eq!(scene.verify().await.unwrap(), (moments.len(), 0));
}

/// When the agent is killed: at a moment on the wire, or when the run has come to something on the machine; and how
/// many milliseconds later.
#[derive(Clone, Copy, Debug)]
enum When {
    Held(Moment),
    Passed(Moment, u64),
    /// The command has left its line.
    Collecting(u64),
    /// The packet's file has some of the data.
    Packing(u64),
}

/// The `round`th of twenty: ten moments, each twice, the second time a little later.
fn when(round: usize) -> When {
    let late = (round / 10) as u64;
    match round % 10 {
        0 => When::Held(Moment::ClaimAsked),
        1 => When::Held(Moment::ClaimGiven),
        2 => When::Passed(Moment::ClaimGiven, 2 * late),
        3 => When::Passed(Moment::ClaimGiven, 10 + 20 * late),
        4 => When::Collecting(100 * late),
        5 => When::Packing(late),
        6 => When::Packing(10 + 10 * late),
        7 => When::Held(Moment::Uploading(400 + 400 * late)),
        8 => When::Held(Moment::UploadAnswered),
        _ if late % 2 == 0 => When::Held(Moment::ReceiptGiven),
        _ => When::Passed(Moment::ReceiptGiven, 0),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_within_runs_runs_nothing_twice_and_loses_nothing() {
    let mut scene = Scene::set().await.unwrap();
    let kills = times();
    let (mut outcomes, mut stages, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let began = Instant::now();
    for round in 0..kills {
        let when = when(round);
        let tag = format!("agent-{round}");
        let trap = match when {
            When::Held(moment) => Some((moment, scene.wire.trap(moment, true))),
            When::Passed(moment, _) => Some((moment, scene.wire.trap(moment, false))),
            When::Collecting(_) | When::Packing(_) => None,
        };
        let hook = scene.publish(&tag).await.unwrap();
        if let Some((moment, heard)) = trap {
            scene.reached(moment, heard).await.unwrap();
        }
        let spool = scene.agent.dir.join("state/spool");
        let until = Instant::now() + PATIENCE;
        let wait = match when {
            When::Held(_) => 0,
            When::Passed(_, wait) => wait,
            When::Collecting(wait) => {
                while scene.runs(&tag) == 0 {
                    assert!(Instant::now() < until, "{tag} never collected");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                wait
            }
            When::Packing(wait) => {
                while part(&spool) < PIECE {
                    assert!(Instant::now() < until, "{tag} never packed");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                wait
            }
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        scene.agent.kill().unwrap();
        scene.wire.release();
        scene.no_command_is_left().await.unwrap();
        let stage = scene.stage(&tag, &hook).unwrap();
        scene.wire.offsets();
        scene.agent.start().unwrap();
        let outcome = scene.outcome(&hook).await.unwrap();
        let asked = scene.wire.offsets();
        match (when, stage) {
            // Whole in the spool, or not begun: the packet comes.
            (_, "packed" | "receipt stored" | "not in the ledger") => {
                assert_eq!(outcome, "accepted", "round {round}, {when:?}, {stage}");
            }
            _ => assert!(
                ["accepted", "interrupted"].contains(&outcome.as_str()),
                "round {round}, {when:?}, {stage}: {outcome}"
            ),
        }
        if let When::Held(Moment::Uploading(part)) = when {
            let sent = scene.wire.length() * part / 1000 / PIECE * PIECE;
            assert_eq!(asked.first(), Some(&sent), "round {round}, {when:?}");
        }
        offsets.extend(asked.first().copied());
        stages.push(stage.to_owned());
        outcomes.push(outcome);
    }
    let (acknowledged, interrupted) = scene.verify().await.unwrap();
    println!(
        "{kills} kills of the agent within runs in {:.0?}: killed when {}; then {}; {acknowledged} receipts, each of a \
         packet that is there and verifies, {interrupted} of them marked interrupted; no command ran twice; uploads went on at {offsets:?}",
        began.elapsed(),
        tally(&stages),
        tally(&outcomes)
    );
    assert_eq!(
        acknowledged,
        outcomes.iter().filter(|o| *o == "accepted").count()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_takes_its_commands_with_it() {
    let mut scene = Scene::set().await.unwrap();
    let hook = scene.publish("slow").await.unwrap();
    let until = Instant::now() + PATIENCE;
    // The command, what it waits for, and what went away into a session of its own.
    while scene.commands() < 3 {
        assert!(Instant::now() < until, "the command never ran");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    scene.agent.kill().unwrap();
    let killed = Instant::now();
    scene.no_command_is_left().await.unwrap();
    println!(
        "a killed agent's commands were gone after {:.0?}",
        killed.elapsed()
    );
    scene.agent.start().unwrap();
    assert_eq!(scene.outcome(&hook).await.unwrap(), "interrupted");
    assert_eq!(scene.runs("slow"), 1);
}
