//! `World`: a server, people with their keys, customers, agents. What a test says first.
pub mod agent;
pub mod hooks;
pub mod house;
pub mod process;
pub mod server;
pub mod text;
pub mod wire;

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
};

use anyhow::{Context as _, Result, ensure};
use boathook_hooks::{
    documents::{Document as _, identity::Facts, root::Bounds},
    envelope::Envelope,
    protocol::JoinString,
    time::DAY,
};
use serde_json::json;

use crate::{api::Api, sim::SimInstance, tls::Ca};
use agent::Agent;
use house::House;
use server::{Server, Settings};

/// The password of everybody in a test's world.
pub const PASSWORD: &str = "a long enough Password of a test";

/// Runs at once, whatever the reach; the rest is as shipped.
pub const OPEN_POLICY: &str = "consent = \"auto\"\n[agent]\nallow_root = true\n";

pub struct World {
    // Before the directory, so that processes end before it goes.
    pub server: Server,
    path: PathBuf,
    _dir: Option<tempfile::TempDir>,
    pub ca: Ca,
    pub house: House,
    pub root: Envelope,
    /// An admin of the house.
    pub admin: Api,
    /// Engineer and reviewer of acme.
    pub ada: Api,
    /// Reviewer of acme.
    pub ben: Api,
    /// Engineer and reviewer of globex.
    pub cleo: Api,
}

impl World {
    pub async fn start() -> Result<Self> {
        Self::with(&Settings::default(), Bounds::default()).await
    }

    /// Server, root, roster, the customers acme and globex, four people and the ticket jira/SUP-1 of acme.
    pub async fn with(settings: &Settings<'_>, bounds: Bounds) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("boathook-world-")
            .tempdir()?;
        let mut world = Self::at(dir.path(), settings, bounds).await?;
        world._dir = Some(dir);
        Ok(world)
    }

    /// The same in a directory that stays.
    pub async fn at(path: &Path, settings: &Settings<'_>, bounds: Bounds) -> Result<Self> {
        let ca = Ca::new()?;
        let house = House::new()?;
        let mut server = Server::prepare(&path.join("server"), &ca, settings)?;
        let args = [
            "user",
            "add",
            "root-admin",
            "--name",
            "Admin",
            "--role",
            "admin",
        ];
        server.command(&args, &format!("{PASSWORD}\n"))?;
        server.start().await?;
        let admin = server.sign_in("root-admin").await?;
        let root = house.by_holders(&house.root(&[server.online], bounds))?;
        let roster = house.by_holders(&house.roster(1, 20 * DAY))?;
        for document in [root.to_bson()?, roster.to_bson()?] {
            let reply = admin.post_bytes("trust/documents", document).await?;
            ensure!(
                reply.status.is_success(),
                "trust/documents: {} {}",
                reply.status,
                reply.text()
            );
        }
        for customer in ["acme", "globex"] {
            admin
                .put(&format!("customers/{customer}"), json!({"name": customer}))
                .await?;
        }
        let person = async |id: &str, roles: &[&str], customer: &str| -> Result<Api> {
            let roles: Vec<_> = roles
                .iter()
                .map(|role| json!({"role": role, "customers": [customer]}))
                .collect();
            admin
                .post(
                    "users",
                    json!({"person": id, "name": id, "roles": roles, "password": PASSWORD}),
                )
                .await?;
            server.sign_in(id).await
        };
        let ada = person("ada", &["engineer", "reviewer"], "acme").await?;
        let ben = person("ben", &["reviewer"], "acme").await?;
        let cleo = person("cleo", &["engineer", "reviewer"], "globex").await?;
        ada.put(
            "tickets/jira/SUP-1",
            json!({"customer": "acme", "title": "Login slow since the upgrade"}),
        )
        .await?;
        Ok(Self {
            server,
            path: path.to_owned(),
            _dir: None,
            ca,
            house,
            root,
            admin,
            ada,
            ben,
            cleo,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A join string for `count` instances of `customer` that need no confirmation.
    pub async fn join(&self, customer: &str, count: u32) -> Result<JoinString> {
        self.join_with(
            customer,
            json!({"count": count, "expires_in": "1d", "confirm": false}),
        )
        .await
    }

    pub async fn join_with(&self, customer: &str, token: serde_json::Value) -> Result<JoinString> {
        let made = self
            .admin
            .post(&format!("customers/{customer}/join-tokens"), token)
            .await?;
        let text = made["join_string"].as_str().context("no join string")?;
        JoinString::from_str(text).map_err(anyhow::Error::msg)
    }

    /// An agent of acme with an open policy, enrolled and running.
    pub async fn agent(&self, name: &str) -> Result<Agent> {
        self.agent_with(name, OPEN_POLICY).await
    }

    pub async fn agent_with(&self, name: &str, policy: &str) -> Result<Agent> {
        let mut agent = self.enrolled(name, policy).await?;
        agent.start()?;
        Ok(agent)
    }

    /// An agent of acme that is enrolled but does not run yet.
    pub async fn enrolled(&self, name: &str, policy: &str) -> Result<Agent> {
        let join = self.join("acme", 1).await?;
        let agent = Agent::prepare(&self.path().join(name), name, policy)?;
        agent.enroll(&join)?;
        Ok(agent)
    }

    /// An instance of acme without a machine behind it.
    pub async fn sim(&self, name: &str) -> Result<SimInstance> {
        let join = self.join("acme", 1).await?;
        let facts = Facts {
            name: name.to_owned(),
            agent_version: "0.1.0".into(),
            ..Facts::default()
        };
        SimInstance::join(&self.server.http()?, &join, facts).await
    }

    pub fn origin(&self) -> &str {
        &self.server.origin
    }

    /// Puts a new root or roster into force.
    pub async fn import<T: boathook_hooks::documents::Document>(&self, document: &T) -> Result<()> {
        let bytes = document
            .envelope(&[&self.house.rita, &self.house.rolf])?
            .to_bson()?;
        let reply = self.admin.post_bytes("trust/documents", bytes).await?;
        ensure!(
            reply.status.is_success(),
            "{} {}",
            reply.status,
            reply.text()
        );
        Ok(())
    }

    pub fn root_digest(&self) -> boathook_hooks::ids::Digest {
        self.root.digest()
    }

    pub fn root_version(&self) -> Result<u64> {
        Ok(boathook_hooks::documents::root::Root::from_payload(&self.root.payload.0)?.version)
    }
}
