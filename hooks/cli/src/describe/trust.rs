//! Roots, rosters and revocations in lines of plain words.
use std::collections::BTreeSet;

use boathook_hooks::{
    authoring::human,
    documents::{
        revocation::{Revocation, Revoked},
        root::{Holder, Holders, Root},
        roster::{KeyPlace, Roster, RosterCustomers, SigningRole},
    },
};

fn holders(what: &str, holders: &Holders) -> Vec<String> {
    let people: BTreeSet<_> = holders.keys.iter().map(|h| &h.person).collect();
    let mut out = vec![format!(
        "{what}: {} of {} people",
        holders.threshold,
        people.len()
    )];
    out.extend(holders.keys.iter().map(holder));
    out
}

fn holder(holder: &Holder) -> String {
    format!(
        "    {}  {}  (fingerprint {})",
        holder.person,
        holder.key,
        holder.key.id().short()
    )
}

pub fn root(root: &Root) -> Vec<String> {
    let mut out = vec![
        format!("root {}", root.version),
        format!("issued {}, expires {}", root.issued_at, root.expires_at),
    ];
    out.extend(holders("root keys (sign the next root)", &root.root));
    out.extend(holders("admission keys (sign rosters)", &root.admission));
    out.push("revokers (each alone)".into());
    out.extend(root.revokers.iter().map(holder));
    out.push("the server's online keys".into());
    out.extend(
        root.online
            .iter()
            .map(|k| format!("    {k}  (fingerprint {})", k.id().short())),
    );
    let b = &root.bounds;
    out.push("bounds".into());
    out.push(format!(
        "    a hook is signed by {} people, lives at most {} days",
        b.hook_people, b.hook_days
    ));
    out.push(format!(
        "    at most {} places, {} a packet",
        b.places,
        human::size(b.packet_bytes)
    ));
    out.push(format!(
        "    a roster lives at most {} days, a template {}",
        b.roster_days, b.template_days
    ));
    out.push(format!(
        "    of ordinary reach: files beneath {}",
        b.ordinary_paths.join(", ")
    ));
    out.extend(
        root.undone
            .iter()
            .map(|u| format!("undoes revocation {} of {}", u.number, u.revoker.short())),
    );
    out.extend(root.last_revocations.iter().map(|l| {
        format!(
            "of the dropped revoker {} count the revocations up to {}",
            l.revoker.short(),
            l.number
        )
    }));
    out.extend(critical(&root.critical));
    out
}

fn critical(names: &[String]) -> Option<String> {
    (!names.is_empty())
        .then(|| format!("cannot be used without the extensions {}", names.join(", ")))
}

pub fn roster(roster: &Roster) -> Vec<String> {
    let mut out = vec![
        format!("roster {}", roster.version),
        format!("issued {}, expires {}", roster.issued_at, roster.expires_at),
    ];
    if roster.people.is_empty() {
        out.push("nobody is in it yet".into());
    }
    for person in &roster.people {
        let roles = person.roles.iter().map(|r| match r {
            SigningRole::Author => "author",
            SigningRole::Reviewer => "reviewer",
        });
        let customers = match &person.customers {
            RosterCustomers::All => "all customers".to_owned(),
            RosterCustomers::Only(list) => list
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        };
        let roles = roles.collect::<Vec<_>>().join(" and ");
        out.push(format!(
            "{} ({}): {roles} for {customers}",
            person.person, person.name
        ));
        for key in &person.keys {
            let place = match key.place {
                KeyPlace::Browser => "a browser",
                KeyPlace::File => "a file",
                KeyPlace::Token => "a token",
            };
            let id = key.key.id();
            out.push(format!(
                "    {}  kept in {place}, admitted {}  (fingerprint {})",
                key.key,
                key.admitted_at,
                id.short()
            ));
        }
    }
    out.extend(critical(&roster.critical));
    out
}

pub fn revocation(revocation: &Revocation) -> Vec<String> {
    let what = match &revocation.revoked {
        Revoked::Key(id) => format!("the key {id}"),
        Revoked::Person(person) => format!("the person {person}, with all their keys"),
        Revoked::Hook(digest) => format!("the hook {digest}"),
        Revoked::Template(digest) => format!("the template {digest}"),
    };
    vec![
        format!(
            "revocation {} of the revoker {}",
            revocation.number, revocation.revoker
        ),
        format!("takes back {what}"),
        format!(
            "issued {}, for ever unless a root undoes it",
            revocation.issued_at
        ),
        format!("reason: {}", revocation.reason),
    ]
}
