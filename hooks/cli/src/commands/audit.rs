//! `boathook audit export`.
use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use boathook_hooks::ids::CustomerId;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    commands::{Ctx, cell},
    error::{Error, Result},
    profile::signed_in,
};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook audit export -o house.jsonl
  boathook audit export --customer acme -o acme.jsonl
  boathook verify acme.jsonl")]
pub enum AuditCommand {
    /// Write a chain of events as JSON lines, each with its number, hash and stored bytes.
    Export(ExportArgs),
    /// Show the last number and hash of each chain.
    Heads,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The chain of this customer [default: the house's]
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: Option<CustomerId>,
    /// Where it goes [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub async fn run(ctx: &mut Ctx, command: &AuditCommand) -> Result<()> {
    let (_, client) = signed_in(&ctx.config_dir, ctx.now)?;
    let args = match command {
        AuditCommand::Export(args) => args,
        AuditCommand::Heads => {
            let heads = client.audit_heads().await?;
            ctx.out.json(&heads)?;
            let items = heads.get("items").and_then(serde_json::Value::as_array);
            let rows = items.into_iter().flatten().map(|h| {
                vec![
                    cell(h, "chain"),
                    format!("{}:{}", cell(h, "number"), cell(h, "hash")),
                ]
            });
            return ctx.out.table(&["chain", "head"], &rows.collect::<Vec<_>>());
        }
    };
    let chain = args
        .customer
        .as_ref()
        .map_or_else(|| "house".to_owned(), |c| format!("customer:{c}"));
    let Some(path) = &args.out else {
        // JSON lines are JSON: nothing to escape, and `--json` changes nothing.
        return client
            .audit_export(&chain, |part| ctx.out.bytes(part))
            .await;
    };
    let failed = |source| Error::File {
        operation: "write",
        path: path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    let mut bytes = 0_u64;
    client
        .audit_export(&chain, |part| {
            bytes += part.len() as u64;
            file.write_all(part).map_err(failed)
        })
        .await?;
    file.sync_all().map_err(failed)?;
    ctx.out
        .json(&json!({"file": path, "chain": chain, "bytes": bytes}))?;
    ctx.out.line(format!(
        "{chain} in {}; next: boathook verify {0}",
        path.display()
    ))
}
