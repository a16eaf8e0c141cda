//! Where packet objects lie and how they are reached: the settings, checked before anything is opened. No secrets: the
//! access key comes from a file of its own or from the environment.
use std::{net::IpAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The section `[objects]` of a server's settings. All empty: a directory beside the embedded store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectsConfig {
    /// Empty, or `s3://BUCKET[/PREFIX]`.
    pub url: String,
    /// `https://HOST[:PORT]` of the service; empty is AWS's own in `region`. `http://` at loopback addresses only.
    pub endpoint: String,
    /// Empty: `$AWS_REGION`, `$AWS_DEFAULT_REGION`, or us-east-1.
    pub region: String,
    /// The bucket in the path (`HOST/BUCKET/…`), not in the host name (`BUCKET.HOST/…`).
    pub path_style: bool,
    /// A TOML file with `access_key_id`, `secret_access_key` and perhaps `session_token`, readable by its owner only.
    /// Empty: the environment's `AWS_…`, or the role of the machine.
    pub credentials: PathBuf,
    /// `none`, `AES256`, `aws:kms` or `aws:kms:KEY`.
    pub server_side_encryption: String,
    /// PEM of a private CA that the endpoint's certificate is from. Empty: the system's CAs.
    pub endpoint_ca: PathBuf,
    /// How long one request may take, 1 to 60.
    pub timeout_seconds: u64,
}

impl Default for ObjectsConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            endpoint: String::new(),
            region: String::new(),
            path_style: true,
            credentials: PathBuf::new(),
            server_side_encryption: "none".into(),
            endpoint_ca: PathBuf::new(),
            timeout_seconds: 6,
        }
    }
}

/// A setting that cannot be. The value is not shown: it may be an address with a password in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is wrong: expected {expected}")]
pub struct ObjectsConfigError {
    pub key: &'static str,
    pub expected: &'static str,
}

fn wrong<T>(key: &'static str, expected: &'static str) -> Result<T, ObjectsConfigError> {
    Err(ObjectsConfigError { key, expected })
}

/// Where the settings say that objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Beside,
    S3(Bucket),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub name: String,
    pub prefix: String,
    /// Without one it is AWS.
    pub endpoint: Option<Url>,
    pub encryption: Encryption,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    None,
    Aes256,
    Kms { key: Option<String> },
}

impl ObjectsConfig {
    /// In a bucket, all else by default.
    pub fn s3(url: &str, endpoint: &str) -> Self {
        Self {
            url: url.to_owned(),
            endpoint: endpoint.to_owned(),
            ..Self::default()
        }
    }

    /// Without opening anything.
    pub fn check(&self) -> Result<(), ObjectsConfigError> {
        self.place().map(drop)
    }

    pub(super) fn place(&self) -> Result<Place, ObjectsConfigError> {
        if !(1..=60).contains(&self.timeout_seconds) {
            return wrong("objects.timeout_seconds", "1 to 60");
        }
        if self.url.is_empty() {
            let default = Self {
                timeout_seconds: self.timeout_seconds,
                ..Self::default()
            };
            // A forgotten url must not put packets where nobody looks for them.
            return match *self == default {
                true => Ok(Place::Beside),
                false => wrong(
                    "objects.url",
                    "s3://BUCKET[/PREFIX], as other keys of [objects] are set",
                ),
            };
        }
        let (name, prefix) = bucket(&self.url)?;
        Ok(Place::S3(Bucket {
            name,
            prefix,
            endpoint: endpoint(&self.endpoint)?,
            encryption: encryption(&self.server_side_encryption)?,
        }))
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let request = Duration::from_secs(self.timeout_seconds);
        Timeouts {
            connect: request.min(Duration::from_secs(2)),
            request,
            retry: request.min(Duration::from_secs(3)),
        }
    }
}

/// An endpoint that is gone is known to be within `retry` + `request`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub connect: Duration,
    pub request: Duration,
    /// After this nothing is begun again.
    pub retry: Duration,
}

fn bucket(text: &str) -> Result<(String, String), ObjectsConfigError> {
    const EXPECTED: &str = "s3://BUCKET[/PREFIX], of letters, digits and ._-";
    let Some(rest) = text.strip_prefix("s3://") else {
        return wrong("objects.url", EXPECTED);
    };
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let sound = (3..=63).contains(&name.len())
        && plain(name)
        && prefix.len() <= 200
        && (prefix.is_empty() || prefix.split('/').all(plain));
    match sound {
        true => Ok((name.to_owned(), prefix.to_owned())),
        false => wrong("objects.url", EXPECTED),
    }
}

fn endpoint(text: &str) -> Result<Option<Url>, ObjectsConfigError> {
    const EXPECTED: &str =
        "https://HOST[:PORT] without a path or a password; http:// at loopback addresses only";
    if text.is_empty() {
        return Ok(None);
    }
    let Ok(url) = Url::parse(text) else {
        return wrong("objects.endpoint", EXPECTED);
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => return wrong("objects.endpoint", EXPECTED),
    };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    match secure && bare {
        true => Ok(Some(url)),
        false => wrong("objects.endpoint", EXPECTED),
    }
}

fn encryption(text: &str) -> Result<Encryption, ObjectsConfigError> {
    match text {
        "none" => Ok(Encryption::None),
        "AES256" => Ok(Encryption::Aes256),
        "aws:kms" => Ok(Encryption::Kms { key: None }),
        _ => match text.strip_prefix("aws:kms:") {
            Some(key) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(Encryption::Kms {
                    key: Some(key.to_owned()),
                })
            }
            _ => wrong(
                "objects.server_side_encryption",
                "none, AES256, aws:kms or aws:kms:KEY",
            ),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(url: &str, endpoint: &str) -> Result<Place, ObjectsConfigError> {
        ObjectsConfig::s3(url, endpoint).place()
    }

    #[test]
    fn nothing_set_is_the_directory_beside_the_store() {
        assert_eq!(ObjectsConfig::default().place(), Ok(Place::Beside));
    }

    #[test]
    fn keys_without_a_url_are_refused() {
        let forgotten = ObjectsConfig {
            region: "eu-central-1".into(),
            ..Default::default()
        };
        assert_eq!(forgotten.check().unwrap_err().key, "objects.url");
    }

    #[test]
    fn a_url_is_bucket_and_prefix() {
        for (url, name, prefix) in [
            ("s3://packets", "packets", ""),
            ("s3://packets/", "packets", ""),
            ("s3://my.packets/boat/hook/", "my.packets", "boat/hook"),
        ] {
            let Ok(Place::S3(bucket)) = at(url, "") else {
                panic!("{url}")
            };
            assert_eq!((&*bucket.name, &*bucket.prefix), (name, prefix));
        }
        for url in [
            "packets",
            "s3://",
            "s3:///x",
            "s3://ab",
            "https://packets",
            "s3://key:secret@packets",
            "s3://packets/../other",
            "s3://packets//x",
            "s3://packets/a b",
            "s3://packets?endpoint=x",
        ] {
            assert_eq!(at(url, "").unwrap_err().key, "objects.url", "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "https://s3.example",
            "https://s3.example:9000/",
            "http://127.0.0.1:7070",
            "http://[::1]:7070",
            "http://localhost:7070",
        ] {
            assert!(at("s3://packets", good).is_ok(), "{good}");
        }
        for bad in [
            "http://s3.example",
            "http://10.0.0.1:9000",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "https://s3.example/path",
            "https://s3.example/?x=1",
            "s3.example",
        ] {
            let refused = at("s3://packets", bad).unwrap_err();
            assert_eq!(refused.key, "objects.endpoint", "{bad}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        for (url, endpoint) in [
            ("s3://key:hunter2@packets", ""),
            ("s3://packets", "https://key:hunter2@s3.example"),
            ("s3://packets", "https://key:hunter2@"),
        ] {
            let refused = at(url, endpoint).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hunter2"));
        }
    }

    #[test]
    fn encryption_is_one_of_four() {
        let kms = |key: Option<&str>| Encryption::Kms {
            key: key.map(str::to_owned),
        };
        for (text, found) in [
            ("none", Encryption::None),
            ("AES256", Encryption::Aes256),
            ("aws:kms", kms(None)),
            (
                "aws:kms:arn:aws:kms:eu:1:key/x",
                kms(Some("arn:aws:kms:eu:1:key/x")),
            ),
        ] {
            assert_eq!(encryption(text), Ok(found));
        }
        for bad in ["", "aes256", "AES", "aws:kms:", "aws:kms:a\r\nb", "sse-c"] {
            assert!(encryption(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_gone_is_known_within_ten_seconds_by_default() {
        let times = ObjectsConfig::default().timeouts();
        assert!(times.retry + times.request < Duration::from_secs(10));
    }
}
