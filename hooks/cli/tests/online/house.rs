//! A real server with ada and ben, root and roster, and their command lines; an agent where a test needs packets.
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

pub const PASSWORD: &str = "a long enough Password of a test";

/// Built beside `boathook` by `cargo build --workspace --bins`.
fn binary(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_boathook")).with_file_name(name);
    assert!(
        path.exists(),
        "{name} is not built: run cargo build --workspace --bins"
    );
    path
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct House {
    // Before the folder, so that they end before it goes.
    agent: Option<Running>,
    _server: Running,
    folder: tempfile::TempDir,
    pub port: u16,
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn run(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that asks for nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn good(command: &mut Command, stdin: &str) -> String {
    let out = run(command, stdin);
    assert!(
        out.status.success(),
        "{command:?}: {}{}",
        text(&out.stdout),
        text(&out.stderr)
    );
    text(&out.stdout)
}

impl House {
    /// Signed in: ada (admin, engineer and reviewer of acme) and ben (reviewer of acme).
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, ops) = (free_port(), free_port());
        let server = |words: &[&str], stdin: &str| {
            let mut command = Command::new(binary("boathook-server"));
            command
                .current_dir(folder.path())
                .args(["--config", "server.toml"]);
            good(command.args(words), stdin)
        };
        let origin = format!("https://localhost:{port}");
        server(
            &[
                "init",
                "--origin",
                &origin,
                "--data-dir",
                "data",
                "--self-signed",
            ],
            "",
        );
        let config = folder.path().join("server.toml");
        let settings = std::fs::read_to_string(&config).unwrap();
        let settings = settings.replace("127.0.0.1:9443", &format!("127.0.0.1:{ops}"));
        std::fs::write(&config, settings).unwrap();
        server(&["customer", "add", "acme", "ACME"], "");
        let password = format!("{PASSWORD}\n");
        let add = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            server(&[&["user", "add"], &words[..]].concat(), &password)
        };
        add("ada --name Ada --role admin --role engineer:acme --role reviewer:acme");
        add("ben --name Ben --role reviewer:acme");
        let log = std::fs::File::create(folder.path().join("server.log")).unwrap();
        let process = Command::new(binary("boathook-server"))
            .current_dir(folder.path())
            .args(["--config", "server.toml", "serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Running(process);
        until("the server is ready", || ready(ops));
        let house = Self {
            agent: None,
            _server: process,
            folder,
            port,
        };
        house.trust();
        house
    }

    fn trust(&self) {
        for person in ["ada", "ben"] {
            self.good(person, &format!("keygen {person}.pem --person {person}"));
        }
        let online = self.server(&["--json", "trust", "show"]);
        let online: Value = serde_json::from_str(&online).unwrap();
        let online = online["online_key"].as_str().unwrap();
        self.good(
            "ada",
            &format!("root new --holder ada.pub --holder ben.pub --online {online}"),
        );
        self.good("ada", "roster new");
        self.good("ada", "roster add roster-1.bson ada --role author --role reviewer --customer acme --key ada.pub");
        self.good(
            "ada",
            "roster add roster-1.bson ben --role reviewer --customer acme --key ben.pub",
        );
        for person in ["ada", "ben"] {
            self.good(person, "root sign root-1.bson --yes");
            self.good(person, "roster sign roster-1.bson --yes");
            self.sign_in(person, self.port);
        }
        self.good("ada", "trust import root-1.bson roster-1.bson");
    }

    pub fn sign_in(&self, person: &str, port: u16) {
        let line = format!("login https://localhost:{port} --ca data/tls/ca.pem --person {person}");
        good(&mut self.command(person, &line), &format!("{PASSWORD}\n"));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn server(&self, words: &[&str]) -> String {
        let mut command = Command::new(binary("boathook-server"));
        command
            .current_dir(self.path())
            .args(["--config", "server.toml"]);
        good(command.args(words), "")
    }

    /// `boathook` as this person has it. Words are parted by spaces; `~` within one stands for a space.
    fn command(&self, person: &str, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boathook"));
        command
            .args(line.split_whitespace().map(|w| w.replace('~', " ")))
            .current_dir(self.path())
            .env("BOATHOOK_KEY", format!("{person}.pem"))
            .env("BOATHOOK_CONFIG_DIR", self.path().join(person));
        command
    }

    pub fn good(&self, person: &str, line: &str) -> String {
        good(&mut self.command(person, line), "")
    }

    pub fn json(&self, person: &str, line: &str) -> Value {
        serde_json::from_str(&self.good(person, &format!("--json {line}"))).unwrap()
    }

    /// What was said on stderr, the next step included.
    pub fn bad(&self, person: &str, line: &str) -> String {
        self.bad_with(person, line, "")
    }

    pub fn bad_with(&self, person: &str, line: &str, stdin: &str) -> String {
        let out = run(&mut self.command(person, line), stdin);
        assert!(!out.status.success(), "{line}: {}", text(&out.stdout));
        text(&out.stderr)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A hook on jira/SUP-1 that reads `log/*.log`.
    pub fn hook_text(&self) -> String {
        format!(
            r#"
title = "Slow since the upgrade"
reason = "We want to see what it waits for."
customers = ["acme"]
expires = "1d"
[ticket]
system = "jira"
key = "SUP-1"
[audience]
everyone = true
[limits]
packet = "20 MiB"
[[collect]]
section = "logs"
collector = "file"
paths = ["{}/log/*.log"]
"#,
            self.path().display()
        )
    }

    /// An agent that runs all that passes its checks.
    pub fn start_agent(&mut self) {
        self.write(
            "agent/agent.toml",
            "state_dir = \"state\"\npolicy = \"policy.toml\"\n[facts]\nname = \"app-01\"\n",
        );
        self.write(
            "agent/policy.toml",
            &format!(
                "consent = \"auto\"\n[allow]\ndirectories = [\"{}/log\"]\n[agent]\nallow_root = true\n",
                self.path().display()
            ),
        );
        let join = self.server(&["join-token", "acme", "--no-confirm"]);
        let agent = || {
            let mut command = Command::new(binary("boathook-agent"));
            command
                .current_dir(self.path())
                .args(["--config", "agent/agent.toml"]);
            command
        };
        good(agent().args(["enroll", "-"]), &join);
        let log = std::fs::File::create(self.path().join("agent.log")).unwrap();
        let process = agent()
            .arg("run")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.agent = Some(Running(process));
    }
}

fn ready(ops: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", ops)) else {
        return false;
    };
    let mut answer = String::new();
    stream
        .write_all(b"GET /readyz HTTP/1.0\r\n\r\n")
        .and_then(|()| stream.read_to_string(&mut answer))
        .is_ok()
        && answer.contains(" 200 ")
}

pub fn until(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
