//! The sign-in of this user: server, CA and token, in one owner-only file of the config directory.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    ids::{Digest, PersonId},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::{
    client::Client,
    error::{Error, Result},
    files,
};

const FILE: &str = "sign-in.json";
const MAX_FILE: usize = 1 << 20;

/// Debug leaves the token out.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub url: String,
    /// PEM; none trusts the system's certificates.
    pub ca: Option<String>,
    pub person: PersonId,
    pub token: String,
    pub expires_at: Time,
    /// Of the house's first root: given at the first sign-in, or taken from the server then and kept.
    pub root_fingerprint: Option<Digest>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Profile({} at {})", self.person, self.url)
    }
}

pub fn path(config_dir: &Path) -> PathBuf {
    config_dir.join(FILE)
}

impl Profile {
    /// None when nobody has signed in.
    pub fn load(config_dir: &Path) -> Result<Option<Self>> {
        let path = path(config_dir);
        let text = match files::read_text(&path, MAX_FILE) {
            Ok(text) => text,
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let profile = serde_json::from_str(&text);
        profile.map(Some).map_err(|_| {
            Error::failed(
                format!("{} does not read", path.display()),
                "sign in again: `boathook login URL`",
            )
        })
    }

    pub fn save(&self, config_dir: &Path) -> Result<()> {
        files::private_folder(config_dir)?;
        let text = serde_json::to_vec_pretty(self).map_err(|e| Error::Answer {
            what: e.to_string(),
        })?;
        files::replace(&path(config_dir), &text, true)
    }

    pub fn forget(config_dir: &Path) -> Result<()> {
        let path = path(config_dir);
        std::fs::remove_file(&path).map_err(|source| Error::File {
            operation: "remove",
            path,
            source,
        })
    }

    pub fn client(&self) -> Result<Client> {
        Ok(
            Client::new(&self.url, self.ca.as_ref().map(|ca| ca.as_bytes()))?
                .with_token(&self.token),
        )
    }
}

/// The client of whoever has signed in.
pub fn signed_in(config_dir: &Path, now: Time) -> Result<(Profile, Client)> {
    let next = "sign in: `boathook login URL --ca FILE --person PERSON`";
    let profile = Profile::load(config_dir)?
        .ok_or_else(|| Error::failed("nobody has signed in here", next))?;
    if profile.expires_at <= now {
        return Err(Error::failed(
            format!("the sign-in ended at {}", profile.expires_at),
            next,
        ));
    }
    let client = profile.client()?;
    Ok((profile, client))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile {
            url: "https://example.com".into(),
            ca: None,
            person: "ada".parse().unwrap(),
            token: "bh_secret".into(),
            expires_at: Time::from_ms(1_000),
            root_fingerprint: None,
        }
    }

    #[test]
    fn a_sign_in_is_kept_for_its_owner_alone_until_it_ends() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("new/boathook");
        assert!(
            signed_in(&config, Time::from_ms(0))
                .unwrap_err()
                .next_step()
                .contains("login")
        );
        profile().save(&config).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&config), mode(&path(&config))), (0o700, 0o600));
        }
        assert_eq!(
            signed_in(&config, Time::from_ms(999)).unwrap().0.token,
            "bh_secret"
        );
        assert!(signed_in(&config, Time::from_ms(1_000)).is_err());
        Profile::forget(&config).unwrap();
        assert!(Profile::load(&config).unwrap().is_none());
    }

    #[test]
    fn a_token_never_shows_in_debug() {
        assert!(!format!("{:?}", profile()).contains("secret"));
    }
}
