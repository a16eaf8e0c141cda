//! `kill -9`, of the server within an upload and of the agent within a run, again and again: nothing acknowledged is
//! lost, nothing runs twice, uploads go on where they were. `BOATHOOK_TEST_KILLS` says how often: 20 by default.
// What was measured, for whoever runs the tests with --nocapture.
#![allow(clippy::print_stdout)]
mod agent;
mod scene;
mod server;
