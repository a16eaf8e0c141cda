//! `boathook explain`: what a hook reads, runs, contacts and sends, in plain words. For authoring files and signed hooks.
use std::path::PathBuf;

use boathook_hooks::{
    authoring::{self, Fault, Fills},
    documents::hook::{Hook, HookCustomers, Subject},
    explain,
    ids::CustomerId,
    time::Time,
};
use clap::Args;

use crate::{
    commands::{Ctx, hook::MAX_TOML, ticket::TicketRef},
    describe::Parsed,
    error::{Error, Result},
    files,
    standing::TrustArgs,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook explain slow.toml
  boathook explain hook.bson --root root-1.bson

The reach depends on the root's ordinary paths: give the root with --root, or the usual ones are assumed.")]
pub struct ExplainArgs {
    /// An authoring file (TOML) or a hook's envelope; - is stdin.
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

pub fn run(ctx: &mut Ctx, args: &ExplainArgs) -> Result<()> {
    let bytes = files::read(&args.file, MAX_TOML)?;
    let trust = args.trust.load(ctx.now)?;
    let bounds = trust.as_ref().map(|t| t.root().bounds.clone());
    let hook = hook(&bytes, args, ctx.now)?;
    let words = explain::explain(&hook, bounds.as_ref());
    ctx.out.json(&words)?;
    ctx.out.lines(&words.to_string())
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
