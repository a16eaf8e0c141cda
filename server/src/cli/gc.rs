//! `gc`: chunks of claims that can never become a packet. Asked of the store claim by claim, never guessed from a list.
use serde_json::json;

use crate::{
    app::App,
    cli::out::Out,
    periodic::{Collected, collect_orphans},
};

#[derive(clap::Args)]
pub struct Args {
    /// Only say what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(app: &App, args: Args, out: &Out) -> anyhow::Result<()> {
    let (Collected { claims, chunks }, _) =
        collect_orphans(app, None, usize::MAX, args.dry_run).await?;
    let done = json!({"claims": claims, "chunks": chunks, "dry_run": args.dry_run});
    out.show(&done, |_| {
        let verb = if args.dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        format!("{chunks} chunks of {claims} claims {verb}")
    })
}
