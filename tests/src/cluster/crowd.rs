//! Simulated instances of acme, half of them at each server.
use anyhow::{Context as _, Result};
use boathook_hooks::{documents::identity::Facts, ids::Digest};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    sim::SimInstance,
    world::{World, server::Server},
};

/// Instances that enrol at the same time; only the preparation.
const ENROLLING: usize = 16;
const ASKING: usize = 32;

/// Each with a connection of its own; the servers take turns. All enrol at the first, one after the other changes its
/// customer there, and go on at their own: a bearer holds on all.
pub async fn enrol(world: &World, servers: &[&Server], count: u32) -> Result<Vec<SimInstance>> {
    let join = world.join("acme", count).await?;
    let first = servers.first().context("no server")?;
    stream::iter(0..count)
        .map(|n| {
            let (join, server) = (&join, servers[n as usize % servers.len()]);
            async move {
                let facts = Facts {
                    name: format!("sim-{n:04}"),
                    agent_version: "0.1.0".into(),
                    ..Facts::default()
                };
                let mut sim = SimInstance::join(&first.http()?, join, facts).await?;
                sim.http = server.http()?;
                Ok(sim)
            }
        })
        .buffered(ENROLLING)
        .try_collect()
        .await
}

/// Their tokens for a hook, once it is listed for them.
pub async fn tokens(sims: &[SimInstance], digest: &Digest) -> Result<Vec<String>> {
    stream::iter(sims)
        .map(|sim| sim.token_of(digest))
        .buffered(ASKING)
        .try_collect()
        .await
}
