//! Claims as they are listed.
use boathook_hooks::ids::{ClaimId, Digest, InstanceId};
use rusqlite::params;

use super::CLAIM;
use crate::{
    Claim, Page, Paged, Scope, codec,
    embedded::{
        Embedded,
        rows::{body, walk},
    },
    verbs::Read,
};

impl Embedded {
    pub(crate) async fn claim_by_id(&self, scope: &Scope, id: &ClaimId) -> Read<Option<Claim>> {
        let id = id.clone();
        let newest = self.claim_of(scope, &id.revision, &id.instance).await?;
        Ok(newest.filter(|claim| claim.id == id))
    }

    pub(crate) async fn claim_of(
        &self,
        scope: &Scope,
        digest: &Digest,
        instance: &InstanceId,
    ) -> Read<Option<Claim>> {
        let (scope, digest, instance) = (scope.clone(), *digest, instance.clone());
        self.read("claim_of", move |conn| {
            let params = params![digest.0, instance.as_str()];
            let found = body::<Claim>(conn, "claim", CLAIM, params)?;
            Ok(found.filter(|c| scope.holds_instance(&c.customer, &instance)))
        })
        .await
    }

    pub(crate) async fn claims(
        &self,
        scope: &Scope,
        digest: &Digest,
        page: Page,
    ) -> Read<Paged<Claim>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("claims", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let sql = "SELECT instance, body FROM claims WHERE digest = ?1 AND instance > ?2 ORDER BY instance";
            let rows = walk(conn, sql, params![digest.0, after], size, |row| {
                let claim: Claim = codec::decode("claim", &row.get::<_, Vec<u8>>(1)?)?;
                let seen = scope.holds_instance(&claim.customer, &claim.id.instance);
                Ok(seen.then_some((row.get::<_, String>(0)?, claim)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }
}
