//! Each document in lines of plain words.
use std::collections::BTreeSet;

use boathook_hooks::{
    authoring::human,
    documents::{
        hook::{Hook, HookCustomers, Subject},
        hook_list::HookList,
        receipt::Receipt,
        revocation::{Revocation, Revoked},
        root::{Bounds, Holder, Holders, Root},
        roster::{KeyPlace, Roster, RosterCustomers, SigningRole},
    },
    packet::Statement,
    reach::{self, Reach},
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

pub fn hook(hook: &Hook, bounds: &Bounds) -> Vec<String> {
    let customers = match &hook.customers {
        HookCustomers::Only(list) => list
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        HookCustomers::OptedIn => "those who opted in".into(),
    };
    let subject = match &hook.subject {
        Subject::Ticket { system, key, .. } => format!("ticket {system}/{key}"),
        Subject::Problem { signature } => format!("problem {signature}"),
        Subject::Package { name } => format!("package {name}"),
    };
    let mut out = vec![
        format!(
            "hook {} revision {}: {}",
            hook.id, hook.revision, hook.title
        ),
        format!("by {} for {subject}, customers: {customers}", hook.author),
        format!("reason: {}", hook.reason),
        format!("from {} until {}", hook.not_before, hook.expires_at),
        format!(
            "{} places, {} a packet, {} in all",
            hook.places,
            human::size(hook.packet_bytes),
            human::size(hook.total_bytes)
        ),
    ];
    for entry in &hook.collectors {
        let params = serde_json::to_string(&entry.params).unwrap_or_default();
        let limits = format!("{} s, {}", entry.seconds, human::size(entry.bytes));
        out.push(format!(
            "section {}: {} ({limits}) {params}",
            entry.section, entry.collector
        ));
    }
    match reach::of(hook, bounds) {
        Reach::Ordinary => out.push("reach: ordinary".into()),
        Reach::Wide(reasons) => {
            out.push("reach: wide".into());
            out.extend(reasons.iter().map(|r| format!("    {r}")));
        }
    }
    out
}

pub fn hook_list(list: &HookList) -> Vec<String> {
    let mut out = vec![
        format!(
            "hook list {} for instance {} of customer {}",
            list.number, list.instance, list.customer
        ),
        format!("issued {}, expires {}", list.issued_at, list.expires_at),
        format!("root {}, roster {}", list.root_version, list.roster_version),
        format!(
            "audit: customer's event {} ({})",
            list.heads.customer.number, list.heads.customer.hash
        ),
        format!(
            "audit: house's event {} ({})",
            list.heads.house.number, list.heads.house.hash
        ),
    ];
    out.extend(
        list.hooks
            .iter()
            .map(|h| format!("runs the hook {} until {}", h.digest, h.expires_at)),
    );
    out.extend(
        list.stopped
            .iter()
            .map(|d| format!("the hook {d} is stopped")),
    );
    out
}

pub fn receipt(receipt: &Receipt) -> Vec<String> {
    let mut out = vec![
        format!(
            "receipt for the packet {} of {}",
            receipt.packet,
            human::size(receipt.bytes)
        ),
        format!("received {}", receipt.received_at),
        format!("from the instance with the key {}", receipt.instance_key),
    ];
    out.extend(receipt.hook.map(|h| format!("for the hook {h}")));
    out.extend(
        receipt
            .claim
            .as_ref()
            .map(|c| format!("under the claim {c}")),
    );
    out.push(format!(
        "audit: customer's event {} ({})",
        receipt.heads.customer.number, receipt.heads.customer.hash
    ));
    out.push(format!(
        "audit: house's event {} ({})",
        receipt.heads.house.number, receipt.heads.house.hash
    ));
    out
}

pub fn statement(statement: &Statement) -> Vec<String> {
    let or = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    let mut out = vec![
        format!(
            "packet of instance {}",
            or(statement.instance.as_ref().map(ToString::to_string))
        ),
        format!(
            "customer {}",
            or(statement.customer.as_ref().map(ToString::to_string))
        ),
        format!("instance key {}", statement.instance_key),
        format!(
            "hook {}",
            or(statement
                .hook
                .as_ref()
                .map(|h| format!("{} revision {} ({})", h.id, h.revision, h.digest)))
        ),
        format!("from {} to {}", statement.started_at, statement.finished_at),
    ];
    if statement.interrupted {
        out.push("the run was cut off; what was finished is here".into());
    }
    for section in &statement.sections {
        let bytes: u64 = section.files.iter().map(|f| f.bytes).sum();
        let files = section.files.len();
        let mut line = format!(
            "section {}: {}, {files} files, {}",
            section.name,
            section.outcome.as_str(),
            human::size(bytes)
        );
        if !section.reason.is_empty() {
            line.push_str(&format!(" ({})", section.reason));
        }
        out.push(line);
        out.extend(
            section
                .left_out
                .iter()
                .map(|l| format!("    left out: {}", l.text)),
        );
    }
    let hidden: u64 = statement
        .all_files()
        .flat_map(|f| f.redactions.values())
        .sum();
    out.push(format!("{hidden} redactions"));
    out
}
