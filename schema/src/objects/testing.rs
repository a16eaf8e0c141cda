//! The S3 service that tests use: `BOATHOOK_TEST_S3` is `http[s]://HOST[:PORT]/BUCKET[/PREFIX]`, with a key in `AWS_…`.
#![allow(clippy::unwrap_used)]
use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use super::ObjectsConfig;

/// Set by whoever gives the tests all that they can need: then nothing may be left out.
const WHOLE: [&str; 2] = ["CI", "BOATHOOK_TEST_WHOLE"];

/// The address of an S3 service. None when there is none, which is said loudly; where `CI` or `BOATHOOK_TEST_WHOLE` is set
/// it is a failure.
fn address() -> Option<String> {
    if let Ok(address) = std::env::var("BOATHOOK_TEST_S3") {
        return Some(address);
    }
    let promised = WHOLE
        .into_iter()
        .find(|name| std::env::var_os(name).is_some());
    assert!(
        promised.is_none(),
        "{promised:?} is set and BOATHOOK_TEST_S3 is not: tests of S3 need http[s]://HOST[:PORT]/BUCKET; tests/parts/s3/s3 with COMMAND gives one"
    );
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // Past what the test runner keeps of tests that pass: a part that was left out must be seen.
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED on S3: {test}: BOATHOOK_TEST_S3 is not set (tests/parts/s3/s3 with COMMAND sets it)"
    );
    None
}

/// A prefix of its own; none as [`address`] says.
pub fn config() -> Option<ObjectsConfig> {
    let address = address()?;
    let (scheme, rest) = address.split_once("://").unwrap();
    let (host, bucket) = rest.split_once('/').unwrap();
    let bucket = bucket.trim_end_matches('/');
    let own = uuid::Uuid::now_v7();
    Some(ObjectsConfig::s3(
        &format!("s3://{bucket}/{own}"),
        &format!("{scheme}://{host}"),
    ))
}

/// A file with a key that no service knows.
pub fn credentials<T>(body: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.toml");
    fs::write(
        &path,
        "access_key_id = 'nobody'\nsecret_access_key = 'hunter2'\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    body(&path)
}
