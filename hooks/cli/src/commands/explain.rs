//! `boathook explain`: what a hook reads, runs, contacts and sends, in plain words. For authoring files and signed hooks.
use std::path::PathBuf;

use boathook_hooks::{
    authoring::{self, Fault, Fills},
    documents::hook::{Hook, HookCustomers, Subject},
    explain,
    ids::{CustomerId, HookId},
    time::Time,
};
use clap::Args;
use serde_json::Value;

use crate::{
    client::Client,
    commands::{Ctx, hook::MAX_TOML, hook_id, ticket::TicketRef},
    describe::Parsed,
    error::{Error, Result},
    files,
    profile::signed_in,
    standing::TrustArgs,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook explain slow.toml
  boathook explain hook.bson --root root-1.bson
  boathook explain 0193a5b2-…                 (a hook on the server)

It is made here, from the very bytes that are signed; only of a draft are there none yet. The reach depends on the root's ordinary paths: give the root with --root, or the usual ones are assumed.")]
pub struct ExplainArgs {
    /// An authoring file (TOML), a hook's envelope, or the id of a hook on the server; - is stdin.
    #[arg(value_name = "FILE|HOOK")]
    pub file: PathBuf,
    /// The ticket, where the file names none.
    #[arg(long, value_name = "SYSTEM/KEY")]
    pub ticket: Option<TicketRef>,
    /// The customers, where the file names none.
    #[arg(long = "customer", value_name = "CUSTOMER")]
    pub customers: Vec<CustomerId>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

pub async fn run(ctx: &mut Ctx, args: &ExplainArgs) -> Result<()> {
    let trust = args.trust.load(ctx.now)?;
    let mut bounds = trust.as_ref().map(|t| t.root().bounds.clone());
    let hook = match hook_id(&args.file) {
        Some(id) => {
            let (profile, client) = signed_in(&ctx.config_dir, ctx.now)?;
            if bounds.is_none() {
                let trust = client.trust(profile.root_fingerprint).await?;
                bounds = trust.map(|t| t.root().bounds.clone());
            }
            on_server(&client, &id, ctx.now).await?
        }
        None => hook(&files::read(&args.file, MAX_TOML)?, args, ctx.now)?,
    };
    let words = explain::explain(&hook, bounds.as_ref());
    ctx.out.json(&words)?;
    ctx.out.lines(&words.to_string())
}

async fn on_server(client: &Client, id: &HookId, now: Time) -> Result<Hook> {
    let seen = client.hook(id.as_str()).await?;
    if seen.digest.is_some() {
        let payload = client
            .payload(id.as_str(), seen.revision, seen.digest)
            .await?;
        return Ok(payload.hook);
    }
    let text = |name: &str| seen.more.get(name).and_then(Value::as_str);
    let ticket = seen.more.get("ticket");
    let ticket = |name: &str| Some(ticket?.get(name)?.as_str()?.to_owned());
    let said = |what: &str| Error::Answer {
        what: format!("the draft has no {what}"),
    };
    let fills = Fills {
        id: id.clone(),
        revision: seen.revision,
        author: seen.author.parse().map_err(|_| said("author"))?,
        now,
        subject: ticket("system")
            .zip(ticket("key"))
            .map(|(system, key)| Subject::Ticket {
                system,
                key,
                url: None,
            }),
        customers: None,
    };
    let faulty = |faults: Vec<Fault>| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        Error::failed(
            first,
            format!("`boathook hook edit {id} FILE.toml` gives it another text"),
        )
    };
    authoring::parse(text("toml").ok_or_else(|| said("text"))?)
        .and_then(|draft| draft.into_hook(fills))
        .map_err(faulty)
}

fn hook(bytes: &[u8], args: &ExplainArgs, now: Time) -> Result<Hook> {
    if let Ok((envelope, _)) = files::parse_envelope(bytes) {
        return match Parsed::of(&envelope)? {
            Parsed::Hook(hook) => Ok(*hook),
            other => Err(Error::usage(
                format!("this is a {}, not a hook", other.kind()),
                "use `boathook inspect`",
            )),
        };
    }
    let toml = std::str::from_utf8(bytes).map_err(|_| Error::NotADocument {
        path: args.file.clone(),
        what: "it is neither a hook's envelope nor an authoring file".into(),
    })?;
    let faulty = |faults: Vec<Fault>| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        Error::failed(
            format!("the file has faults: {first}"),
            format!("`boathook lint {}` tells all of them", args.file.display()),
        )
    };
    let draft = authoring::parse(toml).map_err(faulty)?;
    let fills = Fills::preview(now)
        .ok_or_else(|| Error::failed("no placeholders can be made", "report this"))?;
    let ticket = args.ticket.clone();
    let subject = ticket.map(|t| Subject::Ticket {
        system: t.system,
        key: t.key,
        url: None,
    });
    let customers =
        (!args.customers.is_empty()).then(|| HookCustomers::Only(args.customers.clone()));
    draft
        .into_hook(Fills {
            subject,
            customers,
            ..fills
        })
        .map_err(|faults| {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            Error::failed(
                first,
                "write it into the file, or give --ticket SYSTEM/KEY and --customer CUSTOMER",
            )
        })
}
