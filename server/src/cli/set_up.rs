//! `set-up-link`: the link by which the first admin is made in a browser.
use anyhow::bail;
use boathook_hooks::time::Time;

use crate::{
    cli::{out::Out, words},
    config::Config,
    people::set_up::{has_admin, link},
};

#[derive(clap::Args)]
pub struct Args {
    /// Also when there is an admin of all customers already, such as one who lost their password.
    #[arg(long)]
    force: bool,
}

/// Works beside servers that run.
pub async fn run(config: &Config, args: Args, out: &Out) -> anyhow::Result<()> {
    let store = crate::open_store(config).await?;
    if !args.force && has_admin(&store).await? {
        bail!(
            "there is an admin of all customers, who makes all other people; --force makes a link for one more"
        );
    }
    let made = link(&store, &config.origin, Time::wall_clock(), args.force).await;
    let made = made.map_err(words)?;
    out.show(&made, |made| {
        format!("{}\nIt works once, until {}.", made.url, made.expires_at)
    })
}
