//! The agent protocol through its real router. For every check of the server's side: a test that fails without it.
#![allow(clippy::unwrap_used)]
mod claiming;
mod joining;
mod leases;
mod lists;
mod main_way;
mod overruns;
mod packets;
mod polling;
mod unreadable;
mod uploading;
mod waiting;
mod waves;
mod who;
