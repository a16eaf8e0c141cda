//! Receiving: the body flows into create-only chunks, counted as it flows.
use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::StatusCode,
};
use boathook_hooks::time::Time;
use boathook_schema::{
    Chunk, Claim, Folder, Put, Refused, Run,
    objects::{CHUNK_BYTES, MAX_CHUNKS},
};
use bytes::Buf as _;
use futures_util::StreamExt as _;

use crate::{
    agent::Instance,
    app::App,
    errors::{Answer, Problem},
    uploads::{
        lease_ms,
        memory::Room,
        overrun::overrun,
        turns::Turn,
        tus::{self, Checksum},
    },
};

/// How long a connection may stay silent before it counts as broken.
const SILENCE: Duration = Duration::from_secs(60);
/// How long one chunk may take to arrive: its memory is not held for longer.
const CHUNK_TIME: Duration = Duration::from_secs(600);
/// One PATCH under way.
pub struct Receiving<'a> {
    pub app: &'a App,
    pub instance: &'a Instance,
    pub claim: Claim,
    pub folder: Folder,
    /// What is durable.
    pub run: Run,
    pub checksum: Option<Checksum>,
    pub turn: &'a Turn,
}

/// Why no more bytes come.
enum End {
    /// The body is whole.
    Whole,
    /// The connection broke, fell silent, or another request took over: what came is kept.
    Broken(Problem),
}

impl Receiving<'_> {
    /// Takes in the body. What came is durable when this returns, also when the connection broke.
    pub async fn body(&mut self, body: Body) -> Answer<()> {
        let memory = &self.app.agent.uploads.memory;
        // Taken with the bytes as they come, and given back once they are stored: who sends nothing holds nothing.
        let mut room = memory.room(&self.instance.customer, &self.instance.instance);
        let mut stream = body.into_data_stream();
        let mut buffer = Vec::new();
        let mut asked_at = None;
        let mut chunk_began = tokio::time::Instant::now();
        let end = 'body: loop {
            let mut frame = match self.next(&mut stream, chunk_began).await {
                Ok(Some(frame)) => frame,
                Ok(None) => break End::Whole,
                Err(problem) => break End::Broken(problem),
            };
            let sent = self.run.bytes + (buffer.len() + frame.len()) as u64;
            if sent > self.claim.bytes {
                return Err(overrun(self.app, self.instance, &self.claim, sent).await);
            }
            self.instance.recheck_denied(self.app)?;
            self.app.metrics.upload_bytes.inc_by(frame.len() as u64);
            self.progress(&mut asked_at).await?;
            if let Some(checksum) = &mut self.checksum {
                if buffer.len() + frame.len() > CHUNK_BYTES {
                    return Err(tus::checksum_too_large());
                }
                checksum.update(&frame);
            }
            while frame.has_remaining() {
                if buffer.is_empty() {
                    chunk_began = tokio::time::Instant::now();
                }
                if buffer.len() == room.bytes() {
                    let left = self.claim.bytes - self.run.bytes - buffer.len() as u64;
                    match self.grow(&mut room, left).await {
                        Ok(bytes) => buffer.reserve_exact(bytes),
                        Err(problem) => break 'body End::Broken(problem),
                    }
                }
                let fits = frame.len().min(room.bytes() - buffer.len());
                buffer.extend_from_slice(&frame.split_to(fits));
                // With a checksum there is one chunk at most, and it waits for the last byte.
                if buffer.len() == CHUNK_BYTES && self.checksum.is_none() {
                    self.put(std::mem::take(&mut buffer).into()).await?;
                    room.empty();
                    chunk_began = tokio::time::Instant::now();
                }
            }
        };
        if let Some(checksum) = self.checksum.take() {
            match &end {
                // Half of what was announced cannot be checked, so it cannot be kept.
                End::Broken(problem) => return Err(problem.clone()),
                End::Whole => checksum.verify()?,
            }
        }
        if !buffer.is_empty() {
            self.put(buffer.into()).await?;
        }
        match end {
            End::Whole => Ok(()),
            End::Broken(problem) => Err(problem),
        }
    }

    /// More room, for which a newer request does not wait.
    async fn grow(&self, room: &mut Room, left: u64) -> Answer<usize> {
        tokio::select! {
            biased;
            () = self.turn.superseded() => Err(superseded()),
            grown = room.grow(left) => grown,
        }
    }

    async fn next(
        &self,
        stream: &mut BodyDataStream,
        chunk_began: tokio::time::Instant,
    ) -> Answer<Option<Bytes>> {
        let broken = |words: &str| Problem::new(StatusCode::REQUEST_TIMEOUT, "broken", words);
        tokio::select! {
            biased;
            () = self.turn.superseded() => Err(superseded()),
            () = tokio::time::sleep(SILENCE) => Err(broken("no bytes came for a minute")),
            () = tokio::time::sleep_until(chunk_began + CHUNK_TIME) => {
                Err(broken("the bytes come too slowly to be waited for; go on from Upload-Offset"))
            }
            frame = stream.next() => match frame {
                None => Ok(None),
                Some(Ok(bytes)) => Ok(Some(bytes)),
                Some(Err(_)) => Err(broken("the connection broke")),
            },
        }
    }

    /// Puts one chunk. Another writer that was first at this offset wins.
    async fn put(&mut self, bytes: Bytes) -> Answer<()> {
        if self.run.chunks.len() >= MAX_CHUNKS {
            return Err(too_many_chunks(self.claim.bytes));
        }
        let chunk = Chunk {
            offset: self.run.bytes,
            bytes: bytes.len() as u64,
        };
        match self
            .app
            .store
            .objects()
            .put(&self.folder, chunk.offset, bytes)
            .await?
        {
            Put::Stored => {
                self.run.bytes += chunk.bytes;
                self.run.chunks.push(chunk);
                Ok(())
            }
            Put::Lost => Err(Problem::conflict(
                "another request was first at this offset",
            )),
        }
    }

    /// Bytes came: the lease goes on, written at most each half lease.
    async fn progress(&mut self, asked_at: &mut Option<Time>) -> Answer<()> {
        let now = self.app.now();
        let (lease, half) = (lease_ms(self.app), lease_ms(self.app) / 2);
        let just_asked = asked_at.is_some_and(|at| now.since(at) < half);
        if self.claim.lease_until.since(now) > half || just_asked {
            return Ok(());
        }
        *asked_at = Some(now);
        let scope = self.instance.scope();
        let write = self.instance.write(self.app);
        let claim = self.claim.id.clone();
        let renewed = self
            .app
            .store
            .renew(&scope, write, claim, now.plus_ms(lease))
            .await?;
        match renewed.done() {
            Ok(lease) => self.claim.lease_until = lease.until,
            // Late, and nothing is free: the commit decides, as a place may come back until then.
            Err(Refused::NoPlace) => {}
            Err(reason) => return Err(reason.into()),
        }
        Ok(())
    }
}

fn superseded() -> Problem {
    Problem::conflict("another request goes on with this upload")
}

/// 413 that says how large the pieces must be.
pub fn too_many_chunks(length: u64) -> Problem {
    let smallest = length.div_ceil(MAX_CHUNKS as u64);
    Problem::too_large(format!(
        "an upload may come in at most {MAX_CHUNKS} pieces: send at least {smallest} bytes a request"
    ))
    .with("smallest", smallest)
}
