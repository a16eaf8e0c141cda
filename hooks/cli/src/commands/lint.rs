//! `boathook lint`: every fault of an authoring file, each with what would be right.
use std::path::PathBuf;

use boathook_hooks::authoring::{self, Severity};
use clap::Args;
use serde_json::json;

use crate::{
    commands::{Ctx, hook::MAX_TOML},
    error::{Error, Result},
    files,
    standing::TrustArgs,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook lint slow.toml
  boathook lint slow.toml --root root-1.bson --strict

With --root the root's own bounds are looked at too. Exit code 0: no errors; warnings alone do not fail without --strict.")]
pub struct LintArgs {
    /// The authoring file (TOML); - is stdin.
    pub file: PathBuf,
    /// Warnings fail too.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub trust: TrustArgs,
}

fn counted(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

pub fn run(ctx: &mut Ctx, args: &LintArgs) -> Result<()> {
    let toml = files::read_text(&args.file, MAX_TOML)?;
    let trust = args.trust.load(ctx.now)?;
    let bounds = trust.as_ref().map(|t| &t.root().bounds);
    let faults = authoring::lint_at(&toml, bounds, ctx.now);
    let count = |severity| faults.iter().filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    ctx.out.json(
        &json!({"file": args.file, "errors": errors, "warnings": warnings, "faults": faults}),
    )?;
    for fault in &faults {
        ctx.out.line(format!("{}: {fault}", args.file.display()))?;
    }
    if errors > 0 || (args.strict && warnings > 0) {
        return Err(Error::failed(
            format!(
                "{} and {}",
                counted(errors, "error"),
                counted(warnings, "warning")
            ),
            "mend them, then `boathook lint` again",
        ));
    }
    let words = match warnings {
        0 => "no faults".to_owned(),
        n => format!("no errors, {}", counted(n, "warning")),
    };
    ctx.out.line(words)?;
    ctx.out
        .line(format!("next: boathook explain {}", args.file.display()))
}
