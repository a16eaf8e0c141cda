//! `boathook hook …`: from the draft to the end of a hook, on the server.
mod show;
mod sign;

use std::path::{Path, PathBuf};

use boathook_hooks::{
    authoring::{self, Severity},
    ids::HookId,
    time::Time,
};
use clap::{Args, Subcommand};

use crate::{
    commands::{Ctx, ticket::TicketRef},
    error::{Error, Result},
    files,
    profile::signed_in,
    trust::End,
};

pub use show::{ExportArgs, ListArgs};
pub use sign::{SignHookArgs, sign_one};

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
    /// The authoring file (TOML).
    pub file: PathBuf,
    /// The ticket that it is for [default: as the file says]
    #[arg(long, value_name = "SYSTEM/KEY")]
    pub ticket: Option<TicketRef>,
    /// Say only the new hook's id.
    #[arg(long, short)]
    pub quiet: bool,
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

pub async fn run(ctx: &mut Ctx, command: &HookCommand) -> Result<()> {
    let (profile, client) = signed_in(&ctx.config_dir, ctx.now)?;
    let view = match command {
        HookCommand::New(args) => {
            let toml = sound(&args.file, ctx.now)?;
            let ticket = args
                .ticket
                .as_ref()
                .map(|t| (t.system.as_str(), t.key.as_str()));
            let view = client.new_hook(&toml, ticket).await?;
            if args.quiet && !ctx.out.is_json() {
                return ctx.out.line(&view.id);
            }
            view
        }
        HookCommand::Edit { id, file } => {
            let toml = sound(file, ctx.now)?;
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
        HookCommand::Show { id, instances } => {
            return show::show(ctx, &client, id, *instances).await;
        }
        HookCommand::Export(args) => return show::export(ctx, &client, args).await,
        HookCommand::List(args) => return show::list(ctx, &client, args).await,
    };
    ctx.out.json(&view)?;
    show::tell(ctx, &view)
}

/// The text of an authoring file without errors: here they are told with their places, before anything is sent.
fn sound(path: &Path, now: Time) -> Result<String> {
    let toml = files::read_text(path, MAX_TOML)?;
    let faults = authoring::lint_at(&toml, None, now);
    match faults.iter().find(|f| f.severity == Severity::Error) {
        None => Ok(toml),
        Some(first) => Err(Error::failed(
            format!("{}: {first}", path.display()),
            format!("`boathook lint {}` tells all faults", path.display()),
        )),
    }
}
