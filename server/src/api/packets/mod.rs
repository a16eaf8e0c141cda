//! Packets and their files. Collected data is hostile: it leaves as an attachment, sandboxed, and every read is an event.
mod download;
mod files;
mod range;
mod serve;
mod verdicts;
mod view;

pub use download::{Downloads, Still};
pub use files::{PacketFile, entry, file, files, listed, statement};
pub use serve::{hostile, receipt, zip};
pub use verdicts::{VerdictBody, VerdictRow, judge, put_verdict, said, verdicts};
pub use view::{PacketRow, PacketsQuery, by, get, list};

pub(crate) use files::__path_file;
pub(crate) use files::__path_files;
pub(crate) use serve::{__path_receipt, __path_zip};
pub(crate) use verdicts::{__path_put_verdict, __path_verdicts};
pub(crate) use view::{__path_get, __path_list};

use boathook_hooks::ids::ClaimId;
use boathook_schema::{Chain, ErasedKind, EventKind, NewEvent, Packet, Scope};

use crate::{app::App, erasing::missing, errors::Answer, people::Caller};

/// The packet, if the caller may see it: 410 when it was erased.
pub async fn find(app: &App, scope: &Scope, claim: &ClaimId) -> Answer<Packet> {
    match app.store.packet(scope, claim).await? {
        Some(packet) => Ok(packet),
        None => Err(missing(app, scope, ErasedKind::Packet, &claim.to_string()).await),
    }
}

/// The packet, if the caller may see it; with the event that says it was read, and how.
pub async fn open(
    app: &App,
    caller: &Caller,
    claim: &ClaimId,
    how: &str,
    bytes: u64,
) -> Answer<Packet> {
    recorded(app, caller, claim, EventKind::PACKET_READ, how, bytes).await
}

/// As [`open`], to be searched. What was searched for may be a secret, and is in no event.
pub async fn search(app: &App, caller: &Caller, claim: &ClaimId, bytes: u64) -> Answer<Packet> {
    recorded(
        app,
        caller,
        claim,
        EventKind::PACKET_SEARCHED,
        "search",
        bytes,
    )
    .await
}

async fn recorded(
    app: &App,
    caller: &Caller,
    claim: &ClaimId,
    kind: EventKind,
    how: &str,
    bytes: u64,
) -> Answer<Packet> {
    let packet = find(app, &caller.scope, claim).await?;
    let mut event = NewEvent::new(kind);
    event.refs.hook = Some(packet.hook.clone());
    event.refs.revision = Some(packet.claim.revision);
    event.refs.claim = Some(packet.claim.clone());
    event.refs.instance = Some(packet.claim.instance.clone());
    event.refs.ticket.clone_from(&packet.ticket);
    event
        .details
        .insert("what", how.chars().take(400).collect::<String>());
    event.bytes = bytes;
    let chain = Chain::Customer(packet.customer.clone());
    app.record(caller.write(app.now()), chain, event).await?;
    Ok(packet)
}
