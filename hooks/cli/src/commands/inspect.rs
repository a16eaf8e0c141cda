//! `boathook inspect`: tells what a file is and says. Nothing is judged; `verify` does that.
use std::path::{Path, PathBuf};

use boathook_hooks::{authoring, keys::SecretKey};
use clap::Args;
use serde_json::json;

use crate::{
    check,
    commands::{Ctx, hook::MAX_TOML, sign, verify::FileKind},
    describe::Parsed,
    error::{Error, Result},
    files, keyfile,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook inspect hook.bson
  boathook inspect packet.zip
  boathook inspect ada.pub

Nothing is judged: `boathook verify` does that.")]
pub struct InspectArgs {
    /// A signed document, a packet, an export of the audit, a key or an authoring file.
    pub file: PathBuf,
}

pub fn run(ctx: &mut Ctx, args: &InspectArgs) -> Result<()> {
    let path = &args.file;
    match FileKind::of(path)? {
        FileKind::Envelope => sign::show(ctx, path, None),
        FileKind::Zip => {
            let (statement, digest, bytes) = check::packet::checked(path, None)?;
            ctx.out.json(&json!({
                "kind": "packet", "sha256": digest, "bytes": bytes, "statement": statement,
            }))?;
            let words = Parsed::Statement(Box::new(statement)).words(None);
            words.iter().try_for_each(|line| ctx.out.line(line))?;
            ctx.out.line(format!("{bytes} bytes, SHA-256 {digest}"))?;
            ctx.out.line(format!(
                "next: boathook verify {} --root ROOT",
                path.display()
            ))
        }
        FileKind::Export => {
            let file = std::fs::File::open(path).map_err(|source| Error::File {
                operation: "read",
                path: path.clone(),
                source,
            })?;
            let proof = check::audit::prove(path, std::io::BufReader::new(file), &[])?;
            ctx.out
                .json(&json!({"kind": proof.kind, "facts": proof.facts}))?;
            ctx.out.line("an export of the audit")?;
            ctx.out
                .lines(&serde_json::to_string_pretty(&proof.facts).unwrap_or_default())
        }
        FileKind::Other => other(ctx, path),
    }
}

/// A key or an authoring file.
fn other(ctx: &mut Ctx, path: &Path) -> Result<()> {
    let unknown = || Error::NotADocument {
        path: path.to_owned(),
        what: "it is no document, packet, export, key or authoring file".into(),
    };
    let text = zeroize::Zeroizing::new(files::read_text(path, MAX_TOML).map_err(|_| unknown())?);
    let key = if text.starts_with("-----BEGIN") {
        let secret = SecretKey::from_pem(&text).map_err(|source| Error::Key {
            path: path.to_owned(),
            source,
        })?;
        Some(("secret key", secret.public(), None))
    } else if text.starts_with("ed25519:") {
        let (key, person) = keyfile::public(&path.display().to_string())?;
        Some(("public key", key, person))
    } else {
        None
    };
    if let Some((kind, key, person)) = key {
        ctx.out.json(&json!({
            "kind": kind, "person": person, "public_key": key, "fingerprint": key.id(),
        }))?;
        let whose = person.map_or_else(String::new, |p| format!(" of {p}"));
        ctx.out.line(format!("{kind}{whose}"))?;
        ctx.out.line(format!("public key   {key}"))?;
        return ctx.out.line(format!("fingerprint  {}", key.id()));
    }
    if authoring::parse(&text).is_err() && !text.contains("[[collect]]") {
        return Err(unknown());
    }
    ctx.out.json(&json!({"kind": "authoring file"}))?;
    ctx.out
        .line("a hook as people write it, signed by nobody")?;
    ctx.out.line(format!(
        "next: boathook lint {0} && boathook explain {0}",
        path.display()
    ))
}
