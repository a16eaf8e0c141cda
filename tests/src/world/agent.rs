//! A `boathook-agent` process with its own directory, policy and settings.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use boathook_hooks::protocol::JoinString;

use super::process::{Process, binary, run};

pub struct Agent {
    pub name: String,
    pub dir: PathBuf,
    pub config: PathBuf,
    process: Option<Process>,
}

impl Agent {
    /// Settings and policy in `dir`; neither enrolled nor started. `policy` is the whole policy file.
    pub fn prepare(dir: &Path, name: &str, policy: &str) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let text = format!(
            "state_dir = \"state\"\npolicy = \"policy.toml\"\ncredentials = \"credentials.toml\"\n[facts]\nname = \"{name}\"\n"
        );
        let config = dir.join("agent.toml");
        std::fs::write(&config, text)?;
        std::fs::write(dir.join("policy.toml"), policy)?;
        Ok(Self {
            name: name.to_owned(),
            dir: dir.to_owned(),
            config,
            process: None,
        })
    }

    /// `credentials.toml`, owner-only.
    pub fn credentials(&self, text: &str) -> Result<()> {
        let path = self.dir.join("credentials.toml");
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(())
    }

    fn base(&self) -> Result<Command> {
        let mut command = Command::new(binary("boathook-agent")?);
        command.arg("--config").arg(&self.config);
        Ok(command)
    }

    /// A command of `boathook-agent` on this instance.
    pub fn command(&self, args: &[&str], stdin: &str) -> Result<String> {
        run(self.base()?.args(args), stdin)
    }

    /// The join string goes by standard input: it holds a secret.
    pub fn enroll(&self, join: &JoinString) -> Result<String> {
        self.command(&["enroll", "-"], &join.to_text()?)
    }

    pub fn start(&mut self) -> Result<()> {
        self.process = Some(Process::start(
            self.base()?.arg("run"),
            &self.dir.join("agent.log"),
        )?);
        Ok(())
    }

    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut p| p.kill())
    }

    pub fn stop(&mut self) -> Result<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut p| p.stop().map(|_| ()))
    }

    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("agent.log")).unwrap_or_default()
    }
}
