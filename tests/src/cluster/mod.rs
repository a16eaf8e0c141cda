//! What many servers on one cluster promise, shown with real parts: a Cassandra cluster, an S3 service, two servers behind
//! HAProxy. Each part prints its numbers and fails when what it shows does not hold.
#![allow(clippy::print_stdout)]
pub mod away;
pub mod claims;
pub mod crowd;
pub mod handover;
pub mod moving;
pub mod node;
pub mod rates;
pub mod send;
pub mod site;

use std::time::Duration;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Instances that claim at once.
    pub claimants: u32,
    pub uploads: usize,
    pub stops: usize,
    /// Of a packet whose upload changes servers.
    pub large: usize,
    /// How long the object store is away.
    pub away: Duration,
    pub nodes: u8,
    /// Packets of an embedded store that moves to the cluster.
    pub moved: usize,
    /// Hooks that each instance claims and delivers to, where rates are measured.
    pub rounds: usize,
}

impl Size {
    pub fn full() -> Self {
        Self {
            claimants: 1_000,
            uploads: 200,
            stops: 50,
            large: 24 << 20,
            away: Duration::from_secs(60),
            nodes: 3,
            moved: 1_000,
            rounds: 20,
        }
    }

    pub fn small() -> Self {
        Self {
            claimants: 100,
            uploads: 20,
            stops: 10,
            large: 12 << 20,
            away: Duration::from_secs(5),
            nodes: 1,
            moved: 40,
            rounds: 2,
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
