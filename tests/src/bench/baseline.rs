//! What this machine can do at all: an empty HTTPS request on a connection that is open, and a synced write.
use std::{io::Write as _, path::Path, time::Instant};

use anyhow::Result;
use reqwest::Method;

use super::spread::Spread;
use crate::world::World;

pub struct Baseline {
    /// One request that no handler serves: TLS, the server's layers, nothing else.
    pub https: Spread,
    /// 4 KiB appended to a file and synced.
    pub sync: Spread,
}

impl Baseline {
    pub async fn measure(world: &World) -> Result<Self> {
        let mut https = Spread::default();
        for _ in 0..200 {
            let begin = Instant::now();
            world.ada.send(Method::GET, "nothing-here", None).await?;
            https.push(begin.elapsed());
        }
        Ok(Self {
            https,
            sync: synced_writes(world.path())?,
        })
    }

    pub fn print(&self) {
        println!("  baseline: an empty HTTPS request   {}", self.https.line());
        println!("  baseline: 4 KiB written and synced {}", self.sync.line());
    }
}

fn synced_writes(dir: &Path) -> Result<Spread> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut spread = Spread::default();
    for _ in 0..200 {
        let begin = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        spread.push(begin.elapsed());
    }
    Ok(spread)
}
