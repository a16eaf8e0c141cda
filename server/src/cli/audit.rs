//! `audit`: verify the chains, export one.
use anyhow::bail;
use boathook_schema::{Chain, ChainVerdict, Head, Page, Scope};
use clap::Subcommand;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::{api::audit::export_lines, app::App, cli::out::Out};

#[derive(Subcommand)]
pub enum Command {
    /// Recompute every hash of a chain, or of all.
    Verify {
        /// house, or customer:ID; all chains by default.
        #[arg(long)]
        chain: Option<Chain>,
        /// NUMBER:HASH as a hook list, a receipt or an earlier verification told it. Needs --chain.
        #[arg(long, requires = "chain", value_parser = head)]
        against: Option<Head>,
    },
    /// A chain as JSON lines, to be verified anywhere with `boathook verify`.
    Export {
        /// house, or customer:ID.
        #[arg(long)]
        chain: Chain,
    },
}

fn head(text: &str) -> Result<Head, String> {
    let refuse = || "expected NUMBER:HASH".to_owned();
    let (number, hash) = text.split_once(':').ok_or_else(refuse)?;
    Ok(Head {
        number: number.parse().map_err(|_| refuse())?,
        hash: hash.parse()?,
    })
}

pub async fn run(app: &App, command: Command, out: &Out) -> anyhow::Result<()> {
    match command {
        Command::Verify { chain, against } => verify(app, chain, against, out).await,
        Command::Export { chain } => {
            let lines = export_lines(app.store.clone(), Scope::System, chain);
            let mut lines = std::pin::pin!(lines);
            while let Some(part) = lines.next().await {
                out.raw(&part?)?;
            }
            Ok(())
        }
    }
}

async fn verify(
    app: &App,
    chain: Option<Chain>,
    against: Option<Head>,
    out: &Out,
) -> anyhow::Result<()> {
    let chains = match chain {
        Some(chain) => vec![chain],
        None => all_chains(app).await?,
    };
    let mut rows = Vec::new();
    let mut broken = false;
    for chain in chains {
        let verdict = app
            .store
            .verify_chain(&Scope::System, &chain, against.clone())
            .await?;
        rows.push(match verdict {
            ChainVerdict::Whole { head } => json!({
                "chain": chain.to_string(), "whole": true, "number": head.number, "hash": head.hash,
            }),
            ChainVerdict::Broken { at, why } => {
                broken = true;
                json!({"chain": chain.to_string(), "whole": false, "broken_at": at, "why": why.to_string()})
            }
        });
    }
    out.show(&rows, |rows| {
        let line = |row: &serde_json::Value| match row["whole"].as_bool() {
            Some(true) => format!(
                "{}: whole to event {}, head {}:{}",
                row["chain"].as_str().unwrap_or_default(),
                row["number"],
                row["number"],
                row["hash"].as_str().unwrap_or_default()
            ),
            _ => format!(
                "{}: BROKEN at event {}: {}",
                row["chain"].as_str().unwrap_or_default(),
                row["broken_at"],
                row["why"].as_str().unwrap_or_default()
            ),
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    if broken {
        bail!("a chain is broken");
    }
    Ok(())
}

async fn all_chains(app: &App) -> anyhow::Result<Vec<Chain>> {
    let mut all = Vec::new();
    let mut page = Page::first(1000);
    loop {
        let heads = app.store.heads(&Scope::System, page).await?;
        all.extend(heads.items.into_iter().map(|h| h.chain));
        match heads.next {
            Some(next) => page = Page::first(1000).after(Some(next)),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::ids::Digest;

    #[test]
    fn a_head_is_a_number_and_a_hash() {
        let hash = Digest::of(b"x");
        assert_eq!(
            head(&format!("7:{hash}")).unwrap(),
            Head { number: 7, hash }
        );
        assert!(head("7").is_err() && head("x:y").is_err());
    }
}
