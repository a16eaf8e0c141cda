//! Signing keys: asked for, admitted by the roster, revoked. The server decides none of it: the page says what the
//! holders of the admission keys run elsewhere.
use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    documents::{
        revocation::Revoked,
        roster::{KeyPlace, Roster, RosterCustomers, RosterKey, SigningRole},
    },
    keys::KeyId,
};
use boathook_schema::{Page as Rows, Person, Role, Scope, scope_of};
use serde::Deserialize;

use super::Tabs;
use crate::{
    api::{
        extract::Query,
        trust::{AdmissionView, RevocationView, drop_key, view},
    },
    app::{App, Shared},
    errors::Answer,
    people::{HouseAdmin, both},
    ui::{
        chrome::{Chrome, Section, html},
        forms::Form,
        links,
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/admin/keys.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    asked: Vec<AskedFor>,
    next: Option<String>,
    roster: Option<Roster>,
    /// What follows once a key stands in the next roster.
    after: Vec<String>,
    revoked: Vec<RevocationView>,
    /// Keys that count no more, though the roster may name them still.
    revoked_keys: BTreeMap<KeyId, String>,
}

struct AskedFor {
    admission: AdmissionView,
    /// By which the next roster admits it.
    command: String,
    is_admitted: bool,
}

#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
}

#[derive(Deserialize)]
pub struct Drop {
    key: KeyId,
}

pub async fn get(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Query(query): Query<Asked>,
) -> Answer<Response> {
    let trust = view(&app);
    let roster = trust.roster.map(|r| r.document);
    let rows = Rows::first(100).after(query.after);
    let admissions = app.store.admissions(&caller.scope, rows).await?;
    let (mut asked, mut is_first) = (Vec::new(), true);
    for admission in admissions.items {
        let admission = AdmissionView::from(admission);
        let is_admitted = is_admitted(roster.as_ref(), &admission);
        let command = match is_admitted {
            true => String::new(),
            false => command(&app, roster.as_ref(), &admission, is_first).await?,
        };
        is_first &= is_admitted;
        asked.push(AskedFor {
            command,
            is_admitted,
            admission,
        });
    }
    let next_version = roster.as_ref().map_or(1, |r| r.version + 1);
    let file = format!("roster-{next_version}.bson");
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Admin, "Keys"),
        tabs: Tabs::of(&caller, "keys"),
        asked,
        next: admissions
            .next
            .map(|next| links::with_query("/admin/keys", [("after", next.as_str())])),
        after: vec![
            format!("boathook roster sign {file} --key ADMISSION_KEY.pem"),
            format!("boathook trust import {file}"),
        ],
        roster,
        revoked_keys: app.trust.current().revoked_keys(),
        revoked: trust.revocations,
    })
}

pub async fn drop(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Form(form): Form<Drop>,
) -> Answer<Response> {
    drop_key(&app, &caller, form.key).await?;
    Ok(Redirect::to("/admin/keys").into_response())
}

fn is_admitted(roster: Option<&Roster>, asked: &AdmissionView) -> bool {
    let people = roster.map(|r| r.people.as_slice()).unwrap_or_default();
    let person = people.iter().find(|p| p.person == asked.person);
    person.is_some_and(|p| p.keys.iter().any(|k| k.key == asked.key))
}

/// The exact command of the admission keys' holders: over the roster that stands, whose next version the first of several
/// requests makes, and all others go into.
async fn command(
    app: &App,
    roster: Option<&Roster>,
    asked: &AdmissionView,
    is_first: bool,
) -> Answer<String> {
    let place = place(&asked.place);
    let (person, key) = (&asked.person, &asked.key);
    let Some(roster) = roster else {
        let who = membership(app.store.person(&Scope::System, person).await?);
        return Ok(format!(
            "boathook roster add roster-1.bson {person}{who} --key {key} --place {place}"
        ));
    };
    let (here, next) = (roster.version, roster.version + 1);
    let is_in = roster.people.iter().any(|p| p.person == *person);
    let who = match is_in {
        true => String::new(),
        false => membership(app.store.person(&Scope::System, person).await?),
    };
    let (from, out) = match is_first {
        true => (here, format!(" --out roster-{next}.bson")),
        false => (next, String::new()),
    };
    Ok(format!(
        "boathook roster add roster-{from}.bson {person}{who} --key {key} --place {place}{out}"
    ))
}

/// What a new member of the roster needs besides a key, by what they may do here. The roster knows one set of customers a
/// person: that which all of their roles have, never more. The holders decide.
fn membership(person: Option<Person>) -> String {
    let Some(person) = person else {
        return String::new();
    };
    let mut words = format!(" --name {}", quoted(&person.name));
    let mut common: Option<Scope> = None;
    for (role, signs) in [(Role::Engineer, "author"), (Role::Reviewer, "reviewer")] {
        let Some(scope) = scope_of(&person.roles, &[role]) else {
            continue;
        };
        let narrower = match common.clone() {
            None => Some(scope),
            Some(common) => both(common, scope),
        };
        // Without a customer for both roles, the first one alone.
        if narrower.is_some() {
            words.push_str(&format!(" --role {signs}"));
            common = narrower;
        }
    }
    match common {
        Some(Scope::All) => words.push_str(" --all-customers"),
        Some(Scope::Only(some)) => {
            for customer in some {
                words.push_str(&format!(" --customer {customer}"));
            }
        }
        _ => {}
    }
    words
}

/// For a shell: whatever somebody is called, it stays one word and does nothing.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", plain.replace('\'', r"'\''"))
}

pub fn place(place: &KeyPlace) -> &'static str {
    match place {
        KeyPlace::Browser => "browser",
        KeyPlace::File => "file",
        KeyPlace::Token => "token",
    }
}

pub fn roles(roles: &[SigningRole]) -> String {
    let word = |role: &SigningRole| match role {
        SigningRole::Author => "author",
        SigningRole::Reviewer => "reviewer",
    };
    roles.iter().map(word).collect::<Vec<_>>().join(", ")
}

pub fn customers(customers: &RosterCustomers) -> String {
    match customers {
        RosterCustomers::All => "all".to_owned(),
        RosterCustomers::Only(list) => {
            let ids: Vec<&str> = list.iter().map(|c| c.as_str()).collect();
            ids.join(", ")
        }
    }
}

/// Kind and name of what a revocation takes away.
pub fn what(revoked: &Revoked) -> (&'static str, String) {
    match revoked {
        Revoked::Key(key) => ("key", key.to_string()),
        Revoked::Person(person) => ("person", person.to_string()),
        Revoked::Hook(hook) => ("hook", hook.to_string()),
        Revoked::Template(template) => ("template", template.to_string()),
    }
}

impl Page {
    fn is_revoked(&self, key: &RosterKey) -> bool {
        self.revoked_keys.contains_key(&key.key.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_command_stays_one_word() {
        assert_eq!(quoted("Ada"), "'Ada'");
        assert_eq!(quoted("x'; rm -rf ~ #\n"), r"'x'\''; rm -rf ~ #'");
    }
}
