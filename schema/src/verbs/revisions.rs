//! Published revisions: publish, stop, lower, expire, widen.
use boathook_hooks::{
    ids::{Blob, Digest},
    states::StoppedBy,
    time::Time,
    waves::Wave,
};

use super::{Read, verbs};
use crate::{Answer, Publish, Revision, Scope, Told, Write};

verbs! {
    /// Publishes a signed or held revision, and supersedes the one of the same hook that is published. Refused when it
    /// expired, or when its digest is not the one that was signed.
    fn publish(scope: &Scope, write: Write, publish: Publish) -> Answer<Told>;
    /// Ends it; claims that are reserved lose their places. Stopping again is done and changes nothing.
    fn stop(scope: &Scope, write: Write, digest: Digest, by: StoppedBy, why: String) -> Answer<Told>;
    /// Lowers places or the end; never raises. Refused with `InUse` below what is accepted and reserved.
    fn lower(scope: &Scope, write: Write, digest: Digest, places: Option<u32>, expires_at: Option<Time>) -> Answer<Told>;
    /// Refused while it has not expired at the write's `now`. Reserved claims may still bring their packets. What was
    /// stopped stays stopped; from then on no server holds it.
    fn expire(scope: &Scope, write: Write, digest: Digest) -> Answer<Told>;
    /// Offers it to more of its audience, while it is published; never to fewer (`Narrows`). The wave that it has is done
    /// and changes nothing.
    fn widen(scope: &Scope, write: Write, digest: Digest, wave: Wave) -> Answer<Told>;
    fn revision(scope: &Scope, digest: &Digest) -> Read<Option<Revision>>;
    /// The DSSE envelope as it was published.
    fn envelope(scope: &Scope, digest: &Digest) -> Read<Option<Blob>>;
    /// Published and stopped revisions that servers hold and whose end has come, for `expire`.
    fn due_expiry(scope: &Scope, now: Time, limit: u32) -> Read<Vec<Digest>>;
}
