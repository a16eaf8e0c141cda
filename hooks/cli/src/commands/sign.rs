//! `boathook sign`: shows what would be signed and its digest, asks, signs. For files, and for hooks on a server.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    documents::root::{Bounds, Root},
    envelope::{Envelope, MAX_SIGNATURES},
    keys::{KeyId, PublicKey, SecretKey},
    verify::TrustStore,
};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    ask,
    commands::{
        Ctx,
        hook::{self, SignHookArgs},
        hook_id,
    },
    describe::{self, Parsed},
    error::{Error, Result},
    files::{self, EnvelopeFile},
    keyfile,
    profile::signed_in,
    standing::{Standing, TrustArgs},
};

/// Said instead of signing a second time with the same key.
pub const SIGNED_BEFORE: &str = "you have signed this already; nothing changed";

/// The key and whether to ask; everything that signs has these.
#[derive(Clone, Debug, Args)]
pub struct KeyArgs {
    /// The secret key to sign with, as `boathook keygen` made it.
    #[arg(
        long,
        value_name = "FILE.pem",
        env = "BOATHOOK_KEY",
        hide_env_values = true
    )]
    pub key: PathBuf,
    /// Sign without asking. Read what you sign before.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Clone, Debug, Args)]
pub struct SignFileArgs {
    /// An envelope: BSON or DSSE JSON, without or with some signatures.
    pub file: PathBuf,
    #[command(flatten)]
    pub key: KeyArgs,
    /// Where the signed envelope goes [default: FILE itself]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  boathook sign root-1.bson --key ada.pem
  boathook sign hook.bson --key ben.pem --root root-1.bson --roster roster-1.bson
  boathook sign 0193a5b2-… --key ben.pem      (a hook on the server, as `boathook hook sign`)

What is shown is made from the very bytes that are signed. Compare the digest with the author when in doubt.")]
pub struct SignArgs {
    /// A file, or the id of a hook on the server.
    #[arg(value_name = "FILE|HOOK")]
    pub what: String,
    #[command(flatten)]
    pub key: KeyArgs,
    /// Where the signed envelope goes [default: FILE itself]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub trust: TrustArgs,
}

pub async fn run(ctx: &mut Ctx, args: &SignArgs) -> Result<()> {
    let file = PathBuf::from(&args.what);
    if let Some(id) = hook_id(&file) {
        let (profile, client) = signed_in(&ctx.config_dir, ctx.now)?;
        let args = SignHookArgs {
            id,
            key: args.key.clone(),
            revision: None,
            hold: false,
        };
        return hook::sign_one(ctx, &profile, &client, &args).await;
    }
    files(
        ctx,
        &SignFileArgs {
            file,
            key: args.key.clone(),
            out: args.out.clone(),
            trust: args.trust.clone(),
        },
        None,
    )
}

/// A document in an envelope with this key's signature added. `show` sees what would be signed and must agree.
pub fn add_signature(
    envelope: &mut Envelope,
    key: &SecretKey,
    show: impl FnOnce(&Parsed) -> Result<bool>,
) -> Result<KeyId> {
    let parsed = Parsed::of(envelope)?;
    if !parsed.is_for_people() {
        return Err(Error::failed(
            format!("a {} is not signed by people", parsed.kind()),
            "people sign roots, rosters, hooks and revocations",
        ));
    }
    if envelope.signatures.len() >= MAX_SIGNATURES && !envelope.is_signed_by(&key.public()) {
        return Err(Error::failed(
            "the envelope has all the signatures that it can hold",
            "nothing more is needed",
        ));
    }
    if !show(&parsed)? {
        return Err(Error::failed("nothing was signed", ""));
    }
    envelope.add_signature(key);
    Ok(key.public().id())
}

/// Shows and asks, as every signature does.
pub fn consent(
    ctx: &mut Ctx,
    parsed: &Parsed,
    envelope: &Envelope,
    bounds: Option<&Bounds>,
    key: &KeyArgs,
    id: &KeyId,
) -> Result<bool> {
    for line in parsed.words(bounds) {
        ctx.out.line(line)?;
    }
    ctx.out.line("")?;
    ctx.out.line(format!("digest {}", envelope.digest()))?;
    if key.yes {
        return Ok(true);
    }
    if ctx.out.is_json() {
        return Err(Error::usage(
            "with --json nobody can be asked",
            "read it with `boathook inspect`, then give --yes",
        ));
    }
    ask::yes(
        &format!("Sign this {} with the key {}?", parsed.kind(), id.short()),
        "--yes",
    )
}

pub fn files(ctx: &mut Ctx, args: &SignFileArgs, expected: Option<&str>) -> Result<()> {
    let mut file = EnvelopeFile::read(&args.file)?;
    expect(&file.envelope, expected)?;
    let key = keyfile::load(&args.key.key)?;
    let id = key.public().id();
    let trust = args.trust.load(ctx.now)?;
    let bounds = trust.as_ref().map(|t| t.root().bounds.clone());
    if let Parsed::Root(root) = Parsed::of(&file.envelope)? {
        holder_only(&root, trust.as_ref(), &args.key.key, &key.public())?;
    }
    let signed_before = file.envelope.is_signed_by(&key.public());
    if !signed_before {
        let before = file.envelope.clone();
        add_signature(&mut file.envelope, &key, |parsed| {
            consent(ctx, parsed, &before, bounds.as_ref(), &args.key, &id)
        })?;
    }
    match &args.out {
        Some(path) => {
            file.path.clone_from(path);
            files::create(path, &file.bytes()?, false)?;
        }
        None if signed_before => {}
        None => file.write_back()?,
    }
    let standing = Standing::of(&file.envelope, trust.as_ref(), ctx.now)?;
    let parsed = Parsed::of(&file.envelope)?;
    ctx.out.json(&json!({
        "file": file.path, "kind": parsed.kind(), "digest": file.envelope.digest(), "signed_with": id,
        "signatures": describe::signatures(&file.envelope), "standing": standing,
    }))?;
    if signed_before {
        ctx.out.line(SIGNED_BEFORE)?;
    } else {
        ctx.out.line(format!(
            "signed with the key {}, in {}",
            id.short(),
            file.path.display()
        ))?;
    }
    standing
        .words()
        .iter()
        .try_for_each(|line| ctx.out.line(line))
}

/// A signature by any other key would not count, and stay in the envelope.
fn holder_only(
    root: &Root,
    trust: Option<&TrustStore>,
    file: &Path,
    key: &PublicKey,
) -> Result<()> {
    let before = trust.map(|t| &t.root().root.keys);
    let mut holders = root.root.keys.iter().chain(before.into_iter().flatten());
    if holders.any(|holder| holder.key == *key) {
        return Ok(());
    }
    let named = keyfile::public(&file.with_extension("pub").to_string_lossy()).ok();
    let person = named.filter(|(public, _)| public == key).and_then(|n| n.1);
    let whose = person.map_or_else(
        || format!("the key in {}", file.display()),
        |person| format!("{person}'s key"),
    );
    let mut people: Vec<&str> = root.root.keys.iter().map(|h| h.person.as_str()).collect();
    people.dedup();
    let mut next = format!("have its holders sign it: {}", people.join(", "));
    if root.version > 1 && trust.is_none() {
        next.push_str("; a holder of the root before it gives that one with --root FILE");
    }
    Err(Error::failed(
        format!("{whose} is none of this root's"),
        next,
    ))
}

/// What the document in `file` says and who has signed it.
pub fn show(ctx: &mut Ctx, path: &Path, expected: Option<&str>) -> Result<()> {
    let file = EnvelopeFile::read(path)?;
    expect(&file.envelope, expected)?;
    let parsed = Parsed::of(&file.envelope)?;
    let standing = Standing::of(&file.envelope, None, ctx.now)?;
    ctx.out.json(&shown(&file.envelope, &parsed, &standing))?;
    for line in parsed.words(None) {
        ctx.out.line(line)?;
    }
    ctx.out.line("")?;
    ctx.out.line(format!("digest {}", file.envelope.digest()))?;
    standing
        .words()
        .iter()
        .try_for_each(|line| ctx.out.line(line))
}

pub fn shown(envelope: &Envelope, parsed: &Parsed, standing: &Standing) -> Value {
    json!({
        "kind": parsed.kind(), "payload_type": envelope.payload_type, "digest": envelope.digest(),
        "document": parsed.json(), "signatures": describe::signatures(envelope), "standing": standing,
    })
}

fn expect(envelope: &Envelope, expected: Option<&str>) -> Result<()> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let found = Parsed::of(envelope)?.kind();
    if found == expected {
        return Ok(());
    }
    Err(Error::usage(
        format!("this is a {found}, not a {expected}"),
        format!("use `boathook inspect`, or give a {expected}"),
    ))
}
