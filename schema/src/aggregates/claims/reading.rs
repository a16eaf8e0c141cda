//! Claims as they are listed.
use boathook_hooks::ids::{ClaimId, Digest, InstanceId};

use super::{CLAIMS, home, row_of};
use crate::{
    Claim, Page, Paged, Scope, codec,
    engine::{Engine, look::beyond},
    verbs::Read,
};

impl Engine {
    pub(crate) async fn claim_by_id(&self, scope: &Scope, id: &ClaimId) -> Read<Option<Claim>> {
        let newest = self.claim_of(scope, &id.revision, &id.instance).await?;
        Ok(newest.filter(|claim| claim.id == *id))
    }

    pub(crate) async fn claim_of(
        &self,
        scope: &Scope,
        digest: &Digest,
        instance: &InstanceId,
    ) -> Read<Option<Claim>> {
        let (scope, instance) = (scope.clone(), instance.clone());
        let at = home(digest).at(row_of(&instance));
        self.read("claim_of", move |look| {
            let found: Option<Claim> = look.record("claim", &at)?;
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
        let (scope, home) = (scope.clone(), home(digest));
        self.read("claims", move |look| {
            let (mut after, size) = (page.key::<String>()?, page.size());
            let mut kept: Vec<(String, Claim)> = Vec::new();
            loop {
                // No id holds what stands behind the last one here, and it sorts before all that ids hold.
                let from = match &after {
                    Some(instance) => format!("{CLAIMS}{instance}\u{1}"),
                    None => CLAIMS.to_owned(),
                };
                let rows = look.rows(&home, &from, &beyond(CLAIMS), size + 1)?;
                let more = rows.len() > size;
                for (_, body) in rows {
                    let claim: Claim = codec::decode("claim", &body)?;
                    let instance = claim.id.instance.to_string();
                    after = Some(instance.clone());
                    if scope.holds_instance(&claim.customer, &claim.id.instance) {
                        kept.push((instance, claim));
                    }
                }
                if !more || kept.len() > size {
                    return Ok(Paged::of(kept, size));
                }
            }
        })
        .await
    }
}
