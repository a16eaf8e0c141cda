//! Where things stand: an aggregate's rows in a table, a projection's rows in a list. Both backends have the same.
use serde::{Deserialize, Serialize};

/// A kind of aggregate. One aggregate is one partition: it is changed by one conditional write on its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Table {
    Customers,
    JoinTokens,
    Names,
    Tickets,
    Hooks,
    Revisions,
    Packets,
    Instances,
    People,
    Trust,
    /// A chain's events, 1,024 a partition.
    Chains,
    /// The control log, about a day and a half a partition.
    Control,
    /// Writes that change nothing but the audit: one partition an op id, forgotten after some days.
    Loose,
    /// Leases and numbers of the house's own work.
    Work,
}

impl Table {
    pub(crate) const ALL: [Self; 14] = [
        Self::Customers,
        Self::JoinTokens,
        Self::Names,
        Self::Tickets,
        Self::Hooks,
        Self::Revisions,
        Self::Packets,
        Self::Instances,
        Self::People,
        Self::Trust,
        Self::Chains,
        Self::Control,
        Self::Loose,
        Self::Work,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::JoinTokens => "join_tokens",
            Self::Names => "names",
            Self::Tickets => "tickets",
            Self::Hooks => "hooks",
            Self::Revisions => "revisions",
            Self::Packets => "packets",
            Self::Instances => "instances",
            Self::People => "people",
            Self::Trust => "trust",
            Self::Chains => "chains",
            Self::Control => "control",
            Self::Loose => "loose",
            Self::Work => "work",
        }
    }

    /// Whether what its aggregates answered is forgotten once they are erased.
    pub(crate) const fn forgets(self) -> bool {
        matches!(self, Self::Instances)
    }
}

/// One aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Home {
    pub(crate) table: Table,
    pub(crate) id: String,
}

impl Home {
    pub(crate) fn new(table: Table, id: impl ToString) -> Self {
        Self {
            table,
            id: id.to_string(),
        }
    }

    pub(crate) fn at(&self, row: impl Into<String>) -> At {
        At {
            home: self.clone(),
            row: row.into(),
        }
    }

    /// The row that most aggregates have: the record itself.
    pub(crate) fn head(&self) -> At {
        self.at(HEAD)
    }
}

/// The record of an aggregate. Other rows begin with a letter and a slash; `o/` and `p/` are the engine's own.
pub(crate) const HEAD: &str = "head";

/// One row of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) home: Home,
    pub(crate) row: String,
}

/// A projection: rows by part and sort key, written after the aggregate that they tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    /// Part ``, by id.
    Customers,
    /// By customer; sorted by hash.
    JoinTokens,
    /// By customer or `*`; newest first.
    Tickets,
    /// By `*`, `state/S`, `customer/C`, `customer/C/S`, `ticket/SYSTEM/KEY`, `author/P`, `author/P/S`; sorted by id.
    Hooks,
    /// By `*`, `customer/C`, `state/S`, `customer/C/S`, some also by `sample/N` and `customer/C/sample/N`; sorted by id.
    Instances,
    /// When an instance was seen last; by instance.
    Seen,
    /// Published or stopped, and not over; one part; by digest.
    ActiveHooks,
    /// Revisions that hold reservations; one part; by digest.
    Reserving,
    /// By digest; the envelope's bytes.
    Envelopes,
    /// By digest; sorted by instance.
    Answers,
    /// Revisions that an instance claimed or answered: by instance; what was published last first.
    Runs,
    /// By `ticket/…`, `hook/…`, `instance/…`, `day/…`, `customer/C/DAY`; newest first. And what was said of those that hooks
    /// made from a starting text brought: by `said/NAME`, `said/NAME/CUSTOMER`, newest packet first.
    Packets,
    /// A packet's statement, in pieces; by claim and digest.
    Statements,
    /// By id.
    People,
    /// A secret's hash to its person.
    Secrets,
    /// Requests for admission; by key.
    Admissions,
    /// Every chain's head; by chain.
    Heads,
    /// By `CHAIN/kind/K/BUCKET`, `CHAIN/person/P/BUCKET`, `CHAIN/ticket/T/BUCKET`, `CHAIN/hook/H/BUCKET`, `CHAIN/names/I/BUCKET`
    /// (every event that names an instance) and, of what people said of an instance, `CHAIN/instance/I/BUCKET`; sorted by
    /// number.
    EventsBy,
    /// Which buckets of a chain have statistics of a day: by chain and by month. And from when until when hooks were to be
    /// published, `spans/*` and `spans/CHAIN`, and when that ended, `ends`.
    StatDays,
    /// The control log's head.
    ControlHead,
    /// By customer or `*`, and the term's beginning; sorted by term, kind and id.
    Terms,
    /// What writes may have left undone: by minute; aggregate.
    Hints,
    /// Servers that live: by id.
    Servers,
    /// What was erased, for ever: by `*` and `customer/C`, newest first; while it is not finished by `open`, oldest first.
    Erased,
}

impl List {
    pub(crate) const ALL: [Self; 24] = [
        Self::Customers,
        Self::JoinTokens,
        Self::Tickets,
        Self::Hooks,
        Self::Instances,
        Self::Seen,
        Self::ActiveHooks,
        Self::Reserving,
        Self::Envelopes,
        Self::Answers,
        Self::Runs,
        Self::Packets,
        Self::Statements,
        Self::People,
        Self::Secrets,
        Self::Admissions,
        Self::Heads,
        Self::EventsBy,
        Self::StatDays,
        Self::ControlHead,
        Self::Terms,
        Self::Hints,
        Self::Servers,
        Self::Erased,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Customers => "customer_list",
            Self::JoinTokens => "join_tokens_by_customer",
            Self::Tickets => "tickets_by",
            Self::Hooks => "hooks_by",
            Self::Instances => "instances_by",
            Self::Seen => "instances_seen",
            Self::ActiveHooks => "active_hooks",
            Self::Reserving => "reserving_hooks",
            Self::Envelopes => "envelopes",
            Self::Answers => "answers",
            Self::Runs => "runs",
            Self::Packets => "packets_by",
            Self::Statements => "statements",
            Self::People => "person_list",
            Self::Secrets => "secrets",
            Self::Admissions => "admissions",
            Self::Heads => "heads",
            Self::EventsBy => "events_by",
            Self::StatDays => "stat_days",
            Self::ControlHead => "control_head",
            Self::Terms => "search_terms",
            Self::Hints => "hints",
            Self::Servers => "servers",
            Self::Erased => "erased",
        }
    }

    /// Over how many partitions one part is spread where partitions are bounded: a page reads all of them at once.
    pub(crate) const fn shards(self) -> u32 {
        match self {
            Self::Instances | Self::Answers | Self::Erased => 32,
            // Hints come and go: what went is read over until its partition is compacted.
            Self::Hooks | Self::Tickets | Self::Terms | Self::Packets | Self::Hints => 8,
            Self::Customers | Self::ActiveHooks | Self::JoinTokens => 4,
            _ => 1,
        }
    }
}

/// Numbers as sort keys.
pub(crate) fn number_key(n: u64) -> String {
    format!("{n:020}")
}

/// Times as sort keys, newest first.
pub(crate) fn newest_first(at: boathook_hooks::time::Time) -> String {
    let ms = u64::try_from(at.ms()).unwrap_or(0);
    number_key(u64::MAX - ms)
}
