//! `boathook trust show|fetch|import`.
use std::path::{Path, PathBuf};

use boathook_hooks::{envelope::Envelope, strict::MAX_DOCUMENT};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    client::Client,
    commands::Ctx,
    describe::Parsed,
    error::{Error, Result},
    files::{self, EnvelopeFile},
    profile::{Profile, signed_in},
};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook trust import root-1.bson roster-1.bson
  boathook trust show
  boathook trust fetch --dir trust        (for `boathook verify`)")]
pub enum TrustCommand {
    /// Show the server's root, roster and revocations; the roots are verified here.
    Show,
    /// Write the server's roots and its roster into files, for `verify`, `explain` and `sign`. The roots are verified here.
    Fetch {
        /// Where they go, as root-VERSION.bson and roster-VERSION.bson; those that are there stay.
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
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
            for line in Parsed::Root(Box::new(trust.root().clone())).words(None) {
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
        TrustCommand::Fetch { dir } => fetch(ctx, &profile, &client, dir).await,
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
                let answer =
                    client
                        .import_trust(file.bson()?)
                        .await
                        .map_err(|e| match e.code() {
                            "root_people" | "roster_people" => {
                                e.or_next(422, "have the other holders sign it")
                            }
                            _ => e,
                        })?;
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

/// A file that is there already stays as it is, and must hold the same document.
async fn fetch(ctx: &mut Ctx, profile: &Profile, client: &Client, dir: &Path) -> Result<()> {
    let mut trust = client
        .trust(profile.root_fingerprint)
        .await?
        .ok_or_else(|| {
            Error::failed(
                "the server has no root yet",
                "make one with `boathook root new`, then `boathook trust import`",
            )
        })?;
    let mut written = Vec::new();
    std::fs::create_dir_all(dir).map_err(|source| Error::File {
        operation: "create",
        path: dir.to_owned(),
        source,
    })?;
    let mut found = Vec::new();
    for version in 1..=trust.root().version {
        if let Some(bytes) = trust.root_envelope(version) {
            found.push((dir.join(format!("root-{version}.bson")), bytes.to_vec()));
        }
    }
    let summary = client.trust_summary().await?;
    if let Some(version) = summary.pointer("/roster/version").and_then(Value::as_u64)
        && let Some(bytes) = client.roster_envelope(version).await?
    {
        trust.add_roster(&bytes)?;
        found.push((dir.join(format!("roster-{version}.bson")), bytes));
    }
    for (path, bytes) in found {
        if path.exists() {
            let here = EnvelopeFile::read(&path)?.envelope.digest();
            let theirs = Envelope::from_bson(&bytes, MAX_DOCUMENT)?.digest();
            if here != theirs {
                return Err(Error::failed(
                    format!("{} is another document than the server's", path.display()),
                    "fetch into another --dir, and compare the fingerprints by another way",
                ));
            }
        } else {
            files::create(&path, &bytes, false)?;
        }
        ctx.out.line(path.display().to_string())?;
        written.push(path);
    }
    ctx.out
        .line(format!("first root {}", trust.fingerprint()))?;
    ctx.out
        .json(&json!({"files": written, "first_root": trust.fingerprint()}))
}
