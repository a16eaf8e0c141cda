//! Packet objects: chunks put create-only and synced, `packets/{customer}/{month}/{claim}/{offset}`. Never renamed or
//! joined: a packet *is* the ordered list of its chunks. In a local directory or a bucket of S3, behind one type.
mod config;
mod fault;
mod health;
mod listing;
mod reader;
mod s3;

use std::{
    fmt,
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use boathook_hooks::{
    ids::{ClaimId, CustomerId},
    time::Time,
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, local::LocalFileSystem,
    path::Path,
};

pub use config::{ObjectsConfig, ObjectsConfigError};
pub use fault::Fault;
pub use reader::ChunkReader;

use config::Place;
use health::Health;

use crate::{error::StoreError, records::Chunk};

/// A packet's chunks at most (store.md §5).
pub const MAX_CHUNKS: usize = 1_024;
/// A chunk is this large, or shorter where a connection broke.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Where the chunks of one claim lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(Path);

impl Folder {
    /// `reserved_at` is the claim's: its month is part of the path, so that a month can be kept elsewhere.
    pub fn new(customer: &CustomerId, reserved_at: Time, claim: &ClaimId) -> Self {
        let day = reserved_at.day();
        Self(Path::from_iter([
            "packets",
            customer.as_str(),
            &day[..7],
            &claim.to_string(),
        ]))
    }

    /// As [`fmt::Display`] shows it.
    pub(crate) fn from_text(text: &str) -> Self {
        Self(Path::from(text))
    }

    fn chunk(&self, offset: u64) -> Path {
        self.0.clone().join(offset.to_string())
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Stored,
    /// Another writer was first at that offset; nothing changed (409).
    Lost,
}

/// The chunks that follow one another without a gap from offset 0: what an upload has so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub chunks: Vec<Chunk>,
    /// Bytes of all of them: the upload's offset.
    pub bytes: u64,
}

/// Packet objects in one place. Cheap to clone; all clones share what is known of its health.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    health: Arc<Health>,
    /// The directory; none is a bucket.
    directory: Option<PathBuf>,
}

fn opening(source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Objects {
        operation: "opening",
        source: Box::new(source),
    }
}

impl Objects {
    /// As the settings say; `beside` is the directory for when they say nothing. Asks nothing of the service: a server
    /// starts also while its objects are away.
    pub fn open(config: &ObjectsConfig, beside: Option<&FilePath>) -> Result<Self, StoreError> {
        match (Self::elsewhere(config)?, beside) {
            (Some(objects), _) => Ok(objects),
            (None, Some(directory)) => Self::local(directory),
            (None, None) => Err(opening(ObjectsConfigError {
                key: "objects.url",
                expected: "s3://BUCKET[/PREFIX]: this store keeps no packets itself",
            })),
        }
    }

    /// In a bucket, if the settings name one.
    pub(crate) fn elsewhere(config: &ObjectsConfig) -> Result<Option<Self>, StoreError> {
        match config.place().map_err(opening)? {
            Place::Beside => Ok(None),
            Place::S3(bucket) => Ok(Some(Self {
                store: s3::open(config, &bucket).map_err(opening)?,
                health: Arc::default(),
                directory: None,
            })),
        }
    }

    /// In a local directory that exists. `with_fsync` is off by default in that crate: with it a put syncs the file, its
    /// directory, and directories that it made, before it returns.
    pub fn local(directory: &FilePath) -> Result<Self, StoreError> {
        let store = LocalFileSystem::new_with_prefix(directory)
            .map_err(|e| opening(Fault::from(e)))?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            store: Arc::new(store),
            health: Arc::default(),
            directory: Some(directory.to_owned()),
        })
    }

    /// Bytes that one read brings at most: a bucket takes longer to ask than to answer.
    fn piece(&self) -> u64 {
        match self.directory {
            Some(_) => 256 * 1024,
            None => 1024 * 1024,
        }
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(Error) -> StoreError + use<> {
        let health = Arc::clone(&self.health);
        move |source| {
            health.operation_failed();
            StoreError::Objects {
                operation,
                source: Box::new(Fault::from(source)),
            }
        }
    }

    /// The last probe failed: what needs objects need not try.
    pub fn away(&self) -> bool {
        self.health.away()
    }

    /// Away, or a put failed within the last minute and none succeeded since.
    pub fn degraded(&self) -> bool {
        self.health.degraded()
    }

    /// Operations that failed since this was opened.
    pub fn failures(&self) -> u64 {
        self.health.failures()
    }

    /// Ends when an operation failed since it was last asked: time for a probe.
    pub async fn next_failure(&self) {
        self.health.next_failure().await;
    }

    /// Asks once, cheaply: a list of nothing. `away` is what this found last.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let probed =
            match &self.directory {
                Some(directory) => tokio::fs::read_dir(directory).await.map(drop).map_err(|e| {
                    StoreError::Objects {
                        operation: "asking for the directory",
                        source: Box::new(e),
                    }
                }),
                None => {
                    let nothing = Path::from("probe");
                    let first = self.store.list(Some(&nothing)).try_next().await;
                    first.map(drop).map_err(|e| StoreError::Objects {
                        operation: "asking for the bucket",
                        source: Box::new(Fault::from(e)),
                    })
                }
            };
        self.health.probed(probed.is_ok());
        probed
    }

    /// Durable when it returns `Stored`.
    pub async fn put(&self, folder: &Folder, offset: u64, bytes: Bytes) -> Result<Put, StoreError> {
        let options = PutOptions::from(PutMode::Create);
        let path = folder.chunk(offset);
        match self.store.put_opts(&path, bytes.into(), options).await {
            Ok(_) => {
                self.health.put_done();
                Ok(Put::Stored)
            }
            Err(Error::AlreadyExists { .. }) => {
                self.health.put_done();
                Ok(Put::Lost)
            }
            Err(e) => {
                self.health.put_failed_now();
                Err(self.failed("storing a chunk")(e))
            }
        }
    }

    /// What is there, from offset 0 without a gap. A chunk beyond a gap is as if it were not there.
    pub async fn run(&self, folder: &Folder) -> Result<Run, StoreError> {
        let mut found: Vec<Chunk> = self
            .store
            .list(Some(&folder.0))
            .try_filter_map(|object| async move {
                let offset = object
                    .location
                    .filename()
                    .and_then(|name| name.parse().ok());
                Ok(offset.map(|offset| Chunk {
                    offset,
                    bytes: object.size,
                }))
            })
            .try_collect()
            .await
            .map_err(self.failed("listing chunks"))?;
        found.sort_by_key(|chunk| chunk.offset);
        let mut run = Run::default();
        for chunk in found {
            if chunk.offset != run.bytes || chunk.bytes == 0 {
                break;
            }
            run.bytes += chunk.bytes;
            run.chunks.push(chunk);
        }
        Ok(run)
    }

    /// The bytes of `range` of the whole, which must lie within the chunks.
    pub async fn read(
        &self,
        folder: &Folder,
        chunks: &[Chunk],
        range: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let parts: Vec<Bytes> = self
            .stream(folder.clone(), chunks.to_vec(), range)
            .try_collect()
            .await?;
        let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
        parts.iter().for_each(|part| whole.extend_from_slice(part));
        Ok(whole.freeze())
    }

    /// The bytes of `range` of the whole, piece by piece; memory does not grow with the range.
    pub fn stream(
        &self,
        folder: Folder,
        chunks: Vec<Chunk>,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + use<> {
        let this = self.clone();
        stream::iter(pieces(&chunks, &range, self.piece())).then(move |(offset, part)| {
            let this = this.clone();
            let path = folder.chunk(offset);
            async move {
                let read = this.store.get_range(&path, part).await;
                read.map_err(this.failed("reading a chunk"))
            }
        })
    }

    /// `Read + Seek` over the whole, for a thread that may block (`spawn_blocking`). Call it within a tokio runtime.
    pub fn reader(&self, folder: Folder, chunks: Vec<Chunk>) -> ChunkReader {
        ChunkReader::new(
            self.clone(),
            folder,
            chunks,
            tokio::runtime::Handle::current(),
        )
    }

    /// Deletes every chunk of a claim; says how many. Only for what `may_delete_chunks` gives free.
    pub async fn delete(&self, folder: &Folder) -> Result<usize, StoreError> {
        let found = self
            .store
            .list(Some(&folder.0))
            .map_ok(|object| object.location)
            // *Not found* is the bucket here.
            .map_err(|e| Error::Generic {
                store: "list",
                source: Box::new(e),
            })
            .boxed();
        let mut deleted = self.store.delete_stream(found);
        let mut count = 0;
        while let Some(done) = deleted.next().await {
            match done {
                Ok(_) => count += 1,
                // Another was faster.
                Err(Error::NotFound { .. }) => {}
                Err(e) => return Err(self.failed("deleting a chunk")(e)),
            }
        }
        Ok(count)
    }
}

/// Which part of which chunk makes up `range`: (the chunk's offset, bytes within it), each at most `most` long.
fn pieces(chunks: &[Chunk], range: &Range<u64>, most: u64) -> Vec<(u64, Range<u64>)> {
    let mut pieces = Vec::new();
    for chunk in chunks {
        let mut from = range.start.max(chunk.offset);
        let to = range.end.min(chunk.offset + chunk.bytes);
        while from < to {
            let end = to.min(from + most);
            pieces.push((chunk.offset, from - chunk.offset..end - chunk.offset));
            from = end;
        }
    }
    pieces
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
