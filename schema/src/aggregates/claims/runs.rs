//! What an instance made of which revision: a list of them by instance. The claims themselves stand by revision.
use boathook_hooks::ids::{Digest, InstanceId};

use super::{CLAIMS, home, row_of};
use crate::{
    AnswerRow, Claim, Instance, InstanceRun, Page, Paged, Revision, Scope,
    aggregates::erasing::erased,
    codec,
    engine::{
        Engine, HEAD, Home, List, Look as _, Need, Stop, Table, Tx, keys::newest_first, listing,
        look::beyond,
    },
    verbs::Read,
};

/// What was published last comes first. The entry is the same whenever it is put, so nobody takes it back.
fn sort_key(revision: &Revision) -> String {
    let published = newest_first(revision.published_at);
    format!("{published}\u{1}{}", revision.digest)
}

pub(super) fn list(tx: &mut Tx<'_>, revision: &Revision, instance: &InstanceId) {
    let sort = sort_key(revision);
    tx.list_stamped(List::Runs, instance.as_str(), &sort, Some(vec![]), 1);
}

/// That all who claimed in this revision have it among their runs.
pub(crate) fn relist(tx: &mut Tx<'_>, revision: &Revision) -> Result<(), Stop> {
    let home = tx.home.clone();
    for (row, _) in tx.rows(&home, CLAIMS, &beyond(CLAIMS), usize::MAX)? {
        if let Ok(instance) = row[CLAIMS.len()..].parse::<InstanceId>() {
            list(tx, revision, &instance);
        }
    }
    Ok(())
}

impl Engine {
    pub(crate) async fn runs(
        &self,
        scope: &Scope,
        instance: &InstanceId,
        page: Page,
    ) -> Read<Paged<InstanceRun>> {
        let (scope, instance) = (scope.clone(), instance.clone());
        self.read("runs", move |look| {
            let at = Home::new(Table::Instances, &instance).at(HEAD);
            let known: Option<Instance> = match erased(look, &at)? {
                Some(_) => None,
                None => look.record("instance", &at)?,
            };
            let seen = known.is_some_and(|i| scope.holds_instance(&i.customer, &i.id));
            let parts = match seen {
                true => vec![instance.to_string()],
                false => Vec::new(),
            };
            let digests: Paged<Digest> =
                listing::page(look, List::Runs, &parts, &page, |_, sort, _| {
                    let digest = sort.split_once('\u{1}').map(|(_, digest)| digest);
                    Ok(digest.and_then(|d| d.parse().ok()))
                })?;
            let answer = |digest: &Digest| Need::Entry {
                list: List::Answers,
                part: digest.to_string(),
                sort: instance.to_string(),
            };
            let needs = digests.items.iter().flat_map(|digest| {
                let (head, claim) = (home(digest).head(), home(digest).at(row_of(&instance)));
                [Need::Row(head), Need::Row(claim), answer(digest)]
            });
            look.ahead(needs.collect())?;
            let mut items = Vec::new();
            for digest in &digests.items {
                let at = home(digest);
                let Some(revision) = look.record::<Revision>("revision", &at.head())? else {
                    continue;
                };
                let claim: Option<Claim> = look.record("claim", &at.at(row_of(&instance)))?;
                let said = look.entry(List::Answers, &digest.to_string(), instance.as_str())?;
                let answer: Option<AnswerRow> =
                    said.map(|b| codec::decode("answer", &b)).transpose()?;
                items.push(InstanceRun {
                    revision,
                    claim,
                    answer,
                });
            }
            let next = digests.next;
            Ok(Paged { items, next })
        })
        .await
    }
}
