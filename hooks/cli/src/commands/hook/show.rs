//! Showing, listing and exporting hooks.
use std::path::{Path, PathBuf};

use boathook_hooks::ids::HookId;
use clap::Args;
use serde_json::{Value, json};

use crate::{
    client::{Client, HookFilter, HookView},
    commands::{Ctx, cell, ticket::TicketRef},
    error::Result,
    files,
};

#[derive(Debug, Args)]
pub struct ExportArgs {
    pub id: HookId,
    /// Which revision [default: the newest]
    #[arg(long)]
    pub revision: Option<u32>,
    /// Where it goes.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Write standard DSSE JSON instead of BSON.
    #[arg(long)]
    pub dsse_json: bool,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Such as draft, in_review, published, stopped.
    #[arg(long)]
    pub state: Option<String>,
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: Option<String>,
    #[arg(long, value_name = "SYSTEM/KEY")]
    pub ticket: Option<TicketRef>,
}

pub fn tell(ctx: &mut Ctx, view: &HookView) -> Result<()> {
    ctx.out.line(format!(
        "hook {} revision {}: {}",
        view.id,
        view.revision,
        view.state_word()
    ))?;
    if !view.title.is_empty() {
        ctx.out
            .line(format!("{} (by {})", view.title, view.author))?;
    }
    if let Some(digest) = &view.digest {
        ctx.out.line(format!("digest {digest}"))?;
    }
    let have = view.people.have.as_array().map_or_else(
        || view.people.have.to_string(),
        |names| {
            names
                .iter()
                .map(|n| n.as_str().unwrap_or("?"))
                .collect::<Vec<_>>()
                .join(", ")
        },
    );
    if view.people.needed > 0 {
        let have = if have.is_empty() || have == "null" {
            "nobody yet".to_owned()
        } else {
            have
        };
        ctx.out.line(format!(
            "signed by {have}; {} people are needed",
            view.people.needed
        ))?;
    }
    for missing in &view.people.missing {
        ctx.out.line(format!("still missing: {missing}"))?;
    }
    let next = match view.state_word().as_str() {
        "draft" | "sent back" => format!("boathook hook submit {}", view.id),
        "in review" => format!("boathook hook sign {} --key KEY.pem", view.id),
        "held" => format!("boathook hook publish {}", view.id),
        "published" => format!("boathook hook show {} --instances", view.id),
        _ => return Ok(()),
    };
    ctx.out.line(format!("next: {next}"))
}

pub async fn show(ctx: &mut Ctx, client: &Client, id: &HookId, instances: bool) -> Result<()> {
    let view = client.hook(id.as_str()).await?;
    let rows = if instances {
        client.hook_instances(id.as_str()).await?
    } else {
        Vec::new()
    };
    if instances {
        ctx.out.json(&json!({"hook": view, "instances": rows}))?;
    } else {
        ctx.out.json(&view)?;
    }
    tell(ctx, &view)?;
    if let Some(end) = view.expires_at {
        ctx.out.line(format!("expires {end}"))?;
    }
    if let Some(quota) = view.more.get("quota").filter(|q| q.is_object()) {
        let n = |name: &str| quota.get(name).and_then(Value::as_u64).unwrap_or(0);
        ctx.out.line(format!(
            "{} of {} places used, {} reserved",
            n("accepted"),
            n("places"),
            n("reserved")
        ))?;
    }
    if instances {
        ctx.out.line("")?;
        let columns = ["instance", "state", "why", "at"];
        let rows: Vec<_> = rows
            .iter()
            .map(|row| columns.iter().map(|c| cell(row, c)).collect())
            .collect();
        ctx.out.table(&columns, &rows)?;
    }
    Ok(())
}

pub async fn export(ctx: &mut Ctx, client: &Client, args: &ExportArgs) -> Result<()> {
    let revision = match args.revision {
        Some(revision) => revision,
        None => client.hook(args.id.as_str()).await?.revision,
    };
    let envelope = client.hook_envelope(args.id.as_str(), revision).await?;
    let bytes = if args.dsse_json {
        envelope.to_json().into_bytes()
    } else {
        envelope.to_bson()?
    };
    files::create(&args.out, &bytes, false)?;
    let file: &Path = &args.out;
    ctx.out.json(&json!({"file": file, "digest": envelope.digest(), "signatures": envelope.signatures.len()}))?;
    ctx.out.line(format!(
        "{} with {} signatures in {}",
        envelope.digest(),
        envelope.signatures.len(),
        file.display()
    ))
}

pub async fn list(ctx: &mut Ctx, client: &Client, args: &ListArgs) -> Result<()> {
    let filter = HookFilter {
        state: args.state.as_ref().map(|s| s.replace([' ', '-'], "_")),
        customer: args.customer.clone(),
        ticket: args.ticket.as_ref().map(ToString::to_string),
    };
    let hooks = client.hooks(&filter).await?;
    ctx.out.json(&hooks)?;
    let rows = hooks.iter().map(|h| {
        let end = h.expires_at.map(|t| t.to_string()).unwrap_or_default();
        vec![
            h.id.to_string(),
            h.revision.to_string(),
            h.state_word(),
            end,
            h.title.clone(),
        ]
    });
    ctx.out.table(
        &["id", "revision", "state", "expires", "title"],
        &rows.collect::<Vec<_>>(),
    )
}
