//! The chains' heads.
use boathook_hooks::{ids::CustomerId, time::Time};

use crate::{
    Answer, Chain, ChainHead, Head, Heads, Page, Paged, Scope, Write, codec,
    engine::{
        Engine, Home, List, Look, Need, Stop, Table,
        events::{chain_of, head},
        listing::customers_of,
        look::beyond,
    },
    verbs::Read,
};

/// Heads of customers' chains as they are listed, by name; the list may lag behind the chains for a moment.
pub(super) fn listed_heads(
    look: &mut (impl Look + ?Sized),
    after: &str,
    limit: usize,
) -> Result<Vec<(String, Head)>, Stop> {
    let rows = look.list_to(List::Heads, "", after, &beyond("customer:"), limit)?;
    rows.into_iter()
        .map(|(name, body)| Ok((name, codec::decode("head", &body)?)))
        .collect()
}

impl Engine {
    pub(crate) async fn heads(&self, scope: &Scope, page: Page) -> Read<Paged<ChainHead>> {
        let (house, customers) = (scope.holds_house(), customers_of(scope, None));
        self.read("heads", move |look| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let mut found = Vec::new();
            if house && after.is_empty() {
                let chain = Chain::House;
                let head = head(look, &chain.to_string())?;
                // It sorts behind the customers and comes before them: its key is below all of theirs.
                found.push((" ".to_owned(), ChainHead { chain, head }));
            }
            let Some(customers) = &customers else {
                for (name, head) in listed_heads(look, &after, size + 1)? {
                    let chain = chain_of(&name)?;
                    found.push((name, ChainHead { chain, head }));
                }
                return Ok(Paged::of(found, size));
            };
            let names = customers.iter().map(|id| Chain::Customer(id.clone()));
            let mut names: Vec<(String, Chain)> = names.map(|c| (c.to_string(), c)).collect();
            names.retain(|(name, _)| *name > after);
            names.sort();
            let entry = |name: &String| Need::Entry {
                list: List::Heads,
                part: String::new(),
                sort: name.clone(),
            };
            for some in names.chunks(size + 1) {
                look.ahead(some.iter().map(|(name, _)| entry(name)).collect())?;
                for (name, chain) in some {
                    if let Some(body) = look.entry(List::Heads, "", name)? {
                        let (head, chain) = (codec::decode("head", &body)?, chain.clone());
                        found.push((name.clone(), ChainHead { chain, head }));
                    }
                }
                if found.len() > size {
                    break;
                }
            }
            Ok(Paged::of(found, size))
        })
        .await
    }

    /// Where a chain ends that the list of heads does not name; none where it names it, or where nothing is.
    pub(crate) async fn unlisted_head(&self, chain: &Chain) -> Read<Option<Head>> {
        let name = chain.to_string();
        self.read("check", move |look| {
            let listed = look.entry(List::Heads, "", &name)?.is_some();
            let head = head(look, &name)?;
            Ok((!listed && head != Head::default()).then_some(head))
        })
        .await
    }

    /// Lists a chain's head again. Above the stamp that it was listed with: of two with one stamp a removal stands. The next
    /// event may come with the same one; whichever of the two is listed then, chains are followed beyond it.
    pub(crate) async fn list_head(&self, chain: &Chain, head: &Head, now: Time) -> Answer<()> {
        let (name, last) = (chain.to_string(), head.clone());
        let home = Home::new(Table::Loose, uuid::Uuid::now_v7());
        self.write("list_head", Write::system(now), home, move |tx| {
            let body = codec::encode("head", &last)?;
            tx.list_stamped(List::Heads, "", &name, Some(body), last.number + 1);
            Ok(())
        })
        .await
    }

    pub(crate) async fn heads_of(&self, scope: &Scope, customer: &CustomerId) -> Read<Heads> {
        let allowed = scope.holds(customer);
        let chain = Chain::Customer(customer.clone()).to_string();
        self.read("heads_of", move |look| {
            Ok(Heads {
                customer: if allowed {
                    head(look, &chain)?
                } else {
                    Head::default()
                },
                house: head(look, &Chain::House.to_string())?,
            })
        })
        .await
    }
}
