//! Packet objects: chunks put create-only and synced, `packets/{customer}/{month}/{claim}/{offset}`. Never renamed or
//! joined: a packet *is* the ordered list of its chunks.
mod reader;

use std::{fmt, ops::Range, path::Path as FilePath, sync::Arc};

use boathook_hooks::{
    ids::{ClaimId, CustomerId},
    time::Time,
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, local::LocalFileSystem, path::Path,
};

pub use reader::ChunkReader;

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

/// Packet objects in one place. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
}

fn failed(operation: &'static str) -> impl FnOnce(object_store::Error) -> StoreError {
    move |source| StoreError::Objects {
        operation,
        source: Box::new(source),
    }
}

impl Objects {
    /// In a local directory that exists. `with_fsync` is off by default in that crate: with it a put syncs the file, its
    /// directory, and directories that it made, before it returns.
    pub fn local(directory: &FilePath) -> Result<Self, StoreError> {
        let store = LocalFileSystem::new_with_prefix(directory)
            .map_err(failed("opening the directory"))?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// Durable when it returns `Stored`.
    pub async fn put(&self, folder: &Folder, offset: u64, bytes: Bytes) -> Result<Put, StoreError> {
        let options = PutOptions::from(PutMode::Create);
        match self
            .store
            .put_opts(&folder.chunk(offset), bytes.into(), options)
            .await
        {
            Ok(_) => Ok(Put::Stored),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Put::Lost),
            Err(e) => Err(failed("storing a chunk")(e)),
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
            .map_err(failed("listing chunks"))?;
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
        /// Bytes that one read brings at most.
        const PIECE: u64 = 256 * 1024;
        let store = Arc::clone(&self.store);
        stream::iter(pieces(&chunks, &range, PIECE)).then(move |(offset, part)| {
            let store = Arc::clone(&store);
            let path = folder.chunk(offset);
            async move {
                store
                    .get_range(&path, part)
                    .await
                    .map_err(failed("reading a chunk"))
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
        let found: Vec<Path> = self
            .store
            .list(Some(&folder.0))
            .map_ok(|object| object.location)
            .try_collect()
            .await
            .map_err(failed("listing chunks"))?;
        for path in &found {
            match self.store.delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => return Err(failed("deleting a chunk")(e)),
            }
        }
        Ok(found.len())
    }

    /// Every claim that has chunks, with its folder: for cleaning up.
    pub async fn folders(&self) -> Result<Vec<(ClaimId, Folder)>, StoreError> {
        let list = |at: Path| async move {
            self.store
                .list_with_delimiter(Some(&at))
                .await
                .map(|found| found.common_prefixes)
                .map_err(failed("listing folders"))
        };
        let mut folders = Vec::new();
        for customer in list(Path::from("packets")).await? {
            for month in list(customer).await? {
                for folder in list(month).await? {
                    if let Some(Ok(claim)) = folder.filename().map(str::parse) {
                        folders.push((claim, Folder(folder)));
                    }
                }
            }
        }
        Ok(folders)
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
mod tests;
