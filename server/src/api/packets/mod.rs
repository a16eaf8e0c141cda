//! Packets and their files. Collected data is hostile: it leaves as an attachment, sandboxed, and every read is an event.
mod download;
mod files;
mod range;
mod serve;
mod view;

pub use download::Downloads;
pub use files::{file, files};
pub use serve::{receipt, zip};
pub use view::{PacketRow, get, list};

pub(crate) use files::__path_file;
pub(crate) use files::__path_files;
pub(crate) use serve::{__path_receipt, __path_zip};
pub(crate) use view::{__path_get, __path_list};

use boathook_hooks::ids::ClaimId;
use boathook_schema::{Chain, EventKind, NewEvent, Packet};

use crate::{
    app::App,
    errors::{Answer, Problem},
    people::Caller,
};

/// The packet, if the caller may see it; with the event that says it was read, and how.
pub async fn open(
    app: &App,
    caller: &Caller,
    claim: &ClaimId,
    how: &str,
    bytes: u64,
) -> Answer<Packet> {
    let found = app.store.packet(&caller.scope, claim).await?;
    let packet = found.ok_or_else(|| Problem::not_found("packet"))?;
    let mut event = NewEvent::new(EventKind::PACKET_READ);
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
