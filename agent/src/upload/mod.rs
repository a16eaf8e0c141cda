//! Sending a packet from the spool: tus 1.0 (creation, HEAD, PATCH), resumed wherever either side broke off, then the
//! claim's state until the server has accepted it, with a receipt that verifies, or never will.
pub mod receipt;

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use boathook_hooks::{
    ids::Blob,
    protocol::{self, ClaimPhase, ClaimStatus},
};
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use crate::{
    client::{Answer, ClientError, Request},
    session::{Api, SessionError},
    spool::Entry,
};

/// Bytes of one PATCH: what is in memory at once.
const PIECE: u64 = 1 << 20;
const PIECE_TIMEOUT: Duration = Duration::from_secs(120);
/// Pauses between questions whether the packet was checked, in milliseconds; the last one goes on.
const ASK: [u64; 8] = [5, 20, 50, 100, 250, 500, 1_000, 2_000];
/// Then the next round of uploads asks again.
const MOST_ASKS: usize = 60;

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the spooled packet {path}")]
    Spool {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Api(#[from] SessionError),
    #[error("the server's answer to the upload: {0}")]
    Protocol(&'static str),
    #[error("the server says that the packet is accepted, but {0}")]
    Receipt(#[from] receipt::BadReceipt),
    #[error("the server still checks the packet")]
    StillChecking,
}

impl UploadError {
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(e) => e.retry_after(),
            _ => None,
        }
    }
}

/// The server's last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be verified by [`receipt::check`].
    Accepted(Option<Blob>),
    Rejected(String),
    Gone(String),
}

/// Sends all of `entry`. `fresh`: nothing of it was sent yet. Errors are for another try.
pub async fn send(
    api: &Api,
    entry: &Entry,
    zip: &Path,
    fresh: bool,
) -> Result<Verdict, UploadError> {
    match transfer(api, entry, zip, fresh).await {
        Ok(()) => {}
        // What the server will not take, the claim's state explains.
        Err(UploadError::Api(e)) if matches!(e.status(), Some(403 | 404 | 409 | 410)) => {
            return match status(api, entry).await {
                Ok(status) => verdict(&status).ok_or(UploadError::Api(e)),
                Err(UploadError::Api(gone)) if matches!(gone.status(), Some(404 | 410)) => {
                    Ok(Verdict::Gone(gone.to_string()))
                }
                Err(other) => Err(other),
            };
        }
        Err(UploadError::Api(e)) if e.status() == Some(413) => {
            return Ok(Verdict::Gone(e.to_string()));
        }
        Err(other) => return Err(other),
    }
    for asked in 0..MOST_ASKS {
        if let Some(verdict) = verdict(&status(api, entry).await?) {
            return Ok(verdict);
        }
        let pause = ASK[asked.min(ASK.len() - 1)];
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Err(UploadError::StillChecking)
}

fn verdict(status: &ClaimStatus) -> Option<Verdict> {
    let reason = || {
        let text = status.reason.as_deref().unwrap_or("without a reason");
        text.chars().filter(|c| !c.is_control()).take(500).collect()
    };
    match status.state {
        ClaimPhase::Open | ClaimPhase::Receiving | ClaimPhase::Checking => None,
        ClaimPhase::Accepted => Some(Verdict::Accepted(status.receipt.clone())),
        ClaimPhase::Rejected => Some(Verdict::Rejected(reason())),
        ClaimPhase::Failed | ClaimPhase::Expired => Some(Verdict::Gone(reason())),
    }
}

async fn status(api: &Api, entry: &Entry) -> Result<ClaimStatus, UploadError> {
    const ASKING: &str = "asking for the packet's state";
    let path = protocol::path_claim(&entry.claim);
    let answer = api.send(|c| c.request(ASKING, Method::GET, &path)).await?;
    Ok(answer.bson(ASKING).map_err(SessionError::from)?)
}

/// Until the server has all bytes.
async fn transfer(api: &Api, entry: &Entry, zip: &Path, fresh: bool) -> Result<(), UploadError> {
    let spool = |source| UploadError::Spool {
        path: zip.into(),
        source,
    };
    let mut file = File::open(zip).map_err(spool)?;
    let created = api
        .send(|c| {
            let path = protocol::path_upload(&entry.claim);
            Ok(tus(c.request("beginning the upload", Method::POST, &path)?)
                .header("upload-length", entry.bytes))
        })
        .await?;
    let location = created
        .header("location")
        .ok_or(UploadError::Protocol("it names no place for the bytes"))?
        .to_owned();
    let mut offset = if fresh {
        0
    } else {
        offset_at(api, &location).await?
    };
    let mut conflicts = 0;
    while offset < entry.bytes {
        let piece = piece(&mut file, offset, entry.bytes).map_err(spool)?;
        let sent = api
            .send(|c| {
                patch(
                    c.request("sending the packet", Method::PATCH, &location)?,
                    offset,
                    &piece,
                )
            })
            .await;
        match sent {
            Ok(answer) => {
                let next = upload_offset(&answer)?;
                if next <= offset || next > entry.bytes {
                    return Err(UploadError::Protocol(
                        "its offset does not fit what was sent",
                    ));
                }
                offset = next;
            }
            // Another offset than ours: of a try whose answer was lost.
            Err(e) if e.status() == Some(409) && conflicts < 3 => {
                conflicts += 1;
                offset = offset_at(api, &location).await?;
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn tus(request: Request) -> Request {
    request.header("tus-resumable", "1.0.0")
}

fn patch(request: Request, offset: u64, piece: &bytes::Bytes) -> Result<Request, ClientError> {
    let checksum = STANDARD.encode(Sha256::digest(piece));
    Ok(tus(request)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", offset)
        .header("upload-checksum", format!("sha256 {checksum}"))
        .timeout(PIECE_TIMEOUT)
        .body(piece.clone()))
}

async fn offset_at(api: &Api, location: &str) -> Result<u64, UploadError> {
    let answer = api
        .send(|c| {
            Ok(tus(c.request(
                "asking for the upload's offset",
                Method::HEAD,
                location,
            )?))
        })
        .await?;
    upload_offset(&answer)
}

fn upload_offset(answer: &Answer) -> Result<u64, UploadError> {
    answer
        .header("upload-offset")
        .and_then(|text| text.parse().ok())
        .ok_or(UploadError::Protocol("it says no offset"))
}

fn piece(file: &mut File, offset: u64, end: u64) -> std::io::Result<bytes::Bytes> {
    let size = usize::try_from((end - offset).min(PIECE)).unwrap_or(0);
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; size];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}
