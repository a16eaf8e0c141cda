//! A packet's zip into a file: resumed where it was cut off, and nothing is kept whose SHA-256 differs.
use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use boathook_hooks::ids::Digest;
use reqwest::{Method, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::{Client, PacketView, network};
use crate::error::{Error, Result};

/// Tries in a row that bring no byte before the download is given up; what came stays for the next run.
const TRIES: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    pub path: PathBuf,
    pub bytes: u64,
    /// Bytes that an earlier run had brought.
    pub resumed_at: u64,
}

/// The part file with its hash so far. Its name has the packet's digest, so it is never continued with other bytes.
struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Part {
    fn open(dest: &Path, packet: &PacketView) -> Result<Self> {
        let mut name = dest.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", packet.sha256.short()));
        let path = dest.with_file_name(name);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(at("open", &path))?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = file.read(&mut buffer).map_err(at("read", &path))?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            bytes += n as u64;
        }
        let mut part = Self {
            path,
            file,
            hash,
            bytes,
        };
        if part.bytes > packet.bytes {
            part.restart()?;
        }
        Ok(part)
    }

    fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(at("empty", &self.path))?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    fn push(&mut self, bytes: &[u8], limit: u64) -> Result<()> {
        if self.bytes + bytes.len() as u64 > limit {
            return Err(Error::Answer {
                what: "the packet has more bytes than its record says".into(),
            });
        }
        self.file
            .write_all(bytes)
            .map_err(at("write", &self.path))?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

fn at<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |source| Error::File {
        operation,
        path: path.to_owned(),
        source,
    }
}

impl Client {
    /// The zip of `packet` into `dest`, which must not be there yet. `progress` hears of every byte count, from the one
    /// that an earlier run had reached on. The file appears under its name only when its SHA-256 is right.
    pub async fn download(
        &self,
        packet: &PacketView,
        dest: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<Downloaded> {
        if dest.exists() {
            return Err(Error::File {
                operation: "create",
                path: dest.to_owned(),
                source: std::io::ErrorKind::AlreadyExists.into(),
            });
        }
        let mut part = Part::open(dest, packet)?;
        let resumed_at = part.bytes;
        progress(part.bytes);
        let mut idle = 0;
        while part.bytes < packet.bytes {
            let before = part.bytes;
            match self.fetch(packet, &mut part, &mut progress).await {
                Ok(()) if part.bytes == packet.bytes => break,
                Ok(()) => idle += 1,
                // A cut connection; the server said nothing against it.
                Err(Error::Network { .. }) if idle + 1 < TRIES => idle += 1,
                Err(error) => return Err(error),
            }
            if part.bytes > before {
                idle = 0;
            }
            if idle >= TRIES {
                return Err(Error::failed(
                    "the download ended early again and again",
                    "run the same command again; it goes on where it stopped",
                ));
            }
            tokio::time::sleep(Duration::from_millis(200) * 2_u32.pow(idle)).await;
        }
        self.finish(packet, part, dest, resumed_at)
    }

    /// One request, from where the part ends.
    async fn fetch(
        &self,
        packet: &PacketView,
        part: &mut Part,
        progress: &mut impl FnMut(u64),
    ) -> Result<()> {
        let mut request = self.request(Method::GET, &["packets", &packet.claim_id, "zip"])?;
        if part.bytes > 0 {
            request = request
                .header(header::RANGE, format!("bytes={}-", part.bytes))
                .header(header::IF_RANGE, format!("\"{}\"", packet.sha256));
        }
        let mut response = self.send("download the packet", request).await?;
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT
            && starts_at(&response) == Some(part.bytes);
        if part.bytes > 0 && !goes_on {
            if response.status() == StatusCode::PARTIAL_CONTENT {
                return Err(Error::Answer {
                    what: "it is another range than was asked for".into(),
                });
            }
            part.restart()?;
        }
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| network("download the packet", &self.origin, e))?
        {
            part.push(&chunk, packet.bytes)?;
            progress(part.bytes);
        }
        Ok(())
    }

    fn finish(
        &self,
        packet: &PacketView,
        part: Part,
        dest: &Path,
        resumed_at: u64,
    ) -> Result<Downloaded> {
        let found = Digest(part.hash.finalize().into());
        if found != packet.sha256 {
            let _ = fs::remove_file(&part.path);
            return Err(Error::failed(
                format!(
                    "the packet's SHA-256 is {found}, but its record says {}",
                    packet.sha256
                ),
                "run the same command again; if it stays, tell the operator of the server",
            ));
        }
        part.file.sync_all().map_err(at("sync", &part.path))?;
        // A hard link fails when the name is taken meanwhile; a rename would overwrite.
        match fs::hard_link(&part.path, dest) {
            Ok(()) => fs::remove_file(&part.path).map_err(at("remove", &part.path))?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(at("create", dest)(e));
            }
            Err(_) => fs::rename(&part.path, dest).map_err(at("create", dest))?,
        }
        Ok(Downloaded {
            path: dest.to_owned(),
            bytes: part.bytes,
            resumed_at,
        })
    }
}

/// The first byte of `Content-Range: bytes 5-9/10`.
fn starts_at(response: &reqwest::Response) -> Option<u64> {
    let range = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}
