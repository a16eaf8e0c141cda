//! Leases of the house's work, and the servers that live.
use boathook_hooks::time::Time;

use super::{Read, verbs};
use crate::{Answer, Leased, Scope, Server, Write};

verbs! {
    /// Takes or renews a lease for `ttl_ms` from the write's `now` on. Its holder renews it and keeps the number; once it
    /// ran out another takes it with a higher one. For the house.
    fn lease(scope: &Scope, write: Write, name: String, holder: String, ttl_ms: i64) -> Answer<Leased>;
    /// Ends the lease, if that holder has it under that number: whether it did.
    fn give_lease(scope: &Scope, write: Write, name: String, holder: String, fencing: u64) -> Answer<bool>;
    /// A server says that it lives, at the write's `now`. For the house.
    fn register_server(scope: &Scope, write: Write, id: String, address: String, started: Time) -> Answer<()>;
    /// A server says that it ends, so that nobody takes it for alive. For the house.
    fn unregister_server(scope: &Scope, write: Write, id: String) -> Answer<()>;
    /// The servers that were heard in the last minute, by id.
    fn servers(scope: &Scope, now: Time) -> Read<Vec<Server>>;
}
