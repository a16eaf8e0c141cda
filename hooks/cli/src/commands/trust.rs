//! `boathook trust show|import`.
use std::path::PathBuf;

use boathook_hooks::documents::root::Bounds;
use clap::Subcommand;
use serde_json::json;

use crate::{
    commands::Ctx,
    describe::Parsed,
    error::{Error, Result},
    files::EnvelopeFile,
    profile::{Profile, signed_in},
};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook trust import root-1.bson roster-1.bson
  boathook trust show")]
pub enum TrustCommand {
    /// Show the server's root, roster and revocations; the roots are verified here.
    Show,
    /// Hand signed roots, rosters and revocations to the server, in this order.
    Import {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub async fn run(ctx: &mut Ctx, command: &TrustCommand) -> Result<()> {
    let (profile, client) = signed_in(&ctx.config_dir, ctx.now)?;
    match command {
        TrustCommand::Show => {
            let trust = client.trust(profile.root_fingerprint).await?;
            let summary = client.trust_summary().await?;
            ctx.out.json(&json!({
                "first_root": trust.as_ref().map(|t| t.fingerprint()),
                "pinned": profile.root_fingerprint, "server": summary,
            }))?;
            let Some(trust) = trust else {
                return ctx
                    .out
                    .line("the server has no root yet; next: boathook trust import root-1.bson");
            };
            ctx.out
                .line(format!("first root {}", trust.fingerprint()))?;
            for line in Parsed::Root(Box::new(trust.root().clone())).words(&Bounds::default()) {
                ctx.out.line(line)?;
            }
            for part in ["roster", "revocations"] {
                if let Some(value) = summary.get(part).filter(|v| !v.is_null()) {
                    ctx.out.line("")?;
                    ctx.out.line(part)?;
                    ctx.out
                        .lines(&serde_json::to_string_pretty(value).unwrap_or_default())?;
                }
            }
            Ok(())
        }
        TrustCommand::Import { files } => {
            let mut done = Vec::new();
            for path in files {
                let file = EnvelopeFile::read(path)?;
                let parsed = Parsed::of(&file.envelope)?;
                if !matches!(
                    parsed,
                    Parsed::Root(_) | Parsed::Roster(_) | Parsed::Revocation(_)
                ) {
                    return Err(Error::usage(
                        format!("{} is a {}", path.display(), parsed.kind()),
                        "import roots, rosters and revocations",
                    ));
                }
                let answer = client.import_trust(file.bson()?).await?;
                let digest = file.envelope.digest();
                ctx.out.line(format!(
                    "{} {digest} from {} is on the server",
                    parsed.kind(),
                    path.display()
                ))?;
                done.push(json!({"file": path, "kind": parsed.kind(), "digest": digest, "server": answer}));
                // Whoever imports the first root has it in hand: that one is trusted from now on.
                if let Parsed::Root(root) = &parsed
                    && root.version == 1
                    && profile.root_fingerprint.is_none()
                {
                    Profile {
                        root_fingerprint: Some(digest),
                        ..profile.clone()
                    }
                    .save(&ctx.config_dir)?;
                }
            }
            ctx.out.json(&done)
        }
    }
}
