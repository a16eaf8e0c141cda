//! `boathook keygen`: a key in a file.
use std::path::PathBuf;

use boathook_hooks::ids::PersonId;
use clap::Args;

use crate::{commands::Ctx, error::Result, keyfile};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook keygen ada.pem --person ada
  boathook keygen /media/stick/root-ada.pem --person ada

Two files are made: the secret (PKCS#8 PEM, for its owner alone) and FILE.pub with the public key, which others need.
Compare the fingerprint with them by another way than you send the file.")]
pub struct KeygenArgs {
    /// Where the secret key goes. Nothing is overwritten.
    #[arg(value_name = "FILE.pem")]
    pub file: PathBuf,
    /// Whose key it is; written into the .pub file.
    #[arg(long, value_name = "PERSON")]
    pub person: Option<PersonId>,
}

pub fn run(ctx: &mut Ctx, args: &KeygenArgs) -> Result<()> {
    let key = keyfile::generate(&args.file, args.person.as_ref())?;
    ctx.out.json(&key)?;
    ctx.out.line(format!("public key   {}", key.public_key))?;
    ctx.out.line(format!("fingerprint  {}", key.fingerprint))?;
    ctx.out.line(format!(
        "secret in    {} (keep it, for you alone)",
        key.secret_file.display()
    ))?;
    ctx.out.line(format!(
        "public in    {} (give it away)",
        key.public_file.display()
    ))
}
