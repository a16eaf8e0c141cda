//! A server and an agent with a wire between them, something to collect, and what must hold after each kill.
use std::{
    collections::BTreeMap,
    io::Cursor,
    path::PathBuf,
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
const DATA: usize = 2_300_000;
/// Bytes of one PATCH of the agent's.
pub(super) const PIECE: u64 = 1 << 20;
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often each is killed.
pub(super) fn times() -> usize {
    std::env::var("BOATHOOK_TEST_KILLS").map_or(20, |n| n.parse().unwrap())
}

/// A server and an agent with a wire between them, and something to collect.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) wire: Wire,
    pub(super) agent: Agent,
    pub(super) dir: PathBuf,
    pub(super) hooks: Vec<(String, Published)>,
}

impl Scene {
    pub(super) async fn set() -> Result<Self> {
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
    pub(super) async fn publish(&mut self, tag: &str) -> Result<Published> {
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

    pub(super) fn lines_of(&self, what: &str, hook: &Published) -> Result<Vec<Value>> {
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
    pub(super) fn runs(&self, tag: &str) -> usize {
        let text = std::fs::read_to_string(self.dir.join("runs")).unwrap_or_default();
        text.lines().filter(|line| *line == tag).count()
    }

    /// Bytes of packets that are being written.
    pub(super) fn part(&self) -> u64 {
        let spool = self.agent.dir.join("state/spool");
        let files = std::fs::read_dir(spool).into_iter().flatten().flatten();
        files
            .filter(|f| f.path().extension().is_some_and(|e| e == "part"))
            .filter_map(|f| Some(f.metadata().ok()?.len()))
            .sum()
    }

    /// What a run stands at, by the ledger and the spool alone.
    pub(super) fn stage(&self, tag: &str, hook: &Published) -> Result<&'static str> {
        let has = |what: &str| Ok::<_, anyhow::Error>(!self.lines_of(what, hook)?.is_empty());
        Ok(if has("settled")? {
            "receipt stored"
        } else if has("ended")? {
            "packed"
        } else if !has("begun")? {
            "not in the ledger"
        } else if self.runs(tag) == 0 {
            "in the ledger"
        } else if self.part() > PIECE {
            "packing"
        } else {
            "collecting"
        })
    }

    /// Waits until nothing more will come of `hook`: `accepted`, or the kind of the answer.
    pub(super) async fn outcome(&self, hook: &Published) -> Result<String> {
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

    pub(super) async fn reached(
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
    pub(super) async fn verify(&self) -> Result<(usize, usize)> {
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
    pub(super) fn commands(&self) -> usize {
        let command = format!("{}/", self.dir.display());
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|p| std::fs::read(p.path().join("cmdline")).ok())
            .filter(|line| String::from_utf8_lossy(line).contains(&command))
            .count()
    }

    /// Commands die with their agent, however it dies.
    pub(super) async fn no_command_is_left(&self) -> Result<()> {
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

fn tail(log: &str) -> &str {
    let from = log.len().saturating_sub(4_000);
    &log[log.ceil_char_boundary(from)..]
}

pub(super) fn tally(words: &[String]) -> String {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word.as_str()).or_insert(0) += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(w, n)| format!("{n} {w}")).collect();
    parts.join(", ")
}
