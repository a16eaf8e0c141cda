//! Trust documents. The caller verified them; the store keeps their numbers in order.
use boathook_hooks::{ids::Blob, keys::KeyId};

use super::{Read, verbs};
use crate::{Admission, Answer, Page, Paged, Scope, Trust, TrustDocument, Write};

verbs! {
    /// Exactly the next version (the first may be any). The same bytes again: done. Says the control number.
    fn add_root(scope: &Scope, write: Write, version: u64, envelope: Blob) -> Answer<u64>;
    /// Above the newest version. The same bytes again: done.
    fn add_roster(scope: &Scope, write: Write, version: u64, envelope: Blob) -> Answer<u64>;
    /// Exactly the revoker's next number, from 1. The same bytes again: done.
    fn add_revocation(scope: &Scope, write: Write, revoker: KeyId, number: u64, envelope: Blob) -> Answer<u64>;
    /// Trust documents are public: any scope reads them.
    fn trust(scope: &Scope) -> Read<Trust>;
    fn root(scope: &Scope, version: u64) -> Read<Option<TrustDocument>>;
    fn roster(scope: &Scope, version: u64) -> Read<Option<TrustDocument>>;
    fn revocation(scope: &Scope, revoker: &KeyId, number: u64) -> Read<Option<TrustDocument>>;

    /// A person asks for a key to be admitted. Any person may ask; the same key again replaces the request of the
    /// same person.
    fn ask_admission(scope: &Scope, write: Write, admission: Admission) -> Answer<Admission>;
    fn admissions(scope: &Scope, page: Page) -> Read<Paged<Admission>>;
    fn drop_admission(scope: &Scope, write: Write, key: KeyId) -> Answer<()>;
}
