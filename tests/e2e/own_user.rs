//! The agent as it is installed: its own user, the shipped policy, root only at the terminal.
use std::{
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use boathook_tests::world::{
    World,
    process::{Process, binary, run},
    text::HookText,
};

/// `nobody`, everywhere.
const NOBODY: u32 = 65_534;

/// An agent whose files and processes are another user's, with no policy file. Needs root to become that user.
struct Installed {
    dir: PathBuf,
    bin: PathBuf,
    process: Option<Process>,
}

impl Installed {
    fn new(world: &World) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test becomes another user: run the tests as root"
        );
        // The other user has to get through to its own directory.
        let open = |path: &Path| {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o711))
                .unwrap();
        };
        open(world.path());
        let dir = world.path().join("installed");
        std::fs::create_dir(&dir).unwrap();
        let bin = world.path().join("boathook-agent");
        std::fs::copy(binary("boathook-agent").unwrap(), &bin).unwrap();
        std::fs::write(
            dir.join("agent.toml"),
            "state_dir = \"state\"\npolicy = \"none.toml\"\ncredentials = \"none\"\n",
        )
        .unwrap();
        chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
        Self {
            dir,
            bin,
            process: None,
        }
    }

    fn base(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.bin);
        command
            .arg("--config")
            .arg(self.dir.join("agent.toml"))
            .args(args);
        command
    }

    fn as_nobody(&self, args: &[&str]) -> Command {
        let mut command = self.base(args);
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    fn start(&mut self) {
        let log = self.dir.with_extension("log");
        self.process = Some(Process::start(&mut self.as_nobody(&["run"]), &log).unwrap());
    }

    fn status(&self) -> String {
        run(&mut self.base(&["status"]), "").unwrap()
    }

    fn until_status(&self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.status();
            if status.contains(words) {
                return status;
            }
            assert!(Instant::now() < until, "{words:?} is not in: {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[tokio::test]
async fn the_agent_runs_as_its_own_user_and_root_approves_at_the_terminal() {
    let world = World::start().await.unwrap();
    let mut agent = Installed::new(&world);
    let join = world.join("acme", 1).await.unwrap().to_text().unwrap();

    let refused = run(&mut agent.base(&["enroll", "-"]), &join)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("refuses to run as root"), "{refused}");
    run(&mut agent.as_nobody(&["enroll", "-"]), &join).unwrap();
    let refused = run(&mut agent.base(&["run"]), "").unwrap_err().to_string();
    assert!(refused.contains("refuses to run as root"), "{refused}");
    agent.start();

    // Ordinary reach runs by itself.
    let ordinary = HookText::new("The host").collect("host", "host", "");
    let hook = world.publish(&ordinary.to_string()).await.unwrap();
    let packet = world.packet(&hook).await.unwrap();
    let privileges = packet["statement"]["privileges"].to_string();
    assert!(privileges.contains("an own user"), "{privileges}");

    // Wide reach waits, and what the policy does not open stays closed.
    let secret = world.path().join("secret.txt");
    std::fs::write(&secret, "nobody should see this").unwrap();
    let wide = HookText::new("The host and a file")
        .collect("host", "host", "")
        .collect(
            "file",
            "file",
            &format!("paths = [\"{}\"]", secret.display()),
        );
    let hook = world.publish(&wide.to_string()).await.unwrap();
    let status = agent.until_status("WAITS FOR YOU: The host and a file");
    assert!(status.contains("wide reach"), "{status}");
    run(&mut agent.base(&["approve", &hook.digest.to_string()]), "").unwrap();
    let packet = world.packet(&hook).await.unwrap();
    let sections = packet["statement"]["sections"].as_array().unwrap();
    assert_eq!(sections[0]["outcome"], "ok", "{packet:#}");
    assert_eq!(sections[1]["outcome"], "denied_by_policy", "{packet:#}");

    for entry in std::fs::read_dir(agent.dir.join("state")).unwrap() {
        use std::os::unix::fs::MetadataExt as _;
        let (path, meta) = entry.map(|e| (e.path(), e.metadata().unwrap())).unwrap();
        assert_eq!(
            (meta.uid(), meta.mode() & 0o077),
            (NOBODY, 0),
            "{}",
            path.display()
        );
    }
}
