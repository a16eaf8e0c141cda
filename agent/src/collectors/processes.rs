//! `processes`: what runs here, the greatest first, as `processes.txt` for people and `processes.json`. Read from /proc
//! alone; environments are never opened.
mod one;
mod users;

use std::{collections::BTreeMap, fmt::Write as _, fs};

use boathook_hooks::{
    collectors::processes::{By, Params},
    time::Time,
};
use serde::Serialize;

use crate::{
    child::out::{Section, Stop},
    policy::grants::Grants,
};
use one::{Details, Seen, System};

/// Most of the table for people; `processes.json` has all.
const TABLE_BYTES: usize = 4 << 20;

pub fn collect(params: &Params, grants: &Grants, section: &mut Section) -> Result<(), Stop> {
    if !grants.processes {
        return Err(Stop::DeniedByPolicy(
            "the policy does not allow processes".into(),
        ));
    }
    let system = System::read();
    let (mut seen, mut summary) = look(params, &system, section)?;
    seen.sort_by(|a, b| {
        let by = match params.by {
            By::Memory => b.resident_bytes.cmp(&a.resident_bytes),
            By::Cpu => b.cpu_ticks.cmp(&a.cpu_ticks),
        };
        by.then(a.pid.cmp(&b.pid))
    });
    let top = usize::try_from(params.top).unwrap_or(usize::MAX);
    summary.left_out = seen.len().saturating_sub(top) as u64;
    seen.truncate(top);
    let table = write_json(params, &summary, &seen, &system, section)?;
    section.file("processes.txt", table.as_bytes())?;
    if summary.left_out > 0 {
        section.leave_out(
            &format!(
                "processes beyond the {top} greatest by {}",
                params.by.name()
            ),
            0,
            summary.left_out,
        );
    }
    if let Some(hidden) = system.hidden {
        section.truncate(hidden);
    }
    Ok(())
}

/// `processes.json` without the list.
#[derive(Default, Serialize)]
struct Summary {
    at: String,
    /// All of them, wanted or not.
    processes: u64,
    threads: u64,
    by_state: BTreeMap<&'static str, u64>,
    by_user: BTreeMap<String, u64>,
    resident_bytes: u64,
    /// Processes that the hook asks for.
    wanted: u64,
    left_out: u64,
}

fn look(params: &Params, system: &System, section: &Section) -> Result<(Vec<Seen>, Summary), Stop> {
    let mut summary = Summary {
        at: Time::wall_clock().to_string(),
        ..Summary::default()
    };
    let mut out = Vec::new();
    let all = fs::read_dir("/proc").map_err(|error| Stop::system("reading /proc", &error))?;
    for (n, entry) in all.flatten().enumerate() {
        if n % 256 == 0 {
            section.check_time()?;
        }
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // One that ends while we look is left out.
        let Some((seen, name)) = Seen::read(pid, system) else {
            continue;
        };
        summary.processes += 1;
        summary.threads += seen.threads;
        summary.resident_bytes += seen.resident_bytes;
        *summary.by_state.entry(seen.state_word()).or_default() += 1;
        *summary
            .by_user
            .entry(system.users.name(seen.uid))
            .or_default() += 1;
        if params.wants(&name)
            || (!params.names.is_empty() && one::program(pid).is_some_and(|p| params.wants(&p)))
        {
            summary.wanted += 1;
            out.push(seen);
        }
    }
    if summary.processes == 0 {
        return Err(Stop::DeniedBySystem(
            "/proc shows no process to the agent".into(),
        ));
    }
    Ok((out, summary))
}

/// Writes `processes.json`, one process a line, and gives the same as a table.
fn write_json(
    params: &Params,
    summary: &Summary,
    seen: &[Seen],
    system: &System,
    section: &mut Section,
) -> Result<String, Stop> {
    let broken = |e: serde_json::Error| Stop::Failed(e.to_string());
    let mut table = String::from(HEAD);
    section.begin_file("processes.json", false)?;
    let head = serde_json::to_string(summary).map_err(broken)?;
    section.write(format!("{{\"summary\": {head},\n\"processes\": [").as_bytes())?;
    let mut first = true;
    for one in seen {
        section.check_time()?;
        // Another process may have its pid now.
        let Some(details) = Details::read(one, params.arguments, system) else {
            continue;
        };
        let json = serde_json::to_string(&details).map_err(broken)?;
        let comma = if std::mem::take(&mut first) { "" } else { "," };
        section.write(format!("{comma}\n{json}").as_bytes())?;
        row(&mut table, &details);
    }
    section.write(b"\n]}\n")?;
    section.end_file()?;
    Ok(table)
}

const HEAD: &str = "    PID    PPID USER             STATE     THREADS   RSS KiB      CPU s STARTED              COMMAND\n";

fn row(table: &mut String, of: &Details) {
    if table.len() > TABLE_BYTES {
        return;
    }
    let command: String = of
        .command_line
        .as_deref()
        .unwrap_or(&of.name)
        .chars()
        .take(2_000)
        .collect();
    // Writing to a String cannot fail.
    let _ = writeln!(
        table,
        "{:>7} {:>7} {:<16} {:<9} {:>7} {:>9} {:>10.1} {:<20} {command}",
        of.pid,
        of.parent,
        of.user,
        of.state,
        of.threads,
        of.resident_bytes / 1024,
        of.cpu_seconds,
        of.started_at,
    );
}
