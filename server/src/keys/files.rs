//! Keys in files of the data directory, owner-only: for one server.
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use boathook_hooks::{keys::SecretKey, time::Time};
use zeroize::Zeroizing;

use super::{Keys, KeysError, MacKey, Macs, Ring};

const ONLINE: &str = "online.pem";
const TOKEN: &str = "token.key";
const CHALLENGE: &str = "challenge.key";
const BEARER: &str = "bearer.key";

impl Keys {
    pub fn folder(data_dir: &Path) -> PathBuf {
        data_dir.join("keys")
    }

    /// Makes new keys in `data_dir`; refuses to touch keys that are there.
    pub fn create(data_dir: &Path) -> Result<Self, KeysError> {
        let folder = Self::folder(data_dir);
        if folder.join(ONLINE).exists() {
            return Err(KeysError::Exist(folder));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(io("make the folder", &folder))?;
        for name in [TOKEN, CHALLENGE, BEARER] {
            let mut key = Zeroizing::new([0u8; 32]);
            getrandom::fill(key.as_mut()).map_err(KeysError::Random)?;
            write_secret(&folder.join(name), key.as_ref())?;
        }
        // Last, as its presence says that all are there.
        write_secret(
            &folder.join(ONLINE),
            SecretKey::generate()?.to_pem()?.as_bytes(),
        )?;
        Self::load(data_dir)
    }

    pub fn load(data_dir: &Path) -> Result<Self, KeysError> {
        let folder = Self::folder(data_dir);
        if !folder.join(ONLINE).exists() {
            return Err(KeysError::Missing(folder));
        }
        let path = folder.join(ONLINE);
        let pem = read_secret(&path)?;
        let pem = std::str::from_utf8(&pem).map_err(|_| KeysError::Damaged(path.clone()))?;
        let online = SecretKey::from_pem(pem).map_err(|_| KeysError::Damaged(path))?;
        let macs = Macs {
            from: Time::from_ms(0),
            token: mac_key(&folder.join(TOKEN))?,
            challenge: mac_key(&folder.join(CHALLENGE))?,
            bearer: mac_key(&folder.join(BEARER))?,
        };
        Ok(Self::new(Ring::new(online, macs, Vec::new()), 0, None))
    }
}

fn mac_key(path: &Path) -> Result<MacKey, KeysError> {
    let bytes = read_secret(path)?;
    let key: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| KeysError::Damaged(path.to_owned()))?;
    Ok(Zeroizing::new(key))
}

fn io<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> KeysError + 'a {
    move |source| KeysError::Io {
        verb,
        path: path.to_owned(),
        source,
    }
}

/// Writes a file that only its owner can read, synced before it counts.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(io("write", path))?;
    file.write_all(bytes).map_err(io("write", path))?;
    file.sync_all().map_err(io("sync", path))
}

pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let mode = fs::metadata(path)
        .map_err(io("read", path))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeysError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    fs::read(path).map(Zeroizing::new).map_err(io("read", path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_owner_only_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let made = Keys::create(dir.path()).unwrap();
        let again = Keys::load(dir.path()).unwrap();
        assert_eq!(made.online_public(), again.online_public());
        let ring = again.ring();
        assert_ne!(*ring.macs()[0].token, *ring.macs()[0].bearer);
        assert!(matches!(Keys::create(dir.path()), Err(KeysError::Exist(_))));
        let mode = fs::metadata(Keys::folder(dir.path()).join(ONLINE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Keys::create(dir.path()).unwrap();
        let path = Keys::folder(dir.path()).join(BEARER);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            Keys::load(dir.path()),
            Err(KeysError::Open { mode: 0o640, .. })
        ));
    }

    #[test]
    fn without_init_the_message_says_so() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            Keys::load(dir.path())
                .unwrap_err()
                .to_string()
                .contains("init")
        );
    }
}
