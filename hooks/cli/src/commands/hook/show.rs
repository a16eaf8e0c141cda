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
    /// Only their ids, one a line.
    #[arg(long, short)]
    pub quiet: bool,
}

pub fn tell(ctx: &mut Ctx, view: &HookView) -> Result<()> {
    tell_seen(ctx, view, false)
}

/// With `instances` they are shown already: the next step is another.
fn tell_seen(ctx: &mut Ctx, view: &HookView, instances: bool) -> Result<()> {
    ctx.out.line(format!(
        "hook {} revision {}: {}",
        view.id,
        view.revision,
        view.state_line()
    ))?;
    if !view.title.is_empty() {
        ctx.out
            .line(format!("{} (by {})", view.title, view.author))?;
    }
    if let Some(digest) = &view.digest {
        ctx.out.line(format!("digest {digest}"))?;
    }
    let word = view.state_word();
    let drafted = matches!(word.as_str(), "draft" | "sent back");
    if view.people.needed > 0 && !drafted {
        ctx.out.line(format!(
            "signed by {} ({} of {} people)",
            signers(view),
            view.people.have,
            view.people.needed
        ))?;
        for missing in &view.people.missing {
            ctx.out.line(format!("still missing: {missing}"))?;
        }
    }
    let next = match word.as_str() {
        "draft" | "sent back" => format!("boathook hook submit {}", view.id),
        "in review" => format!("boathook hook sign {} --key KEY.pem", view.id),
        "held" => format!("boathook hook publish {}", view.id),
        "published" if instances => {
            format!("boathook packet get --hook {} --wait 10m", view.id)
        }
        "published" => format!("boathook hook show {} --instances", view.id),
        _ => return Ok(()),
    };
    ctx.out.line(format!("next: {next}"))
}

fn signers(view: &HookView) -> String {
    let rows = view.more.get("signatures").and_then(Value::as_array);
    let mut names: Vec<String> = rows
        .into_iter()
        .flatten()
        .map(|s| cell(s, "person"))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        "nobody yet".to_owned()
    } else {
        names.join(", ")
    }
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
    tell_seen(ctx, &view, instances)?;
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
    if let Some(words) = view.more.get("offered").and_then(offered) {
        ctx.out.line(words)?;
    }
    if instances {
        ctx.out.line("")?;
        let columns = ["instance", "answered", "why", "at"];
        let rows: Vec<_> = rows.iter().map(answered).collect();
        ctx.out.table(&columns, &rows)?;
    }
    Ok(())
}

/// To how many of its audience a published hook is offered; nothing when that is all.
fn offered(offered: &Value) -> Option<String> {
    let percent = offered.get("percent")?.as_f64()?;
    let why = match offered.get("held").and_then(Value::as_str) {
        Some("all") => return None,
        Some("taken") => "; to more when places come back",
        Some("failing") => "; to no more, as its runs fail",
        _ => "; to more while places stay free",
    };
    let about = about(percent);
    Some(format!("offered to about {about} % of its audience{why}"))
}

/// Two digits that say something.
fn about(percent: f64) -> String {
    let digits = match percent {
        p if p >= 9.95 => 0,
        p if p >= 0.995 => 1,
        p if p > 0.0 => (1.0 - p.log10().floor()).min(12.0) as usize,
        _ => 0,
    };
    format!("{percent:.digits$}")
}

/// An instance's row: how far its packet is, or what it said instead.
fn answered(row: &Value) -> Vec<String> {
    let claim = cell(row, "claim");
    let word = match claim.as_str() {
        "" => cell(row, "answer"),
        "accepted" => "packet".to_owned(),
        other => format!("packet {other}"),
    };
    let instance = cell(row, "instance");
    vec![
        instance,
        word.replace('_', " "),
        cell(row, "why"),
        cell(row, "at"),
    ]
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
    if args.quiet {
        return hooks.iter().try_for_each(|h| ctx.out.line(&h.id));
    }
    let ticket = |h: &HookView| h.more.get("ticket").map(ticket_name).unwrap_or_default();
    let rows = hooks.iter().map(|h| {
        vec![
            h.id.to_string(),
            h.revision.to_string(),
            h.state_word(),
            h.author.clone(),
            ticket(h),
            h.title.clone(),
        ]
    });
    ctx.out.table(
        &["id", "revision", "state", "author", "ticket", "title"],
        &rows.collect::<Vec<_>>(),
    )
}

fn ticket_name(ticket: &Value) -> String {
    match (cell(ticket, "system"), cell(ticket, "key")) {
        (system, key) if system.is_empty() => key,
        (system, key) => format!("{system}/{key}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_in_two_digits() {
        for (percent, text) in [
            (100.0, "100"),
            (12.3, "12"),
            (9.94, "9.9"),
            (1.25, "1.2"),
            (0.4, "0.40"),
            (0.004, "0.0040"),
            (0.0, "0"),
        ] {
            assert_eq!(about(percent), text);
        }
    }

    #[test]
    fn what_is_offered_to_all_says_nothing_of_waves() {
        let words = |percent: f64, held: Value| offered(&json!({"percent": percent, "held": held}));
        assert_eq!(words(100.0, "all".into()), None);
        let held = words(12.0, "failing".into()).unwrap();
        assert_eq!(
            held,
            "offered to about 12 % of its audience; to no more, as its runs fail"
        );
        assert!(words(12.0, Value::Null).unwrap().contains("to more while"));
        assert_eq!(offered(&Value::Null), None, "it is not published");
    }
}
