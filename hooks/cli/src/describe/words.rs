//! Hooks, hook lists, receipts and packet statements in lines of plain words.
use boathook_hooks::{
    authoring::human,
    documents::{hook::Hook, hook_list::HookList, receipt::Receipt, root::Bounds},
    explain,
    packet::Statement,
};

/// The explanation, as the agent and the pages show it too.
pub fn hook(hook: &Hook, bounds: Option<&Bounds>) -> Vec<String> {
    let words = explain::explain(hook, bounds).to_string();
    words.lines().map(str::to_owned).collect()
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
