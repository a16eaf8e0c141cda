//! What the lists should hold: each aggregate says it by the functions that list it when it changes. For checks and
//! repairs.
use super::{customers, erasing, hooks, instances, packets, people, revisions, tickets, trust};
use crate::{
    ErasedKind, Revision, TicketRef,
    engine::{Home, List, Look, Stop, Table, Tx, scan::Entry},
};

/// Lists the aggregate that this write is of, as if nothing of it were listed.
pub(crate) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    match tx.home.table {
        Table::Customers => customers::relist(tx),
        Table::JoinTokens => customers::relist_token(tx),
        Table::Tickets => tickets::relist(tx),
        Table::Hooks => hooks::relist(tx),
        Table::Revisions => revisions::relist(tx),
        Table::Packets => packets::relist(tx),
        Table::Instances => instances::relist(tx),
        Table::People => people::relist(tx),
        Table::Trust => trust::admissions::relist(tx),
        // Names, chains, the control log and the house's work are found by their own keys.
        Table::Names | Table::Chains | Table::Control | Table::Loose | Table::Work => Ok(()),
    }
}

/// Lists whose entries each belong to one aggregate's version.
pub(crate) const OWNED: [List; 12] = [
    List::Customers,
    List::JoinTokens,
    List::Tickets,
    List::Hooks,
    List::Instances,
    List::ActiveHooks,
    List::Reserving,
    List::Packets,
    List::People,
    List::Secrets,
    List::Terms,
    List::Erased,
];

/// Whose entry that is; none where its key tells nobody.
pub(crate) fn owner(entry: &Entry) -> Option<Home> {
    let sort = entry.sort.as_str();
    let home = |table, id: &str| Some(Home::new(table, id));
    match entry.list {
        List::Customers => home(Table::Customers, sort),
        List::JoinTokens => home(Table::JoinTokens, sort),
        List::Tickets => home(Table::Tickets, sort.split_once('\u{1}')?.1),
        List::Hooks => home(Table::Hooks, sort),
        List::Instances => home(Table::Instances, sort),
        List::ActiveHooks | List::Reserving => home(Table::Revisions, sort),
        List::Packets => home(Table::Packets, sort.split_once('\u{1}')?.1),
        List::People => home(Table::People, sort),
        List::Secrets => home(Table::People, people::person_of(&entry.body).ok()?.as_str()),
        List::Admissions => home(Table::Trust, "house"),
        List::Erased => {
            let (kind, id) = sort.split_once('\u{1}')?.1.split_once('\u{1}')?;
            let kinds = [ErasedKind::Packet, ErasedKind::Instance];
            let kind = kinds.into_iter().find(|k| k.word() == kind)?;
            Some(erasing::home(kind, id))
        }
        List::Terms => {
            let mut fields = sort.splitn(3, '\u{1}').skip(1);
            let (kind, id) = (fields.next()?, fields.next()?);
            match kind {
                "customer" => home(Table::Customers, id),
                "hook" => home(Table::Hooks, id),
                "instance" => home(Table::Instances, id),
                "packet" => home(Table::Packets, id),
                "ticket" => {
                    let (system, key) = id.split_once('/')?;
                    let (system, key) = (system.to_owned(), key.to_owned());
                    Some(tickets::home(&TicketRef { system, key }))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// What was stopped stays listed until somebody takes it out after its end: neither there nor gone is wrong.
pub(crate) fn may_linger(look: &mut dyn Look, list: List, home: &Home) -> Result<bool, Stop> {
    if list != List::ActiveHooks {
        return Ok(false);
    }
    let revision: Option<Revision> = look.record("revision", &home.head())?;
    Ok(revision.is_some_and(|r| r.state.is_final()))
}
