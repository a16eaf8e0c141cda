//! End to end: a real server, real agents, real TLS, real child processes.
#![allow(clippy::unwrap_used)]
mod claims;
mod overruns;
mod parts;
mod refused;
