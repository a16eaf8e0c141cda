//! `boathook revoke`: one revoker takes back a key, a person, a hook or a template.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    documents::{
        Document as _,
        revocation::{Revocation, Revoked},
    },
    ids::Digest,
    keys::KeyId,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    client::Client,
    commands::{
        Ctx,
        sign::{self, KeyArgs},
    },
    describe::Parsed,
    error::{Error, Result},
    files::{self, EnvelopeFile},
    keyfile,
    profile::signed_in,
    trust::{new_revocation, unverified},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    Key,
    Person,
    Hook,
    Template,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook revoke person ben --reason 'left the house' --key ada.pem --import
  boathook revoke key 5f3c… --reason 'laptop stolen' --key ada.pem -o revocation.bson --number 1
  boathook revoke hook hook.bson --reason 'reads too much' --key ada.pem --import

A key is named by its fingerprint or its .pub file, a hook or template by its digest or its envelope file.
A revocation holds for ever, unless a new root undoes it. Each revoker numbers their own from 1 on: signed in, the
server's last number is asked; otherwise give --number, or --after with the last one.")]
pub struct RevokeArgs {
    #[arg(value_enum)]
    pub what: What,
    /// Which one.
    pub id: String,
    /// Those whom it stops read it.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub key: KeyArgs,
    /// Its number: the one after this revoker's last.
    #[arg(long, conflicts_with = "after")]
    pub number: Option<u64>,
    /// This revoker's last revocation.
    #[arg(long, value_name = "FILE")]
    pub after: Option<PathBuf>,
    /// Where it goes [default: revocation-KEYID-NUMBER.bson]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Hand it to the server at once.
    #[arg(long)]
    pub import: bool,
}

pub async fn run(ctx: &mut Ctx, args: &RevokeArgs) -> Result<()> {
    let key = keyfile::load(&args.key.key)?;
    let id = key.public().id();
    let revoked = revoked(args.what, &args.id)?;
    let client = match (args.import, args.number, &args.after) {
        (false, Some(_), _) | (false, _, Some(_)) => None,
        (true, ..) => Some(signed_in(&ctx.config_dir, ctx.now)?.1),
        (false, None, None) => signed_in(&ctx.config_dir, ctx.now).ok().map(|s| s.1),
    };
    let last = last(args, &id, client.as_ref()).await?;
    let document = new_revocation(&key, last, revoked, &args.reason, ctx.now)?;
    let number = document.number;
    let mut envelope = document.envelope(&[])?;
    let before = envelope.clone();
    sign::add_signature(&mut envelope, &key, |parsed| {
        sign::consent(ctx, parsed, &before, None, &args.key, &id)
    })?;
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| format!("revocation-{}-{number}.bson", id.short()).into());
    files::create(&path, &envelope.to_bson()?, false)?;
    let imported = match client.filter(|_| args.import) {
        Some(client) => Some(client.import_trust(envelope.to_bson()?).await?),
        None => None,
    };
    let digest = envelope.digest();
    ctx.out.json(&json!({
        "file": path, "kind": "revocation", "number": number, "revoker": id, "digest": digest, "server": imported,
    }))?;
    ctx.out.line(format!(
        "revocation {number} of {} in {}",
        id.short(),
        path.display()
    ))?;
    if imported.is_some() {
        return ctx
            .out
            .line("it is on the server: instances get it with their next hook list");
    }
    ctx.out
        .line(format!("next: boathook trust import {}", path.display()))
}

fn revoked(what: What, id: &str) -> Result<Revoked> {
    let wrong = |what: String, next: &str| Error::usage(format!("{id:?}: {what}"), next);
    match what {
        What::Person => id
            .parse()
            .map(Revoked::Person)
            .map_err(|e| wrong(e, "give the person's id as the roster has it")),
        What::Key if is_key(id) => Ok(Revoked::Key(keyfile::public(id)?.0.id())),
        What::Key => id.parse().map(Revoked::Key).map_err(|e: String| {
            wrong(
                e,
                "give its fingerprint (64 hex digits), ed25519:… or its .pub file",
            )
        }),
        What::Hook => digest(id, "hook").map(Revoked::Hook),
        What::Template => digest(id, "template").map(Revoked::Template),
    }
}

fn is_key(id: &str) -> bool {
    id.starts_with("ed25519:") || Path::new(id).exists()
}

/// A digest, or the file whose payload has it.
fn digest(id: &str, kind: &str) -> Result<Digest> {
    if let Ok(digest) = id.parse() {
        return Ok(digest);
    }
    if !Path::new(id).exists() {
        return Err(Error::usage(
            format!("{id:?} is neither a digest nor a file"),
            format!("give the {kind}'s digest as `boathook {kind} show` tells it, or its envelope"),
        ));
    }
    let file = EnvelopeFile::read(Path::new(id))?;
    let found = Parsed::of(&file.envelope)?.kind();
    if found == kind {
        Ok(file.envelope.digest())
    } else {
        Err(Error::usage(
            format!("{id} is a {found}, not a {kind}"),
            format!("give a {kind}"),
        ))
    }
}

/// The number of this revoker's last revocation, 0 for none.
async fn last(args: &RevokeArgs, id: &KeyId, client: Option<&Client>) -> Result<u64> {
    if let Some(number) = args.number {
        return number.checked_sub(1).ok_or_else(|| {
            Error::usage(
                "revocations are numbered from 1 on",
                "give --number 1 for the first",
            )
        });
    }
    if let Some(path) = &args.after {
        let before: Revocation = unverified(&EnvelopeFile::read(path)?.envelope)?;
        if before.revoker != *id {
            return Err(Error::usage(
                "--after is another revoker's",
                "give the last one that this key signed",
            ));
        }
        return Ok(before.number);
    }
    let client = client.ok_or_else(|| {
        Error::usage(
            "which number?",
            "give --number 1 for this revoker's first, --after with their last, or sign in and let the server be asked",
        )
    })?;
    let trust = client.trust_summary().await?;
    let all = trust.get("revocations").and_then(Value::as_array);
    let own = all
        .into_iter()
        .flatten()
        .filter(|r| r.get("revoker").and_then(Value::as_str) == Some(id.to_string().as_str()));
    Ok(own
        .filter_map(|r| r.get("number").and_then(Value::as_u64))
        .max()
        .unwrap_or(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_fingerprint_key_or_file_and_a_hook_by_its_digest() {
        let key = boathook_hooks::keys::SecretKey::from_seed(&[1; 32]).public();
        let expected = Revoked::Key(key.id());
        assert_eq!(revoked(What::Key, &key.id().to_string()).unwrap(), expected);
        assert_eq!(revoked(What::Key, &key.to_string()).unwrap(), expected);
        let hook = Digest::of(b"hook");
        assert_eq!(
            revoked(What::Hook, &hook.to_string()).unwrap(),
            Revoked::Hook(hook)
        );
        for (what, id) in [
            (What::Key, "x"),
            (What::Hook, "no.bson"),
            (What::Person, "A b"),
        ] {
            assert!(
                matches!(revoked(what, id), Err(Error::Usage { .. })),
                "{id}"
            );
        }
    }
}
