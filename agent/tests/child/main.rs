//! Runs by real children: what they collect, what they refuse, and that they end in time and whole.
#![allow(clippy::unwrap_used)]

mod cluster;
mod commands;
mod files;
mod hostile;
mod journal;
mod links;
mod lives;
mod packed;
mod postgres;
mod processes;
mod rig;
