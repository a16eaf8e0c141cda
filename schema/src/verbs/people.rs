//! People, sign-ins, API tokens: the house's, so for `Scope::All` and `Scope::System` alone.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::Time,
};

use super::{Read, verbs};
use crate::{
    Answer, ApiToken, OutsidePerson, Page, Paged, Person, PutPerson, Scope, SetUp, SignIn, Who,
    Write,
};

verbs! {
    /// Makes (`expect` none and unknown) or changes a person. With `expect` only at that version.
    fn put_person(scope: &Scope, write: Write, person: PutPerson, expect: Option<u64>) -> Answer<Person>;
    /// Makes a person whom a provider vouches for, or brings name and roles up to date. Refused with `Exists` when that id
    /// is somebody's whom nobody, or somebody else, vouches for. What changes nothing is no event.
    fn put_outside_person(scope: &Scope, write: Write, person: OutsidePerson) -> Answer<Person>;
    fn person(scope: &Scope, id: &PersonId) -> Read<Option<Person>>;
    /// By id.
    fn people(scope: &Scope, page: Page) -> Read<Paged<Person>>;
    /// `password` is the stored one that was found right: `Version` when it is another by now, so that a sign-in that was
    /// under way while it was changed is none.
    fn open_sign_in(scope: &Scope, write: Write, sign_in: SignIn, password: Option<String>) -> Answer<SignIn>;
    /// Ends one; says how many there were, 0 or 1.
    fn end_sign_in(scope: &Scope, write: Write, hash: Digest) -> Answer<u32>;
    /// Ends all of a person's sign-ins.
    fn end_sign_ins(scope: &Scope, write: Write, person: PersonId) -> Answer<u32>;
    /// Ends all but that one.
    fn end_other_sign_ins(scope: &Scope, write: Write, person: PersonId, keep: Digest) -> Answer<u32>;
    /// Oldest first; also those that are over.
    fn sign_ins(scope: &Scope, person: &PersonId) -> Read<Vec<SignIn>>;
    fn add_api_token(scope: &Scope, write: Write, token: ApiToken) -> Answer<ApiToken>;
    fn end_api_token(scope: &Scope, write: Write, hash: Digest) -> Answer<u32>;
    /// Also those that are over.
    fn api_tokens(scope: &Scope, person: &PersonId) -> Read<Vec<ApiToken>>;
    /// Whose secret has that hash, if it is alive at `now`. For `Scope::System`.
    fn who(scope: &Scope, hash: &Digest, now: Time) -> Read<Option<Who>>;

    /// The actor, a person, has seen what came until then; it never goes back, and is no event.
    fn mark_seen(scope: &Scope, write: Write, at: Time) -> Answer<Time>;
    /// Until when that person has seen what came.
    fn seen(scope: &Scope, person: &PersonId) -> Read<Option<Time>>;

    /// A new link to make the first admin by; it takes the place of an older one.
    fn put_set_up(scope: &Scope, write: Write, hash: Digest, expires_at: Time, forced: bool) -> Answer<SetUp>;
    fn set_up(scope: &Scope) -> Read<Option<SetUp>>;
    /// Spends the link: of many at once, one. Refused with `NotFound` or `Ended`.
    fn use_set_up(scope: &Scope, write: Write, hash: Digest) -> Answer<SetUp>;
}
