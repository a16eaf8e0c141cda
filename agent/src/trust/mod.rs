//! The trust documents on the disk, and fetching those that a hook list names and that are missing.
use std::path::{Path, PathBuf};

use boathook_hooks::{
    documents::{Document, revocation::Revocation, root::Root, roster::Roster},
    envelope::{Envelope, EnvelopeError},
    protocol, strict,
    time::Time,
    verify::{Added, ListNews, MAX_BUNDLE, Me, Missing, Refusal, TrustBundle, TrustStore},
};

use crate::{
    client::{Client, ClientError},
    durable,
};

/// In the state directory.
pub const FILE: &str = "trust.bson";

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{path}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the trust documents on the disk: {0}")]
    Stored(String),
    #[error("there are no trust documents yet: enrol first")]
    None,
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the file is neither root, roster nor revocation: {0}")]
    Foreign(String),
}

/// Reads and verifies all of it again.
pub fn load(state_dir: &Path) -> Result<TrustStore, TrustError> {
    let path = state_dir.join(FILE);
    let bytes = durable::read(&path, MAX_BUNDLE as u64)
        .map_err(|source| TrustError::Io { path, source })?
        .ok_or(TrustError::None)?;
    let bundle: TrustBundle =
        strict::decode(&bytes, MAX_BUNDLE).map_err(|e| TrustError::Stored(e.to_string()))?;
    TrustStore::from_bundle(&bundle).map_err(|e| TrustError::Stored(e.to_string()))
}

pub fn save(state_dir: &Path, trust: &TrustStore) -> Result<(), TrustError> {
    let path = state_dir.join(FILE);
    let bytes = strict::encode(&trust.bundle()).map_err(|e| TrustError::Stored(e.to_string()))?;
    durable::replace(&path, &bytes).map_err(|source| TrustError::Io { path, source })
}

/// Takes a root, roster or revocation, as BSON or DSSE JSON. Says which it was.
pub fn import(trust: &mut TrustStore, bytes: &[u8]) -> Result<(&'static str, Added), TrustError> {
    let foreign = |e: EnvelopeError| TrustError::Foreign(e.to_string());
    let envelope = if bytes.first() == Some(&b'{') {
        Envelope::from_json(bytes, 2 * strict::MAX_DOCUMENT).map_err(foreign)?
    } else {
        Envelope::from_bson(bytes, strict::MAX_DOCUMENT).map_err(foreign)?
    };
    let bytes = envelope.to_bson().map_err(foreign)?;
    match envelope.payload_type.as_str() {
        Root::PAYLOAD_TYPE => Ok(("root", trust.add_root(&bytes)?)),
        Roster::PAYLOAD_TYPE => Ok(("roster", trust.add_roster(&bytes)?)),
        Revocation::PAYLOAD_TYPE => Ok(("revocation", trust.add_revocation(&bytes)?)),
        other => Err(TrustError::Foreign(other.chars().take(100).collect())),
    }
}

/// Takes a hook list with all that it names. A list by an unknown online key may be that of a newer root, so later
/// roots are asked for first. `trust` changes as documents come in, each verified; the caller saves it.
pub async fn take_list(
    trust: &mut TrustStore,
    client: &Client,
    bearer: &str,
    list: &[u8],
    me: &Me,
    now: Time,
) -> Result<ListNews, TrustError> {
    let news = match trust.accept_list(list, me, now) {
        Err(Refusal::UnknownOnlineKey) => {
            later_roots(trust, client, bearer).await?;
            trust.accept_list(list, me, now)?
        }
        other => other?,
    };
    fetch_missing(trust, client, bearer).await?;
    Ok(news)
}

/// Root N+1, N+2, … until the server has no more.
async fn later_roots(
    trust: &mut TrustStore,
    client: &Client,
    bearer: &str,
) -> Result<(), TrustError> {
    loop {
        let next = trust.root().version + 1;
        match client
            .document("fetching a root", &protocol::path_root(next), bearer)
            .await
        {
            Ok(bytes) => {
                trust.add_root(&bytes)?;
            }
            Err(e) if e.status() == Some(404) => return Ok(()),
            Err(e) => return Err(e.into()),
        }
    }
}

/// What the accepted list names and is not here. Named again after each root, since a root changes what is missing. One
/// that cannot be had does not keep the others away; the first failure is told.
pub async fn fetch_missing(
    trust: &mut TrustStore,
    client: &Client,
    bearer: &str,
) -> Result<(), TrustError> {
    loop {
        let missing = trust.missing();
        let roots_first = matches!(missing.first(), Some(Missing::Root(_)));
        let mut failed = None;
        for document in missing {
            if let Err(error) = fetch(trust, client, bearer, document).await {
                failed.get_or_insert(error);
            }
        }
        match failed {
            Some(error) => return Err(error),
            None if roots_first => {}
            None => return Ok(()),
        }
    }
}

async fn fetch(
    trust: &mut TrustStore,
    client: &Client,
    bearer: &str,
    document: Missing,
) -> Result<(), TrustError> {
    match document {
        Missing::Root(n) => {
            let path = protocol::path_root(n);
            let bytes = client.document("fetching a root", &path, bearer).await?;
            trust.add_root(&bytes)?;
        }
        Missing::Revocation { revoker, number } => {
            let path = protocol::path_revocation(&revoker, number);
            let bytes = client
                .document("fetching a revocation", &path, bearer)
                .await?;
            trust.add_revocation(&bytes)?;
        }
        Missing::Roster(n) => {
            let path = protocol::path_roster(n);
            let bytes = client.document("fetching a roster", &path, bearer).await?;
            trust.add_roster(&bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::{documents::revocation::Revoked, verify::sample::Sample};

    fn house() -> Sample {
        Sample::new(Time::wall_clock())
    }

    #[test]
    fn trust_reads_back_from_the_disk_and_a_changed_byte_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(load(dir.path()), Err(TrustError::None)));
        save(dir.path(), &house().trust()).unwrap();
        assert_eq!(load(dir.path()).unwrap().roster().unwrap().version, 1);
        let path = dir.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(3).position(|w| w == b"ada").unwrap();
        bytes[at] = b'e';
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(load(dir.path()), Err(TrustError::Stored(_))));
    }

    #[test]
    fn documents_are_imported_as_bson_and_as_json_and_others_are_refused() {
        let house = house();
        let mut trust = TrustStore::pin(&house.root_bytes(), house.fingerprint()).unwrap();
        let roster = Envelope::from_bson(&house.roster_bytes(&house.roster()), 1 << 20).unwrap();
        assert_eq!(
            import(&mut trust, roster.to_json().as_bytes()).unwrap(),
            ("roster", Added::New)
        );
        let revocation = house.revocation(1, Revoked::Person("ben".parse().unwrap()));
        assert_eq!(
            import(&mut trust, &revocation).unwrap(),
            ("revocation", Added::New)
        );
        assert_eq!(
            import(&mut trust, &house.root_bytes()).unwrap(),
            ("root", Added::Known)
        );
        let hook = house.signed(&house.hook(), &[&house.ada_file]);
        assert!(matches!(
            import(&mut trust, &hook),
            Err(TrustError::Foreign(_))
        ));
        let forged = house.signed(&house.roster(), &[&house.ada_file]);
        assert!(matches!(
            import(&mut trust, &forged),
            Err(TrustError::Refusal(_))
        ));
    }
}
