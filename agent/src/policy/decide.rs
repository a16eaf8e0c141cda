//! What the policy says to a hook: run it within these limits, not now, or not at all. It looks at the machine only to see
//! whose a socket directory is.
use std::path::Path;

use boathook_hooks::{
    collectors::{self, Parsed, file, postgres},
    documents::{
        hook::{CollectorEntry, Hook},
        root::Bounds,
    },
    ids::SectionName,
    reach,
    time::{MINUTE, Time},
};

use super::{Credentials, Mode, Policy};
use crate::collectors::postgres::socket;

/// What ran here since midnight UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub runs: u32,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Run(Ready),
    /// Within the policy, but not before `until`.
    NotNow {
        reason: String,
        until: Time,
    },
    Refused(String),
}

/// The lower of hook's and policy's limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    pub consent: Mode,
    pub packet_bytes: u64,
    pub run_ms: u64,
    /// Raw bytes of all sections.
    pub total_bytes: u64,
    /// Sections that will be *denied by policy*, and why.
    pub denied: Vec<(SectionName, String)>,
}

/// `minute` is that of the local day. Refused whole only when nothing of the hook would be allowed.
pub fn decide(
    hook: &Hook,
    bounds: &Bounds,
    policy: &Policy,
    credentials: &Credentials,
    used: Used,
    now: Time,
    minute: u16,
) -> Decision {
    let denied: Vec<(SectionName, String)> = hook
        .collectors
        .iter()
        .filter_map(|entry| Some((entry.section.clone(), denial(entry, policy, credentials)?)))
        .collect();
    if denied.len() == hook.collectors.len() {
        let why: Vec<String> = denied
            .iter()
            .map(|(section, why)| format!("{section}: {why}"))
            .collect();
        return Decision::Refused(format!(
            "the policy of this instance allows nothing of it ({})",
            why.join("; ")
        ));
    }
    if let Some(left) = policy.quiet.and_then(|q| q.ends_in(minute)) {
        return Decision::NotNow {
            reason: "the policy's quiet hours".into(),
            until: now.plus_ms(i64::from(left) * MINUTE),
        };
    }
    let limits = &policy.limits;
    if used.runs >= limits.runs_per_day || used.bytes >= limits.bytes_per_day {
        return Decision::NotNow {
            reason: format!(
                "the policy's daily ceiling of {} runs and {} bytes is reached",
                limits.runs_per_day, limits.bytes_per_day
            ),
            until: next_day(now),
        };
    }
    let consent = if reach::of(hook, bounds).is_wide() {
        policy.wide
    } else {
        policy.ordinary
    };
    let run_ms = hook
        .collectors
        .iter()
        .map(|c| u64::from(c.seconds) * 1_000)
        .fold(0, u64::saturating_add);
    Decision::Run(Ready {
        consent,
        packet_bytes: hook
            .packet_bytes
            .min(limits.packet_size)
            .min(limits.bytes_per_day - used.bytes),
        run_ms: run_ms.min(u64::try_from(limits.run_time.as_millis()).unwrap_or(u64::MAX)),
        total_bytes: hook
            .collectors
            .iter()
            .map(|c| c.bytes)
            .fold(0, u64::saturating_add),
        denied,
    })
}

fn next_day(now: Time) -> Time {
    const DAY: i64 = 24 * 60 * MINUTE;
    Time::from_ms((now.ms() / DAY + 1) * DAY)
}

/// Why the policy denies a section whole; none where it is allowed, if only in part (the child looks closer), or where
/// collector or parameters are not known (the child says so in the section).
fn denial(entry: &CollectorEntry, policy: &Policy, credentials: &Credentials) -> Option<String> {
    let grants = &policy.grants;
    match collectors::parse(&entry.collector, &entry.params).ok()? {
        Parsed::Host(_) => None,
        Parsed::Processes(_) => (!grants.processes).then(|| "processes are not allowed".into()),
        Parsed::Journal(_) => (!grants.journal).then(|| "the journal is not allowed".into()),
        Parsed::Command(p) => {
            let path = Path::new(&p.path);
            let allowed = grants
                .commands
                .iter()
                .any(|g| g.path == path && g.allows(&p.args));
            (!allowed).then(|| format!("the command {} is not allowed", p.line()))
        }
        Parsed::File(p) => {
            let reachable = p.paths.iter().any(|glob| {
                let fixed = Path::new(file::fixed_directory(glob));
                // A glob that begins above an allowed directory may reach into it.
                grants
                    .directories
                    .iter()
                    .any(|dir| fixed.starts_with(dir) || dir.starts_with(fixed))
            });
            (!reachable).then(|| format!("no allowed directory holds {}", p.paths.join(", ")))
        }
        Parsed::Postgres(p) => {
            if !credentials.has(&p.credential) {
                return Some(format!("there is no credential {:?}", p.credential));
            }
            if let Some(dir) = &p.socket_dir {
                return socket::refusal(dir, grants);
            }
            let near = postgres::is_loopback(&p.host);
            (!near && !grants.hosts.contains(&p.host))
                .then(|| format!("the host {} is not allowed", p.host))
        }
    }
}
