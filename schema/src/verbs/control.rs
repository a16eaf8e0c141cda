//! The control log, and what servers hold in memory from it.
use boathook_hooks::time::Time;

use super::{Read, verbs};
use crate::{ActiveHooks, Answer, Change, ControlPage, FinishedLeft, Scope, Write};

verbs! {
    /// For changes that no other verb tells of. Says the number.
    fn append_control(scope: &Scope, write: Write, change: Change) -> Answer<u64>;
    /// At most `limit` entries above `after`, in order, and the head.
    fn changes_since(scope: &Scope, after: u64, limit: u32) -> Read<ControlPage>;
    /// Published revisions that have not expired at `now`, and stopped ones that would not have; as of one number.
    fn active_hooks(scope: &Scope, now: Time) -> Read<ActiveHooks>;
    /// Reads the head and wakes those that wait, when another process wrote. Says the head.
    fn refresh_control() -> Read<u64>;
    /// Does what writes of any server left undone when it died: those that are not on their way any more, or
    /// `everything` (when no server runs). The embedded store leaves nothing.
    fn finish_left(everything: bool) -> Read<FinishedLeft>;
}
