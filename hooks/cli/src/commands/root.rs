//! `boathook root new|sign|show`.
use std::{collections::BTreeMap, path::PathBuf};

use boathook_hooks::{
    authoring::human,
    documents::{
        Document as _,
        revocation::Revocation,
        root::{Holder, LastRevocation, Root, Undone},
    },
    ids::Digest,
    keys::{KeyId, PublicKey},
};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    commands::{
        Ctx,
        sign::{self, SignFileArgs},
    },
    describe::Parsed,
    error::{Error, Result},
    files::{self, EnvelopeFile, Form},
    keyfile,
    trust::{BoundsPlan, End, RootPlan, new_root, root::root_fault, unverified},
};

#[derive(Debug, Subcommand)]
pub enum RootCommand {
    /// Make root 1, or with --previous the next one. It is not signed yet.
    New(Box<RootNewArgs>),
    /// Sign a root with a holder's key.
    Sign(SignFileArgs),
    /// Show what a root says and who has signed it.
    Show { file: PathBuf },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  The first root; two people hold all kinds of keys (--holder is --root, --admission and --revoker at once):
    boathook root new --holder ada.pub --holder ben.pub --online ed25519:… -o root-1.bson
    boathook root sign root-1.bson --key ada.pem
    boathook root sign root-1.bson --key ben.pem
  The next one, with another online key; what is not named stays as it was. It needs the signatures that root 1 asks for
  and those that it asks for itself:
    boathook root new --previous root-1.bson --online ed25519:… -o root-2.bson
  Without Ada as a revoker; what she revoked stays revoked, and nothing later of hers counts:
    boathook root new --previous root-1.bson --revoker ben.pub --revocation ada-1.bson -o root-2.bson

`boathook-server init` prints the online key.")]
pub struct RootNewArgs {
    /// The root before this one.
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
    /// A holder of all three kinds: root, admission and revoker.
    #[arg(long = "holder", value_name = "PERSON=KEY")]
    pub holders: Vec<String>,
    /// A holder of a root key: signs the next root. KEY is ed25519:… or a .pub file.
    #[arg(long = "root", value_name = "PERSON=KEY")]
    pub root: Vec<String>,
    /// A holder of an admission key: signs rosters.
    #[arg(long = "admission", value_name = "PERSON=KEY")]
    pub admission: Vec<String>,
    /// A revoker: takes back keys, people and hooks, alone.
    #[arg(long = "revoker", value_name = "PERSON=KEY")]
    pub revoker: Vec<String>,
    /// The server's online key, for hook lists and receipts.
    #[arg(long = "online", value_name = "KEY")]
    pub online: Vec<String>,
    /// How many people sign a root [default: 2]
    #[arg(long, value_name = "PEOPLE")]
    pub root_threshold: Option<u32>,
    /// How many people sign a roster [default: 2]
    #[arg(long, value_name = "PEOPLE")]
    pub admission_threshold: Option<u32>,
    /// How many people sign a hook, its author counted [default: 2]
    #[arg(long, value_name = "PEOPLE")]
    pub hook_people: Option<u32>,
    /// Most places of a hook [default: 10000]
    #[arg(long)]
    pub places: Option<u32>,
    /// Largest packet [default: 500 MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub packet_bytes: Option<u64>,
    /// Longest life of a hook [default: 14]
    #[arg(long, value_name = "DAYS")]
    pub hook_days: Option<u32>,
    /// Longest life of a roster [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub roster_days: Option<u32>,
    /// Longest life of a template [default: 365]
    #[arg(long, value_name = "DAYS")]
    pub template_days: Option<u32>,
    /// Files beneath this directory are of ordinary reach [default: /var/log]
    #[arg(long = "ordinary-path", value_name = "DIR")]
    pub ordinary_paths: Vec<String>,
    /// A revocation that no longer counts, by the revoker's key id and its number.
    #[arg(long = "undo", value_name = "KEYID:NUMBER", value_parser = undone)]
    pub undone: Vec<Undone>,
    /// The last revocation that counts of a revoker who is dropped (0: none does), by their key id.
    #[arg(long = "last-revocation", value_name = "KEYID:NUMBER", value_parser = last_revocation)]
    pub last_revocations: Vec<LastRevocation>,
    /// A revocation that is known; the last one of a revoker who is dropped is the last that counts.
    #[arg(long = "revocation", value_name = "FILE")]
    pub revocations: Vec<PathBuf>,
    /// When it ends: 365d, or a time [default: 365d]
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<End>,
    /// Where it goes [default: root-VERSION.bson]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write standard DSSE JSON instead of BSON.
    #[arg(long)]
    pub dsse_json: bool,
}

pub(crate) fn size(text: &str) -> std::result::Result<u64, String> {
    human::parse_size(text).ok_or_else(|| "expected a size such as 500 MiB".into())
}

fn numbered(text: &str) -> std::result::Result<(KeyId, u64), String> {
    let expected =
        || "expected the revoker's key id, a colon and the revocation's number".to_owned();
    let (revoker, number) = text.split_once(':').ok_or_else(expected)?;
    Ok((revoker.parse()?, number.parse().map_err(|_| expected())?))
}

fn undone(text: &str) -> std::result::Result<Undone, String> {
    numbered(text).map(|(revoker, number)| Undone { revoker, number })
}

fn last_revocation(text: &str) -> std::result::Result<LastRevocation, String> {
    numbered(text).map(|(revoker, number)| LastRevocation { revoker, number })
}

/// The highest number of each revoker of `before` among the files, signed as they say; what was said by number goes first.
fn last_known(
    said: &[LastRevocation],
    files: &[PathBuf],
    before: Option<&Root>,
) -> Result<Vec<LastRevocation>> {
    let mut last: BTreeMap<KeyId, u64> = BTreeMap::new();
    for path in files {
        let file = EnvelopeFile::read(path)?;
        let revocation: Revocation = unverified(&file.envelope)?;
        let by = before
            .into_iter()
            .flat_map(|root| &root.revokers)
            .find(|h| h.key.id() == revocation.revoker && file.envelope.is_signed_by(&h.key));
        if by.is_none() {
            return Err(Error::usage(
                format!(
                    "{} is not signed by a revoker of the root before",
                    path.display()
                ),
                "give revocations by revokers whom --previous names",
            ));
        }
        let highest = last.entry(revocation.revoker).or_default();
        *highest = (*highest).max(revocation.number);
    }
    last.extend(said.iter().map(|l| (l.revoker, l.number)));
    let last = last.into_iter();
    Ok(last
        .map(|(revoker, number)| LastRevocation { revoker, number })
        .collect())
}

impl RootNewArgs {
    fn plan(&self, previous: Option<&Root>) -> Result<RootPlan> {
        let holders = |own: &[String]| -> Result<Vec<Holder>> {
            self.holders
                .iter()
                .chain(own)
                .map(|text| keyfile::holder(text))
                .collect()
        };
        let online: Result<Vec<PublicKey>> = self
            .online
            .iter()
            .map(|k| Ok(keyfile::public(k)?.0))
            .collect();
        Ok(RootPlan {
            root: holders(&self.root)?,
            root_threshold: self.root_threshold,
            admission: holders(&self.admission)?,
            admission_threshold: self.admission_threshold,
            revokers: holders(&self.revoker)?,
            online: online?,
            bounds: BoundsPlan {
                hook_people: self.hook_people,
                places: self.places,
                packet_bytes: self.packet_bytes,
                hook_days: self.hook_days,
                roster_days: self.roster_days,
                template_days: self.template_days,
                ordinary_paths: self.ordinary_paths.clone(),
            },
            undone: self.undone.clone(),
            last_revocations: last_known(&self.last_revocations, &self.revocations, previous)?,
            expires: self.expires,
        })
    }
}

/// Better said before people are asked to sign.
fn complete(root: &Root, previous: Option<&Root>) -> Result<()> {
    let lacking = [
        (
            root.root.keys.is_empty(),
            "a holder of a root key",
            "--root PERSON=KEY (or --holder)",
        ),
        (
            root.admission.keys.is_empty(),
            "a holder of an admission key",
            "--admission PERSON=KEY (or --holder)",
        ),
        (
            root.revokers.is_empty(),
            "a revoker",
            "--revoker PERSON=KEY (or --holder)",
        ),
        (
            root.online.is_empty(),
            "the server's online key",
            "--online KEY; `boathook-server init` prints it",
        ),
    ];
    if let Some((_, what, option)) = lacking.into_iter().find(|(is, ..)| *is) {
        return Err(Error::usage(
            format!("a root needs {what}"),
            format!("give {option}"),
        ));
    }
    let dropped = previous.map(|before| (before, root.dropped_without_end(before)));
    if let Some((before, Some(key))) = dropped.as_ref().map(|(b, keys)| (b, keys.first())) {
        let person = before.revokers.iter().find(|h| h.key.id() == *key);
        return Err(Error::usage(
            format!(
                "root {} drops the revoker {}, and does not say which of their revocations is the last that counts",
                root.version,
                person.map_or_else(|| key.short(), |h| h.person.to_string()),
            ),
            format!(
                "give their revocations with --revocation FILE, or the last number with --last-revocation {key}:NUMBER (0: none counts)"
            ),
        ));
    }
    root_fault(root).map_or(Ok(()), |what| {
        Err(Error::usage(
            what,
            "change it; a root that is signed cannot be changed",
        ))
    })
}

pub fn run(ctx: &mut Ctx, command: &RootCommand) -> Result<()> {
    match command {
        RootCommand::New(args) => new(ctx, args),
        RootCommand::Sign(args) => sign::files(ctx, args, Some("root")),
        RootCommand::Show { file } => sign::show(ctx, file, Some("root")),
    }
}

fn new(ctx: &mut Ctx, args: &RootNewArgs) -> Result<()> {
    let previous = args
        .previous
        .as_ref()
        .map(|path| unverified::<Root>(&EnvelopeFile::read(path)?.envelope))
        .transpose()?;
    let root = new_root(&args.plan(previous.as_ref())?, previous.as_ref(), ctx.now);
    complete(&root, previous.as_ref())?;
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| format!("root-{}.bson", root.version).into());
    let file = EnvelopeFile {
        envelope: root.envelope(&[])?,
        form: if args.dsse_json {
            Form::DsseJson
        } else {
            Form::Bson
        },
        path,
    };
    files::create(&file.path, &file.bytes()?, false)?;
    let digest: Digest = file.envelope.digest();
    ctx.out.json(&json!({"file": file.path, "kind": "root", "version": root.version, "digest": digest, "root": root}))?;
    for line in Parsed::Root(Box::new(root)).words(None) {
        ctx.out.line(line)?;
    }
    ctx.out.line("")?;
    ctx.out.line(format!("fingerprint {digest}"))?;
    ctx.out.line(format!(
        "written to {}; next: boathook root sign {0} --key KEY.pem",
        file.path.display()
    ))
}
