//! What is to be made: how far each hook comes, whose each ticket is, and what they are called.
use crate::sites::{CUSTOMERS, LARGE};

const SUBJECTS: [&str; 10] = [
    "Login",
    "Search",
    "Checkout",
    "Import",
    "Nightly backup",
    "Replication",
    "Report",
    "Sync",
    "Mail queue",
    "Cluster",
];
const FAULTS: [&str; 9] = [
    "slow since the upgrade",
    "fails with error 500",
    "times out under load",
    "loses sessions",
    "uses all memory",
    "stops at midnight",
    "shows old data",
    "cannot reach LDAP",
    "hangs after failover",
];

/// How far a hook comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Draft,
    Review,
    SentBack,
    Held,
    /// All its places are taken.
    Full,
    /// By a person, after its packets came.
    Stopped,
    /// Its second revision is the one that counts.
    Second,
    /// Until its time is over.
    Runs,
}

pub fn way(n: u32) -> Way {
    match (n % 20, n % 40) {
        (0, _) => Way::Draft,
        (1, _) => Way::Review,
        (_, 2) => Way::SentBack,
        (_, 22) => Way::Held,
        (3 | 7 | 11 | 15, _) => Way::Full,
        (5 | 13, _) => Way::Stopped,
        (9 | 19, _) => Way::Second,
        _ => Way::Runs,
    }
}

pub fn is_published(way: Way) -> bool {
    !matches!(way, Way::Draft | Way::Review | Way::SentBack | Way::Held)
}

/// The nth ticket's key; its customer is that of the hook that is made for it.
pub fn ticket(n: u32) -> String {
    format!("SUP-{}", 1_000 + n)
}

/// Half of all tickets are of the large ones.
pub fn customer_of(ticket: u32) -> u32 {
    match ticket % 2 {
        0 => ticket / 2 % LARGE,
        _ => LARGE + ticket / 2 % (CUSTOMERS - LARGE),
    }
}

/// What a ticket is about.
pub fn about(n: u32) -> &'static str {
    SUBJECTS[n as usize % SUBJECTS.len()]
}

/// A ticket's title.
pub fn title(n: u32) -> String {
    format!("{} {}", about(n), FAULTS[n as usize % FAULTS.len()])
}

/// A hook's text; the second one asks for less.
pub fn toml(title: &str, wanted: u32, second: bool) -> String {
    let tail = if second { "64 KiB" } else { "1 MiB" };
    format!(
        "title = \"{title}\"\nreason = \"We want to see what it waits for.\"\nexpires = \"7d\"\n\n\
         [audience]\neveryone = true\n\n[limits]\nplaces = {wanted}\npacket = \"2 MiB\"\n\n\
         [[collect]]\ncollector = \"host\"\n\n\
         [[collect]]\nsection = \"logs\"\ncollector = \"file\"\npaths = [\"/var/log/app/*.log\"]\ntail_bytes = \"{tail}\"\n\n\
         [[collect]]\nsection = \"ldap\"\ncollector = \"file\"\npaths = [\"/var/log/ldap.log\"]\ntail_bytes = \"{tail}\"\n"
    )
}
