//! Customers, join tokens, names.
use boathook_hooks::{
    ids::{CustomerId, Digest, InstanceId},
    keys::KeyId,
};

use super::{Read, verbs};
use crate::{
    Answer, Customer, JoinToken, Joined, NewJoinToken, Page, Paged, Reserved, Scope, Write,
};

verbs! {
    /// Makes or renames a customer. The id `house` is refused.
    fn put_customer(scope: &Scope, write: Write, id: CustomerId, name: String) -> Answer<Customer>;
    fn customer(scope: &Scope, id: &CustomerId) -> Read<Option<Customer>>;
    /// By id.
    fn customers(scope: &Scope, page: Page) -> Read<Paged<Customer>>;

    fn add_join_token(scope: &Scope, write: Write, customer: CustomerId, token: NewJoinToken) -> Answer<JoinToken>;
    fn join_token(scope: &Scope, hash: &Digest) -> Read<Option<JoinToken>>;
    /// By hash.
    fn join_tokens(scope: &Scope, customer: &CustomerId, page: Page) -> Read<Paged<JoinToken>>;
    /// Takes one use of a token for `key`, under the id `proposed`. The same key gets the instance that it got before,
    /// also from a token that is used up or over. For `Scope::System`.
    fn use_token(scope: &Scope, write: Write, hash: Digest, key: KeyId, proposed: InstanceId) -> Answer<Joined>;

    /// Reserves `name` among its `kind` for `id`, for ever. Won again by the same id.
    fn reserve_name(scope: &Scope, write: Write, kind: String, name: String, id: String) -> Answer<Reserved>;
    /// Whose name that is.
    fn reserved_name(scope: &Scope, kind: &str, name: &str) -> Read<Option<String>>;
}
