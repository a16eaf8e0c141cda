//! A real S3 service: versitygw over a temporary directory, or the one that `BOATHOOK_TEST_S3`
//! names as `http[s]://HOST[:PORT]/BUCKET[/PREFIX]`, with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and perhaps `AWS_REGION`.
use std::{os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

use super::{fresh_name, need, script, serve};
use crate::world::process::{Process, free_port};

pub struct S3 {
    /// Scheme, host and port; the bucket goes into the path of requests.
    pub endpoint: String,
    pub bucket: String,
    /// Before every key of this test.
    pub prefix: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    own: Option<Own>,
}

struct Own {
    // Before the directory, so that it ends before that goes.
    process: Option<Process>,
    dir: tempfile::TempDir,
    port: u16,
}

impl S3 {
    /// The one that `BOATHOOK_TEST_S3` names, else one of our own.
    pub fn start() -> Result<Self> {
        match std::env::var("BOATHOOK_TEST_S3") {
            Ok(url) if !url.is_empty() => Self::given(&url),
            _ => Self::own(),
        }
    }

    /// One that only this test uses and may end; it ends with this value.
    pub fn own() -> Result<Self> {
        need("s3")?;
        let dir = tempfile::Builder::new().prefix("boathook-s3-").tempdir()?;
        let port = free_port()?;
        let mut s3 = Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            bucket: "boathook".into(),
            prefix: fresh_name("s3")?,
            region: "us-east-1".into(),
            access_key: "boathook-test".into(),
            secret_key: "boathook-test-secret".into(),
            own: Some(Own {
                process: None,
                dir,
                port,
            }),
        };
        s3.again()?;
        Ok(s3)
    }

    fn given(url: &str) -> Result<Self> {
        let place = url
            .split_once("://")
            .filter(|(scheme, _)| ["http", "https"].contains(scheme))
            .and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?)))
            .map(|(scheme, (host, path))| (scheme, host, path.trim_end_matches('/')))
            .filter(|(_, host, path)| !host.is_empty() && !path.is_empty());
        let (scheme, host, path) =
            place.context("BOATHOOK_TEST_S3 is no http[s]://HOST[:PORT]/BUCKET[/PREFIX]")?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let fresh = fresh_name("s3")?;
        let secret = |name: &str| {
            std::env::var(name).with_context(|| format!("BOATHOOK_TEST_S3 needs {name}"))
        };
        Ok(Self {
            endpoint: format!("{scheme}://{host}"),
            bucket: bucket.to_owned(),
            prefix: format!("{prefix}/{fresh}")
                .trim_start_matches('/')
                .to_owned(),
            region: std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".into()),
            access_key: secret("AWS_ACCESS_KEY_ID")?,
            secret_key: secret("AWS_SECRET_ACCESS_KEY")?,
            own: None,
        })
    }

    /// `s3://BUCKET/PREFIX`, the prefix being this test's.
    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// The section `[objects]` for a server's settings, its key in a file in `dir`.
    pub fn settings(&self, dir: &Path) -> Result<String> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join("s3-key.toml");
        let key = format!(
            "access_key_id = {:?}\nsecret_access_key = {:?}\n",
            self.access_key, self.secret_key
        );
        std::fs::write(&path, key)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(format!(
            "[objects]\nurl = {:?}\nendpoint = {:?}\nregion = {:?}\ncredentials = {:?}\n",
            self.url(),
            self.endpoint,
            self.region,
            path
        ))
    }

    /// `kill -9`; the objects stay.
    pub fn kill(&mut self) -> Result<()> {
        let process = self.ours()?.process.take();
        process.map_or(Ok(()), |mut process| process.kill())
    }

    /// Starts it on the same port with the objects that it had.
    pub fn again(&mut self) -> Result<()> {
        let (access, secret) = (self.access_key.clone(), self.secret_key.clone());
        let own = self.ours()?;
        let mut command = script("s3");
        command
            .arg("serve")
            .arg(own.dir.path())
            .arg(own.port.to_string())
            .env("AWS_ACCESS_KEY_ID", access)
            .env("AWS_SECRET_ACCESS_KEY", secret);
        own.process = Some(serve(&mut command, &own.dir.path().join("log"), own.port)?);
        Ok(())
    }

    fn ours(&mut self) -> Result<&mut Own> {
        self.own
            .as_mut()
            .context("this object store is somebody else's; take S3::own")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };

    use super::*;

    fn asked(s3: &S3, request: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(s3.endpoint.trim_start_matches("http://"))?;
        stream.write_all(request.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn it_starts_wants_a_key_ends_and_comes_back_on_the_same_port() {
        let mut s3 = S3::own().unwrap();
        let health = "GET /health HTTP/1.0\r\n\r\n";
        assert!(asked(&s3, health).unwrap().contains(" 200 "));
        let object = "GET /boathook/key HTTP/1.0\r\n\r\n";
        assert!(asked(&s3, object).unwrap().contains(" 403 "));
        s3.kill().unwrap();
        assert!(asked(&s3, health).is_err());
        s3.again().unwrap();
        assert!(asked(&s3, health).unwrap().contains(" 200 "));
    }

    #[test]
    fn the_settings_name_bucket_and_prefix_and_keep_the_key_to_the_owner() {
        let s3 = S3::own().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let text = s3.settings(dir.path()).unwrap();
        assert!(
            text.contains(&format!("s3://boathook/{}", s3.prefix)),
            "{text}"
        );
        assert!(!text.contains(&s3.secret_key), "{text}");
        let mode = std::fs::metadata(dir.path().join("s3-key.toml")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_address_without_a_bucket_is_refused() {
        for wrong in [
            "bucket",
            "s3://a/b",
            "http://host",
            "http://host/",
            "http:///bucket",
        ] {
            let said = S3::given(wrong).err().unwrap().to_string();
            assert!(said.contains("is no http"), "{wrong}: {said}");
        }
    }
}
