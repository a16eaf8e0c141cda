//! `boathook packet list|get|show`.
mod get;

use boathook_hooks::authoring::human;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    client::{PacketFilter, PacketView},
    commands::{Ctx, cell, ticket::TicketRef},
    error::{Error, Result},
    profile::signed_in,
};

pub use get::GetArgs;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook packet list --ticket jira/SUP-1
  boathook packet get --ticket jira/SUP-1 --dir packets --wait 10m
  boathook packet get CLAIM -o packet.zip
  boathook verify packet.zip --receipt packet.zip.receipt --root root-1.bson

A download that was cut off goes on when the same command is given again.")]
pub enum PacketCommand {
    /// List packets.
    List(ListArgs),
    /// Download packets, each with its receipt.
    Get(GetArgs),
    /// Show what a packet says of itself.
    Show {
        #[arg(allow_hyphen_values = true)]
        claim: String,
    },
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[arg(long, value_name = "SYSTEM/KEY")]
    pub ticket: Option<TicketRef>,
    #[arg(long, value_name = "ID")]
    pub hook: Option<String>,
    #[arg(long, value_name = "ID")]
    pub instance: Option<String>,
    /// Received on this day (UTC).
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub day: Option<String>,
    /// Only their claims, one a line.
    #[arg(long, short)]
    pub quiet: bool,
}

pub async fn run(ctx: &mut Ctx, command: &PacketCommand) -> Result<()> {
    let (_, client) = signed_in(&ctx.config_dir, ctx.now)?;
    match command {
        PacketCommand::List(args) => {
            let filter = PacketFilter {
                ticket: args.ticket.as_ref().map(ToString::to_string),
                hook: args.hook.clone(),
                instance: args.instance.clone(),
                day: args.day.clone(),
            };
            if filter.ticket.is_none()
                && filter.hook.is_none()
                && filter.instance.is_none()
                && filter.day.is_none()
            {
                return Err(Error::usage(
                    "which packets?",
                    "give --ticket SYSTEM/KEY, --hook ID, --instance ID or --day YYYY-MM-DD",
                ));
            }
            list(ctx, &client.packets(&filter).await?, args.quiet)
        }
        PacketCommand::Get(args) => get::get(ctx, &client, args).await,
        PacketCommand::Show { claim } => show(ctx, &client.packet(claim).await?),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(
        || {
            if value.is_null() {
                String::new()
            } else {
                value.to_string()
            }
        },
        str::to_owned,
    )
}

fn list(ctx: &mut Ctx, packets: &[PacketView], quiet: bool) -> Result<()> {
    ctx.out.json(&packets)?;
    if quiet {
        return packets.iter().try_for_each(|p| ctx.out.line(&p.claim_id));
    }
    let rows = packets.iter().map(|p| {
        let at = p.received_at.map(|t| t.to_string()).unwrap_or_default();
        vec![
            at,
            text(&p.instance),
            human::size(p.bytes),
            p.name.clone(),
            p.claim_id.clone(),
        ]
    });
    ctx.out.table(
        &["received", "instance", "size", "name", "claim"],
        &rows.collect::<Vec<_>>(),
    )
}

fn show(ctx: &mut Ctx, packet: &PacketView) -> Result<()> {
    ctx.out.json(packet)?;
    ctx.out.line(format!(
        "{} ({}, SHA-256 {})",
        packet.name,
        human::size(packet.bytes),
        packet.sha256
    ))?;
    ctx.out.line(format!(
        "instance {}, customer {}, hook {}",
        text(&packet.instance),
        text(&packet.customer),
        text(&packet.hook)
    ))?;
    let statement = packet.more.get("statement").cloned().unwrap_or_default();
    let sections = statement
        .get("sections")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let rows = sections.iter().map(|s| {
        let files = s.get("files").and_then(Value::as_array).map_or(0, Vec::len);
        vec![
            cell(s, "name"),
            cell(s, "collector"),
            cell(s, "outcome"),
            files.to_string(),
            cell(s, "reason"),
        ]
    });
    ctx.out.line("")?;
    ctx.out.table(
        &["section", "collector", "outcome", "files", "reason"],
        &rows.collect::<Vec<_>>(),
    )
}
