//! The `[[collect]]` tables: sections with their limits and parameters.
use super::{
    fault::Faults,
    params,
    read::{DAY, needed},
    reader::Reader,
};
use crate::{documents::hook::CollectorEntry, ids::SectionName};

const DEFAULT_SECONDS: u32 = 60;
const MAX_SECTIONS: usize = 64;
const RESERVED_SECTIONS: [&str; 3] = ["packet.json", "packet.dsse.json", "redactions.json"];

/// A section without a limit of bytes has its even share of the packet.
pub(super) fn collectors(
    root: &mut Reader<'_, '_>,
    faults: &mut Faults<'_>,
    packet_bytes: u64,
    complete: bool,
) -> Vec<CollectorEntry> {
    let tables = root.tables(faults, "collect").unwrap_or_default();
    let count = tables.len();
    if (count == 0 && complete && !faults.names("collect")) || count > MAX_SECTIONS {
        let expected = format!("1 to {MAX_SECTIONS} collectors, each beginning with [[collect]]");
        faults.error("collect", format!("there are {count}"), expected);
    }
    let share = packet_bytes / u64::try_from(count.max(1)).unwrap_or(1);
    let mut entries: Vec<CollectorEntry> = Vec::new();
    for (n, table) in tables.into_iter().take(MAX_SECTIONS).enumerate() {
        let path = format!("collect[{n}]");
        let Some(entry) = collector(table, faults, share) else {
            continue;
        };
        let name = entry.section.as_str();
        if entries.iter().any(|other| other.section == entry.section) {
            faults.error(
                &format!("{path}.section"),
                format!("the section \"{name}\" stands twice"),
                "a name of its own",
            );
        }
        if RESERVED_SECTIONS.contains(&name) {
            faults.error(
                &format!("{path}.section"),
                format!("\"{name}\" is the packet's own"),
                "another name",
            );
        }
        entries.push(entry);
    }
    entries
}

/// Whether a key is nearly `name`: that is the fault, and not that `name` is missing.
fn misspelt(table: &Reader<'_, '_>, faults: &mut Faults<'_>, name: &str) -> bool {
    let mut any = false;
    for (key, at, _) in table.entries() {
        if !params::OWN.contains(&key) && is_near(key, name) {
            let path = table.path_of(key);
            faults.place(&path, at);
            faults.error(&path, "is not a field here", name);
            any = true;
        }
    }
    any
}

/// Whether at most two letters differ, lack or are too many.
pub(super) fn is_near(found: &str, name: &str) -> bool {
    if found.len() > name.len() + 8 {
        return false;
    }
    let name: Vec<char> = name.chars().collect();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, letter) in found.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, (other, pair)) in name.iter().zip(row.windows(2)).enumerate() {
            let (diagonal, above) = (pair[0], pair[1]);
            let left = next[j];
            next.push(
                (diagonal + usize::from(letter != *other))
                    .min(above + 1)
                    .min(left + 1),
            );
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

fn collector(
    mut table: Reader<'_, '_>,
    faults: &mut Faults<'_>,
    share: u64,
) -> Option<CollectorEntry> {
    if !table.has("collector") && misspelt(&table, faults, "collector") {
        return None;
    }
    let collector = needed(&mut table, faults, "collector");
    if collector.is_empty() {
        return None;
    }
    let section: Option<SectionName> = if table.has("section") {
        table.parsed(faults, "section")
    } else {
        collector.parse().ok()
    };
    let path = table.path_of("section");
    if section.is_none() && !collector.is_empty() && !faults.names(&path) {
        faults.error(
            &path,
            "is missing",
            "a name for this section, such as \"logs\"",
        );
    }
    let seconds = table
        .duration(faults, "seconds", 1..=DAY)
        .and_then(|n| u32::try_from(n).ok());
    let bytes = table.size(faults, "bytes", 1);
    let params = params::read(faults, &table, &collector);
    let own = table.path_of("");
    params::check(faults, own.trim_end_matches('.'), &collector, &params);
    Some(CollectorEntry {
        section: section?,
        collector,
        seconds: seconds.unwrap_or(DEFAULT_SECONDS),
        bytes: bytes.unwrap_or(share.max(1)),
        params,
    })
}
