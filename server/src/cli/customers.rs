//! `customer` and `join-token`.
use boathook_hooks::ids::CustomerId;
use boathook_schema::{Page, Scope, Write};
use clap::Subcommand;

use crate::{
    api::{
        customers::{CustomerView, NewToken, make_token, put_customer},
        durations::Duration,
    },
    app::App,
    cli::{out, out::Out, words},
};

#[derive(Subcommand)]
pub enum Command {
    /// Make or rename a customer.
    Add {
        /// A short word for the customer, such as acme. It never changes.
        id: CustomerId,
        /// The customer's name as people read it.
        name: String,
    },
    /// All customers with their names.
    List,
}

#[derive(clap::Args)]
pub struct JoinToken {
    /// Whose instances join with it; they are this customer's for ever.
    customer: CustomerId,
    /// How many instances may join with it.
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// How long it can be used, such as 12h or 7d.
    #[arg(long, default_value = "7d")]
    expires: Duration,
    /// Instances get hooks at once, without a person comparing their fingerprint.
    #[arg(long)]
    no_confirm: bool,
}

pub async fn run(app: &App, command: Command, out: &Out) -> anyhow::Result<()> {
    let scope = Scope::System;
    match command {
        Command::Add { id, name } => {
            let write = Write::system(app.now());
            let customer = put_customer(app, &scope, write, id, name)
                .await
                .map_err(words)?;
            out.show(&customer, |c| format!("customer {} is {}", c.id, c.name))
        }
        Command::List => {
            let mut all: Vec<CustomerView> = Vec::new();
            let mut page = Page::first(1000);
            loop {
                let customers = app.store.customers(&scope, page).await?;
                all.extend(customers.items.into_iter().map(CustomerView::from));
                match customers.next {
                    Some(next) => page = Page::first(1000).after(Some(next)),
                    None => break,
                }
            }
            out.show(&all, |all| {
                let rows = all.iter().map(|c| vec![c.id.to_string(), c.name.clone()]);
                out::table(&["CUSTOMER", "NAME"], rows)
            })
        }
    }
}

pub async fn join_token(app: &App, args: JoinToken, out: &Out) -> anyhow::Result<()> {
    let body = NewToken {
        count: args.count,
        expires_in: Some(args.expires),
        confirm: !args.no_confirm,
    };
    let write = Write::system(app.now());
    let made = make_token(app, &Scope::System, write, args.customer, body)
        .await
        .map_err(words)?;
    // The bare string alone on its line, so that a script can keep it.
    out.show(&made, |made| made.join_string.clone())
}
