//! Files: bounded reads, whole writes, owner-only secrets, and envelopes in both of their forms.
use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use boathook_hooks::{
    envelope::Envelope,
    strict::{MAX_DOCUMENT, MAX_STATEMENT},
};

use crate::error::{Error, Result};

fn failed<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |source| Error::File {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// The whole file, of at most `limit` bytes; `-` is stdin.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = limit as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(failed("read", path))?;
    } else {
        let file = fs::File::open(path).map_err(failed("read", path))?;
        file.take(most)
            .read_to_end(&mut bytes)
            .map_err(failed("read", path))?;
    }
    if bytes.len() > limit {
        return Err(Error::NotADocument {
            path: path.to_owned(),
            what: format!("it has more than {limit} bytes"),
        });
    }
    Ok(bytes)
}

pub fn read_text(path: &Path, limit: usize) -> Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| Error::NotADocument {
        path: path.to_owned(),
        what: "it is not UTF-8 text".into(),
    })
}

/// A new file; one that is there already is an error.
pub fn create(path: &Path, bytes: &[u8], owner_only: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    mode(&mut options, owner_only);
    let mut file = options.open(path).map_err(failed("create", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map_err(failed("write", path))
}

/// Replaces the file whole or not at all.
pub fn replace(path: &Path, bytes: &[u8], owner_only: bool) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed("write", path))?;
    if !owner_only {
        widen(file.as_file(), path)?;
    }
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("write", path))?;
    file.persist(path)
        .map_err(|e| failed("write", path)(e.error))?;
    Ok(())
}

/// A folder for this user alone.
pub fn private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed("create", path))
}

#[cfg(unix)]
fn mode(options: &mut OpenOptions, owner_only: bool) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(if owner_only { 0o600 } else { 0o666 });
}

#[cfg(not(unix))]
fn mode(_: &mut OpenOptions, _: bool) {}

/// Temporary files are owner-only; documents are for everyone who may read their folder.
#[cfg(unix)]
fn widen(file: &fs::File, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_or(0o644, |m| m.permissions().mode() & 0o777);
    file.set_permissions(fs::Permissions::from_mode(mode))
        .map_err(failed("write", path))
}

#[cfg(not(unix))]
fn widen(_: &fs::File, _: &Path) -> Result<()> {
    Ok(())
}

/// Which of the two forms an envelope file has, so that it is written back as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Bson,
    DsseJson,
}

/// An envelope and where it came from.
#[derive(Clone, Debug)]
pub struct EnvelopeFile {
    pub path: PathBuf,
    pub envelope: Envelope,
    pub form: Form,
}

impl EnvelopeFile {
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read(path, 2 * MAX_STATEMENT)?;
        let (envelope, form) = parse_envelope(&bytes).map_err(|what| Error::NotADocument {
            path: path.to_owned(),
            what,
        })?;
        Ok(Self {
            path: path.to_owned(),
            envelope,
            form,
        })
    }

    /// The wire form, whichever form the file has.
    pub fn bson(&self) -> Result<Vec<u8>> {
        Ok(self.envelope.to_bson()?)
    }

    pub fn bytes(&self) -> Result<Vec<u8>> {
        match self.form {
            Form::Bson => self.bson(),
            Form::DsseJson => Ok(self.envelope.to_json().into_bytes()),
        }
    }

    /// Over the file that it was read from.
    pub fn write_back(&self) -> Result<()> {
        replace(&self.path, &self.bytes()?, false)
    }
}

/// BSON, or DSSE JSON. The first four bytes of BSON are its length, here less than 16 MiB: so the fourth is 0, which no
/// JSON contains.
pub fn parse_envelope(bytes: &[u8]) -> std::result::Result<(Envelope, Form), String> {
    let is_json = bytes.get(3).is_some_and(|b| *b != 0);
    if is_json {
        // base64 and names make JSON larger than the BSON whose limit counts.
        let envelope = Envelope::from_json(bytes, 2 * MAX_STATEMENT).map_err(|e| e.to_string())?;
        return Ok((envelope, Form::DsseJson));
    }
    let envelope =
        Envelope::from_bson(bytes, MAX_DOCUMENT.max(MAX_STATEMENT)).map_err(|e| e.to_string())?;
    Ok((envelope, Form::Bson))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_read_in_both_forms_and_written_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let envelope = Envelope::unsigned("t", b"payload".to_vec());
        for (name, bytes, form) in [
            ("a.bson", envelope.to_bson().unwrap(), Form::Bson),
            ("a.json", envelope.to_json().into_bytes(), Form::DsseJson),
        ] {
            let path = folder.path().join(name);
            create(&path, &bytes, false).unwrap();
            let file = EnvelopeFile::read(&path).unwrap();
            assert_eq!((&file.envelope, file.form), (&envelope, form));
            file.write_back().unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn an_envelope_whose_length_looks_like_json_is_still_bson() {
        // 0x227b bytes: the file begins with `{"`.
        let mut envelope = Envelope::unsigned("t", Vec::new());
        envelope.payload.0 = vec![1; 0x227b - envelope.to_bson().unwrap().len()];
        let bytes = envelope.to_bson().unwrap();
        assert!(bytes.starts_with(b"{\""));
        assert_eq!(parse_envelope(&bytes).unwrap(), (envelope, Form::Bson));
    }

    #[test]
    fn a_file_that_is_there_is_never_overwritten_by_create() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        create(&path, b"1", true).unwrap();
        assert!(matches!(create(&path, b"2", true), Err(Error::File { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        create(&path, b"1", true).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let path = folder.path().join("y");
        replace(&path, b"1", true).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        create(&path, b"12345", false).unwrap();
        assert!(read(&path, 4).is_err());
        assert_eq!(read(&path, 5).unwrap(), b"12345");
    }
}
