//! Child processes that die with the test: started with their output in a file, stopped by TERM or KILL.
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// One of our binaries, built beside this one.
pub fn binary(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe()?;
    let found = me
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(name))
        .find(|path| path.exists());
    found.with_context(|| format!("{name} is not built: run cargo build --workspace --bins"))
}

/// Runs a command to its end; its standard output, or an error with all it said.
pub fn run(command: &mut Command, stdin: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = child
        .stdin
        .take()
        .context("stdin")?
        .write_all(stdin.as_bytes());
    match written {
        // A command that refuses before it reads: how it ended is what counts.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    let out = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    ensure!(
        out.status.success(),
        "{:?} ended with {}: {text}{}",
        command.get_program(),
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(text)
}

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Output of both streams is appended to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// TERM, and how it ended.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself just now.
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(40);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill()?;
        bail!("it did not end within 40 s of TERM: {}", self.log())
    }

    /// Resident memory in bytes and CPU time (user and system) in milliseconds, of this one process.
    pub fn usage(&self) -> Result<(u64, u64)> {
        let pid = self.child.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kb = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .context("VmRSS")?;
        let kb: u64 = kb.trim().trim_end_matches(" kB").trim().parse()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after_name = stat.rsplit_once(") ").context("stat")?.1;
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok((
            kb * 1024,
            ticks * 1000 / rustix::param::clock_ticks_per_second(),
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing outlives its test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
