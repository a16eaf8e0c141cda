//! `user`: people who may sign in, their roles, and tokens for programs.
use anyhow::bail;
use boathook_hooks::ids::PersonId;
use boathook_schema::{ApiToken, Grant, Page, Scope, Write};
use clap::Subcommand;
use serde_json::json;

use crate::{
    api::{
        durations::Duration,
        users::{ChangedUser, NewUser, User, add, change},
    },
    app::App,
    cli::{out, out::Out, password, words},
    errors::IntoAnswer as _,
    people::{
        grants::{all_words, parse},
        secrets,
    },
};

#[derive(Subcommand)]
pub enum Command {
    /// A new person; the password comes from the prompt or from stdin.
    Add {
        /// A short word for the person: the one that the roster names, if they sign.
        person: PersonId,
        /// The name as people read it.
        #[arg(long)]
        name: String,
        /// ROLE or ROLE:CUSTOMER,CUSTOMER; roles are viewer, engineer, reviewer, admin. Repeat for more.
        #[arg(long = "role", required = true, value_parser = parse)]
        roles: Vec<Grant>,
        /// Without one the person cannot sign in, and needs a token.
        #[arg(long)]
        no_password: bool,
    },
    /// Change a person's name, roles (all are given anew) or password.
    Set {
        /// Who.
        person: PersonId,
        /// The name as people read it.
        #[arg(long)]
        name: Option<String>,
        /// ROLE or ROLE:CUSTOMER,CUSTOMER, in place of all that the person had. Repeat for more.
        #[arg(long = "role", value_parser = parse)]
        roles: Vec<Grant>,
        /// Ask for a new password; all sign-ins end.
        #[arg(long)]
        password: bool,
    },
    /// All people with their roles.
    List,
    /// A token for programs, shown once. It passes on its person's roles, or fewer.
    Token {
        /// Whose roles it passes on, and who acts with it in the audit.
        person: PersonId,
        /// What it is for, so that it is known again in lists.
        #[arg(long, default_value = "token")]
        label: String,
        /// How long it can be used, such as 12h or 90d.
        #[arg(long, default_value = "90d")]
        expires: Duration,
        /// Only these of the person's roles.
        #[arg(long = "role", value_parser = parse)]
        roles: Vec<Grant>,
    },
}

pub async fn run(app: &App, command: Command, out: &Out) -> anyhow::Result<()> {
    let scope = Scope::System;
    let write = || Write::system(app.now());
    match command {
        Command::Add {
            person,
            name,
            roles,
            no_password,
        } => {
            let password = match no_password {
                true => None,
                false => Some(password::read(&format!("password of {person}"))?.to_string()),
            };
            let body = NewUser {
                person,
                name,
                roles,
                password,
            };
            let user = add(app, &scope, write(), body).await.map_err(words)?;
            out.show(&user, |u| {
                format!("{} can {}", u.person, all_words(&u.roles))
            })
        }
        Command::Set {
            person,
            name,
            roles,
            password,
        } => {
            let Some(known) = app.store.person(&scope, &person).await? else {
                bail!("there is no person {person}; `user list` shows them");
            };
            let password = match password {
                true => Some(password::read(&format!("new password of {person}"))?.to_string()),
                false => None,
            };
            let body = ChangedUser {
                name: name.unwrap_or(known.name),
                roles: if roles.is_empty() { known.roles } else { roles },
                password,
            };
            let user = change(app, &scope, write, person, body)
                .await
                .map_err(words)?;
            out.show(&user, |u| {
                format!("{} can {}", u.person, all_words(&u.roles))
            })
        }
        Command::List => {
            let mut all: Vec<User> = Vec::new();
            let mut page = Page::first(1000);
            loop {
                let people = app.store.people(&scope, page).await?;
                all.extend(people.items.into_iter().map(User::from));
                match people.next {
                    Some(next) => page = Page::first(1000).after(Some(next)),
                    None => break,
                }
            }
            out.show(&all, |all| {
                let rows = all.iter().map(|u| {
                    let password = if u.has_password { "yes" } else { "no" };
                    vec![
                        u.person.to_string(),
                        u.name.clone(),
                        all_words(&u.roles),
                        password.into(),
                    ]
                });
                out::table(&["PERSON", "NAME", "ROLES", "PASSWORD"], rows)
            })
        }
        Command::Token {
            person,
            label,
            expires,
            roles,
        } => token(app, person, label, expires, roles, out).await,
    }
}

async fn token(
    app: &App,
    person: PersonId,
    label: String,
    expires: Duration,
    roles: Vec<Grant>,
    out: &Out,
) -> anyhow::Result<()> {
    let (scope, now) = (Scope::System, app.now());
    let Some(known) = app.store.person(&scope, &person).await? else {
        bail!("there is no person {person}; `user list` shows them");
    };
    let (text, hash) = secrets::fresh(secrets::PREFIX).map_err(words)?;
    let token = ApiToken {
        hash,
        person,
        label,
        roles: if roles.is_empty() { known.roles } else { roles },
        created_at: now,
        expires_at: now.plus_ms(expires.ms()),
    };
    let added = app
        .store
        .add_api_token(&scope, Write::system(now), token)
        .await;
    let token = added.answer().map_err(words)?;
    let shown = json!({
        "token": text,
        "person": token.person,
        "label": token.label,
        "expires_at": token.expires_at,
        "roles": token.roles,
    });
    // The bare token alone on its line, so that a script can keep it.
    out.show(&shown, |_| text)
}
