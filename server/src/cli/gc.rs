//! `gc`: chunks of claims that can never become a packet. Asked of the store claim by claim, never guessed from a list.
use boathook_schema::Scope;
use serde_json::json;

use crate::{app::App, cli::out::Out};

#[derive(clap::Args)]
pub struct Args {
    /// Only say what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(app: &App, args: Args, out: &Out) -> anyhow::Result<()> {
    let (mut claims, mut chunks) = (0u64, 0usize);
    for (claim, folder) in app.store.objects().folders().await? {
        if !app
            .store
            .may_delete_chunks(&Scope::System, &claim, app.now())
            .await?
        {
            continue;
        }
        claims += 1;
        chunks += match args.dry_run {
            true => app.store.objects().run(&folder).await?.chunks.len(),
            false => app.store.objects().delete(&folder).await?,
        };
    }
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
