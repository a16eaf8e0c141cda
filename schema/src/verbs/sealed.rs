//! Secrets that all servers share, sealed before they come here.
use boathook_hooks::ids::Blob;

use super::{Read, verbs};
use crate::{Answer, Scope, Sealed, Write};

verbs! {
    /// Puts `bytes` in place of version `expect` (0: there is none yet), or is refused with `Version`. For the house.
    fn put_sealed(scope: &Scope, write: Write, name: String, expect: u64, bytes: Blob) -> Answer<Sealed>;
    fn sealed(scope: &Scope, name: &str) -> Read<Option<Sealed>>;
}
