//! A folder in which two people run `boathook` without a server.
use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

pub struct House {
    folder: tempfile::TempDir,
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl House {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_boathook"))
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env_remove("BOATHOOK_KEY")
            .env("BOATHOOK_CONFIG_DIR", self.path().join("config"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    pub fn good(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.good(&format!("--json {line}"))).unwrap()
    }

    /// Exit code and what was said on stderr.
    pub fn bad(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        assert!(!output.status.success(), "{line} went well");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// Ada and Ben hold all kinds of keys; root 1 is signed by both.
    pub fn with_root() -> Self {
        let house = Self::new();
        for person in ["ada", "ben", "server"] {
            house.good(&format!("keygen {person}.pem --person {person}"));
        }
        let online = house.json("keygen online.pem")["public_key"]
            .as_str()
            .unwrap()
            .to_owned();
        house.good(&format!(
            "root new --holder ada.pub --holder ben.pub --online {online}"
        ));
        house.good("root sign root-1.bson --key ada.pem --yes");
        house.good("root sign root-1.bson --key ben.pem --yes");
        house
    }
}
