//! Revisions as they are read.
use boathook_hooks::{
    ids::{Blob, Digest},
    time::Time,
};
use rusqlite::{OptionalExtension as _, params};

use super::{REVISION, sees};
use crate::{
    Revision, Scope,
    embedded::{
        Embedded,
        rows::{body, digest},
    },
    page::MAX_PAGE,
    verbs::Read,
};

impl Embedded {
    pub(crate) async fn revision(&self, scope: &Scope, digest: &Digest) -> Read<Option<Revision>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("revision", move |conn| {
            let found = body::<Revision>(conn, "revision", REVISION, params![digest.0])?;
            Ok(found.filter(|r| sees(&scope, r)))
        })
        .await
    }

    pub(crate) async fn envelope(&self, scope: &Scope, digest: &Digest) -> Read<Option<Blob>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("envelope", move |conn| {
            let found = body::<Revision>(conn, "revision", REVISION, params![digest.0])?;
            if !found.is_some_and(|r| sees(&scope, &r)) {
                return Ok(None);
            }
            let bytes: Option<Vec<u8>> = conn
                .prepare_cached("SELECT envelope FROM envelopes WHERE digest = ?1")?
                .query_row(params![digest.0], |row| row.get(0))
                .optional()?;
            Ok(bytes.map(Blob))
        })
        .await
    }

    pub(crate) async fn due_expiry(
        &self,
        scope: &Scope,
        now: Time,
        limit: u32,
    ) -> Read<Vec<Digest>> {
        let allowed = scope.holds_house();
        self.read("due_expiry", move |conn| {
            if !allowed {
                return Ok(Vec::new());
            }
            let mut statement = conn.prepare_cached(
                "SELECT digest FROM revisions WHERE state = 'published' AND expires_at <= ?1
                 ORDER BY expires_at LIMIT ?2",
            )?;
            let rows = statement.query_map(params![now.ms(), limit.clamp(1, MAX_PAGE)], |row| {
                row.get::<_, Vec<u8>>(0)
            })?;
            rows.map(|bytes| digest(&bytes?)).collect()
        })
        .await
    }
}
