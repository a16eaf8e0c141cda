//! Simulated instances of acme, half of them at each server.
use anyhow::Result;
use boathook_hooks::{documents::identity::Facts, ids::Digest};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    sim::SimInstance,
    world::{World, server::Server},
};

/// Instances that enrol at the same time; only the preparation.
const ENROLLING: usize = 16;
const ASKING: usize = 32;

/// Each with a connection of its own; the servers take turns.
pub async fn enrol(world: &World, servers: &[&Server], count: u32) -> Result<Vec<SimInstance>> {
    let join = world.join("acme", count).await?;
    stream::iter(0..count)
        .map(|n| {
            let (join, server) = (&join, servers[n as usize % servers.len()]);
            async move {
                let facts = Facts {
                    name: format!("sim-{n:04}"),
                    agent_version: "0.1.0".into(),
                    ..Facts::default()
                };
                SimInstance::join(&server.http()?, join, facts).await
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
