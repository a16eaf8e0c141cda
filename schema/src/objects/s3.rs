//! From the settings to a client of an S3 service.
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, S3ConditionalPut},
    prefix::PrefixStore,
};
use serde::Deserialize;

use super::config::{Bucket, Encryption, ObjectsConfig};

/// Why a client cannot be made. Nothing was asked of the service yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("objects.{key} cannot be read: {path}")]
    Read {
        key: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("objects.credentials can be read by others (mode {mode:o}): run chmod 600 on {path}")]
    Open { path: String, mode: u32 },
    // Not with the parser's own words: they quote the line.
    #[error(
        "objects.credentials is wrong: expected access_key_id = \"…\", secret_access_key = \"…\" and perhaps session_token = \"…\" in {path}"
    )]
    Credentials { path: String },
    #[error("objects.endpoint_ca holds no certificate in PEM: {path}")]
    Ca { path: String },
    #[error(
        "no access key: name a file in objects.credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoKey,
    #[error("the settings of [objects] do not make a client")]
    Client(#[source] object_store::Error),
}

/// Never shown: no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// What of the environment says who we are, where the settings do not. All else is for the settings to say: a stray
/// `AWS_ALLOW_HTTP` opens nothing.
const ENVIRONMENT: [(&str, Key); 8] = [
    ("AWS_ACCESS_KEY_ID", Key::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", Key::SecretAccessKey),
    ("AWS_SESSION_TOKEN", Key::Token),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", Key::RoleArn),
    (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        Key::ContainerCredentialsRelativeUri,
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        Key::ContainerCredentialsFullUri,
    ),
    (
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        Key::ContainerAuthorizationTokenFile,
    ),
];

pub(super) fn open(
    config: &ObjectsConfig,
    bucket: &Bucket,
) -> Result<Arc<dyn ObjectStore>, OpenError> {
    // The one provider of TLS that all of this has; a second time changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let store = builder(config, bucket, |name| std::env::var(name).ok())?
        .build()
        .map_err(OpenError::Client)?;
    Ok(match &*bucket.prefix {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}

fn builder(
    config: &ObjectsConfig,
    bucket: &Bucket,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<AmazonS3Builder, OpenError> {
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    let region = Some(config.region.clone())
        .filter(|region| !region.is_empty())
        .or_else(|| environment("AWS_REGION"))
        .or_else(|| environment("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| "us-east-1".into());
    let times = config.timeouts();
    let plain = bucket
        .endpoint
        .as_ref()
        .is_some_and(|e| e.scheme() == "http");
    let mut client = ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(times.connect)
        .with_timeout(times.request);
    for certificate in certificates(&config.endpoint_ca)? {
        client = client.with_root_certificate(certificate);
    }
    let mut s3 = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(region)
        .with_virtual_hosted_style_request(!config.path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // One request a chunk, some at a time: a thousand in one take a small service longer than one request may, and not
        // every service knows it.
        .with_disable_bulk_delete(true)
        .with_client_options(client)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: std::time::Duration::from_millis(100),
                max_backoff: std::time::Duration::from_secs(1),
                base: 2.0,
            },
            max_retries: 2,
            retry_timeout: times.retry,
        });
    if let Some(endpoint) = &bucket.endpoint {
        let mut endpoint = endpoint.clone();
        if !config.path_style
            && let Some(host) = endpoint.host_str()
        {
            // With the bucket in the host name that crate takes the endpoint as it is.
            let host = format!("{}.{host}", bucket.name);
            let _ = endpoint.set_host(Some(&host));
        }
        s3 = s3.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    s3 = match &bucket.encryption {
        Encryption::None => s3,
        Encryption::Aes256 => s3.with_config(encryption_key()?, "AES256"),
        Encryption::Kms { key: None } => s3.with_config(encryption_key()?, "aws:kms"),
        Encryption::Kms { key: Some(key) } => s3.with_sse_kms_encryption(key),
    };
    if config.credentials.as_os_str().is_empty() {
        let mut told = false;
        for (name, key) in ENVIRONMENT {
            if let Some(value) = environment(name) {
                told = true;
                s3 = s3.with_config(key, value);
            }
        }
        // Else that crate asks the machine for its role, which only AWS has an answer to.
        return match told || bucket.endpoint.is_none() {
            true => Ok(s3),
            false => Err(OpenError::NoKey),
        };
    }
    let credentials = credentials(&config.credentials)?;
    s3 = s3
        .with_access_key_id(credentials.access_key_id)
        .with_secret_access_key(credentials.secret_access_key);
    Ok(match credentials.session_token {
        Some(token) => s3.with_token(token),
        None => s3,
    })
}

/// That crate's name for it is public by its text only.
fn encryption_key() -> Result<Key, OpenError> {
    "aws_server_side_encryption"
        .parse()
        .map_err(OpenError::Client)
}

fn credentials(path: &Path) -> Result<Credentials, OpenError> {
    let shown = path.display().to_string();
    let reading = |source| OpenError::Read {
        key: "credentials",
        path: shown.clone(),
        source,
    };
    let mode = fs::metadata(path).map_err(reading)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(OpenError::Open { path: shown, mode });
    }
    let text = fs::read_to_string(path).map_err(reading)?;
    toml::from_str(&text).map_err(|_| OpenError::Credentials { path: shown })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, OpenError> {
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let shown = path.display().to_string();
    let pem = fs::read(path).map_err(|source| OpenError::Read {
        key: "endpoint_ca",
        path: shown.clone(),
        source,
    })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(OpenError::Ca { path: shown }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::objects::config::Place;

    /// Who, where a test does not care.
    const SOMEBODY: [(&str, &str); 2] =
        [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "s")];

    fn built(config: &ObjectsConfig, env: &[(&str, &str)]) -> Result<AmazonS3Builder, OpenError> {
        let Ok(Place::S3(bucket)) = config.place() else {
            panic!("{config:?}")
        };
        builder(config, &bucket, |name| {
            let found = env.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn value(s3: &AmazonS3Builder, key: Key) -> String {
        s3.get_config_value(&key).unwrap_or_default()
    }

    fn config() -> ObjectsConfig {
        ObjectsConfig::s3("s3://packets/a", "https://s3.example:9000")
    }

    fn secret_file(text: &str, mode: u32) -> (tempfile::TempDir, ObjectsConfig) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s3.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let config = ObjectsConfig {
            credentials: path,
            ..config()
        };
        (dir, config)
    }

    #[test]
    fn settings_become_the_clients() {
        let s3 = built(
            &ObjectsConfig {
                region: "eu-central-1".into(),
                server_side_encryption: "aws:kms:key-1".into(),
                ..config()
            },
            &[SOMEBODY[0], SOMEBODY[1], ("AWS_REGION", "other")],
        )
        .unwrap();
        let sse = |key: &str| value(&s3, key.parse().unwrap());
        assert_eq!(value(&s3, Key::Bucket), "packets");
        assert_eq!(value(&s3, Key::Region), "eu-central-1");
        assert_eq!(value(&s3, Key::Endpoint), "https://s3.example:9000");
        assert_eq!(value(&s3, Key::VirtualHostedStyleRequest), "false");
        assert_eq!(sse("aws_server_side_encryption"), "aws:kms");
        assert_eq!(sse("aws_sse_kms_key_id"), "key-1");
    }

    #[test]
    fn the_bucket_can_stand_in_the_host_name() {
        let s3 = built(
            &ObjectsConfig {
                path_style: false,
                ..config()
            },
            &SOMEBODY,
        )
        .unwrap();
        assert_eq!(value(&s3, Key::Endpoint), "https://packets.s3.example:9000");
        assert_eq!(value(&s3, Key::VirtualHostedStyleRequest), "true");
    }

    #[test]
    fn the_environment_says_who_and_in_which_region_and_no_more() {
        let env = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT", "http://elsewhere.example"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_SKIP_SIGNATURE", "true"),
        ];
        let s3 = built(&config(), &env).unwrap();
        assert_eq!(value(&s3, Key::AccessKeyId), "id");
        assert_eq!(value(&s3, Key::Region), "eu-west-1");
        assert_eq!(value(&s3, Key::Endpoint), "https://s3.example:9000");
        assert_eq!(value(&s3, Key::SkipSignature), "false");
        let allowed = Key::Client(object_store::ClientConfigKey::AllowHttp);
        assert_eq!(value(&s3, allowed), "false");
    }

    #[test]
    fn a_credentials_file_wins_over_the_environment() {
        let (_dir, config) = secret_file(
            "access_key_id = 'from-file'\nsecret_access_key = 'hunter2'\n",
            0o600,
        );
        let env = [
            ("AWS_ACCESS_KEY_ID", "other"),
            ("AWS_SESSION_TOKEN", "other"),
        ];
        let s3 = built(&config, &env).unwrap();
        assert_eq!(value(&s3, Key::AccessKeyId), "from-file");
        assert_eq!(value(&s3, Key::SecretAccessKey), "hunter2");
        assert_eq!(value(&s3, Key::Token), "");
    }

    #[test]
    fn a_credentials_file_that_others_can_read_is_refused() {
        let (_dir, config) = secret_file("access_key_id = 'a'\nsecret_access_key = 'b'\n", 0o640);
        let refused = built(&config, &[]).unwrap_err();
        assert!(matches!(refused, OpenError::Open { mode: 0o640, .. }));
    }

    #[test]
    fn a_credentials_file_that_is_wrong_is_not_quoted() {
        for text in [
            "access_key_id = 'a'\nsecret_access_key = hunter2",
            "access_key_id = 'a'\nsecret_key = 'hunter2'",
            "hunter2",
        ] {
            let (_dir, config) = secret_file(text, 0o600);
            let refused = built(&config, &[]).unwrap_err();
            assert!(matches!(refused, OpenError::Credentials { .. }));
            assert!(!format!("{refused} {refused:?}").contains("hunter2"));
        }
    }

    #[test]
    fn without_a_key_an_endpoint_of_ones_own_is_not_tried() {
        assert!(matches!(built(&config(), &[]), Err(OpenError::NoKey)));
        // At AWS the machine itself may have a role.
        assert!(built(&ObjectsConfig::s3("s3://packets", ""), &[]).is_ok());
    }

    #[test]
    fn a_ca_that_is_none_is_refused() {
        let (_dir, config) = secret_file("no certificate", 0o600);
        let config = ObjectsConfig {
            endpoint_ca: config.credentials.clone(),
            credentials: Default::default(),
            ..config
        };
        assert!(matches!(built(&config, &[]), Err(OpenError::Ca { .. })));
    }
}
