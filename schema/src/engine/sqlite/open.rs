//! Opening and migrating the directory.
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, watch};

use super::{READERS, Readers, Sqlite, look::SqliteLook, migrations, writer::Writer};
use crate::{Migrate, Migrated, Objects, StoreError, engine::control};

/// How long a connection waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);

/// The directory of `sqlite:///dir`, which may be relative as `sqlite://dir`.
pub(super) fn directory(url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("sqlite://") {
        Some(dir) if !dir.is_empty() && dir != "/" => Ok(PathBuf::from(dir)),
        _ => Err(StoreError::Address {
            url: url.to_owned(),
        }),
    }
}

fn opening<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    dir: &Path,
) -> impl FnOnce(E) -> StoreError {
    move |e| StoreError::Open {
        at: dir.display().to_string(),
        source: e.into(),
    }
}

fn connect(dir: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(
        dir.join("boathook.db"),
        flags | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(opening(dir))?;
    conn.busy_timeout(BUSY).map_err(opening(dir))?;
    conn.set_prepared_statement_cache_capacity(256);
    Ok(conn)
}

/// FULL syncs the log at every commit: what is acknowledged survives a power cut, not only a crash. What is erased is
/// overwritten, too, and not only given free.
pub(super) fn writing(dir: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let conn = connect(dir, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )
    .map_err(opening(dir))?;
    Ok(conn)
}

pub(crate) fn migrate(url: &str, asked: Migrate) -> Result<Migrated, StoreError> {
    let dir = directory(url)?;
    make_directory(&dir).map_err(opening(&dir))?;
    let mut conn = writing(&dir, OpenFlags::SQLITE_OPEN_CREATE)?;
    let done = migrations::run(&mut conn, asked, &dir.display().to_string())?;
    drop(conn);
    // The database's own entry in the directory is new: without this a power cut could lose the whole file.
    std::fs::File::open(&dir)
        .and_then(|d| d.sync_all())
        .map_err(opening(&dir))?;
    Ok(done)
}

fn make_directory(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Bytes of the database that readers see through a map of the file: a reader's own pages are worth nothing after the next
/// commit, and to read them anew is most of what a page of a list costs.
const MAPPED: u64 = 1 << 30;

impl Sqlite {
    /// Blocks; the directory must be migrated.
    pub(crate) fn open(url: &str) -> Result<Self, StoreError> {
        let dir = directory(url)?;
        let at = dir.display().to_string();
        if !dir.join("boathook.db").is_file() {
            return Err(StoreError::NotMigrated {
                at,
                found: 0,
                wanted: migrations::VERSION,
            });
        }
        let conn = writing(&dir, OpenFlags::empty())?;
        migrations::check(&conn, &at)?;
        let head =
            control::head(&mut SqliteLook { conn: &conn }).map_err(|e| e.into_error("opening"))?;
        let (woken, control) = watch::channel(head);
        let woken = Arc::new(woken);
        let mut free = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = connect(&dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            reader
                .execute_batch(&format!(
                    "PRAGMA query_only = ON; PRAGMA mmap_size = {MAPPED};"
                ))
                .map_err(opening(&dir))?;
            free.push(reader);
        }
        Ok(Self {
            objects: Objects::local(&dir)?,
            writer: Writer::start(conn, Arc::clone(&woken)).map_err(opening(&dir))?,
            readers: Arc::new(Readers {
                free: Mutex::new(free),
                permits: Arc::new(Semaphore::new(READERS)),
            }),
            control,
            woken,
        })
    }
}
