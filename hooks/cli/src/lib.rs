//! `boathook`, the engineer's command, as a library: keys, trust documents, signing, and the client of the JSON API.
//! The binary only parses its command line and calls [`run`].
#![forbid(unsafe_code)]

pub mod args;
pub mod ask;
pub mod check;
pub mod client;
pub mod commands;
pub mod describe;
pub mod error;
pub mod files;
pub mod keyfile;
pub mod out;
pub mod profile;
pub mod standing;
pub mod trust;

pub use args::{Cli, run};
pub use error::{Error, Result};
