//! End to end: a real server, real agents, real TLS, real child processes.
#![allow(clippy::unwrap_used)]
mod claims;
mod hostile;
mod kills;
mod main_way;
mod overruns;
mod own_user;
mod parts;
mod refused;
mod secure_cluster;
mod tls;
