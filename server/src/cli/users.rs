//! `user`: people who may sign in, their roles, and tokens for programs.
use anyhow::bail;
use boathook_hooks::ids::PersonId;
use boathook_schema::{ApiToken, Customers, Grant, Page, Role, Scope, Write};
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
    people::secrets,
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
        #[arg(long = "role", required = true, value_parser = grant)]
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
        #[arg(long = "role", value_parser = grant)]
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
        #[arg(long = "role", value_parser = grant)]
        roles: Vec<Grant>,
    },
}

/// `engineer` or `engineer:acme,bolt`.
fn grant(text: &str) -> Result<Grant, String> {
    let (role, customers) = match text.split_once(':') {
        Some((role, list)) => {
            let ids = list
                .split(',')
                .map(str::parse)
                .collect::<Result<_, String>>()?;
            (role, Customers::Only(ids))
        }
        None => (text, Customers::All),
    };
    let role = match role {
        "viewer" => Role::Viewer,
        "engineer" => Role::Engineer,
        "reviewer" => Role::Reviewer,
        "admin" => Role::Admin,
        other => {
            return Err(format!(
                "expected viewer, engineer, reviewer or admin, found {other:?}"
            ));
        }
    };
    Ok(Grant { role, customers })
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
                format!("{} can {}", u.person, roles_in_words(&u.roles))
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
                format!("{} can {}", u.person, roles_in_words(&u.roles))
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
                        roles_in_words(&u.roles),
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

fn roles_in_words(roles: &[Grant]) -> String {
    let one = |g: &Grant| {
        let role = match g.role {
            Role::Viewer => "viewer",
            Role::Engineer => "engineer",
            Role::Reviewer => "reviewer",
            Role::Admin => "admin",
        };
        match &g.customers {
            Customers::All => role.to_owned(),
            Customers::Only(set) => {
                let ids: Vec<&str> = set.iter().map(|c| c.as_str()).collect();
                format!("{role}:{}", ids.join(","))
            }
        }
    };
    roles.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_role_for_some_customers_reads_back() {
        for text in ["admin", "engineer:acme,bolt"] {
            assert_eq!(roles_in_words(&[grant(text).unwrap()]), text);
        }
        assert!(grant("king").is_err() && grant("viewer:").is_err());
    }
}
