//! What `boathook-agent status` shows of the running daemon: one small file, replaced whenever something changes.
use std::{fs, io, path::Path};

use boathook_hooks::{
    ids::{CustomerId, InstanceId},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::consent::Waiting;

/// In the state directory.
pub const FILE: &str = "status.json";
const MAX_STATUS: u64 = 4 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub pid: u32,
    pub version: String,
    pub instance: Option<InstanceId>,
    pub customer: Option<CustomerId>,
    pub started_at: Time,
    /// The server's last answer.
    pub answered_at: Option<Time>,
    /// Why there is none at the moment, in words.
    pub trouble: Option<String>,
    /// A person at the other end has yet to compare this instance's fingerprint.
    pub unconfirmed: bool,
    /// As `Boathook-Poll` said.
    pub poll: Option<String>,
    pub list_number: u64,
    pub list_expires_at: Option<Time>,
    pub listed: usize,
    /// The title of the hook that runs.
    pub running: Option<String>,
    pub waiting: Vec<Waiting>,
    /// Packets that the server does not have yet.
    pub spooled: usize,
    /// The isolation and rights of the last run.
    pub privileges: Vec<String>,
    /// What the server's history lacks that was seen before.
    pub history: Option<String>,
}

impl Status {
    /// Not synced: what is lost with the power is told anew.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
        let path = state_dir.join(FILE);
        let beside = state_dir.join("status.json.new");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&beside, &path)
    }

    /// None where no daemon ran yet.
    pub fn read(state_dir: &Path) -> io::Result<Option<Self>> {
        let bytes = crate::durable::read(&state_dir.join(FILE), MAX_STATUS)?;
        bytes
            .map(|b| serde_json::from_slice(&b).map_err(io::Error::from))
            .transpose()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_even_from_another_version() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Status::read(dir.path()).unwrap(), None);
        let status = Status {
            pid: 7,
            spooled: 2,
            ..Status::default()
        };
        status.write(dir.path()).unwrap();
        assert_eq!(Status::read(dir.path()).unwrap(), Some(status));
        fs::write(dir.path().join(FILE), r#"{"pid": 8, "newer": true}"#).unwrap();
        assert_eq!(Status::read(dir.path()).unwrap().unwrap().pid, 8);
    }
}
