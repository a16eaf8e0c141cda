//! Two servers on one keyspace and one bucket, behind one load balancer.
use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use boathook_hooks::documents::root::Bounds;

use super::Size;
use crate::{
    api::Api,
    parts::{
        cassandra::Cassandra,
        haproxy::{Behind, Haproxy},
        s3::S3,
    },
    world::{
        World,
        process::free_port,
        server::{Place, Server, Settings},
    },
};

/// No address in production sends a thousand enrolments a minute; here all come from one. And all are offered all hooks.
pub const LIMITS: &str = "[limits]\nenroll_per_minute = 1000000\nenroll_burst = 1000000\nsession_per_minute = 1000000\nsession_burst = 1000000\n\
     sign_in_per_minute = 1000000\nsign_in_burst = 1000000\n\
     [waves]\nfirst_least = 1000000\n";

pub struct Site {
    // Servers end before what they stand on.
    pub balancer: Haproxy,
    /// Its server is A; its people come to A.
    pub world: World,
    pub b: Server,
    pub s3: S3,
    pub cassandra: Arc<Cassandra>,
    /// With the keyspace.
    pub store: String,
    dir: tempfile::TempDir,
}

impl Site {
    pub async fn start(size: &Size) -> Result<Self> {
        let alone = size.nodes > 1;
        let nodes = size.nodes;
        let cassandra = tokio::task::spawn_blocking(move || match alone {
            true => Cassandra::alone(nodes),
            false => Cassandra::shared(nodes),
        })
        .await??;
        let s3 = S3::own()?;
        let store = cassandra.fresh("cluster")?;
        let dir = tempfile::Builder::new()
            .prefix("boathook-cluster-")
            .tempdir()?;
        let secret = operator_secret(dir.path())?;
        let port = free_port()?;
        let place = |n| -> Result<Place> {
            Ok(Place {
                ip: Ipv4Addr::new(127, 0, 0, n),
                port,
                ops: free_port()?,
            })
        };
        let (a, b) = (place(2)?, place(3)?);
        let top = format!("store = {store:?}\noperator_secret = {secret:?}\n");
        let configs = [
            format!("{LIMITS}{}", s3.settings(&dir.path().join("key-a"))?),
            format!("{LIMITS}{}", s3.settings(&dir.path().join("key-b"))?),
        ];
        let [for_a, for_b] = [(0, a), (1, b)].map(|(n, place)| Settings {
            config: &configs[n],
            top: &top,
            place: Some(place),
            ..Settings::default()
        });
        let world = World::at(&dir.path().join("a"), &for_a, Bounds::default()).await?;
        let mut b = Server::prepare(&dir.path().join("b"), &world.ca, &for_b)?;
        b.start().await?;
        let balancer = balancer(port, &[world.server.place, b.place])?;
        let site = Self {
            balancer,
            world,
            b,
            s3,
            cassandra: Arc::new(cassandra),
            store,
            dir,
        };
        site.through_the_balancer().await?;
        Ok(site)
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Ada by way of the balancer: any server may answer.
    pub fn ada(&self) -> Result<Api> {
        Ok(self.world.ada.by(crate::api::http(&self.world.server.ca)?))
    }

    /// Until it answers for both.
    async fn through_the_balancer(&self) -> Result<()> {
        for _ in 0..200 {
            // Each client is a connection of its own, so they take turns.
            let one = self.ada()?.get("customers").await;
            let two = self.ada()?.get("customers").await;
            if one.is_ok() && two.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("no server behind the balancer: {}", self.balancer.log())
    }

    /// What `/readyz` says, of server B.
    pub async fn ready(&self) -> Result<(u16, String)> {
        let said = reqwest::get(format!("{}/readyz", self.b.ops)).await?;
        Ok((said.status().as_u16(), said.text().await?))
    }

    /// The last lines of both servers' logs that are not of every day.
    pub fn logs(&self) -> String {
        let last = |log: String| {
            let told = |l: &&str| {
                !l.contains(" INFO ") || !["request{", " scylla::"].iter().any(|w| l.contains(w))
            };
            let lines: Vec<&str> = log.lines().filter(told).collect();
            lines[lines.len().saturating_sub(20)..].join("\n")
        };
        format!(
            "server A:\n{}\nserver B:\n{}",
            last(self.world.server.log()),
            last(self.b.log())
        )
    }
}

fn balancer(port: u16, places: &[Place]) -> Result<Haproxy> {
    let addresses: Vec<(String, String)> = places
        .iter()
        .map(|p| {
            (
                format!("{}:{}", p.ip, p.port),
                format!("127.0.0.1:{}", p.ops),
            )
        })
        .collect();
    let behind: Vec<Behind<'_>> = addresses
        .iter()
        .map(|(listen, ops)| Behind { listen, ops })
        .collect();
    Haproxy::start(port, &behind)
}

pub fn operator_secret(dir: &Path) -> Result<PathBuf> {
    let path = dir.join("operator-secret");
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    std::fs::write(&path, text).context("the operator's secret")?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(path)
}
