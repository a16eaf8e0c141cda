//! Who this instance is: its key, the machine that the key belongs to, and where it enrolled.
mod machine;

use std::path::{Path, PathBuf};

use boathook_hooks::{
    ids::{CustomerId, Digest, InstanceId},
    keys::{KeyError, SecretKey},
    time::Time,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use machine::Machine;

use crate::durable;

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{path}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {what}")]
    Unreadable { path: PathBuf, what: String },
    #[error(
        "this instance is not enrolled: get a join string from your support and run `boathook-agent enroll`"
    )]
    NotEnrolled,
    #[error(
        "the {what} of this machine is not the one that the key was made on: a copied disk or image? \
         Run `boathook-agent enroll --again` with a new join string"
    )]
    MachineChanged { what: &'static str },
    #[error("making the instance's key")]
    Key(#[from] KeyError),
}

/// The file `identity.json` in the state directory, owner-only. Written before enrolment is sent, so that a repeated
/// one comes from the same key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    machine: Machine,
    /// PKCS#8 PEM.
    key: Zeroizing<String>,
    enrolled: Option<Enrolled>,
}

/// What the join string and the server said at enrolment; none of it changes afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    pub origin: String,
    /// PEM.
    pub ca: Option<String>,
    /// Fingerprint of the first root.
    pub root: Digest,
    pub customer: CustomerId,
    pub instance: InstanceId,
    pub at: Time,
}

#[derive(Clone, Debug)]
pub struct Identity {
    pub key: SecretKey,
    pub enrolled: Option<Enrolled>,
    machine: Machine,
}

impl Identity {
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("identity.json")
    }

    pub fn fresh() -> Result<Self, IdentityError> {
        Ok(Self {
            key: SecretKey::generate()?,
            enrolled: None,
            machine: Machine::here(),
        })
    }

    /// None when there is no key yet. A key of another machine is refused.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let found = Self::load_anywhere(state_dir)?;
        if let Some(identity) = &found {
            identity.check_machine(&Machine::here())?;
        }
        Ok(found)
    }

    /// As [`Self::load`], of whatever machine: for `enroll --again` and `status`.
    pub fn load_anywhere(state_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = Self::path(state_dir);
        let io = |source| IdentityError::Io {
            path: path.clone(),
            source,
        };
        let Some(bytes) = durable::read(&path, 256 * 1024).map_err(io)? else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(bytes);
        durable::owner_only(&path).map_err(io)?;
        let form: FileForm =
            serde_json::from_slice(&bytes).map_err(|e| IdentityError::Unreadable {
                path: path.clone(),
                what: e.to_string(),
            })?;
        Ok(Some(Self {
            key: SecretKey::from_pem(&form.key)?,
            enrolled: form.enrolled,
            machine: form.machine,
        }))
    }

    pub fn check_machine(&self, here: &Machine) -> Result<(), IdentityError> {
        self.machine
            .changed(here)
            .map_or(Ok(()), |what| Err(IdentityError::MachineChanged { what }))
    }

    pub fn save(&self, state_dir: &Path) -> Result<(), IdentityError> {
        let path = Self::path(state_dir);
        let form = FileForm {
            machine: self.machine.clone(),
            key: self.key.to_pem()?,
            enrolled: self.enrolled.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&form)
            .map(Zeroizing::new)
            .map_err(|e| IdentityError::Unreadable {
                path: path.clone(),
                what: e.to_string(),
            })?;
        durable::replace(&path, &bytes).map_err(|source| IdentityError::Io { path, source })
    }

    pub fn enrolled(&self) -> Result<&Enrolled, IdentityError> {
        self.enrolled.as_ref().ok_or(IdentityError::NotEnrolled)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_stored_owner_only_and_reads_back() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        assert!(Identity::load(dir.path()).unwrap().is_none());
        let made = Identity::fresh().unwrap();
        made.save(dir.path()).unwrap();
        let path = Identity::path(dir.path());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let read = Identity::load(dir.path()).unwrap().unwrap();
        assert_eq!(read.key.public(), made.key.public());
        assert!(matches!(read.enrolled(), Err(IdentityError::NotEnrolled)));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        Identity::fresh().unwrap().save(dir.path()).unwrap();
        std::fs::set_permissions(
            Identity::path(dir.path()),
            std::fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        assert!(matches!(
            Identity::load(dir.path()),
            Err(IdentityError::Io { .. })
        ));
    }

    #[test]
    fn a_key_on_another_machine_asks_to_enrol_again() {
        let mut identity = Identity::fresh().unwrap();
        identity.machine.machine_id = Some(Digest::of(b"elsewhere"));
        let dir = tempfile::tempdir().unwrap();
        identity.save(dir.path()).unwrap();
        let refused = Identity::load(dir.path()).unwrap_err();
        assert!(refused.to_string().contains("enroll --again"), "{refused}");
        assert!(Identity::load_anywhere(dir.path()).unwrap().is_some());
    }
}
