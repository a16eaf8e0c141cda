//! ScyllaDB and Cassandra: an aggregate is a partition that only lightweight transactions write, on its version; what
//! follows is kept with the change until it is done. See `store.md`: one conditional write a verb, hints before it.
mod address;
mod apply;
mod commit;
mod faults;
mod installations;
mod locks;
mod logs;
mod look;
mod migrate;
mod runner;
mod scan;
mod session;
mod settling;
mod together;
mod write;

use std::sync::Arc;

use tokio::sync::watch;

use super::{control, events::EventEntry, keys::Home, look::Look, stop::Stop};
use crate::{Head, Objects, StoreError, verbs::Read};
use address::Address;
use locks::Locks;
use logs::Told;
use look::Known;
use session::Cluster;
use together::Queues;

pub(crate) use migrate::migrate;

/// How often a body may run until all that it needs is there: a fault in a body ends here.
const RUNS: usize = 100_000;

#[derive(Clone)]
pub(crate) struct Cql {
    inner: Arc<Inner>,
    pub(crate) objects: Objects,
    pub(crate) control: watch::Receiver<u64>,
    pub(crate) woken: Arc<watch::Sender<u64>>,
}

pub(crate) struct Inner {
    cluster: Cluster,
    /// In front of every partition's key.
    prefix: String,
    /// Requests of this process for one aggregate take turns: servers contend, not requests.
    turns: Locks,
    settling: settling::Settling,
    chains: Queues<EventEntry, Head>,
    control: Queues<Told, u64>,
}

impl Cql {
    /// `elsewhere`: packet objects, unless the address says a directory.
    pub(crate) async fn open(url: &str, elsewhere: Option<Objects>) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let objects = match (elsewhere, &address.objects_dir) {
            (Some(objects), _) => objects,
            (None, Some(dir)) => Objects::local(dir)?,
            (None, None) => {
                return Err(StoreError::Address {
                    url: format!(
                        "cql://{}/{} (packet objects have no place: set [objects] url)",
                        address.nodes.join(","),
                        address.keyspace
                    ),
                });
            }
        };
        let cluster = Cluster::open(&address).await?;
        migrate::check(&cluster, &address).await?;
        let inner = Arc::new(Inner {
            cluster,
            prefix: address.prefix.clone(),
            turns: Locks::default(),
            settling: settling::Settling::default(),
            chains: Queues::default(),
            control: Queues::default(),
        });
        let head = inner.read("opening", |look| control::head(look)).await?;
        let (woken, control) = watch::channel(head);
        Ok(Self {
            inner,
            objects,
            control,
            woken: Arc::new(woken),
        })
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        verb: &'static str,
        body: impl Fn(&mut dyn Look) -> Result<T, Stop> + Send + Sync + 'static,
    ) -> Read<T> {
        self.inner.read(verb, body).await
    }
}

impl Inner {
    /// An aggregate's partition.
    fn id(&self, home: &Home) -> String {
        format!("{}{}", self.prefix, home.id)
    }

    /// Runs a body until all that it looks for is there.
    async fn read<T: Send>(
        &self,
        verb: &'static str,
        body: impl Fn(&mut dyn Look) -> Result<T, Stop> + Send + Sync,
    ) -> Read<T> {
        let mut known = Known::default();
        for _ in 0..RUNS {
            match body(&mut known) {
                Ok(value) => return Ok(value),
                Err(Stop::Load(needs)) => known.fetch(self, needs, None).await?,
                Err(stop) => return Err(stop.into_error(verb)),
            }
        }
        Err(StoreError::TryAgain { operation: verb })
    }
}
