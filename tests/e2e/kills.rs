//! `kill -9`, of the server within an upload and of the agent within a run, again and again: nothing acknowledged is
//! lost, nothing runs twice, uploads go on where they were.
mod agent;
mod scene;
mod server;
