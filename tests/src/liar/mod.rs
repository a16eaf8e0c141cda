//! A server that lies: it speaks the agent protocol with a real online key over real TLS, and serves whatever a test
//! tells it to. What an agent must refuse, this serves.
pub mod doors;
mod serving;
pub mod tap;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use boathook_hooks::{
    documents::{
        Document as _,
        hook::{
            Audience, CollectorEntry, FORMAT, Hook, HookCustomers, Reask, RedactionProfile, Subject,
        },
        hook_list::{Heads, HookList, ListedHook, RevokerHead},
        root::{Bounds, Root},
        roster::Roster,
    },
    envelope::Envelope,
    ids::{Digest, HookId},
    keys::SecretKey,
    protocol::{self, AnswerKind, JoinString},
    time::{DAY, HOUR, Time},
};
use tokio::sync::watch;

use crate::{
    tls::Ca,
    world::{
        agent::Agent,
        house::{House, slug},
    },
};
use doors::{Asked, Doors, lock};
use serving::{Serving, Told};

/// How long anything may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Liar {
    pub house: House,
    pub online: SecretKey,
    pub ca: Ca,
    pub doors: Doors,
    root: Digest,
    serving: Arc<Serving>,
    dir: tempfile::TempDir,
}

impl Liar {
    /// Root, roster 1 and an empty list, served as `localhost` with a good certificate.
    pub async fn start() -> Result<Self> {
        Self::with(|_| ()).await
    }

    /// With another root.
    pub async fn with(change: impl FnOnce(&mut Root)) -> Result<Self> {
        let ca = Ca::new()?;
        let house = House::new()?;
        let online = SecretKey::generate()?;
        let mut root = house.root(&[online.public()], Bounds::default());
        change(&mut root);
        let root = house.by_holders(&root)?;
        let roster = house.by_holders(&house.roster(1, 20 * DAY))?;
        let told = Told {
            instance: slug("app-01"),
            customer: slug("acme"),
            online: online.clone(),
            roots: BTreeMap::from([(1, root.to_bson()?)]),
            rosters: BTreeMap::from([(1, roster.to_bson()?)]),
            revocations: BTreeMap::new(),
            hooks: BTreeMap::new(),
            list: Vec::new(),
            redirect: None,
            key: None,
            answers: Vec::new(),
            claims: Vec::new(),
            packets: BTreeMap::new(),
        };
        let serving = Arc::new(Serving {
            told: told.into(),
            turn: watch::Sender::new(1),
        });
        let shared = Arc::clone(&serving);
        let handler = Arc::new(move |asked: Asked| -> futures_util::future::BoxFuture<_> {
            Box::pin(Arc::clone(&shared).reply(asked))
        });
        let doors = Doors::open(&ca.server(&["localhost"])?, handler).await?;
        let liar = Self {
            root: root.digest(),
            house,
            online,
            ca,
            doors,
            serving,
            dir: tempfile::Builder::new()
                .prefix("boathook-liar-")
                .tempdir()?,
        };
        liar.serve_list(&liar.list(1, &[]))?;
        Ok(liar)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.doors.port)
    }

    pub fn join(&self) -> JoinString {
        JoinString {
            origin: self.origin(),
            ca: Some(self.ca.pem()),
            root: self.root,
            customer: slug("acme"),
            token: "the-join-token-of-this-test".into(),
        }
    }

    /// The file that every hook of this server would make, were it run.
    pub fn marker(&self) -> std::path::PathBuf {
        self.dir().join("was-run")
    }

    /// Runs at once, whatever the reach, and may make the marker and sleep.
    pub fn policy(&self, consent: &str) -> String {
        format!(
            "consent = \"{consent}\"\n[agent]\nallow_root = true\n\
             [[allow.commands]]\npath = \"/usr/bin/touch\"\nargs = [\"{}\"]\n\
             [[allow.commands]]\npath = \"/usr/bin/sleep\"\nargs = [\"[0-9.]+\"]\n",
            self.marker().display()
        )
    }

    /// An agent of acme that runs what passes all checks.
    pub async fn agent(&self) -> Result<Agent> {
        self.agent_with(&self.policy("auto")).await
    }

    pub async fn agent_with(&self, policy: &str) -> Result<Agent> {
        let mut agent = Agent::prepare(&self.dir().join("agent"), "app-01", policy)?;
        let join = self.join();
        // The server answers from this very runtime.
        let agent = tokio::task::spawn_blocking(move || -> Result<Agent> {
            agent.enroll(&join)?;
            agent.start()?;
            Ok(agent)
        });
        agent.await?
    }

    /// A hook of Ada's for acme that is in order but for signatures: it makes the marker.
    pub fn hook(&self) -> Hook {
        let now = Time::wall_clock();
        let marker = self.marker().display().to_string();
        Hook {
            format: FORMAT,
            min_agent: None,
            id: HookId::fresh(),
            revision: 1,
            author: slug("ada"),
            subject: Subject::Ticket {
                system: "jira".into(),
                key: "SUP-1".into(),
                url: None,
            },
            customers: HookCustomers::Only(vec![slug("acme")]),
            audience: Audience {
                everyone: true,
                ..Audience::default()
            },
            title: "A mark".into(),
            reason: "Slow since the upgrade".into(),
            not_before: now.plus_ms(-HOUR),
            expires_at: now.plus_ms(7 * DAY),
            places: 10,
            packet_bytes: 1 << 20,
            total_bytes: 10 << 20,
            attempts: 1,
            stop_after_overruns: 2,
            stop_error_percent: None,
            retention_days: 30,
            reask: Reask::None,
            collectors: vec![command("mark", "/usr/bin/touch", &[&marker])],
            redaction: RedactionProfile::default(),
            template: None,
            checks: Vec::new(),
            when: None,
        }
    }

    /// Signed by Ada and Ben with the keys in their files.
    pub fn both(&self, hook: &Hook) -> Result<Envelope> {
        Ok(hook.envelope(&[&self.house.ada.file, &self.house.ben.file])?)
    }

    /// A list in order, that names these hooks and says that each lives for a week.
    pub fn list(&self, number: u64, hooks: &[&Envelope]) -> HookList {
        let now = Time::wall_clock();
        let told = lock(&self.serving.told);
        let last = |map: &BTreeMap<u64, Vec<u8>>| map.keys().last().copied().unwrap_or(0);
        let head = RevokerHead {
            revoker: self.house.rita.public().id(),
            number: last(&told.revocations),
        };
        let listed = |envelope: &&Envelope| ListedHook {
            url: protocol::path_hook(&envelope.digest()),
            digest: envelope.digest(),
            size: 64 << 10,
            expires_at: now.plus_ms(7 * DAY),
            token: "token".into(),
        };
        HookList {
            instance: told.instance.clone(),
            customer: told.customer.clone(),
            number,
            issued_at: now,
            expires_at: now.plus_ms(HOUR),
            root_version: last(&told.roots),
            roster_version: last(&told.rosters),
            revokers: Some(head).filter(|h| h.number > 0).into_iter().collect(),
            revocations: Digest::of(b""),
            heads: Heads {
                customer: Default::default(),
                house: Default::default(),
            },
            hooks: hooks.iter().map(listed).collect(),
            stopped: Vec::new(),
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    /// Serves `list`, signed with the online key.
    pub fn serve_list(&self, list: &HookList) -> Result<()> {
        self.serve_list_bytes(list.envelope(&[&self.online])?.to_bson()?);
        Ok(())
    }

    pub fn serve_list_bytes(&self, bytes: Vec<u8>) {
        lock(&self.serving.told).list = bytes;
        self.serving.turn.send_modify(|turn| *turn += 1);
    }

    /// The list as it is served now.
    pub fn list_bytes(&self) -> Vec<u8> {
        lock(&self.serving.told).list.clone()
    }

    /// Serves the envelope, and a list `number` that names nothing else.
    pub fn serve(&self, number: u64, envelope: &Envelope) -> Result<Digest> {
        let digest = envelope.digest();
        self.serve_as(digest, envelope.to_bson()?);
        self.serve_list(&self.list(number, &[envelope]))?;
        Ok(digest)
    }

    /// Serves these bytes where `digest` is asked for.
    pub fn serve_as(&self, digest: Digest, bytes: Vec<u8>) {
        lock(&self.serving.told).hooks.insert(digest, bytes);
    }

    pub fn put_roster(&self, roster: &Roster) -> Result<()> {
        self.put_roster_envelope(roster.version, &self.house.by_holders(roster)?)
    }

    /// Whoever signed it. Lists made afterwards name it, as those of the other documents.
    pub fn put_roster_envelope(&self, version: u64, roster: &Envelope) -> Result<()> {
        let bytes = roster.to_bson()?;
        lock(&self.serving.told).rosters.insert(version, bytes);
        Ok(())
    }

    pub fn put_root_envelope(&self, version: u64, root: &Envelope) -> Result<()> {
        let bytes = root.to_bson()?;
        lock(&self.serving.told).roots.insert(version, bytes);
        Ok(())
    }

    /// Says that everything is for this customer.
    pub fn pretend_customer(&self, customer: &str) {
        lock(&self.serving.told).customer = slug(customer);
    }

    pub fn put_revocation(&self, number: u64, bytes: Vec<u8>) {
        lock(&self.serving.told).revocations.insert(number, bytes);
    }

    /// Answers everything with a redirect to that origin.
    pub fn redirect(&self, origin: Option<String>) {
        lock(&self.serving.told).redirect = origin;
    }

    /// What was answered to this hook so far.
    pub fn answers(&self, digest: &Digest) -> Vec<(AnswerKind, String)> {
        let told = lock(&self.serving.told);
        let to_it = told.answers.iter().filter(|(to, _)| to == digest);
        to_it.map(|(_, a)| (a.kind, a.reason.clone())).collect()
    }

    /// Waits for the first answer to this hook.
    pub async fn answer(&self, agent: &Agent, digest: &Digest) -> Result<(AnswerKind, String)> {
        until(agent, "an answer", || self.answers(digest).pop()).await
    }

    /// How often a place was claimed.
    pub fn claims(&self, digest: &Digest) -> usize {
        let told = lock(&self.serving.told);
        told.claims.iter().filter(|d| *d == digest).count()
    }

    /// Packets that began to come.
    pub fn packets(&self) -> usize {
        lock(&self.serving.told).packets.len()
    }

    /// Whether somebody was served this hook.
    pub fn was_fetched(&self, digest: &Digest) -> bool {
        let path = protocol::path_hook(digest);
        self.doors.requests().iter().any(|r| r.path == path)
    }
}

/// A command's section.
pub fn command(section: &str, path: &str, args: &[&str]) -> CollectorEntry {
    CollectorEntry {
        section: slug(section),
        collector: "command".into(),
        seconds: 100,
        bytes: 1 << 16,
        params: bson::doc! {"path": path, "args": args.to_vec()},
    }
}

/// Looks again and again until there is something; fails with the agent's log.
pub async fn until<T>(agent: &Agent, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = look() {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("no {what} after {PATIENCE:?}; the agent: {}", agent.log())
}

/// Waits until the agent's log has a line with all of these words, and gives it.
pub async fn log_line(agent: &Agent, words: &[&str]) -> Result<String> {
    until(agent, &format!("line with {words:?}"), || {
        let log = agent.log();
        let line = log.lines().find(|l| words.iter().all(|w| l.contains(w)));
        line.map(str::to_owned)
    })
    .await
}

/// Waits until `boathook-agent status` says some trouble that has these words, and gives all of it.
pub async fn trouble(agent: &Agent, words: &str) -> Result<String> {
    until(agent, &format!("trouble with {words:?}"), || {
        let status = agent.command(&["status", "--json"], "").ok()?;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        let trouble = status["agent"]["trouble"].as_str()?.to_owned();
        trouble.contains(words).then_some(trouble)
    })
    .await
}

/// Waits until the agent says that it took list `number`.
pub async fn took_list(agent: &Agent, number: u64) -> Result<()> {
    until(agent, "such list", || {
        let status = agent.command(&["status", "--json"], "").ok()?;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        (status["agent"]["list_number"] == number).then_some(())
    })
    .await
}

/// The ledger's records.
pub fn ledger(agent: &Agent) -> Result<Vec<serde_json::Value>> {
    serde_json::from_str(&agent.command(&["ledger", "--json"], "")?).context("the ledger")
}
