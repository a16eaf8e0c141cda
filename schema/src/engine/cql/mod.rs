//! ScyllaDB and Cassandra. To come.
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use tokio::sync::watch;

use super::{Applied, Home, Look, Stop, Tx};
use crate::{Answer, Objects, StoreError, Write, verbs::Read};

#[derive(Clone)]
pub(crate) struct Cql {
    pub(crate) objects: Objects,
    pub(crate) control: watch::Receiver<u64>,
    pub(crate) woken: Arc<watch::Sender<u64>>,
}

impl Cql {
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        _: &'static str,
        _: impl Fn(&mut dyn Look) -> Result<T, Stop> + Send + Sync + 'static,
    ) -> Read<T> {
        Err(StoreError::Closed)
    }

    pub(crate) async fn write<T, F>(
        &self,
        _: &'static str,
        _: Write,
        _: Home,
        _: F,
        _: fn(&mut T, &Applied),
    ) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Stop> + Send + Sync + 'static,
    {
        Err(StoreError::Closed)
    }
}
