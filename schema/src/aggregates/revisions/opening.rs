//! What publishing a hook does to its revisions.
use boathook_hooks::states::{HookState, Move};

use super::{event, list, load, save, tell_hook};
use crate::{
    EventKind, Revision,
    engine::{HEAD, Look as _, Stop, Tx},
};

/// A hook's revision was published. Done again it changes nothing: claims may stand here already.
pub(crate) fn open_revision(tx: &mut Tx<'_>, revision: &Revision) -> Result<(), Stop> {
    let head = tx.here(HEAD);
    if tx.bytes(&head)?.is_some() {
        return Ok(());
    }
    tx.put("revision", HEAD, revision)?;
    let body = crate::codec::encode("revision", revision)?;
    list(tx, None, revision, body);
    Ok(())
}

/// A newer revision of its hook was published. What ended before that stays as it ended; its hook hears how.
pub(crate) fn supersede(tx: &mut Tx<'_>, by: u32) -> Result<(), Stop> {
    let mut older = load(tx)?;
    if older.value.state == HookState::Published {
        older.value.state = older.value.state.after(Move::Supersede { revision: by })?;
        older.value.ended_at = Some(tx.now());
        let mut e = event(EventKind::HOOK_SUPERSEDED, &older.value);
        e.details.insert("by", by);
        tx.event_for(&older.value.customers, &e)?;
        save(tx, &mut older)?;
    }
    tell_hook(tx, &older.value);
    Ok(())
}

/// The control number of its last change. Numbers are noted in any order: the highest stands.
pub(crate) fn note(tx: &mut Tx<'_>, control: u64) -> Result<(), Stop> {
    let mut revision = load(tx)?;
    if control > revision.value.control {
        revision.value.control = control;
        save(tx, &mut revision)?;
    }
    Ok(())
}
