//! `boathook ticket put|list|show`.
use boathook_hooks::ids::CustomerId;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    commands::{Ctx, cell},
    error::Result,
    profile::signed_in,
};

const MISSING: &str = "`boathook ticket list`; ask the operator (`boathook-server customer list`)";

/// A ticket by its system and key: `jira/SUP-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRef {
    pub system: String,
    pub key: String,
}

impl std::str::FromStr for TicketRef {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('/') {
            Some((system, key)) if !system.is_empty() && !key.is_empty() => Ok(Self {
                system: system.to_owned(),
                key: key.to_owned(),
            }),
            _ => Err("expected SYSTEM/KEY, such as jira/SUP-1".into()),
        }
    }
}

impl std::fmt::Display for TicketRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.system, self.key)
    }
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  boathook ticket put jira/SUP-1 --customer acme --title 'Slow since the upgrade' --url https://jira.example.com/SUP-1
  boathook ticket show jira/SUP-1")]
pub enum TicketCommand {
    /// Make a ticket known here, or change what is known of it; the same again changes nothing.
    Put(PutArgs),
    /// List tickets.
    List {
        /// Of this customer only.
        #[arg(long, value_name = "CUSTOMER")]
        customer: Option<CustomerId>,
    },
    /// Show a ticket with its hooks, packets and answers.
    Show {
        #[arg(value_name = "SYSTEM/KEY")]
        ticket: TicketRef,
    },
}

#[derive(Debug, Args)]
pub struct PutArgs {
    #[arg(value_name = "SYSTEM/KEY")]
    pub ticket: TicketRef,
    /// Whose ticket it is.
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: CustomerId,
    /// What it is about, in one line.
    #[arg(long)]
    pub title: String,
    /// Where the ticket lives.
    #[arg(long)]
    pub url: Option<String>,
}

pub async fn run(ctx: &mut Ctx, command: &TicketCommand) -> Result<()> {
    let (_, client) = signed_in(&ctx.config_dir, ctx.now)?;
    match command {
        TicketCommand::Put(args) => {
            let TicketRef { system, key } = &args.ticket;
            let url = args.url.as_deref();
            let ticket = client
                .put_ticket(system, key, args.customer.as_str(), &args.title, url)
                .await
                .map_err(|e| e.or_next(404, MISSING))?;
            ctx.out.json(&ticket)?;
            ctx.out.line(format!(
                "{system}/{key} of {}: {}",
                ticket.customer, ticket.title
            ))?;
            ctx.out.line(format!(
                "next: boathook hook new FILE.toml --ticket {system}/{key}"
            ))
        }
        TicketCommand::List { customer } => {
            let tickets = client
                .tickets(customer.as_ref().map(ToString::to_string))
                .await?;
            ctx.out.json(&tickets)?;
            let rows = tickets.iter().map(|t| {
                vec![
                    format!("{}/{}", t.system, t.key),
                    t.customer.clone(),
                    t.title.clone(),
                ]
            });
            ctx.out
                .table(&["ticket", "customer", "title"], &rows.collect::<Vec<_>>())
        }
        TicketCommand::Show { ticket } => {
            let found = client.ticket(&ticket.system, &ticket.key).await;
            show(ctx, &found.map_err(|e| e.or_next(404, MISSING))?)
        }
    }
}

fn show(ctx: &mut Ctx, ticket: &crate::client::TicketView) -> Result<()> {
    ctx.out.json(ticket)?;
    ctx.out.line(format!(
        "{}/{} of {}: {}",
        ticket.system, ticket.key, ticket.customer, ticket.title
    ))?;
    if let Some(url) = &ticket.url {
        ctx.out.line(url)?;
    }
    let parts: [(&str, &[Value], &[&str]); 3] = [
        (
            "hooks",
            &ticket.hooks,
            &["id", "revision", "state", "title"],
        ),
        (
            "packets",
            &ticket.packets,
            &["name", "bytes", "received_at"],
        ),
        (
            "answers",
            &ticket.answers,
            &["instance", "kind", "reason", "at"],
        ),
    ];
    for (what, rows, columns) in parts {
        if rows.is_empty() {
            ctx.out.line(format!("no {what}"))?;
            continue;
        }
        ctx.out.line("")?;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| columns.iter().map(|c| cell(row, c)).collect())
            .collect();
        ctx.out.table(columns, &rows)?;
    }
    if !ticket.packets.is_empty() {
        ctx.out.line(format!(
            "next: boathook packet get --ticket {}/{}",
            ticket.system, ticket.key
        ))?;
    }
    Ok(())
}
