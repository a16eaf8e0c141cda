//! `boathook hook …`: from the draft to the end of a hook, on the server.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    documents::{Document as _, hook::Hook, root::Bounds},
    envelope::Envelope,
    ids::HookId,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    client::{Client, HookFilter, HookView},
    commands::{
        Ctx, cell,
        sign::{self, KeyArgs},
        ticket::TicketRef,
    },
    describe::Parsed,
    error::{Error, Result},
    files, keyfile,
    profile::{Profile, signed_in},
    trust::End,
};

/// Largest authoring file, in bytes.
pub(crate) const MAX_TOML: usize = 1 << 20;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook lint slow.toml && boathook explain slow.toml
  boathook hook new slow.toml --ticket jira/SUP-1
  boathook hook submit ID
  boathook hook sign ID --key ada.pem        (the author)
  boathook hook sign ID --key ben.pem        (a reviewer; the last signature publishes)
  boathook hook show ID --instances          (who answered, who did not and why)
  boathook hook stop ID --why 'seen enough'")]
pub enum HookCommand {
    /// Make a draft from a TOML file.
    New(NewArgs),
    /// Give a draft another text, or begin the next revision of a published hook.
    Edit { id: HookId, file: PathBuf },
    /// Send a draft to review; from now on its bytes stay as they are.
    Submit { id: HookId },
    /// Fetch the bytes, check them, show what they say, ask, sign.
    Sign(SignHookArgs),
    /// Send a hook in review back to its author.
    SendBack {
        id: HookId,
        /// What should change.
        #[arg(long)]
        words: String,
    },
    /// Keep a hook from being published.
    Hold { id: HookId },
    /// Publish a held hook.
    Publish { id: HookId },
    /// End a hook for good; runs under way are killed.
    Stop {
        id: HookId,
        /// The instances' administrators and the audit read it.
        #[arg(long)]
        why: String,
    },
    /// Lower places or end; needs no signature. Nothing can be raised.
    Lower(LowerArgs),
    /// Show a hook.
    Show {
        id: HookId,
        /// The instances' answers and claims too.
        #[arg(long)]
        instances: bool,
    },
    /// Write the signed envelope into a file, for instances that cannot reach the server.
    Export(ExportArgs),
    /// List hooks.
    List(ListArgs),
}

#[derive(Debug, Args)]
pub struct NewArgs {
    pub file: PathBuf,
    /// The ticket that it is for [default: as the file says]
    #[arg(long, value_name = "SYSTEM/KEY")]
    pub ticket: Option<TicketRef>,
}

#[derive(Debug, Args)]
pub struct SignHookArgs {
    pub id: HookId,
    #[command(flatten)]
    pub key: KeyArgs,
    /// Which revision [default: the newest]
    #[arg(long)]
    pub revision: Option<u32>,
    /// Do not publish, even when this is the last signature.
    #[arg(long)]
    pub hold: bool,
}

#[derive(Debug, Args)]
pub struct LowerArgs {
    pub id: HookId,
    /// So many places from now on.
    #[arg(long, required_unless_present = "expires")]
    pub places: Option<u32>,
    /// An earlier end: 2h from now, or a time.
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<End>,
}

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

pub async fn run(ctx: &mut Ctx, command: &HookCommand) -> Result<()> {
    let (profile, client) = signed_in(&ctx.config_dir, ctx.now)?;
    let view = match command {
        HookCommand::New(args) => {
            let toml = files::read_text(&args.file, MAX_TOML)?;
            let ticket = args
                .ticket
                .as_ref()
                .map(|t| (t.system.as_str(), t.key.as_str()));
            client.new_hook(&toml, ticket).await?
        }
        HookCommand::Edit { id, file } => {
            let toml = files::read_text(file, MAX_TOML)?;
            let seen = client.hook(id.as_str()).await?;
            client.edit_hook(id.as_str(), &toml, seen.version).await?
        }
        HookCommand::Submit { id } => client.submit(id.as_str()).await?,
        HookCommand::Sign(args) => return sign_one(ctx, &profile, &client, args).await,
        HookCommand::SendBack { id, words } => client.send_back(id.as_str(), words).await?,
        HookCommand::Hold { id } => client.hold(id.as_str()).await?,
        HookCommand::Publish { id } => client.publish(id.as_str()).await?,
        HookCommand::Stop { id, why } => client.stop(id.as_str(), why).await?,
        HookCommand::Lower(args) => {
            let end = args.expires.map(|end| end.after(ctx.now));
            client.lower(args.id.as_str(), args.places, end).await?
        }
        HookCommand::Show { id, instances } => return show(ctx, &client, id, *instances).await,
        HookCommand::Export(args) => return export(ctx, &client, args).await,
        HookCommand::List(args) => return list(ctx, &client, args).await,
    };
    ctx.out.json(&view)?;
    tell(ctx, &view)
}

fn tell(ctx: &mut Ctx, view: &HookView) -> Result<()> {
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

/// The bounds of the house's root, which decide the reach that is shown; the defaults where the server has no root yet.
async fn bounds(ctx: &mut Ctx, profile: &Profile, client: &Client) -> Result<Bounds> {
    match client.trust(profile.root_fingerprint).await? {
        Some(trust) => {
            // Where the first sign-in came before the root, the root is kept from now on.
            if profile.root_fingerprint.is_none() {
                let seen = Profile {
                    root_fingerprint: Some(trust.fingerprint()),
                    ..profile.clone()
                };
                seen.save(&ctx.config_dir)?;
            }
            Ok(trust.root().bounds.clone())
        }
        None => Ok(Bounds::default()),
    }
}

/// Signs a hook on the server: the command `hook sign`, and `sign` with a hook's id.
pub async fn sign_one(
    ctx: &mut Ctx,
    profile: &Profile,
    client: &Client,
    args: &SignHookArgs,
) -> Result<()> {
    let key = keyfile::load(&args.key.key)?;
    let seen = client.hook(args.id.as_str()).await?;
    let revision = args.revision.unwrap_or(seen.revision);
    let expected = seen.digest.filter(|_| revision == seen.revision);
    if revision == seen.revision && matches!(seen.state_word().as_str(), "draft" | "sent back") {
        let next = format!("submit it: boathook hook submit {}", args.id);
        return Err(Error::failed(
            "the hook is not in review yet, so its bytes may still change",
            next,
        ));
    }
    let payload = client.payload(args.id.as_str(), revision, expected).await?;
    let bounds = bounds(ctx, profile, client).await?;
    let envelope = Envelope::unsigned(Hook::PAYLOAD_TYPE, payload.bytes.clone());
    let parsed = Parsed::Hook(Box::new(payload.hook.clone()));
    if !sign::consent(
        ctx,
        &parsed,
        &envelope,
        &bounds,
        &args.key,
        &key.public().id(),
    )? {
        return Err(Error::failed(
            "nothing was signed",
            format!(
                "send it back with words: boathook hook send-back {}",
                args.id
            ),
        ));
    }
    let view = client.sign_hook(&payload, &key, args.hold).await?;
    ctx.out.json(&view)?;
    ctx.out
        .line(format!("signed with the key {}", key.public().id().short()))?;
    tell(ctx, &view)
}

async fn show(ctx: &mut Ctx, client: &Client, id: &HookId, instances: bool) -> Result<()> {
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

async fn export(ctx: &mut Ctx, client: &Client, args: &ExportArgs) -> Result<()> {
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

async fn list(ctx: &mut Ctx, client: &Client, args: &ListArgs) -> Result<()> {
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
