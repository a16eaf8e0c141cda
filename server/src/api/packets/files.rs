//! The files within a packet, by the part: read out of the zip as it lies in the store, never unpacked to disk.
use std::io::Read as _;

use axum::{
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::{self, CheckError, CheckLimits, Statement},
};
use boathook_schema::{Packet, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        packets::{download::Out, find, hostile, open, range},
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::Staff,
};

const PIECE: usize = 64 * 1024;

#[derive(Debug, Serialize, ToSchema)]
pub struct Files {
    pub items: Vec<PacketFile>,
    /// Always null: the list is whole.
    pub next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PacketFile {
    pub path: String,
    /// None for files beside the sections.
    pub section: Option<String>,
    /// Before compression.
    pub bytes: u64,
    #[schema(value_type = String)]
    pub sha256: Digest,
    /// Passed on without redaction.
    pub raw: bool,
    /// How often something was hidden, by kind.
    #[schema(value_type = Object)]
    pub redactions: std::collections::BTreeMap<String, u64>,
}

/// The files that the statement lists. Reading the list is an event.
#[utoipa::path(get, path = "/api/v1/packets/{claim_id}/files", tag = "packets", params(("claim_id" = String, Path)), responses((status = 200, body = Files)))]
pub async fn files(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(claim): Path<ClaimId>,
) -> Answer<Json<Files>> {
    let packet = open(&app, &caller, &claim, "files", 0).await?;
    Ok(Json(Files {
        items: listed(&statement(&packet)?),
        next: None,
    }))
}

/// One file, by the part. It is compared with the statement as it is read: a difference breaks the answer off.
#[utoipa::path(get, path = "/api/v1/packets/{claim_id}/files/{*path}", tag = "packets", params(("claim_id" = String, Path), ("path" = String, Path)), responses((status = 200, content_type = "application/octet-stream"), (status = 206, content_type = "application/octet-stream")))]
pub async fn file(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path((claim, path)): Path<(ClaimId, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let entry = entry(&app, &caller.scope, &claim, &path).await?;
    let etag = format!("\"{}\"", entry.sha256);
    let (status, range, out) = range::decide(&headers, entry.bytes, &etag)?;
    let place = app.downloads.take(&caller.person)?;
    let packet = open(&app, &caller, &claim, &path, range.end - range.start).await?;
    let name = path.rsplit('/').next().unwrap_or("file").to_owned();
    let mut reader = app.store.objects().reader(packet.folder(), packet.chunks);
    let body = place.body(move |out| {
        let sent = read_range(&mut reader, packet.bytes, &path, range, out);
        sent.unwrap_or_else(|error| {
            tracing::error!(%error, path, "a packet's file cannot be read");
            false
        })
    });
    let headers = hostile(out, "application/octet-stream", &name, Some(&etag));
    Ok((status, headers, body).into_response())
}

/// What the statement says of one file, for whoever may see its packet.
pub async fn entry(app: &App, scope: &Scope, claim: &ClaimId, path: &str) -> Answer<PacketFile> {
    let known = find(app, scope, claim).await?;
    let files = listed(&statement(&known)?);
    let entry = files.into_iter().find(|f| f.path == path);
    entry.ok_or_else(|| Problem::not_found("file"))
}

pub fn statement(packet: &Packet) -> Answer<Statement> {
    Statement::from_json(&packet.statement.0)
        .map_err(|e| Problem::internal("reading a stored statement", e))
}

pub fn listed(statement: &Statement) -> Vec<PacketFile> {
    let sections = statement.sections.iter().flat_map(|s| {
        let name = Some(s.name.to_string());
        s.files.iter().map(move |f| (name.clone(), f))
    });
    sections
        .chain(statement.files.iter().map(|f| (None, f)))
        .map(|(section, f)| PacketFile {
            path: f.path.clone(),
            section,
            bytes: f.bytes,
            sha256: f.sha256,
            raw: f.raw,
            redactions: f.redactions.clone(),
        })
        .collect()
}

/// Hands the file over piece by piece, so that memory does not grow with it. False when the client went away.
fn read_range(
    zip: &mut boathook_schema::ChunkReader,
    zip_bytes: u64,
    path: &str,
    range: std::ops::Range<u64>,
    out: &Out,
) -> Result<bool, CheckError> {
    let open = packet::open(zip, None, CheckLimits::of_size(zip_bytes))?;
    let mut file = open.file(zip, path)?;
    let mut piece = vec![0; PIECE];
    let mut at = 0u64;
    loop {
        let n = file.read(&mut piece).map_err(CheckError::Io)?;
        if n == 0 {
            return Ok(true);
        }
        // What lies before the range takes time, too.
        if !out.is_wanted() {
            return Ok(false);
        }
        let here = at..at + n as u64;
        at = here.end;
        let from = range.start.clamp(here.start, here.end) - here.start;
        let to = range.end.clamp(here.start, here.end) - here.start;
        if from < to {
            let part = Bytes::copy_from_slice(&piece[from as usize..to as usize]);
            if !out.send(part) {
                return Ok(false);
            }
        }
        if at >= range.end && range.end < file.size() {
            return Ok(true);
        }
    }
}
