//! Downloading packets, each with its receipt.
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use boathook_hooks::authoring::human;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    client::{Client, PacketFilter, PacketView},
    commands::{Ctx, ticket::TicketRef},
    error::{Error, Result},
    files,
};

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
    /// Wait so long for the first packet, such as 60s or 10m.
    #[arg(long, value_name = "TIME", value_parser = wait, conflicts_with = "claim")]
    pub wait: Option<Duration>,
    /// Where the one packet goes [default: the packet's own name]
    #[arg(long, short, value_name = "FILE", requires = "claim")]
    pub out: Option<PathBuf>,
    /// The folder for packets under their own names [default: .]
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub dir: Option<PathBuf>,
}

/// Between two looks for a packet.
const LOOK: Duration = Duration::from_millis(500);

fn wait(text: &str) -> std::result::Result<Duration, String> {
    human::parse_duration(text)
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a duration such as 60s or 10m".into())
}

/// What tells why there are no packets.
fn who_answered(args: &GetArgs) -> String {
    match (&args.hook, &args.ticket) {
        (None, Some(ticket)) => format!(
            "`boathook hook list --ticket {ticket}` shows its hooks, and `boathook hook show` with --instances who answered one and how"
        ),
        (hook, _) => format!(
            "`boathook hook show {} --instances` tells who answered and how",
            hook.as_deref().unwrap_or_default()
        ),
    }
}

pub async fn get(ctx: &mut Ctx, client: &Client, args: &GetArgs) -> Result<()> {
    let packets = match &args.claim {
        Some(claim) => vec![client.packet(claim).await?],
        None => {
            let filter = PacketFilter {
                ticket: args.ticket.as_ref().map(ToString::to_string),
                hook: args.hook.clone(),
                ..PacketFilter::default()
            };
            some(client, &filter, args.wait.unwrap_or_default()).await?
        }
    };
    if packets.is_empty() {
        return Err(Error::failed(
            "there are no packets yet",
            who_answered(args),
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

/// The packets, once there is one; none when `wait` is over.
async fn some(client: &Client, filter: &PacketFilter, wait: Duration) -> Result<Vec<PacketView>> {
    let until = Instant::now() + wait;
    loop {
        let packets = client.packets(filter).await?;
        if !packets.is_empty() || Instant::now() >= until {
            return Ok(packets);
        }
        tokio::time::sleep(LOOK).await;
    }
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

    #[test]
    fn where_there_is_no_packet_yet_the_next_step_can_be_typed() {
        let args = |ticket: Option<&str>, hook: Option<&str>| GetArgs {
            claim: None,
            ticket: ticket.map(|t| t.parse().unwrap()),
            hook: hook.map(ToOwned::to_owned),
            wait: None,
            out: None,
            dir: None,
        };
        let of_ticket = who_answered(&args(Some("jira/SUP-1"), None));
        assert!(of_ticket.contains("--ticket jira/SUP-1`") && !of_ticket.contains("ID"));
        let of_hook = who_answered(&args(None, Some("0193")));
        assert!(of_hook.contains("hook show 0193 --instances`"));
    }
}
