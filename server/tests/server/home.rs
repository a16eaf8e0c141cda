//! One installation in a directory of its own: commands on it, and the server that runs on it.
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use boathook_hooks::{documents::root::Root, keys::PublicKey, time::Time, verify::sample::Sample};
use serde_json::Value;
use tempfile::TempDir;

pub const ORIGIN: &str = "https://localhost";
pub const PASSWORD: &str = "correct horse battery";

pub struct Home {
    pub dir: TempDir,
    pub sample: Sample,
}

/// What a command said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// An empty directory.
    pub fn empty() -> Self {
        boathook_server::tls::install_provider();
        Self {
            dir: tempfile::tempdir().unwrap(),
            sample: Sample::new(Time::wall_clock()),
        }
    }

    /// After `init`, with ports that the system chooses.
    pub fn new() -> Self {
        Self::with("")
    }

    /// As [`Self::new`]; each `key = value` line replaces that key's line of the sample.
    pub fn with(settings: &str) -> Self {
        let home = Self::empty();
        let data = home.path("data").display().to_string();
        home.ok(&[
            "init",
            "--origin",
            ORIGIN,
            "--data-dir",
            &data,
            "--self-signed",
        ]);
        home.set("listen", "\"127.0.0.1:0\"");
        home.set("format", "\"json\"");
        for line in settings.lines().filter(|l| !l.trim().is_empty()) {
            let (key, value) = line.split_once(" = ").unwrap();
            home.set(key.trim(), value);
        }
        home
    }

    /// With root, roster and the customer acme.
    pub fn with_trust(settings: &str) -> Self {
        let home = Self::with(settings);
        home.trust();
        home.ok(&["customer", "add", "acme", "Acme"]);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("boathook-server.toml")
    }

    /// Replaces the value of a key wherever it stands.
    pub fn set(&self, key: &str, value: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let begin = format!("{key} = ");
        assert!(text.lines().any(|l| l.starts_with(&begin)), "no key {key}");
        let line = |l: &str| match l.starts_with(&begin) {
            true => format!("{begin}{value}\n"),
            false => format!("{l}\n"),
        };
        let text: String = text.lines().map(line).collect();
        std::fs::write(self.config(), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boathook-server"));
        command
            .env_remove("RUST_BACKTRACE")
            .arg("--config")
            .arg(self.config())
            .args(args);
        command
    }

    pub fn run(&self, args: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(args);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // A command that does not read it may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The output of a command that succeeds.
    pub fn ok(&self, args: &[&str]) -> String {
        self.told(args, "")
    }

    pub fn told(&self, args: &[&str], stdin: &str) -> String {
        let ran = self.run(args, stdin);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran.out
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.ok(&args)).unwrap()
    }

    /// What a command that fails says on stderr; it says nothing on stdout.
    pub fn fails(&self, args: &[&str]) -> String {
        let ran = self.run(args, "");
        assert!(ran.code != 0 && ran.out.is_empty(), "{args:?}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        ran.err
    }

    pub fn online(&self) -> PublicKey {
        self.json(&["trust", "show"])["online_key"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub fn root(&self) -> Root {
        Root {
            online: vec![self.online()],
            ..self.sample.root()
        }
    }

    /// Writes a document and gives its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn trust(&self) {
        let sample = &self.sample;
        let root = self.file(
            "root.bson",
            &sample.signed(&self.root(), &[&sample.rita, &sample.rolf]),
        );
        let roster = self.file("roster.bson", &sample.roster_bytes(&sample.roster()));
        self.ok(&["trust", "import", &root, &roster]);
    }

    /// A person with a password.
    pub fn person(&self, person: &str, roles: &[&str]) {
        let mut args = vec!["user", "add", person, "--name", person];
        roles.iter().for_each(|role| args.extend(["--role", role]));
        self.told(&args, PASSWORD);
    }

    /// A token for programs.
    pub fn token(&self, person: &str) -> String {
        self.ok(&["user", "token", person]).trim().to_owned()
    }

    pub fn join_string(&self) -> String {
        self.ok(&["join-token", "acme", "--no-confirm", "--count", "10"])
            .trim()
            .to_owned()
    }

    pub fn ca(&self) -> reqwest::Certificate {
        certificate(&self.path("data/tls/ca.pem"))
    }

    /// Starts the server and waits until it says where it listens.
    pub fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, args: &[&str]) -> Served {
        let log = self.path("server.log");
        let file = std::fs::File::create(&log).unwrap();
        let mut command = self.command(&[&["serve"], args].concat());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut served = Served {
            child,
            log,
            address: 0,
            ops: 0,
        };
        let until = Instant::now() + Duration::from_secs(60);
        let port = |line: &Value, key: &str| {
            let text = line[key].as_str().unwrap_or_default();
            text.rsplit(':')
                .next()
                .and_then(|p| p.parse().ok())
                .unwrap_or(0)
        };
        loop {
            if let Some(line) = served
                .lines()
                .into_iter()
                .find(|l| l["message"] == "serving")
            {
                (served.address, served.ops) = (port(&line, "address"), port(&line, "ops"));
                return served;
            }
            assert!(
                served.child.try_wait().unwrap().is_none(),
                "it ended: {}",
                served.text()
            );
            assert!(Instant::now() < until, "not serving: {}", served.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn client(&self) -> reqwest::Client {
        client(self.ca())
    }
}

pub fn certificate(path: &Path) -> reqwest::Certificate {
    reqwest::Certificate::from_pem(&std::fs::read(path).unwrap()).unwrap()
}

/// A client that trusts this CA alone and keeps no connection.
pub fn client(ca: reqwest::Certificate) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// A running server; killed when it is dropped.
pub struct Served {
    pub child: Child,
    log: PathBuf,
    pub address: u16,
    pub ops: u16,
}

impl Served {
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address)
    }

    pub fn ops_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ops)
    }

    /// The log as it was written.
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The log's lines.
    pub fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its own end, and gives the exit code.
    pub fn ended(&mut self, patience: Duration) -> i32 {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < until, "it does not end: {}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(self.ended(Duration::from_secs(40)), 0, "{}", self.text());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
