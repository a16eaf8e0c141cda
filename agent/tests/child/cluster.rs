//! A real Postgres in a temporary directory, as Debian's package starts one.
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Of every user of the cluster.
pub const PASSWORD: &str = "pg-Password-of-tests-9";

const SETUP: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, note text);
    INSERT INTO orders SELECT n, repeat('x', 100) FROM generate_series(1, 1000) AS n;
    ANALYZE orders;
    CREATE ROLE reader LOGIN PASSWORD 'pg-Password-of-tests-9' IN ROLE pg_monitor;
    CREATE ROLE nobody LOGIN PASSWORD 'pg-Password-of-tests-9';
    CREATE ROLE admins SUPERUSER;
    CREATE ROLE climber LOGIN NOINHERIT PASSWORD 'pg-Password-of-tests-9' IN ROLE admins;
    ALTER ROLE reader SET app.api_key = 'hidden-in-a-role';
    REVOKE CONNECT ON DATABASE closed FROM PUBLIC;";

pub struct Cluster {
    dir: TempDir,
    bin: PathBuf,
    pub port: u16,
}

impl Cluster {
    /// One for all tests that change nothing. It ends with the test process, which no test waits for.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let cluster = Self::start();
            end_with_us(&cluster);
            cluster
        })
    }

    pub fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("boathook-pg-")
            .tempdir()
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let cluster = Self {
            dir,
            bin: newest(),
            port,
        };
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = user();
            chown(cluster.path(), Some(uid), Some(gid)).unwrap();
        }
        let at = |name: &str| cluster.path().join(name).display().to_string();
        fs::write(at("password"), PASSWORD).unwrap();
        cluster.run(
            "initdb",
            &[
                "-D",
                &at("data"),
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "--pwfile",
                &at("password"),
                "-N",
            ],
        );
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c archive_mode=on \
             -c archive_command='echo hidden-in-a-command'",
            cluster.path().display()
        );
        cluster.run(
            "pg_ctl",
            &[
                "-D",
                &at("data"),
                "-o",
                &options,
                "-l",
                &at("log"),
                "-w",
                "start",
            ],
        );
        for (database, sql) in [
            ("postgres", "CREATE DATABASE shop"),
            ("postgres", "CREATE DATABASE closed"),
            ("shop", SETUP),
        ] {
            assert!(cluster.psql_in(database, sql).status().unwrap().success());
        }
        cluster
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// SQL as the superuser in `shop`.
    pub fn psql(&self, sql: &str) -> Command {
        self.psql_in("shop", sql)
    }

    fn psql_in(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        let url = format!(
            "postgresql://postgres:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        );
        command
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
            .stdin(Stdio::null());
        command
    }

    /// Until `sql` says `what`.
    pub fn wait_for(&self, sql: &str, what: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while String::from_utf8_lossy(&self.psql(sql).output().unwrap().stdout).trim() != what {
            assert!(Instant::now() < until, "{sql} never said {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn run(&self, program: &str, args: &[&str]) {
        let mut command = as_user(&self.bin.join(program));
        // The server inherits what its starter had, so that a pipe would never end.
        let status = command
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = status.status().unwrap();
        assert!(
            status.success(),
            "{program}: {status} {}",
            fs::read_to_string(self.path().join("log")).unwrap_or_default()
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.path().join("data").display().to_string();
        let mut stop = as_user(&self.bin.join("pg_ctl"));
        stop.args(["-D", &data, "-m", "immediate", "stop"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _ = stop.status();
    }
}

/// A static is never dropped: a shell that waits for the end of our pipe stops the server and removes its directory.
fn end_with_us(cluster: &Cluster) {
    let script =
        "cat >/dev/null; \"$0\" -D \"$1/data\" -m immediate stop >/dev/null 2>&1; rm -rf \"$1\"";
    let mut shell = as_user(Path::new("/bin/sh"));
    shell
        .args(["-c", script])
        .arg(cluster.bin.join("pg_ctl"))
        .arg(cluster.path());
    let waiting = shell
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its standard input is open as long as this process lives.
    std::mem::forget(waiting);
}

/// initdb and postgres refuse root, so as root they run as the package's own user.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

fn newest() -> PathBuf {
    let all = fs::read_dir("/usr/lib/postgresql")
        .expect("Debian's package postgresql, which tests/run installs");
    let mut bins: Vec<PathBuf> = all
        .flatten()
        .map(|e| e.path().join("bin"))
        .filter(|b| b.join("initdb").exists())
        .collect();
    bins.sort();
    bins.pop().expect("initdb beneath /usr/lib/postgresql")
}

fn user() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|l| l.starts_with("postgres:")).unwrap();
    let ids: Vec<u32> = line
        .split(':')
        .skip(2)
        .take(2)
        .map(|f| f.parse().unwrap())
        .collect();
    (ids[0], ids[1])
}
