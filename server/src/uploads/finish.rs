//! The last byte is here: read back, check, commit, receipt.
use std::{collections::BTreeMap, io::Cursor, sync::Arc};

use axum::http::StatusCode;
use boathook_hooks::{
    documents::{Document as _, receipt::Receipt},
    ids::{Blob, ClaimId, Digest},
    keys::PublicKey,
    packet::{self, CheckError, CheckLimits, CheckedPacket, Expected, UNPACKED_FACTOR},
};
use boathook_schema::{
    Claim, CommitPacket, Committed, ErasedKind, Packet, Refused, Run, Scope, StoreError, Write,
    objects::CHUNK_BYTES,
};
use bson::doc;
use sha2::{Digest as _, Sha256};

use crate::{
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    metrics::OutcomeLabels,
};

/// Checks and commits a packet whose chunks are all durable. `Ok` once it is accepted, durably.
pub async fn finish(app: &Shared, key: PublicKey, claim: &Claim, run: Run) -> Answer<()> {
    let checked = read_back(app, key, claim, &run).await?;
    let (sha256, checked) = match checked {
        Ok(found) => found,
        Err(CheckError::Io(error)) => return Err(unread(error)),
        Err(fault) => return Err(reject(app, claim, &fault).await),
    };
    let bytes = packet::Statement::to_json(checked.statement());
    let commit = CommitPacket {
        claim: claim.id.clone(),
        name: packet::packet_name(checked.statement()),
        bytes: run.bytes,
        sha256,
        chunks: run.chunks,
        statement: Blob(bytes.map_err(|e| Problem::internal("keeping a statement", e))?),
        sections: summaries(&checked),
    };
    let write = Write::instance(claim.id.instance.clone(), app.now());
    let committed = app
        .store
        .commit_packet(&Scope::System, write, commit)
        .await?;
    let outcome = |outcome| {
        app.metrics
            .packets
            .get_or_create(&OutcomeLabels { outcome })
            .inc()
    };
    match committed.done() {
        Ok(Committed::Accepted(packet)) => {
            outcome("accepted");
            tracing::info!(claim = %claim.id, bytes = packet.bytes, name = packet.name, "packet accepted");
            // Accepted it is, with or without a receipt: `GET` of the claim makes one that is missing.
            if let Err(problem) = make_receipt(app, &packet, key).await {
                tracing::warn!(detail = problem.detail, "a receipt was not made");
            }
            Ok(())
        }
        Ok(Committed::Same(_)) => Ok(()),
        Err(reason) => {
            if matches!(reason, Refused::NoPlace) {
                outcome("no_place");
            }
            Err(reason.into())
        }
    }
}

/// The packet stays whole and undecided: the next request for it goes on.
fn unread(error: std::io::Error) -> Problem {
    match error.downcast::<StoreError>() {
        Ok(error) => error.into(),
        Err(error) => Problem::internal("reading a packet back", error),
    }
}

type Verdict = Result<(Digest, CheckedPacket), CheckError>;

/// Hashes and checks what is stored, not what was received.
async fn read_back(app: &Shared, key: PublicKey, claim: &Claim, run: &Run) -> Answer<Verdict> {
    let limits = CheckLimits {
        zip_bytes: claim.bytes,
        unpacked_bytes: packet_bytes(app, claim)
            .await?
            .saturating_mul(UNPACKED_FACTOR),
    };
    let (folder, chunks) = (claim.folder(), run.chunks.clone());
    let permit = app.agent.uploads.checks.clone().acquire_owned().await;
    let whole = match usize::try_from(run.bytes) {
        Ok(bytes) if bytes <= CHUNK_BYTES => Some(
            app.store
                .objects()
                .read(&folder, &chunks, 0..run.bytes)
                .await?,
        ),
        _ => None,
    };
    let reader = whole
        .is_none()
        .then(|| app.store.objects().reader(folder, chunks));
    let claim = claim.clone();
    let verdict = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let (sha256, checked) = match (whole, reader) {
            (Some(bytes), _) => (
                Digest::of(&bytes),
                packet::check(&mut Cursor::new(&bytes), &key, limits)?,
            ),
            (None, Some(mut reader)) => {
                let mut hash = Sha256::new();
                std::io::copy(&mut reader, &mut HashWriter(&mut hash)).map_err(CheckError::Io)?;
                (
                    Digest(hash.finalize().into()),
                    packet::check(&mut reader, &key, limits)?,
                )
            }
            (None, None) => return Err(CheckError::NotAZip),
        };
        checked.expect(&Expected {
            hook: &claim.id.revision,
            claim: &claim.id,
            instance: &claim.id.instance,
            customer: &claim.customer,
        })?;
        Ok((sha256, checked))
    });
    verdict
        .await
        .map_err(|e| Problem::internal("checking a packet", e))
}

/// The hook's limit. What a packet may unpack to follows from it, not from how small the packet turned out: logs shrink
/// a thousandfold.
async fn packet_bytes(app: &App, claim: &Claim) -> Answer<u64> {
    let digest = &claim.id.revision;
    let active = app
        .agent
        .control
        .active()
        .get(digest)
        .map(|hook| hook.hook.packet_bytes);
    if let Some(bytes) = active {
        return Ok(bytes);
    }
    let revision = app.store.revision(&Scope::System, digest).await?;
    revision
        .map(|r| r.quota.packet_bytes)
        .ok_or_else(|| Problem::not_found("hook"))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn reject(app: &App, claim: &Claim, fault: &CheckError) -> Problem {
    let mut reason = fault.to_string();
    reason.truncate(reason.floor_char_boundary(1_000));
    tracing::warn!(claim = %claim.id, reason, "packet rejected");
    app.metrics
        .packets
        .get_or_create(&OutcomeLabels {
            outcome: "rejected",
        })
        .inc();
    let write = Write::instance(claim.id.instance.clone(), app.now());
    let rejected = app
        .store
        .reject(&Scope::System, write, claim.id.clone(), reason.clone());
    match rejected.await.answer() {
        Ok(_) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "rejected",
            format!("the packet is rejected: {reason}"),
        ),
        Err(problem) => problem,
    }
}

/// What lists show of each section without opening the packet.
fn summaries(checked: &CheckedPacket) -> Vec<bson::Document> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let section = |s: &packet::Section| {
        doc! {
            "name": s.name.as_str(),
            "collector": &s.collector,
            "outcome": s.outcome.as_str(),
            "reason": &s.reason,
            "files": number(s.files.len() as u64),
            "bytes": number(s.files.iter().map(|f| f.bytes).sum()),
        }
    };
    checked.statement().sections.iter().map(section).collect()
}

/// What there is of an accepted claim's packet.
pub enum Kept {
    Receipt(Vec<u8>),
    /// With its receipt.
    Erased,
    /// Its record comes from the server that accepted it.
    OnItsWay,
}

/// The receipt of an accepted claim, made now if it is missing.
pub async fn receipt(app: &App, claim: &ClaimId, key: PublicKey) -> Answer<Kept> {
    let Some(packet) = app.store.packet(&Scope::System, claim).await? else {
        let (kind, id) = (ErasedKind::Packet, claim.to_string());
        let erased = app.store.erasure(&Scope::System, kind, &id).await?;
        return Ok(match erased {
            Some(_) => Kept::Erased,
            None => Kept::OnItsWay,
        });
    };
    match packet.receipt {
        Some(receipt) => Ok(Kept::Receipt(receipt.0)),
        None => make_receipt(app, &packet, key).await.map(Kept::Receipt),
    }
}

async fn make_receipt(app: &App, packet: &Packet, key: PublicKey) -> Answer<Vec<u8>> {
    let now = app.now();
    let heads = app
        .agent
        .lists
        .heads
        .fresh(app, &packet.customer, now)
        .await?;
    let receipt = Receipt {
        packet: packet.sha256,
        bytes: packet.bytes,
        hook: Some(packet.claim.revision),
        claim: Some(packet.claim.clone()),
        instance_key: key,
        received_at: packet.received_at,
        heads,
        extensions: BTreeMap::new(),
        critical: Vec::new(),
    };
    let bytes = receipt
        .envelope(&[&app.keys.ring().online])
        .map_err(|e| Problem::internal("signing a receipt", e))?
        .to_bson()
        .map_err(|e| Problem::internal("encoding a receipt", e))?;
    let kept = app
        .store
        .put_receipt(
            &Scope::System,
            Write::system(now),
            packet.claim.clone(),
            Blob(bytes),
        )
        .await
        .answer()?;
    // The first receipt stands.
    kept.receipt
        .map(|r| r.0)
        .ok_or_else(|| Problem::internal("keeping a receipt", "it is not there"))
}

/// Goes on with a packet that is whole and was not decided, because a server went down in between.
pub fn finish_later(app: &Shared, claim: &Claim, key: PublicKey) {
    let Some(turn) = app.agent.uploads.turns.try_take(&claim.id) else {
        return;
    };
    let (app, claim): (Arc<App>, Claim) = (app.clone(), claim.clone());
    tokio::spawn(async move {
        let _turn = turn;
        let run = match app.store.objects().run(&claim.folder()).await {
            Ok(run) if run.bytes == claim.bytes => run,
            Ok(_) => return,
            Err(error) => return tracing::warn!(%error, "an upload cannot be finished now"),
        };
        if let Err(problem) = finish(&app, key, &claim, run).await {
            tracing::warn!(claim = %claim.id, detail = problem.detail, "an upload was not finished");
        }
    });
}
