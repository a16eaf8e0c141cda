//! `boathook packet list|get|show`.
use std::path::{Path, PathBuf};

use boathook_hooks::authoring::human;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    client::{Client, PacketFilter, PacketView},
    commands::{Ctx, cell, ticket::TicketRef},
    error::{Error, Result},
    files,
    profile::signed_in,
};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook packet list --ticket jira/SUP-1
  boathook packet get --ticket jira/SUP-1 --dir packets
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
}

#[derive(Debug, Args)]
pub struct GetArgs {
    /// Which packet, by its claim as `packet list` shows it.
    // Ids are base64url and may begin with a hyphen.
    #[arg(allow_hyphen_values = true, required_unless_present_any = ["ticket", "hook"])]
    pub claim: Option<String>,
    /// All packets of this ticket.
    #[arg(long, value_name = "SYSTEM/KEY", conflicts_with = "claim")]
    pub ticket: Option<TicketRef>,
    /// All packets of this hook.
    #[arg(long, value_name = "ID", conflicts_with = "claim")]
    pub hook: Option<String>,
    /// Where the one packet goes [default: the packet's own name]
    #[arg(long, short, value_name = "FILE", requires = "claim")]
    pub out: Option<PathBuf>,
    /// The folder for packets under their own names [default: .]
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub dir: Option<PathBuf>,
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
            list(ctx, &client.packets(&filter).await?)
        }
        PacketCommand::Get(args) => get(ctx, &client, args).await,
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

fn list(ctx: &mut Ctx, packets: &[PacketView]) -> Result<()> {
    ctx.out.json(&packets)?;
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

async fn get(ctx: &mut Ctx, client: &Client, args: &GetArgs) -> Result<()> {
    let packets = match &args.claim {
        Some(claim) => vec![client.packet(claim).await?],
        None => {
            let ticket = args.ticket.as_ref().map(ToString::to_string);
            client
                .packets(&PacketFilter {
                    ticket,
                    hook: args.hook.clone(),
                    ..PacketFilter::default()
                })
                .await?
        }
    };
    if packets.is_empty() {
        return Err(Error::failed(
            "there are no packets yet",
            "`boathook hook show ID --instances` tells who answered and how",
        ));
    }
    let folder = args.dir.clone().unwrap_or_default();
    if args.dir.is_some() {
        std::fs::create_dir_all(&folder).map_err(|source| Error::File {
            operation: "create",
            path: folder.clone(),
            source,
        })?;
    }
    let mut done = Vec::new();
    for packet in &packets {
        let dest = args
            .out
            .clone()
            .unwrap_or_else(|| folder.join(file_name(packet)));
        if args.claim.is_none() && dest.exists() {
            ctx.out
                .line(format!("{} is here already", dest.display()))?;
            done.push(json!({"claim_id": packet.claim_id, "file": dest, "already_here": true}));
            continue;
        }
        done.push(one(ctx, client, packet, &dest).await?);
    }
    ctx.out.json(&done)
}

async fn one(ctx: &mut Ctx, client: &Client, packet: &PacketView, dest: &Path) -> Result<Value> {
    let bar = bar(ctx, packet.bytes);
    let got = client
        .download(packet, dest, |bytes| bar.set_position(bytes))
        .await;
    bar.finish_and_clear();
    let got = got?;
    let receipt = receipt(client, packet, dest).await?;
    if got.resumed_at > 0 {
        ctx.out
            .line(format!("went on at {}", human::size(got.resumed_at)))?;
    }
    ctx.out.line(format!(
        "{} ({}, SHA-256 {})",
        dest.display(),
        human::size(got.bytes),
        packet.sha256
    ))?;
    Ok(json!({
        "claim_id": packet.claim_id, "file": dest, "bytes": got.bytes, "sha256": packet.sha256,
        "resumed_at": got.resumed_at, "receipt": receipt,
    }))
}

/// The receipt goes beside the packet, to be verified later; an older one is left as it is.
async fn receipt(client: &Client, packet: &PacketView, dest: &Path) -> Result<Option<PathBuf>> {
    let mut name = dest.as_os_str().to_owned();
    name.push(".receipt");
    let path = PathBuf::from(name);
    if path.exists() {
        return Ok(Some(path));
    }
    match client.receipt(&packet.claim_id).await {
        Ok(bytes) => files::create(&path, &bytes, false).map(|()| Some(path)),
        Err(error) if crate::client::is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn bar(ctx: &Ctx, bytes: u64) -> ProgressBar {
    if ctx.out.is_json() || !ctx.out.is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let bar = ProgressBar::new(bytes);
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

/// The packet's own name, when it can be nothing but a name in this folder.
fn file_name(packet: &PacketView) -> String {
    let name = &packet.name;
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain
        && !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.len() <= 200
        && name.ends_with(".zip")
    {
        name.clone()
    } else {
        format!("packet-{}.zip", packet.sha256.short())
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_in_the_folder() {
        let packet = |name: &str| PacketView {
            claim_id: "c".into(),
            hook: Value::Null,
            instance: Value::Null,
            customer: Value::Null,
            bytes: 1,
            sha256: boathook_hooks::ids::Digest::of(b"x"),
            received_at: None,
            name: name.into(),
            more: serde_json::Map::new(),
        };
        assert_eq!(
            file_name(&packet("acme_SUP-1_app-01_20261121.zip")),
            "acme_SUP-1_app-01_20261121.zip"
        );
        for bad in [
            "../x.zip",
            "/etc/x.zip",
            ".bashrc.zip",
            "-rf.zip",
            "a\nb.zip",
            "",
            "x.sh",
        ] {
            assert!(file_name(&packet(bad)).starts_with("packet-"), "{bad:?}");
        }
    }
}
