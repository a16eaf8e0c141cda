//! The one verifier. What it lets through has a private constructor: holding a `Verified<Hook>` is the proof.
//!
//! Order of the checks for a hook (trust.md §1): size cap → decode → payloadType → a signature by a roster key →
//! `format` → parse → people, reach and key places → customer and audience → time → roster and root unexpired → not
//! revoked → bounds → listed in a fresh hook list. Policy, consent, claim and ledger are the agent's own.
mod checks;
mod hook;
mod kinds;
mod list;
pub mod people;
mod refusal;
mod revocations;
mod root;
mod roster;
mod trust;

#[cfg(any(test, feature = "sample"))]
pub mod sample;
#[cfg(test)]
mod tests;

pub use checks::validate;
pub use hook::Me;
pub use kinds::{Local, Offline, Trial, Verified};
pub use list::{HistoryFault, ListNews};
pub use refusal::Refusal;
pub use revocations::revocations_digest;
pub use trust::{Added, Floor, MAX_BUNDLE, Missing, TrustBundle, TrustStore};
