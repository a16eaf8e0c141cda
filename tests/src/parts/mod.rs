//! The real parts around the servers, by the scripts in tests/parts: Cassandra, an S3 service, HAProxy. A part that cannot
//! start is an error that says why, never a test that is left out.
pub mod cassandra;
pub mod haproxy;
pub mod s3;

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::world::process::{Process, run};

/// The script of this part. Its child processes see the tests' settings of it, nothing else is set here.
fn script(part: &str) -> Command {
    let parts: PathBuf = [env!("CARGO_MANIFEST_DIR"), "parts", part, part]
        .iter()
        .collect();
    Command::new(parts)
}

/// Installs or builds what this part needs; quick when it is there.
fn need(part: &str) -> Result<()> {
    run(script(part).arg("need"), "").map(drop)
}

/// Starts the script in the foreground and waits until something listens on the port.
fn serve(command: &mut Command, log: &Path, port: u16) -> Result<Process> {
    let mut process = Process::start(command, log)?;
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if let Some(status) = process.ended()? {
            bail!("{command:?} ended with {status}: {}", process.log());
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(process);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("nothing on port {port} after 20 s: {}", process.log())
}

/// A name that no other test has: of lower-case letters, digits and `_`, at most 48 long as CQL's keyspaces are.
fn fresh_name(what: &str) -> Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let what: String = what.chars().map(plain).take(24).collect();
    Ok(format!("bt_{what}_{:016x}", u64::from_be_bytes(random)))
}
