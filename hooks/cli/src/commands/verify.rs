//! `boathook verify`: proves what a file says, without a server.
use std::{
    fs::File,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use boathook_hooks::{documents::hook_list::Head, time::Time};
use clap::Args;
use serde_json::json;

use crate::{
    check::{Proof, audit, document, packet, receipt},
    commands::Ctx,
    describe::Parsed,
    error::{Error, Result},
    files::EnvelopeFile,
    keyfile,
    standing::TrustArgs,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook verify hook.bson --root root-1.bson --roster roster-1.bson
  boathook verify packet.zip --root root-1.bson            (with packet.zip.receipt beside it)
  boathook verify packet.zip.receipt --root root-1.bson
  boathook verify acme.jsonl --against 17:9f86d0…

`boathook trust fetch` gets roots and roster from the server; compare the first root's fingerprint by another way, or
give it with --fingerprint. Exit code 0: everything that is told to hold does.")]
pub struct VerifyArgs {
    /// A packet's zip, a receipt, an export of the audit, a hook, root, roster or revocation.
    pub file: PathBuf,
    /// The receipt of a packet [default: the packet's name with .receipt]; its heads too prove an export of the audit.
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// The key that the packet must be signed with: ed25519:…
    #[arg(long, value_name = "KEY")]
    pub instance_key: Option<String>,
    /// A head that was told earlier: the export must hold it.
    #[arg(long, value_name = "NUMBER:HASH", value_parser = audit::head)]
    pub against: Vec<Head>,
    /// Judge a hook as of this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Time>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Zip,
    Export,
    Envelope,
    Other,
}

impl FileKind {
    pub fn of(path: &Path) -> Result<Self> {
        let failed = |source| Error::File {
            operation: "read",
            path: path.to_owned(),
            source,
        };
        let mut begin = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(2 * boathook_hooks::strict::MAX_STATEMENT as u64)
            .read_to_end(&mut begin)
            .map_err(failed)?;
        Ok(if begin.starts_with(b"PK") {
            Self::Zip
        } else if audit::is_export(&begin) {
            Self::Export
        } else if crate::files::parse_envelope(&begin).is_ok() {
            Self::Envelope
        } else {
            Self::Other
        })
    }
}

pub fn run(ctx: &mut Ctx, args: &VerifyArgs) -> Result<()> {
    let proof = prove(args, ctx.now)?;
    ctx.out.json(&json!({"file": args.file, "proof": proof}))?;
    ctx.out
        .line(format!("{}: {}", args.file.display(), proof.kind))?;
    for words in &proof.holds {
        ctx.out.line(format!("  holds: {words}"))?;
    }
    for words in &proof.open {
        ctx.out.line(format!("  open:  {words}"))?;
    }
    Ok(())
}

fn prove(args: &VerifyArgs, now: Time) -> Result<Proof> {
    let kind = FileKind::of(&args.file)?;
    let mut given = args.trust.clone();
    // A first root is what all others are judged by.
    if given.roots.is_empty() && kind == FileKind::Envelope && is_first_root(&args.file)? {
        given.roots.push(args.file.clone());
    }
    let trust = given.load(now)?;
    match kind {
        FileKind::Zip => {
            let key = args.instance_key.as_deref().map(keyfile::public);
            let key = key.transpose()?.map(|k| k.0);
            let known = packet::Known {
                trust: trust.as_ref(),
                receipt: args.receipt.as_deref(),
                instance_key: key.as_ref(),
            };
            packet::prove(&args.file, known)
        }
        FileKind::Export => {
            let file = File::open(&args.file).map_err(|source| Error::File {
                operation: "read",
                path: args.file.clone(),
                source,
            })?;
            let mut heads = args.against.clone();
            if let Some(path) = &args.receipt {
                let trust = trust.as_ref().ok_or_else(|| {
                    Error::usage(
                        "a receipt is judged by the roots",
                        "give them with --root FILE",
                    )
                })?;
                heads.push(told(&args.file, &receipt::verified(path, trust)?.0)?);
            }
            audit::prove(&args.file, BufReader::new(file), &heads)
        }
        FileKind::Envelope => {
            let file = EnvelopeFile::read(&args.file)?;
            let pinned = args.trust.fingerprint.is_some();
            let mut proof = document::prove(
                &file.envelope,
                trust.as_ref(),
                pinned,
                args.at.unwrap_or(now),
            )?;
            if proof.kind == "hook" && args.trust.revocations.is_empty() {
                proof.open("no revocations were given (--revocation FILE)");
            }
            Ok(proof)
        }
        FileKind::Other if args.file.extension().is_some_and(|e| e == "toml") => {
            Err(Error::failed(
                format!("{} is no signed document", args.file.display()),
                "an authoring file is for `boathook lint` and `boathook explain`",
            ))
        }
        FileKind::Other => {
            // Says what is wrong with it, where it is nearly a document.
            EnvelopeFile::read(&args.file)?;
            Err(Error::NotADocument {
                path: args.file.clone(),
                what: "it is no packet, receipt, export or signed document".into(),
            })
        }
    }
}

fn is_first_root(path: &Path) -> Result<bool> {
    let parsed = Parsed::of(&EnvelopeFile::read(path)?.envelope)?;
    Ok(matches!(parsed, Parsed::Root(root) if root.version == 1))
}

/// The head that a receipt tells of the exported chain.
fn told(export: &Path, receipt: &boathook_hooks::documents::receipt::Receipt) -> Result<Head> {
    let file = File::open(export).map_err(|source| Error::File {
        operation: "read",
        path: export.to_owned(),
        source,
    })?;
    Ok(if audit::is_of_house(BufReader::new(file)) {
        receipt.heads.house.clone()
    } else {
        receipt.heads.customer.clone()
    })
}
