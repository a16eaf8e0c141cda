//! `migrate`: the store's schema up, down, to a version, or declared by hand after a repair.
use anyhow::Context as _;
use boathook_schema::Migrate;
use serde_json::json;

use crate::{cli::out::Out, config::Config};

#[derive(clap::Args)]
pub struct Args {
    /// To this version.
    #[arg(long, value_name = "N", group = "how")]
    to: Option<u32>,
    /// One version down.
    #[arg(long, group = "how")]
    down: bool,
    /// Only say that the store is at this version, after a repair by hand.
    #[arg(long, value_name = "N", group = "how")]
    force: Option<u32>,
}

/// Where the store's address is from.
pub const STORE: &str = "the store cannot be migrated; the config file names it by `store`";

pub async fn run(config: &Config, args: Args, out: &Out) -> anyhow::Result<()> {
    let how = match (args.to, args.down, args.force) {
        (Some(version), ..) => Migrate::To(version),
        (_, true, _) => Migrate::Down,
        (.., Some(version)) => Migrate::Force(version),
        _ => Migrate::Up,
    };
    let migrated = boathook_schema::migrate(&config.store_url(), how)
        .await
        .context(STORE)?;
    out.show(&json!({"from": migrated.from, "to": migrated.to}), |_| {
        format!(
            "the store was at version {} and is at {}",
            migrated.from, migrated.to
        )
    })
}
