//! `boathook roster new|add|remove|renew|sign|show`.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    documents::{
        Document as _,
        roster::{KeyPlace, Roster, RosterCustomers, SigningRole},
    },
    ids::{CustomerId, PersonId},
    keys::KeyId,
    time::DAY,
};
use clap::{Args, Subcommand, ValueEnum};
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
    trust::{self, End, Member, unverified},
};

const LIFE: End = End::In(30 * DAY);

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook roster new -o roster-1.bson
  boathook roster add roster-1.bson ada --name 'Ada L.' --role author --role reviewer --customer acme --key ada.pub
  boathook roster add roster-1.bson ben --name 'Ben K.' --role reviewer --all-customers --key ben.pub
  boathook roster sign roster-1.bson --key ada.pem
  boathook roster sign roster-1.bson --key ben.pem
  boathook trust import roster-1.bson
  A month later:
  boathook roster renew roster-1.bson -o roster-2.bson")]
pub enum RosterCommand {
    /// Make an empty roster.
    New(RosterNewArgs),
    /// Add a person, or a key, roles or customers to a person. A signed roster is not changed: --out gets the next version.
    Add(Box<RosterAddArgs>),
    /// Take out a person, or one key.
    Remove(RosterRemoveArgs),
    /// The next version with the same people and a new end.
    Renew(RosterRenewArgs),
    /// Sign a roster with an admission key.
    Sign(SignFileArgs),
    /// Show who is in a roster.
    Show { file: PathBuf },
}

#[derive(Debug, Args)]
pub struct RosterNewArgs {
    /// Its number; each roster's is higher than the last one's.
    #[arg(long, default_value_t = 1)]
    pub version: u64,
    /// When it ends: 30d, or a time [default: 30d]
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<End>,
    /// Where it goes [default: roster-VERSION.bson]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write standard DSSE JSON instead of BSON.
    #[arg(long)]
    pub dsse_json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    Author,
    Reviewer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PlaceArg {
    Browser,
    File,
    Token,
}

#[derive(Debug, Args)]
pub struct RosterAddArgs {
    /// The roster.
    pub file: PathBuf,
    /// Whom to add, or to change: the name that they sign in with.
    pub person: PersonId,
    /// The name that people read.
    #[arg(long)]
    pub name: Option<String>,
    /// What the person's signatures are worth.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<RoleArg>,
    /// A customer that the person signs for.
    #[arg(
        long = "customer",
        value_name = "CUSTOMER",
        conflicts_with = "all_customers"
    )]
    pub customers: Vec<CustomerId>,
    /// The person signs for all customers.
    #[arg(long)]
    pub all_customers: bool,
    /// A key to admit: ed25519:… or a .pub file. Compare its fingerprint with the person by another way.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Where the key is kept.
    #[arg(long, value_enum, default_value = "file")]
    pub place: PlaceArg,
    /// When the next version ends; only where the roster was signed [default: 30d]
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<End>,
    /// Where the changed roster goes; needed when FILE is signed.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RosterRemoveArgs {
    pub file: PathBuf,
    pub person: PersonId,
    /// Only this key, by its fingerprint.
    #[arg(long, value_name = "KEYID")]
    pub key: Option<KeyId>,
    /// When the next version ends; only where the roster was signed [default: 30d]
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<End>,
    /// Where the changed roster goes; needed when FILE is signed.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RosterRenewArgs {
    pub file: PathBuf,
    /// When it ends: 30d, or a time [default: 30d]
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<End>,
    /// Where it goes [default: roster-VERSION.bson]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub fn run(ctx: &mut Ctx, command: &RosterCommand) -> Result<()> {
    match command {
        RosterCommand::New(args) => {
            let roster = trust::new_roster(args.version, args.expires.unwrap_or(LIFE), ctx.now);
            let form = if args.dsse_json {
                Form::DsseJson
            } else {
                Form::Bson
            };
            write_new(ctx, roster, form, args.out.as_deref())
        }
        RosterCommand::Add(args) => {
            let member = member(args)?;
            let now = ctx.now;
            change(ctx, &args.file, args.out.as_deref(), args.expires, |r| {
                trust::add_member(r, &member, now)
            })
        }
        RosterCommand::Remove(args) => change(
            ctx,
            &args.file,
            args.out.as_deref(),
            args.expires,
            |roster| trust::remove_member(roster, &args.person, args.key.as_ref()),
        ),
        RosterCommand::Renew(args) => {
            let before = EnvelopeFile::read(&args.file)?;
            let next = trust::renew_roster(
                &unverified(&before.envelope)?,
                args.expires.unwrap_or(LIFE),
                ctx.now,
            );
            write_new(ctx, next, before.form, args.out.as_deref())
        }
        RosterCommand::Sign(args) => sign::files(ctx, args, Some("roster")),
        RosterCommand::Show { file } => sign::show(ctx, file, Some("roster")),
    }
}

fn member(args: &RosterAddArgs) -> Result<Member> {
    let key = args.key.as_deref().map(keyfile::public).transpose()?;
    if let Some((_, Some(named))) = &key
        && *named != args.person
    {
        return Err(Error::usage(
            format!("the key is {named}'s, not {}'s", args.person),
            "give the person's own key",
        ));
    }
    let place = match args.place {
        PlaceArg::Browser => KeyPlace::Browser,
        PlaceArg::File => KeyPlace::File,
        PlaceArg::Token => KeyPlace::Token,
    };
    let customers = match (args.all_customers, args.customers.is_empty()) {
        (true, _) => Some(RosterCustomers::All),
        (false, false) => Some(RosterCustomers::Only(args.customers.clone())),
        (false, true) => None,
    };
    let roles = args.roles.iter().map(|role| match role {
        RoleArg::Author => SigningRole::Author,
        RoleArg::Reviewer => SigningRole::Reviewer,
    });
    Ok(Member {
        person: args.person.clone(),
        name: args.name.clone(),
        roles: roles.collect(),
        customers,
        key: key.map(|(key, _)| (key, place)),
    })
}

/// A roster without signatures is changed in its place; of a signed one the next version is made.
fn change(
    ctx: &mut Ctx,
    path: &Path,
    out: Option<&Path>,
    expires: Option<End>,
    how: impl FnOnce(&mut Roster) -> Result<()>,
) -> Result<()> {
    let file = EnvelopeFile::read(path)?;
    let mut roster: Roster = unverified(&file.envelope)?;
    if !file.envelope.signatures.is_empty() {
        let out = out.ok_or_else(|| {
            Error::usage(
                format!(
                    "{} is signed, and a change would make its signatures void",
                    path.display()
                ),
                format!(
                    "give --out roster-{}.bson for the next version",
                    roster.version + 1
                ),
            )
        })?;
        roster = trust::renew_roster(&roster, expires.unwrap_or(LIFE), ctx.now);
        how(&mut roster)?;
        return write_new(ctx, roster, file.form, Some(out));
    }
    how(&mut roster)?;
    if let Some(end) = expires {
        roster.expires_at = end.after(ctx.now);
    }
    if let Some(out) = out {
        return write_new(ctx, roster, file.form, Some(out));
    }
    let file = EnvelopeFile {
        envelope: roster.envelope(&[])?,
        ..file
    };
    file.write_back()?;
    tell(ctx, &file, roster)
}

fn write_new(ctx: &mut Ctx, roster: Roster, form: Form, out: Option<&Path>) -> Result<()> {
    let path = out.map_or_else(
        || format!("roster-{}.bson", roster.version).into(),
        Path::to_owned,
    );
    let file = EnvelopeFile {
        envelope: roster.envelope(&[])?,
        form,
        path,
    };
    files::create(&file.path, &file.bytes()?, false)?;
    tell(ctx, &file, roster)
}

fn tell(ctx: &mut Ctx, file: &EnvelopeFile, roster: Roster) -> Result<()> {
    let digest = file.envelope.digest();
    ctx.out.json(&json!({"file": file.path, "kind": "roster", "version": roster.version, "digest": digest, "roster": roster}))?;
    let empty = roster.people.is_empty();
    for line in Parsed::Roster(Box::new(roster)).words(None) {
        ctx.out.line(line)?;
    }
    ctx.out.line("")?;
    ctx.out.line(format!("digest {digest}"))?;
    let path = file.path.display();
    let next = if empty {
        format!("add {path} PERSON --role ROLE --customer CUSTOMER --key PERSON.pub")
    } else {
        format!("sign {path} --key KEY.pem")
    };
    ctx.out
        .line(format!("written to {path}; next: boathook roster {next}"))
}
