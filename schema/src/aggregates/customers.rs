//! Customers and their join tokens. A token is an aggregate of its own: many instances may use it at the same time.
use boathook_hooks::{
    ids::{CustomerId, Digest, InstanceId},
    keys::KeyId,
    time::Time,
};
use bson::doc;
use serde::{Deserialize, Serialize};

use super::search::{self, Named};
use crate::{
    Answer, Chain, Customer, EventKind, JoinToken, Joined, NewEvent, NewJoinToken, Page, Paged,
    Refs, Refused, Scope, TokenUse, Write, codec,
    engine::{
        Engine, HEAD, Home, List, Look, Need, Stop, Table, Tx, ensure, listing, look::beyond,
        not_found,
    },
    verbs::Read,
};

/// So that a token's uses can be read at once.
const MOST_USES: u32 = 10_000;

/// A token without its uses: each is a row of its own, so that using it costs the same the thousandth time.
#[derive(Clone, Serialize, Deserialize)]
struct Token {
    hash: Digest,
    customer: CustomerId,
    count: u32,
    ends_at: Time,
    confirm: bool,
    created_at: Time,
    /// How many uses there are.
    uses: u32,
}

impl Token {
    fn with(self, used: Vec<TokenUse>) -> JoinToken {
        JoinToken {
            hash: self.hash,
            customer: self.customer,
            count: self.count,
            ends_at: self.ends_at,
            confirm: self.confirm,
            created_at: self.created_at,
            used,
        }
    }

    fn joined(&self, instance: InstanceId, again: bool) -> Joined {
        Joined {
            customer: self.customer.clone(),
            instance,
            confirm: self.confirm,
            again,
        }
    }
}

const USES: &str = "u/";

fn use_row(key: &KeyId) -> String {
    format!("{USES}{key}")
}

pub(super) fn customer_home(id: &CustomerId) -> Home {
    Home::new(Table::Customers, id)
}

fn token_home(hash: &Digest) -> Home {
    Home::new(Table::JoinTokens, hash)
}

fn uses_of(hash: &Digest) -> Need {
    Need::Rows {
        home: token_home(hash),
        from: USES.to_owned(),
        to: beyond(USES),
        limit: MOST_USES as usize,
    }
}

/// Who used it, in the order in which they did.
fn filled(look: &mut dyn Look, token: Token) -> Result<JoinToken, Stop> {
    let rows = look.rows_of(&token_home(&token.hash), USES, MOST_USES as usize)?;
    let mut used = rows
        .iter()
        .map(|(_, body)| Ok(codec::decode::<TokenUse>("token use", body)?))
        .collect::<Result<Vec<_>, Stop>>()?;
    used.sort_by_key(|one| one.at);
    Ok(token.with(used))
}

/// Listed, and found by its name; `before` is the one that it was found by.
fn list(tx: &mut Tx<'_>, customer: &Customer, before: Option<&str>) -> Result<(), Stop> {
    let id = customer.id.as_str();
    tx.list_put(List::Customers, "", id, "customer", customer)?;
    let customers = std::slice::from_ref(&customer.id);
    let named = |title| Named { title, customers };
    let before = before.map(named);
    search::index(tx, "customer", id, before, &named(&customer.name))
}

/// All that this customer should be listed under.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    match tx.read::<Customer>("customer", &tx.here(HEAD))? {
        Some(customer) => list(tx, &customer, None),
        None => Ok(()),
    }
}

fn list_token(tx: &mut Tx<'_>, token: &Token) {
    let (part, sort) = (token.customer.as_str(), token.hash.to_string());
    tx.list_bytes(List::JoinTokens, part, &sort, Vec::new());
}

/// All that this join token should be listed under.
pub(super) fn relist_token(tx: &mut Tx<'_>) -> Result<(), Stop> {
    if let Some(token) = tx.read::<Token>("join token", &tx.here(HEAD))? {
        list_token(tx, &token);
    }
    Ok(())
}

impl Engine {
    pub(crate) async fn put_customer(
        &self,
        scope: &Scope,
        write: Write,
        id: CustomerId,
        name: String,
    ) -> Answer<Customer> {
        let scope = scope.clone();
        self.write("put_customer", write, customer_home(&id), move |tx| {
            ensure(scope.holds(&id) && !scope.is_agent(), Refused::OutOfScope)?;
            ensure(
                id != CustomerId::house(),
                Refused::Malformed("`house` is ourselves: no customer can have that id".into()),
            )?;
            let (customer, before) = match tx.stored::<Customer>("customer", &tx.here(HEAD))? {
                Some(mut found) => {
                    let before = std::mem::replace(&mut found.value.name, name.clone());
                    found.value.version += 1;
                    tx.save(HEAD, &found)?;
                    (found.value, Some(before))
                }
                None => {
                    // A new customer is the house's doing.
                    ensure(scope.holds_house(), Refused::OutOfScope)?;
                    let customer = Customer {
                        id: id.clone(),
                        name: name.clone(),
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.put("customer", HEAD, &customer)?;
                    (customer, None)
                }
            };
            list(tx, &customer, before.as_deref())?;
            let mut event = NewEvent::new(EventKind::CUSTOMER_PUT);
            event.details = doc! { "name": &customer.name, "version": customer.version as i64 };
            tx.event(&Chain::Customer(id.clone()), event)?;
            Ok(customer)
        })
        .await
    }

    pub(crate) async fn customer(&self, scope: &Scope, id: &CustomerId) -> Read<Option<Customer>> {
        let (allowed, head) = (scope.holds(id), customer_home(id).head());
        self.read("customer", move |look| {
            if !allowed {
                return Ok(None);
            }
            look.record("customer", &head)
        })
        .await
    }

    pub(crate) async fn customers(&self, scope: &Scope, page: Page) -> Read<Paged<Customer>> {
        let only = listing::customers_of(scope, None);
        self.read("customers", move |look| {
            let Some(only) = &only else {
                let all = [String::new()];
                return listing::page(look, List::Customers, &all, &page, |_, _, body| {
                    Ok(Some(codec::decode("customer", body)?))
                });
            };
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            // In order, since a scope is: what the page holds at most at once, since a scope may name what is not there.
            let ids: Vec<_> = only
                .iter()
                .filter(|id| id.as_str() > after.as_str())
                .collect();
            let mut rows: Vec<(String, Customer)> = Vec::new();
            for some in ids.chunks(size + 1) {
                let head = |id: &&CustomerId| Need::Row(customer_home(id).head());
                look.ahead(some.iter().map(head).collect())?;
                for id in some {
                    let found = look.record("customer", &customer_home(id).head())?;
                    rows.extend(found.map(|customer| (id.to_string(), customer)));
                }
                if rows.len() > size {
                    break;
                }
            }
            Ok(Paged::of(rows, size))
        })
        .await
    }

    pub(crate) async fn add_join_token(
        &self,
        scope: &Scope,
        write: Write,
        customer: CustomerId,
        token: NewJoinToken,
    ) -> Answer<JoinToken> {
        let allowed = scope.holds(&customer) && !scope.is_agent();
        let home = token_home(&token.hash);
        self.write("add_join_token", write, home, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let of = customer_home(&customer).head();
            tx.read::<Customer>("customer", &of)?
                .ok_or_else(|| not_found("customer"))?;
            ensure(
                token.count > 0,
                Refused::Malformed("a join token that nobody can use: its count is 0".into()),
            )?;
            ensure(
                token.count <= MOST_USES,
                Refused::Malformed(format!("a join token is for {MOST_USES} instances at most")),
            )?;
            let known = tx.bytes(&tx.here(HEAD))?;
            ensure(known.is_none(), Refused::Exists("that join token".into()))?;
            let token = Token {
                hash: token.hash,
                customer: customer.clone(),
                count: token.count,
                ends_at: token.ends_at,
                confirm: token.confirm,
                created_at: tx.now(),
                uses: 0,
            };
            tx.put("join token", HEAD, &token)?;
            list_token(tx, &token);
            let mut event = NewEvent::new(EventKind::JOIN_TOKEN_ADDED);
            event.details = doc! {
                "token": token.hash.short(), "count": token.count,
                "ends_at": token.ends_at.to_string(), "confirm": token.confirm,
            };
            tx.event(&Chain::Customer(customer.clone()), event)?;
            Ok(token.with(Vec::new()))
        })
        .await
    }

    pub(crate) async fn join_token(&self, scope: &Scope, hash: &Digest) -> Read<Option<JoinToken>> {
        let (scope, hash) = (scope.clone(), *hash);
        self.read("join_token", move |look| {
            let head = token_home(&hash).head();
            let token: Option<Token> = look.record("join token", &head)?;
            token
                .filter(|t| scope.holds(&t.customer) && !scope.is_agent())
                .map(|token| filled(look, token))
                .transpose()
        })
        .await
    }

    pub(crate) async fn join_tokens(
        &self,
        scope: &Scope,
        customer: &CustomerId,
        page: Page,
    ) -> Read<Paged<JoinToken>> {
        let allowed = scope.holds(customer) && !scope.is_agent();
        let customer = customer.clone();
        self.read("join_tokens", move |look| {
            if !allowed {
                return Ok(Paged::of(Vec::<(String, JoinToken)>::new(), 0));
            }
            let parts = [customer.to_string()];
            let listed = listing::page(look, List::JoinTokens, &parts, &page, |_, sort, _| {
                let hash: Option<Digest> = sort.parse().ok();
                Ok(hash)
            })?;
            let needs = |hash: &Digest| [Need::Row(token_home(hash).head()), uses_of(hash)];
            look.ahead(listed.items.iter().flat_map(needs).collect())?;
            let mut items = Vec::with_capacity(listed.items.len());
            for hash in listed.items {
                let found: Option<Token> = look.record("join token", &token_home(&hash).head())?;
                if let Some(token) = found {
                    items.push(filled(look, token)?);
                }
            }
            Ok(Paged {
                items,
                next: listed.next,
            })
        })
        .await
    }

    pub(crate) async fn use_token(
        &self,
        scope: &Scope,
        write: Write,
        hash: Digest,
        key: KeyId,
        proposed: InstanceId,
    ) -> Answer<Joined> {
        let allowed = *scope == Scope::System;
        self.write("use_token", write, token_home(&hash), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let (head, row) = (tx.here(HEAD), use_row(&key));
            let used = tx.here(&row);
            tx.ahead(vec![Need::Row(head.clone()), Need::Row(used.clone())])?;
            let mut token = tx
                .stored::<Token>("join token", &head)?
                .ok_or(Refused::TokenUnknown)?;
            if let Some(before) = tx.read::<TokenUse>("token use", &used)? {
                return Ok(token.value.joined(before.instance, true));
            }
            ensure(
                tx.now() < token.value.ends_at,
                Refused::TokenEnded {
                    at: token.value.ends_at,
                },
            )?;
            ensure(token.value.uses < token.value.count, Refused::TokenSpent)?;
            token.value.uses += 1;
            tx.save(HEAD, &token)?;
            let one = TokenUse {
                key,
                instance: proposed.clone(),
                at: tx.now(),
            };
            tx.put("token use", &row, &one)?;
            let mut event = NewEvent::new(EventKind::TOKEN_USED);
            event.refs = Refs {
                instance: Some(proposed.clone()),
                ..Refs::default()
            };
            event.details = doc! {
                "token": hash.short(), "key": key.to_string(),
                "used": i64::from(token.value.uses), "count": token.value.count,
            };
            tx.event(&Chain::Customer(token.value.customer.clone()), event)?;
            Ok(token.value.joined(proposed.clone(), false))
        })
        .await
    }
}
