//! Instances and their sessions.
use boathook_hooks::{
    ids::{CustomerId, InstanceId},
    keys::KeyId,
    time::Time,
};

use super::{Read, verbs};
use crate::{
    Answer, Instance, InstanceFilter, InstanceSample, NewInstance, Page, Paged, Scope, SessionAsk,
    SessionStep, SuspendReason, Write,
};

verbs! {
    /// Makes the instance that `use_token` named. With the same key a repeat finds it; with another it is refused.
    fn put_instance(scope: &Scope, write: Write, instance: NewInstance) -> Answer<Instance>;
    fn instance(scope: &Scope, id: &InstanceId) -> Read<Option<Instance>>;
    /// What those of them that the scope holds call themselves.
    fn instance_names(scope: &Scope, ids: Vec<InstanceId>) -> Read<Vec<(InstanceId, String)>>;
    /// By id.
    fn instances(scope: &Scope, filter: InstanceFilter, page: Page) -> Read<Paged<Instance>>;
    /// Some hundreds of the customer's instances (none: of all customers), in any state, to estimate how many are such and
    /// such: all when they are few.
    fn instance_sample(scope: &Scope, customer: Option<CustomerId>) -> Read<InstanceSample>;
    /// A person compared the fingerprint. Refused with `OtherKey` when it is another.
    fn confirm_instance(scope: &Scope, write: Write, id: InstanceId, fingerprint: KeyId) -> Answer<Instance>;
    /// The control log denies it. Suspending again keeps the first reason.
    fn suspend_instance(scope: &Scope, write: Write, id: InstanceId, reason: SuspendReason) -> Answer<Instance>;
    /// Back to what it was before it was suspended.
    fn resume_instance(scope: &Scope, write: Write, id: InstanceId, why: String) -> Answer<Instance>;
    /// For ever. Its own agent may say so too.
    fn retire_instance(scope: &Scope, write: Write, id: InstanceId, why: String) -> Answer<Instance>;
    /// The next session of an instance that is not suspended or retired; see [`SessionStep`]. Facts are replaced.
    fn next_session(scope: &Scope, write: Write, ask: SessionAsk) -> Answer<SessionStep>;
    /// Moves *last seen* forward for many; writes no event. Unknown ones are passed over. Says how many moved.
    fn touch_instances(scope: &Scope, write: Write, seen: Vec<(InstanceId, Time)>) -> Answer<u32>;
}
