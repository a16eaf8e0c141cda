//! Keys that all servers of a store share: sealed there, read again when another server changed them.
use std::sync::Arc;

use boathook_hooks::{ids::Blob, keys::SecretKey, time::Time};
use boathook_schema::{Outcome, Refused, Scope, Sealed, Store, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Keys, KeysError, MacKey, Macs, OperatorSecret, Ring};
use crate::config::Config;

/// Under which the store has them.
const NAME: &str = "keys";

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Clear {
    online: String,
    macs: Vec<ClearMacs>,
}

#[derive(Serialize, Deserialize)]
struct ClearMacs {
    from: Time,
    token: Blob,
    challenge: Blob,
    bearer: Blob,
}

fn seal(ring: &Ring, secret: &OperatorSecret) -> Result<Blob, KeysError> {
    let blob = |key: &MacKey| Blob(key.to_vec());
    let macs = ring.macs().iter().map(|m| ClearMacs {
        from: m.from,
        token: blob(&m.token),
        challenge: blob(&m.challenge),
        bearer: blob(&m.bearer),
    });
    let clear = Clear {
        online: ring.online.to_pem()?.to_string(),
        macs: macs.collect(),
    };
    let bytes = bson::serialize_to_vec(&clear).map_err(|_| KeysError::Sealed)?;
    Ok(Blob(secret.seal(NAME, &Zeroizing::new(bytes))?))
}

fn unseal(sealed: &Sealed, secret: &OperatorSecret) -> Result<Ring, KeysError> {
    let bytes = secret.open(NAME, &sealed.bytes.0)?;
    let clear: Clear = bson::deserialize_from_slice(&bytes).map_err(|_| KeysError::Sealed)?;
    let key = |blob: Blob| -> Result<MacKey, KeysError> {
        let key: [u8; 32] = blob.0.try_into().map_err(|_| KeysError::Sealed)?;
        Ok(Zeroizing::new(key))
    };
    let mut macs = clear.macs.into_iter().map(|m| {
        Ok::<_, KeysError>(Macs {
            from: m.from,
            token: key(m.token)?,
            challenge: key(m.challenge)?,
            bearer: key(m.bearer)?,
        })
    });
    let first = macs.next().ok_or(KeysError::Sealed)??;
    let later = macs.collect::<Result<Vec<_>, _>>()?;
    let online = SecretKey::from_pem(&clear.online).map_err(|_| KeysError::Sealed)?;
    Ok(Ring::new(online, first, later))
}

async fn stored(store: &Store) -> Result<Option<Sealed>, KeysError> {
    Ok(store.sealed(&Scope::System, NAME).await?)
}

/// None when another server was first.
async fn put(
    store: &Store,
    now: Time,
    expect: u64,
    sealed: Blob,
) -> Result<Option<Sealed>, KeysError> {
    let put = store.put_sealed(
        &Scope::System,
        Write::system(now),
        NAME.to_owned(),
        expect,
        sealed,
    );
    match put.await? {
        Outcome::Done(sealed) => Ok(Some(sealed)),
        Outcome::Refused(Refused::Version { .. }) => Ok(None),
        Outcome::Refused(reason) => Err(KeysError::Refused(reason)),
    }
}

/// The secret when keys are shared: always in a cluster, and in the embedded store when one is named.
fn secret_for(config: &Config) -> Result<Option<Arc<OperatorSecret>>, KeysError> {
    match OperatorSecret::find(&config.operator_secret)? {
        Some(secret) => Ok(Some(Arc::new(secret))),
        None if config.is_cluster() => Err(KeysError::NoSecret),
        None => Ok(None),
    }
}

impl Keys {
    /// The keys that the settings point to.
    pub async fn open(config: &Config, store: &Store) -> Result<Self, KeysError> {
        let Some(secret) = secret_for(config)? else {
            return Self::load(&config.data_dir);
        };
        let sealed = stored(store).await?.ok_or(KeysError::NotInStore)?;
        let ring = unseal(&sealed, &secret)?;
        Ok(Self::new(ring, sealed.version, Some(secret)))
    }

    /// For `init`, before it makes anything: keys in files are never overwritten.
    pub fn refuse_files(config: &Config) -> Result<(), KeysError> {
        let folder = Self::folder(&config.data_dir);
        match secret_for(config)? {
            None if folder.exists() => Err(KeysError::Exist(folder)),
            _ => Ok(()),
        }
    }

    /// For `init`: makes keys where the settings say. Shared ones that are there already are opened; the second server of a
    /// cluster is set up as the first. Says whether they are new.
    pub async fn make(
        config: &Config,
        store: &Store,
        now: Time,
    ) -> Result<(Self, bool), KeysError> {
        let Some(secret) = secret_for(config)? else {
            return Self::create(&config.data_dir).map(|keys| (keys, true));
        };
        if stored(store).await?.is_none() {
            let ring = Ring::generate()?;
            let sealed = seal(&ring, &secret)?;
            if let Some(sealed) = put(store, now, 0, sealed).await? {
                return Ok((Self::new(ring, sealed.version, Some(secret)), true));
            }
        }
        Ok((Self::open(config, store).await?, false))
    }

    /// Brings the keys of this data directory's files into the store. The files stay.
    pub async fn seal_files(config: &Config, store: &Store, now: Time) -> Result<Self, KeysError> {
        let secret = secret_for(config)?.ok_or(KeysError::NoSecret)?;
        if stored(store).await?.is_some() {
            return Err(KeysError::InStore);
        }
        let files = Self::load(&config.data_dir)?.ring();
        let sealed = seal(&files, &secret)?;
        put(store, now, 0, sealed)
            .await?
            .ok_or(KeysError::Changed)?;
        Self::open(config, store).await
    }

    /// Whether sealed keys lie in this store.
    pub async fn are_in(store: &Store) -> Result<bool, KeysError> {
        Ok(stored(store).await?.is_some())
    }

    /// Whether a server with these settings looks for its keys in the store.
    pub fn are_shared_by(config: &Config) -> Result<bool, KeysError> {
        Ok(secret_for(config)?.is_some())
    }

    /// Whether all servers of the store share these keys.
    pub fn are_shared(&self) -> bool {
        self.held().secret.is_some()
    }

    /// Reads the shared keys again when another server changed them; says whether.
    pub async fn refresh(&self, store: &Store) -> Result<bool, KeysError> {
        let (secret, known) = {
            let held = self.held();
            match &held.secret {
                Some(secret) => (secret.clone(), held.version),
                None => return Ok(false),
            }
        };
        let sealed = stored(store).await?.ok_or(KeysError::NotInStore)?;
        if sealed.version == known {
            return Ok(false);
        }
        let ring = unseal(&sealed, &secret)?;
        self.hold(ring, sealed.version);
        Ok(true)
    }

    fn hold(&self, ring: Ring, version: u64) {
        let mut held = self.0.write().unwrap_or_else(|e| e.into_inner());
        held.ring = Arc::new(ring);
        held.version = version;
    }

    /// New MAC keys for all servers; the older ones open for as long as what they made lives. Says since when they make.
    pub async fn rotate(&self, store: &Store, now: Time) -> Result<Time, KeysError> {
        let secret = self.held().secret.clone().ok_or(KeysError::InFiles)?;
        let sealed = stored(store).await?.ok_or(KeysError::NotInStore)?;
        let mut ring = unseal(&sealed, &secret)?;
        let from = ring.rotate(now)?;
        let bytes = seal(&ring, &secret)?;
        let put = put(store, now, sealed.version, bytes).await?;
        let sealed = put.ok_or(KeysError::Changed)?;
        self.hold(ring, sealed.version);
        Ok(from)
    }

    /// Seals the keys, which `old` opens, by the secret that the settings name.
    pub async fn reseal(
        config: &Config,
        store: &Store,
        old: &OperatorSecret,
        now: Time,
    ) -> Result<(), KeysError> {
        let secret = secret_for(config)?.ok_or(KeysError::NoSecret)?;
        let sealed = stored(store).await?.ok_or(KeysError::NotInStore)?;
        let bytes = seal(&unseal(&sealed, old)?, &secret)?;
        let put = put(store, now, sealed.version, bytes).await?;
        put.map(drop).ok_or(KeysError::Changed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_schema::Migrate;
    use tempfile::TempDir;

    use super::*;
    use crate::keys::{BEARER_LIFE, write_secret};

    fn now() -> Time {
        Time::from_ms(1_780_000_000_000)
    }

    /// An embedded store and an operator's secret.
    async fn house() -> (TempDir, Config, Store) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path(), "https://localhost");
        config.operator_secret = dir.path().join("secret");
        write_secret(&config.operator_secret, &[b's'; 32]).unwrap();
        boathook_schema::migrate(&config.store_url(), Migrate::Up)
            .await
            .unwrap();
        let store = crate::open_store(&config).await.unwrap();
        (dir, config, store)
    }

    #[tokio::test]
    async fn the_second_server_gets_the_keys_of_the_first() {
        let (_dir, config, store) = house().await;
        let none = Keys::open(&config, &store).await;
        assert!(matches!(none, Err(KeysError::NotInStore)));
        let (one, new) = Keys::make(&config, &store, now()).await.unwrap();
        assert!(new);
        let (two, new) = Keys::make(&config, &store, now()).await.unwrap();
        assert!(!new);
        assert_eq!(one.online_public(), two.online_public());
        assert_eq!(*one.ring().macs()[0].bearer, *two.ring().macs()[0].bearer);
        assert!(!Keys::folder(&config.data_dir).exists());
    }

    #[tokio::test]
    async fn another_server_takes_rotated_keys_in_and_the_older_ones_still_open() {
        let (_dir, config, store) = house().await;
        let (one, _) = Keys::make(&config, &store, now()).await.unwrap();
        let two = Keys::open(&config, &store).await.unwrap();
        assert!(!two.refresh(&store).await.unwrap());
        let from = one.rotate(&store, now()).await.unwrap();
        assert!(two.refresh(&store).await.unwrap());
        let (one, two) = (one.ring(), two.ring());
        assert_eq!(*one.current(from).bearer, *two.current(from).bearer);
        assert_ne!(*one.current(from).bearer, *one.current(now()).bearer);
        assert_eq!(two.accepted(from, BEARER_LIFE).count(), 2);
    }

    #[tokio::test]
    async fn another_operators_secret_opens_nothing_until_the_keys_are_sealed_by_it() {
        let (dir, mut config, store) = house().await;
        let (keys, _) = Keys::make(&config, &store, now()).await.unwrap();
        let old = OperatorSecret::read(&config.operator_secret).unwrap();
        config.operator_secret = dir.path().join("other");
        write_secret(&config.operator_secret, &[b'o'; 32]).unwrap();
        let refused = Keys::open(&config, &store).await;
        assert!(matches!(refused, Err(KeysError::Sealed)));
        Keys::reseal(&config, &store, &old, now()).await.unwrap();
        let again = Keys::open(&config, &store).await.unwrap();
        assert_eq!(again.online_public(), keys.online_public());
    }

    #[tokio::test]
    async fn keys_in_files_are_brought_into_the_store_once() {
        let (_dir, config, store) = house().await;
        let files = Keys::create(&config.data_dir).unwrap();
        let refused = files.rotate(&store, now()).await;
        assert!(matches!(refused, Err(KeysError::InFiles)));
        let sealed = Keys::seal_files(&config, &store, now()).await.unwrap();
        assert_eq!(sealed.online_public(), files.online_public());
        let again = Keys::seal_files(&config, &store, now()).await;
        assert!(matches!(again, Err(KeysError::InStore)));
    }

    #[tokio::test]
    async fn a_cluster_without_an_operators_secret_is_refused() {
        let (_dir, mut config, store) = house().await;
        config.operator_secret = Default::default();
        config.store = "cql://127.0.0.1/boathook".into();
        let refused = Keys::open(&config, &store).await;
        assert!(matches!(refused, Err(KeysError::NoSecret)));
    }
}
