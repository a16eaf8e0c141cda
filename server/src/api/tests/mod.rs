//! The JSON API through the real router: who may what, how a hook is signed, how packets leave.
mod answers;
mod document;
mod downloads;
mod enrolment;
mod erasing;
pub mod house;
mod life;
mod limits;
pub mod operations;
mod packets;
mod refusals;
mod roles;
mod signatures;
mod strangers;
mod trust;
mod waves;
