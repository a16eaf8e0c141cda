//! Roots, rosters and revocations as envelopes, for every instance.
use axum::{
    body::Bytes,
    extract::{Path, State},
    response::Response,
};
use boathook_hooks::ids::Digest;
use boathook_schema::{Scope, TrustDocument};

use crate::{
    agent::{Instance, body},
    app::Shared,
    errors::{Answer, Problem},
};

pub async fn root(
    State(app): State<Shared>,
    _: Instance,
    Path(version): Path<String>,
) -> Answer<Response> {
    let version = parse(&version, "root")?;
    let current = app.trust.current();
    let known = current.documents.roots.iter().find(|d| d.number == version);
    serve("root", known.cloned())
}

pub async fn roster(
    State(app): State<Shared>,
    _: Instance,
    Path(version): Path<String>,
) -> Answer<Response> {
    let version = parse(&version, "roster")?;
    let current = app.trust.current();
    let newest = current
        .documents
        .roster
        .as_ref()
        .filter(|d| d.number == version);
    match newest {
        Some(document) => serve("roster", Some(document.clone())),
        None => serve("roster", app.store.roster(&Scope::System, version).await?),
    }
}

pub async fn revocation(
    State(app): State<Shared>,
    _: Instance,
    Path((revoker, number)): Path<(String, String)>,
) -> Answer<Response> {
    let revoker: Digest = revoker
        .parse()
        .map_err(|_| Problem::not_found("revocation"))?;
    let number = parse(&number, "revocation")?;
    let current = app.trust.current();
    let known = current
        .documents
        .revocations
        .iter()
        .find(|d| d.revoker == Some(revoker) && d.number == number);
    serve("revocation", known.cloned())
}

/// Hooks of format 1 use no templates, so there are none.
pub async fn template(_: Instance, Path(_digest): Path<String>) -> Problem {
    Problem::not_found("template")
}

fn serve(what: &str, document: Option<TrustDocument>) -> Answer<Response> {
    let document = document.ok_or_else(|| Problem::not_found(what))?;
    Ok(body::envelope(Bytes::from(document.envelope.0)))
}

fn parse(text: &str, what: &str) -> Answer<u64> {
    text.parse().map_err(|_| Problem::not_found(what))
}
