//! `instance`: list, confirm, retire.
use boathook_hooks::{
    ids::{CustomerId, InstanceId},
    keys::KeyId,
};
use boathook_schema::{InstanceFilter, Page, Scope, Write};
use clap::Subcommand;

use crate::{
    api::instances::InstanceView,
    app::App,
    cli::{out, out::Out, words},
    errors::IntoAnswer as _,
};

#[derive(Subcommand)]
pub enum Command {
    /// All instances with state, last sign of life and fingerprint.
    List {
        /// Of this customer only.
        #[arg(long)]
        customer: Option<CustomerId>,
        /// Only those that are unconfirmed, confirmed, suspended or retired.
        #[arg(long)]
        state: Option<String>,
    },
    /// Let an instance get hooks, after comparing the fingerprint that its agent's `status` shows.
    Confirm {
        /// Which, as `instance list` shows it.
        id: InstanceId,
        /// What the agent's `status` shows on its machine, not what `instance list` shows here.
        fingerprint: KeyId,
    },
    /// Take an instance out for ever: it gets no hooks and sends no packets any more.
    Retire {
        /// Which, as `instance list` shows it.
        id: InstanceId,
        /// The reason, for the audit.
        #[arg(long)]
        why: String,
    },
}

pub async fn run(app: &App, command: Command, out: &Out) -> anyhow::Result<()> {
    let (scope, write) = (Scope::System, Write::system(app.now()));
    let instance = match command {
        Command::List { customer, state } => {
            let filter = InstanceFilter { customer, state };
            let mut all: Vec<InstanceView> = Vec::new();
            let mut page = Page::first(1000);
            loop {
                let instances = app.store.instances(&scope, filter.clone(), page).await?;
                all.extend(instances.items.into_iter().map(InstanceView::from));
                match instances.next {
                    Some(next) => page = Page::first(1000).after(Some(next)),
                    None => break,
                }
            }
            return out.show(&all, |all| {
                let rows = all.iter().map(|i| {
                    let last_seen = i.last_seen.to_string();
                    vec![
                        i.id.to_string(),
                        i.customer.to_string(),
                        i.name.clone(),
                        i.state.into(),
                        last_seen,
                        i.fingerprint.to_string(),
                    ]
                });
                out::table(
                    &[
                        "INSTANCE",
                        "CUSTOMER",
                        "NAME",
                        "STATE",
                        "LAST SEEN",
                        "FINGERPRINT",
                    ],
                    rows,
                )
            });
        }
        Command::Confirm { id, fingerprint } => {
            app.store
                .confirm_instance(&scope, write, id, fingerprint)
                .await
        }
        Command::Retire { id, why } => app.store.retire_instance(&scope, write, id, why).await,
    };
    let instance: InstanceView = instance.answer().map_err(words)?.into();
    out.show(&instance, |i| format!("instance {} is {}", i.id, i.state))
}
