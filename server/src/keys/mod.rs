//! The server's own keys: the online signing key, and the MAC keys of tokens, challenges and bearers. Made by `init`,
//! never in a config file and never shown. One server keeps them owner-only in its data directory; several share them,
//! sealed in the store by the operator's secret.
mod browser;
mod files;
mod ring;
mod sealing;
mod shared;

use std::{
    path::PathBuf,
    sync::{Arc, RwLock},
};

use boathook_hooks::keys::PublicKey;
use zeroize::Zeroizing;

pub(crate) use files::{read_secret, write_secret};
pub use ring::{BEARER_LIFE, Macs, Ring, TOKEN_LIFE};
pub use sealing::OperatorSecret;

/// A 32-byte key for a MAC.
pub type MacKey = Zeroizing<[u8; 32]>;

/// The keys as this server knows them now: another server may add some.
#[derive(Debug)]
pub struct Keys(RwLock<Held>);

#[derive(Debug)]
struct Held {
    ring: Arc<Ring>,
    /// Of the sealed keys in the store; 0 for keys in files.
    version: u64,
    secret: Option<Arc<OperatorSecret>>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("there are keys in {0} already; they are never overwritten")]
    Exist(PathBuf),
    #[error("there are no keys in {0}: run `boathook-server init` first")]
    Missing(PathBuf),
    #[error(
        "there are no keys in the store: run `boathook-server init`, or `boathook-server keys seal` to bring those of this data directory"
    )]
    NotInStore,
    #[error(
        "servers of a cluster share their keys, sealed in the store: name the file of the operator's secret by operator_secret in the config file or by BOATHOOK_OPERATOR_SECRET_FILE"
    )]
    NoSecret,
    #[error(
        "the keys are in files of this data directory: name an operator's secret and run `boathook-server keys seal` first"
    )]
    InFiles,
    #[error(
        "the operator's secret in {0} is too short: it needs 32 bytes or more, as `openssl rand -base64 32` makes them"
    )]
    Short(PathBuf),
    #[error(
        "the keys in the store do not open: they were sealed by another operator's secret, or are damaged"
    )]
    Sealed,
    #[error("the store has keys already; they are never overwritten")]
    InStore,
    #[error(
        "the keys were changed by somebody else meanwhile; look with `boathook-server keys show`"
    )]
    Changed,
    #[error("{path} can be read by others (mode {mode:o}): run chmod 600 on it")]
    Open { path: PathBuf, mode: u32 },
    #[error("{0} does not hold a key")]
    Damaged(PathBuf),
    #[error("cannot {verb} {path}")]
    Io {
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot make a key")]
    Make(#[from] boathook_hooks::keys::KeyError),
    #[error("no random bytes from the system")]
    Random(getrandom::Error),
    #[error("the sealed keys cannot be reached")]
    Store(#[from] boathook_schema::StoreError),
    #[error("the keys cannot be put away: {0}")]
    Refused(boathook_schema::Refused),
}

impl Keys {
    fn new(ring: Ring, version: u64, secret: Option<Arc<OperatorSecret>>) -> Self {
        Self(RwLock::new(Held {
            ring: Arc::new(ring),
            version,
            secret,
        }))
    }

    /// All that is known now. Take it anew for each use.
    pub fn ring(&self) -> Arc<Ring> {
        self.held().ring.clone()
    }

    fn held(&self) -> std::sync::RwLockReadGuard<'_, Held> {
        self.0.read().unwrap_or_else(|e| e.into_inner())
    }

    pub fn online_public(&self) -> PublicKey {
        self.ring().online.public()
    }
}
