//! Each check of the verifier's order with the test that fails when it is removed.
#![allow(clippy::unwrap_used)]
mod bytes;
mod hook;
mod lists;
mod people;
mod revocations;
mod roots;

use super::{sample::Sample, *};
use crate::{
    documents::{
        Document,
        hook::{FORMAT, Hook, TemplateUse},
        hook_list::Head,
        identity::Facts,
        revocation::Revoked,
        root::{LastRevocation, Root, Undone},
        roster::{KeyPlace, RosterKey, RosterPerson, SigningRole},
    },
    envelope::{Envelope, EnvelopeError},
    ids::Digest,
    keys::SecretKey,
    protocol::AnswerKind,
    strict::StrictError,
    time::{DAY, HOUR, MINUTE, Time},
};

fn sample() -> Sample {
    Sample::new(Time::from_ms(1_790_000_000_000))
}

/// The refusal of a hook that the server lists, signed by Ada and Ben unless said otherwise.
fn refusal_of(s: &Sample, hook: &Hook) -> Refusal {
    let bytes = s.signed(hook, &[&s.ada_file, &s.ben_file]);
    s.trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err()
}

fn refusal_signed_by(s: &Sample, hook: &Hook, keys: &[&SecretKey]) -> Refusal {
    let bytes = s.signed(hook, keys);
    s.trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err()
}
