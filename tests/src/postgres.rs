//! A real Postgres of Debian's in a temporary directory, on a free loopback port, gone when it is dropped.
use std::{
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

pub struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
    pub port: u16,
}

/// The role that the collector uses: may read statistics, is not a superuser.
pub const ROLE: &str = "boathook_reader";
pub const PASSWORD: &str = "pg-Secret-of-the-reader-7";
pub const DATABASE: &str = "shop";

impl Postgres {
    /// Starts a cluster with one database of a few rows, a reader role and a superuser `postgres`, both with passwords.
    pub fn start() -> Result<Self> {
        let bin = newest_bin()?;
        let dir = tempfile::Builder::new().prefix("boathook-pg-").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let postgres = Self { dir, bin, port };
        // initdb and postgres refuse root, so as root they run as the package's own user.
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = postgres_user()?;
            chown(postgres.dir.path(), Some(uid), Some(gid))?;
        }
        let data = postgres.data();
        let secret = postgres.dir.path().join("superuser");
        std::fs::write(&secret, PASSWORD)?;
        let data = data.to_string_lossy().into_owned();
        let secret = secret.to_string_lossy().into_owned();
        postgres.run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "--pwfile",
                &secret,
                "-N",
            ],
        )?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off",
            postgres.dir.path().display()
        );
        let log = postgres
            .dir
            .path()
            .join("log")
            .to_string_lossy()
            .into_owned();
        postgres.run(
            "pg_ctl",
            &["-D", &data, "-o", &options, "-l", &log, "-w", "start"],
        )?;
        postgres.sql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        postgres.sql(
            DATABASE,
            &format!(
                "CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id; ANALYZE orders;
                 CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO {ROLE};"
            ),
        )?;
        Ok(postgres)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let url = format!(
            "postgresql://postgres:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        );
        let out = Command::new(self.bin.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
                &url,
            ])
            .output()?;
        ensure!(
            out.status.success(),
            "psql: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        Ok(String::from_utf8(out.stdout)?)
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<()> {
        let path = self.bin.join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(path);
            command
        } else {
            Command::new(path)
        };
        // pg_ctl's server keeps the pipes it inherits, so its output goes nowhere instead of to a pipe that never ends.
        let status = command
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            bail!("{program} failed with {status}; {log}");
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data().to_string_lossy().into_owned();
        // Dropping cannot report; a server left over dies with its directory.
        let _ = self.run("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]);
    }
}

fn newest_bin() -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .context("no Postgres here: install Debian's package postgresql (tests/run does)")?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .context("no initdb beneath /usr/lib/postgresql: install Debian's package postgresql")
}

fn postgres_user() -> Result<(u32, u32)> {
    let passwd = std::fs::read_to_string(Path::new("/etc/passwd"))?;
    let line = passwd
        .lines()
        .find(|l| l.starts_with("postgres:"))
        .context("no user postgres")?;
    let mut fields = line.split(':').skip(2);
    let mut id = || fields.next().and_then(|f| f.parse().ok());
    Ok((id().context("uid")?, id().context("gid")?))
}
