//! What one may say to the bench.
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// How much the store holds.
#[derive(Clone, Debug)]
pub struct Counts {
    pub tickets: u32,
    pub hooks: u32,
    pub packets: u32,
}

#[derive(Debug)]
pub struct Args {
    /// `--tickets N --hooks N --packets N`: how much a store that is made now holds.
    pub counts: Counts,
    /// `--times N`: how often each page is asked for.
    pub times: u32,
    /// `--dir DIRECTORY`: where the store lies, to be used again; without it, it is made anew and taken away.
    dir: Option<PathBuf>,
    /// `--only TEXT`: pages whose address has it.
    pub only: Option<String>,
    /// `--most MS`: fails when a page's p50 is above.
    pub most_ms: Option<f64>,
    temporary: Option<tempfile::TempDir>,
}

impl Args {
    pub fn parse(args: Vec<String>) -> Result<Self> {
        let mut found = Self {
            counts: Counts {
                tickets: 10_000,
                hooks: 1_000,
                packets: 100_000,
            },
            times: 50,
            dir: None,
            only: None,
            most_ms: None,
            temporary: None,
        };
        let mut args = args.into_iter().skip(1).filter(|arg| arg != "--bench");
        while let Some(name) = args.next() {
            let value = args
                .next()
                .with_context(|| format!("{name} says nothing"))?;
            match name.as_str() {
                "--tickets" => found.counts.tickets = value.parse()?,
                "--hooks" => found.counts.hooks = value.parse()?,
                "--packets" => found.counts.packets = value.parse()?,
                "--times" => found.times = value.parse()?,
                "--dir" => found.dir = Some(value.into()),
                "--only" => found.only = Some(value),
                "--most" => found.most_ms = Some(value.parse()?),
                _ => bail!("{name} is none of its options: see benches/pages/args.rs"),
            }
        }
        let counts = &found.counts;
        // Of fewer there is none in each state, and no second page.
        if counts.hooks < 40 || counts.tickets < counts.hooks.max(101) {
            bail!("at least 40 hooks, as many tickets, and more than 100 of them");
        }
        if found.dir.is_none() {
            found.temporary = Some(tempfile::tempdir()?);
        }
        Ok(found)
    }

    pub fn dir(&self) -> Result<PathBuf> {
        let dir = match (&self.dir, &self.temporary) {
            (Some(dir), _) => dir.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => bail!("no directory"),
        };
        std::fs::create_dir_all(&dir)?;
        Ok(std::path::absolute(dir)?)
    }
}
