//! Keys in files: the secret as PKCS#8 PEM for its owner alone, the public half beside it as one line of text.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    documents::root::Holder,
    ids::PersonId,
    keys::{KeyError, PublicKey, SecretKey},
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    files,
};

const MAX_KEY_FILE: usize = 16 * 1024;

/// A key that was just made.
#[derive(Clone, Debug, Serialize)]
pub struct NewKey {
    pub person: Option<PersonId>,
    pub public_key: PublicKey,
    /// SHA-256 of the public key: what people compare.
    pub fingerprint: boathook_hooks::keys::KeyId,
    pub secret_file: PathBuf,
    pub public_file: PathBuf,
}

/// Makes a key in `path` (a PEM file) and its public half beside it (`.pub`). Neither file may be there already.
pub fn generate(path: &Path, person: Option<&PersonId>) -> Result<NewKey> {
    let public_file = path.with_extension("pub");
    if public_file.exists() {
        let source = std::io::ErrorKind::AlreadyExists.into();
        return Err(Error::File {
            operation: "create",
            path: public_file,
            source,
        });
    }
    let key = SecretKey::generate().map_err(Error::MakeKey)?;
    let pem = key.to_pem().map_err(Error::MakeKey)?;
    files::create(path, pem.as_bytes(), true)?;
    let public_key = key.public();
    files::create(
        &public_file,
        public_line(&public_key, person).as_bytes(),
        false,
    )?;
    Ok(NewKey {
        person: person.cloned(),
        public_key,
        fingerprint: public_key.id(),
        secret_file: path.to_owned(),
        public_file,
    })
}

fn public_line(key: &PublicKey, person: Option<&PersonId>) -> String {
    match person {
        Some(person) => format!("{key} {person}\n"),
        None => format!("{key}\n"),
    }
}

/// A secret key. A file that others may read is refused, as ssh does.
pub fn load(path: &Path) -> Result<SecretKey> {
    owner_only(path)?;
    let pem = Zeroizing::new(files::read_text(path, MAX_KEY_FILE)?);
    SecretKey::from_pem(&pem).map_err(|source: KeyError| Error::Key {
        path: path.to_owned(),
        source,
    })
}

#[cfg(unix)]
fn owner_only(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let meta = std::fs::metadata(path).map_err(|source| Error::File {
        operation: "read the key",
        path: path.to_owned(),
        source,
    })?;
    if meta.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::failed(
        format!("others may read the secret key in {}", path.display()),
        format!(
            "chmod 600 {}; if others may have read it, make a new key and have this one revoked",
            path.display()
        ),
    ))
}

#[cfg(not(unix))]
fn owner_only(_: &Path) -> Result<()> {
    Ok(())
}

/// A public key on the command line: `ed25519:…`, or a file that `keygen` wrote; with the person if the file says one.
pub fn public(text: &str) -> Result<(PublicKey, Option<PersonId>)> {
    let next = "give ed25519:… or the .pub file that `boathook keygen` wrote";
    if text.starts_with("ed25519:") {
        return Ok((
            text.parse()
                .map_err(|what: String| Error::usage(what, next))?,
            None,
        ));
    }
    let line = files::read_text(Path::new(text), MAX_KEY_FILE)?;
    let mut words = line.split_whitespace();
    let key = words.next().unwrap_or_default().parse();
    let key = key.map_err(|what: String| Error::usage(format!("{text}: {what}"), next))?;
    let person = words.next().map(str::parse).transpose();
    Ok((
        key,
        person.map_err(|what: String| Error::usage(format!("{text}: {what}"), next))?,
    ))
}

/// `PERSON=KEY`, or the `.pub` file of a key that was made with `--person`.
pub fn holder(text: &str) -> Result<Holder> {
    let next = "give PERSON=ed25519:…, PERSON=FILE.pub, or a FILE.pub that `boathook keygen --person` wrote";
    // Base64 may end with `=`, so only what stands before the first one can be a person, and a key is none.
    if let Some((person, key)) = text
        .split_once('=')
        .filter(|(person, _)| !person.starts_with("ed25519:"))
    {
        let person: PersonId = person
            .parse()
            .map_err(|what: String| Error::usage(what, next))?;
        let (key, named) = public(key)?;
        if let Some(other) = named.filter(|named| *named != person) {
            return Err(Error::usage(
                format!("the key is {other}'s, not {person}'s"),
                next,
            ));
        }
        return Ok(Holder { person, key });
    }
    let (key, person) = public(text)?;
    let person =
        person.ok_or_else(|| Error::usage(format!("{text} does not say whose key it is"), next))?;
    Ok(Holder { person, key })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn made(person: Option<&str>) -> (tempfile::TempDir, NewKey) {
        let folder = tempfile::tempdir().unwrap();
        let person = person.map(|p| p.parse().unwrap());
        let key = generate(&folder.path().join("key.pem"), person.as_ref()).unwrap();
        (folder, key)
    }

    #[test]
    fn a_key_that_was_made_is_read_again() {
        let (_folder, key) = made(None);
        assert_eq!(load(&key.secret_file).unwrap().public(), key.public_key);
        assert_eq!(
            public(key.public_file.to_str().unwrap()).unwrap(),
            (key.public_key, None)
        );
    }

    #[test]
    fn no_key_is_ever_overwritten() {
        let (folder, key) = made(None);
        assert!(generate(&key.secret_file, None).is_err());
        std::fs::remove_file(&key.secret_file).unwrap();
        assert!(
            generate(&folder.path().join("key.pem"), None).is_err(),
            "its public half is still there"
        );
        assert!(!key.secret_file.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, key) = made(None);
        std::fs::set_permissions(&key.secret_file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            load(&key.secret_file)
                .unwrap_err()
                .to_string()
                .contains("others may read")
        );
    }

    #[test]
    fn a_holder_is_named_on_the_line_or_in_the_file() {
        let (_folder, key) = made(Some("ada"));
        let file = key.public_file.to_str().unwrap();
        let expected = Holder {
            person: "ada".parse().unwrap(),
            key: key.public_key,
        };
        assert_eq!(holder(file).unwrap(), expected);
        assert_eq!(holder(&format!("ada={file}")).unwrap(), expected);
        assert_eq!(
            holder(&format!("ada={}", key.public_key)).unwrap(),
            expected
        );
        assert!(
            holder(&format!("ben={file}"))
                .unwrap_err()
                .to_string()
                .contains("ada")
        );
        assert!(holder(&key.public_key.to_string()).is_err());
    }
}
