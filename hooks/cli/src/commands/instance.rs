//! `boathook instance list|show|confirm`.
use boathook_hooks::{ids::InstanceId, keys::KeyId};
use clap::Subcommand;

use crate::{
    commands::{Ctx, cell},
    error::Result,
    profile::signed_in,
};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
A new instance gets no hooks until its fingerprint is confirmed. Its administrator reads it there with
`boathook-agent status`; compare it by another way than through this server, then:
  boathook instance confirm ID --fingerprint SHA256")]
pub enum InstanceCommand {
    /// List instances.
    List {
        #[arg(long, value_name = "CUSTOMER")]
        customer: Option<String>,
        /// Such as unconfirmed.
        #[arg(long)]
        state: Option<String>,
        /// Only their ids, one a line.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Show an instance with its facts.
    Show { id: InstanceId },
    /// Say that an instance is who it claims to be.
    Confirm {
        /// The instance's id, as `boathook instance list` shows it.
        id: InstanceId,
        /// As its administrator read it there.
        #[arg(long, value_name = "SHA256")]
        fingerprint: KeyId,
    },
}

pub async fn run(ctx: &mut Ctx, command: &InstanceCommand) -> Result<()> {
    let (_, client) = signed_in(&ctx.config_dir, ctx.now)?;
    match command {
        InstanceCommand::List {
            customer,
            state,
            quiet,
        } => {
            let instances = client.instances(customer.clone(), state.clone()).await?;
            ctx.out.json(&instances)?;
            if *quiet {
                return instances
                    .iter()
                    .try_for_each(|i| ctx.out.line(cell(i, "id")));
            }
            // The whole fingerprint is not here: it is compared as its administrator reads it there.
            let columns = ["id", "customer", "name", "state", "last_seen"];
            let rows: Vec<_> = instances
                .iter()
                .map(|i| columns.iter().map(|c| cell(i, c)).collect())
                .collect();
            ctx.out.table(&columns, &rows)?;
            let waits = instances.iter().find(|i| cell(i, "state") == "unconfirmed");
            waits.map_or(Ok(()), |i| {
                ctx.out.line(format!(
                    "next: boathook instance confirm {} --fingerprint SHA256, as `boathook-agent status` tells it there",
                    cell(i, "id")
                ))
            })
        }
        InstanceCommand::Show { id } => {
            let instance = client.instance(id.as_str()).await?;
            ctx.out.json(&instance)?;
            ctx.out
                .lines(&serde_json::to_string_pretty(&instance).unwrap_or_default())
        }
        InstanceCommand::Confirm { id, fingerprint } => {
            let instance = client
                .confirm_instance(id.as_str(), &fingerprint.to_string())
                .await
                .map_err(|e| e.or_next(409, "compare it with `boathook-agent status` on that machine; `boathook instance list`"))?;
            ctx.out.json(&instance)?;
            ctx.out.line(format!(
                "{id} is confirmed; it gets the hooks that are meant for it"
            ))
        }
    }
}
