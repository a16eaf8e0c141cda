//! What the pages of packets share: reading out of the zip by the part, on a thread that may block and within bounds.
pub mod part;
pub mod rows;
pub mod search;
pub mod summary;
pub mod table;
#[cfg(test)]
pub mod testing;
pub mod tree;

use std::io::{self, Read};

use boathook_hooks::packet::{self, CheckError, CheckLimits, OpenPacket};
use boathook_schema::{ChunkReader, Packet};

use crate::{
    api::packets::Still,
    app::App,
    errors::{Answer, Problem},
};

/// A packet's zip as it lies in the store.
pub struct Zip {
    reader: ChunkReader,
    bytes: u64,
}

/// Why nothing of a file is shown.
#[derive(Debug)]
pub enum Fault {
    /// It is not what the instance signed: in words.
    Differs(String),
    /// Nobody waits for it any more.
    Unwanted,
    /// The store cannot be read.
    Failed(String),
}

impl Zip {
    pub fn of(app: &App, packet: &Packet) -> Self {
        Self {
            reader: app
                .store
                .objects()
                .reader(packet.folder(), packet.chunks.clone()),
            bytes: packet.bytes,
        }
    }

    pub fn open(&mut self) -> Result<OpenPacket, Fault> {
        let limits = CheckLimits::of_size(self.bytes);
        packet::open(&mut self.reader, None, limits).map_err(Fault::from)
    }

    /// Reads from one file. What `work` read to the end is what the statement says.
    pub fn file<T>(
        &mut self,
        open: &OpenPacket,
        path: &str,
        still: &Still,
        work: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, Fault> {
        let from = open.file(&mut self.reader, path)?;
        Ok(work(&mut Watched { from, still })?)
    }
}

impl From<CheckError> for Fault {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Io(error) => error.into(),
            other => Self::Differs(other.to_string()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Differs(error.to_string()),
            UNWANTED => Self::Unwanted,
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl Fault {
    /// What differs, in words that a page shows; all else is the request's own failure.
    pub fn differs(self) -> Answer<String> {
        match self {
            Self::Differs(words) => {
                tracing::error!(words, "a packet differs from its statement");
                Ok(words)
            }
            Self::Unwanted => Err(Problem::busy("nobody waits for this any more", 1)),
            Self::Failed(words) => Err(Problem::internal("reading a packet", words)),
        }
    }
}

const UNWANTED: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// Ends when nobody waits any more.
struct Watched<'s, R> {
    from: R,
    still: &'s Still,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.still.is_wanted() {
            true => self.from.read(to),
            false => Err(UNWANTED.into()),
        }
    }
}

/// Whether a file that begins so is no text.
pub fn is_binary(begin: &[u8]) -> bool {
    begin.contains(&0)
}

/// Bytes that are looked at to tell.
pub const BEGIN: usize = 8 * 1024;

/// The begin of a file: all of it when it is shorter.
pub fn begin(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    from.take(BEGIN as u64).read_to_end(&mut begin)?;
    Ok(begin)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_schema::Scope;

    use super::*;
    use crate::api::tests::house::House;

    #[tokio::test]
    async fn reading_ends_when_the_client_went_away() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = testing::sent(&house, &hook, &[testing::ok("s", &[("a.log", b"x\n")])]).await;
        let app = &house.bench.app;
        let packet = app.store.packet(&Scope::System, &claim).await.unwrap();
        let mut zip = Zip::of(app, &packet.unwrap());
        let place = app.downloads.take(&"ada".parse().unwrap()).unwrap();
        let (told, tell) = tokio::sync::oneshot::channel();
        let (begun, begin) = tokio::sync::oneshot::channel();
        let asked = tokio::spawn(place.run(move |still| {
            let open = zip.open().unwrap();
            let mut text = String::new();
            let mut read = |zip: &mut Zip| {
                zip.file(&open, "s/a.log", still, |from| {
                    from.read_to_string(&mut text)
                })
            };
            assert_eq!(read(&mut zip).unwrap(), 2);
            begun.send(()).unwrap();
            while still.is_wanted() {
                std::thread::yield_now();
            }
            told.send(read(&mut zip)).unwrap();
        }));
        begin.await.unwrap();
        asked.abort();
        assert!(matches!(tell.await.unwrap(), Err(Fault::Unwanted)));
    }
}
