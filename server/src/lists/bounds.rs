//! How much one list may hold: agents refuse documents of more than 256 KiB, and with them every hook in it.
use std::sync::Arc;

use boathook_hooks::{ids::Digest, strict::MAX_DOCUMENT};

use crate::control::{ActiveHook, Matching};

/// The envelope, its signature, and all of a list that is there once.
const ONCE: usize = 4 << 10;
/// A revoker's key and number, with the names of the fields.
const REVOKER: usize = 128;
/// A digest in an array.
const STOPPED: usize = 48;
/// All of a listed hook but its URL.
const HOOK: usize = 160;

/// What one list has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    pub hooks: usize,
    pub stopped: usize,
}

impl LeftOut {
    pub const fn is_nothing(self) -> bool {
        self.hooks == 0 && self.stopped == 0
    }
}

fn hook_bytes(hook: &ActiveHook) -> usize {
    HOOK + hook.url.len()
}

/// What stopped comes first, because it may run; then the hooks that end soonest, because the others have time. Both in order
/// of digest still, so that the same hooks have the same ETag.
pub fn bound(mut matching: Matching, revokers: usize) -> (Matching, LeftOut) {
    let mut room = MAX_DOCUMENT.saturating_sub(ONCE + revokers * REVOKER);
    let stopped = matching.stopped.len();
    matching.stopped.truncate(room / STOPPED);
    room -= matching.stopped.len() * STOPPED;
    let mut left_out = LeftOut {
        hooks: 0,
        stopped: stopped - matching.stopped.len(),
    };
    if matching
        .offered
        .iter()
        .map(|h| hook_bytes(h))
        .sum::<usize>()
        > room
    {
        let all = matching.offered.len();
        let by_end = |hook: &Arc<ActiveHook>| (hook.expires_at, hook.digest);
        matching.offered.sort_unstable_by_key(by_end);
        matching.offered.retain(|hook| {
            let bytes = hook_bytes(hook);
            // Once one had no room none behind it is let in, though it might be smaller.
            room = room.saturating_sub(bytes);
            room > 0
        });
        matching
            .offered
            .sort_unstable_by_key(|hook| -> Digest { hook.digest });
        left_out.hooks = all - matching.offered.len();
    }
    (matching, left_out)
}
