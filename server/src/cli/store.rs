//! `store`: everything that a store holds, copied into another one or checked.
use std::{path::PathBuf, time::Instant};

use anyhow::{Context as _, bail};
use boathook_hooks::time::Time;
use boathook_schema::{
    CheckOptions, Checked, Copied, CopyError, CopyOptions, CopyProgress, Migrate, ObjectsConfig,
    Scope, Store,
};

use crate::{
    cli::out::{Out, table},
    config::Config,
    keys::Keys,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Copy all records and packets into another store, which must be new (no `init` on it); stop the servers of both
    /// before. Run it again to go on after it was cut off. At the end both sides are read again and compared.
    Copy {
        /// The source: sqlite:///DIRECTORY or cql://HOST/KEYSPACE. Without it, --from-config says it.
        #[arg(long, value_name = "URL", required_unless_present = "from_config")]
        from: Option<String>,
        /// The config file of the source's server: for its store and its packet objects.
        #[arg(long, value_name = "FILE", conflicts_with = "from")]
        from_config: Option<PathBuf>,
        /// The target; by default the store of the config file, whose packet objects are meant in either case.
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
    /// Look whether records, lists, counts, packets and chains fit together. Servers may go on meanwhile. Exits with an
    /// error if something is found and not repaired.
    Check {
        /// Mend what can be: lists, writes that a server left, bytes that nobody can want.
        #[arg(long)]
        repair: bool,
        /// Read every packet's bytes and compare their SHA-256, rather than their sizes.
        #[arg(long)]
        read_bytes: bool,
    },
}

/// An address without what could be secret in it.
fn shown(url: &str) -> String {
    url.split_once('?')
        .map_or(url, |(address, _)| address)
        .to_owned()
}

pub async fn run(config: &Config, command: Command, out: &Out) -> anyhow::Result<()> {
    match command {
        Command::Copy {
            from,
            from_config,
            to,
        } => {
            let (from, objects) = match (from, from_config) {
                (_, Some(file)) => {
                    let source = Config::read(&file).context("--from-config")?;
                    (source.store_url(), source.objects)
                }
                (from, None) => (from.unwrap_or_default(), ObjectsConfig::default()),
            };
            let to = to.unwrap_or_else(|| config.store_url());
            copy(&from, &objects, &to, config, out).await
        }
        Command::Check { repair, read_bytes } => {
            let store = crate::open_store(config).await?;
            let options = CheckOptions { repair, read_bytes };
            check(&store, options, out).await
        }
    }
}

/// Keys in files are not in the store: without them no bearer and no root fits the copy.
async fn keys_go_along(source: &Store, target: &Config) -> anyhow::Result<()> {
    if Keys::are_in(source).await? {
        return Ok(());
    }
    if Keys::are_shared_by(target)? {
        bail!(
            "the source's keys lie in files of its server's data_dir and would not go with its store. Name an operator_secret \
             in its config, and run `boathook-server keys seal` with it first"
        );
    }
    tracing::warn!(
        "the keys are not in the store: bring the folder `keys` of the data_dir along by hand"
    );
    Ok(())
}

/// What a server writes meanwhile would be lost, or be found as a difference at the very end.
async fn nobody_works_on(store: &Store, which: &str) -> anyhow::Result<()> {
    let now = Time::wall_clock();
    let servers = store.servers(&Scope::System, now).await?;
    let Some(server) = servers.iter().max_by_key(|s| s.seen) else {
        return Ok(());
    };
    bail!(
        "a server works on the {which}: {} at {} was heard {} s ago. Stop it first. One that was killed rather than stopped \
         is taken for alive for a minute",
        server.id,
        server.address,
        now.since(server.seen) / 1000
    )
}

async fn copy(
    from: &str,
    from_objects: &ObjectsConfig,
    to: &str,
    config: &Config,
    out: &Out,
) -> anyhow::Result<()> {
    let to_objects = &config.objects;
    if from == to {
        bail!("--from and --to are the same store");
    }
    let source = Store::open_with(from, from_objects)
        .await
        .context("the source cannot be opened")?;
    nobody_works_on(&source, "source").await?;
    keys_go_along(&source, config).await?;
    boathook_schema::migrate(to, Migrate::Up)
        .await
        .context("the target cannot be made")?;
    let target = Store::open_with(to, to_objects)
        .await
        .context("the target cannot be opened")?;
    nobody_works_on(&target, "target").await?;
    let named = |objects: &ObjectsConfig| !objects.url.is_empty();
    let options = CopyOptions {
        from: shown(from),
        same_objects: named(from_objects)
            && (&from_objects.url, &from_objects.endpoint)
                == (&to_objects.url, &to_objects.endpoint),
    };
    let mut line = Line::new();
    let copied = source
        .copy_to(&target, &options, |done| line.say(&progress(done)))
        .await;
    line.end();
    if let Err(done @ CopyError::Done { .. }) = &copied {
        let words = done.to_string();
        return out.show(&serde_json::json!({ "done": words }), |_| words.clone());
    }
    let copied = copied.with_context(|| {
        format!(
            "{} is not copied whole; no server starts on the target until it is",
            shown(from)
        )
    })?;
    out.show(&copied, summary)
}

fn progress(done: &CopyProgress) -> String {
    let CopyProgress {
        what,
        aggregates,
        entries,
        objects,
        packets,
    } = done;
    format!(
        "{what}: {aggregates} records, {entries} entries, {} chunks of {} bytes, {packets} packets read again",
        objects.chunks, objects.bytes
    )
}

fn summary(copied: &Copied) -> String {
    let rows = copied.sums.iter().filter(|(_, sum)| sum.count > 0);
    let rows = rows.map(|(name, sum)| {
        let bytes = sum.bytes.to_string();
        vec![name.clone(), sum.count.to_string(), bytes]
    });
    format!(
        "{}\n\nThe same on both sides. {} packets read in the target, each with its SHA-256; {} chunks copied; {} chains whole, {} events.",
        table(&["what", "count", "bytes"], rows),
        copied.packets,
        copied.objects.chunks,
        copied.chains,
        copied.events
    )
}

async fn check(store: &Store, options: CheckOptions, out: &Out) -> anyhow::Result<()> {
    let mut line = Line::new();
    let checked = store
        .check(options, Time::wall_clock(), |done| {
            line.say(&format!(
                "{}: {} records, {} entries, {} found",
                done.what, done.aggregates, done.entries, done.found
            ));
        })
        .await;
    line.end();
    let checked = checked.context("the store cannot be checked")?;
    out.show(&checked, findings)?;
    if !checked.is_clean() {
        bail!(
            "{} faults are there still",
            checked.found - checked.repaired
        );
    }
    Ok(())
}

fn findings(checked: &Checked) -> String {
    let rows = checked.faults.iter().map(|f| {
        let kind = serde_json::to_value(f.kind).unwrap_or_default();
        vec![
            kind.as_str().unwrap_or_default().to_owned(),
            if f.repaired { "repaired" } else { "" }.to_owned(),
            f.at.clone(),
            f.why.clone(),
        ]
    });
    let faults = match checked.faults.is_empty() {
        true => String::new(),
        false => format!("{}\n\n", table(&["fault", "", "at", "why"], rows)),
    };
    let more = checked.found - checked.faults.len() as u64;
    let more = match more {
        0 => String::new(),
        more => format!("and {more} more\n"),
    };
    format!(
        "{faults}{more}{} records, {} list entries, {} packets of {} bytes, {} chains of {} events: {} faults, {} repaired; {} writes finished",
        checked.aggregates,
        checked.entries,
        checked.packets,
        checked.bytes,
        checked.chains,
        checked.events,
        checked.found,
        checked.repaired,
        checked.finished
    )
}

/// One line on a terminal that tells how far it is; nothing elsewhere.
struct Line {
    shown: Option<Instant>,
    terminal: bool,
}

impl Line {
    fn new() -> Self {
        Self {
            shown: None,
            terminal: std::io::IsTerminal::is_terminal(&std::io::stderr()),
        }
    }

    fn say(&mut self, text: &str) {
        let is_due = self.shown.is_none_or(|at| at.elapsed().as_millis() >= 100);
        if self.terminal && is_due {
            self.shown = Some(Instant::now());
            super::out::progress(text);
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            super::out::progress("");
        }
    }
}
