//! End to end: a real server, real agents, real TLS, real child processes.
#![allow(clippy::unwrap_used)]
mod claims;
mod hostile;
mod main_way;
mod overruns;
mod parts;
mod refused;
