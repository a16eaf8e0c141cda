//! `trust`: bringing roots, rosters and revocations, and showing what stands.
use std::path::PathBuf;

use anyhow::Context as _;
use boathook_schema::{Scope, Write};
use clap::Subcommand;

use crate::{
    api::trust::{Imported, TrustView, import_document, read, view},
    app::App,
    cli::{out::Out, words},
};

#[derive(Subcommand)]
pub enum Command {
    /// Verify documents against what stands, and store them. BSON or DSSE JSON; in the order given.
    Import {
        /// Files as `boathook` wrote them.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// The online key, and the root, roster and revocations that stand.
    Show,
}

pub async fn run(app: &App, command: Command, out: &Out) -> anyhow::Result<()> {
    match command {
        Command::Import { files } => {
            let mut imported: Vec<Imported> = Vec::new();
            for file in files {
                let name = file.display();
                let bytes = std::fs::read(&file).with_context(|| format!("cannot read {name}"))?;
                let envelope = read(&bytes, false)
                    .map_err(words)
                    .with_context(|| name.to_string())?;
                let write = Write::system(app.now());
                let done = import_document(app, &Scope::System, write, &envelope).await;
                imported.push(done.map_err(words).with_context(|| name.to_string())?);
            }
            out.show(&imported, |all| {
                let line = |i: &Imported| {
                    let was = if i.new { "imported" } else { "known already" };
                    format!("{} {}: {was}", i.kind, i.number)
                };
                all.iter().map(line).collect::<Vec<_>>().join("\n")
            })
        }
        Command::Show => out.show(&view(app), text),
    }
}

fn text(view: &TrustView) -> String {
    let ended = |expired: bool| if expired { " (EXPIRED)" } else { "" };
    let mut lines = vec![format!("online key   {}", view.online_key)];
    match &view.root {
        None => lines
            .push("root         none: boathook root new, two signatures, then trust import".into()),
        Some(root) => {
            let named = if view.online_key_named {
                ""
            } else {
                ", DOES NOT NAME THIS SERVER'S ONLINE KEY"
            };
            lines.push(format!(
                "root         version {}, until {}{}, first root {}{named}",
                root.version,
                root.expires_at,
                ended(root.expired),
                root.fingerprint
            ));
        }
    }
    match &view.roster {
        None => lines.push("roster       none: nothing can be signed or started".into()),
        Some(roster) => {
            let people: Vec<&str> = roster
                .document
                .people
                .iter()
                .map(|p| p.person.as_str())
                .collect();
            lines.push(format!(
                "roster       version {}, until {}{}: {}",
                roster.version,
                roster.expires_at,
                ended(roster.expired),
                people.join(", ")
            ));
        }
    }
    lines.push(format!("revocations  {}", view.revocations.len()));
    lines.join("\n")
}
