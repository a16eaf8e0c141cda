//! Customers, join tokens and names in SQLite.
use boathook_hooks::{
    ids::{CustomerId, Digest, InstanceId},
    keys::KeyId,
};
use bson::doc;
use rusqlite::{OptionalExtension as _, params};

use super::{
    Embedded, customers_of,
    rows::{body, changed_one, digest, int, stored, walk},
    tx::{ensure, not_found},
};
use crate::{
    Answer, Chain, Customer, EventKind, JoinToken, Joined, NewEvent, NewJoinToken, Page, Paged,
    Refs, Refused, Reserved, Scope, TokenUse, Write, codec, verbs::Read,
};

const CUSTOMER: &str = "SELECT body FROM customers WHERE id = ?1";
/// A token's uses stand in its own record.
const MOST_USES: u32 = 10_000;
const TOKEN: &str = "SELECT body FROM join_tokens WHERE hash = ?1";

impl Embedded {
    pub(crate) async fn put_customer(
        &self,
        scope: &Scope,
        write: Write,
        id: CustomerId,
        name: String,
    ) -> Answer<Customer> {
        let scope = scope.clone();
        self.write("put_customer", write, move |tx| {
            ensure(scope.holds(&id) && !scope.is_agent(), Refused::OutOfScope)?;
            ensure(
                id != CustomerId::house(),
                Refused::Malformed("`house` is ourselves: no customer can have that id".into()),
            )?;
            let found = stored::<Customer>(tx.conn, "customer", CUSTOMER, params![id.as_str()])?;
            let customer = match found {
                Some(mut found) => {
                    let before = found.value.version;
                    found.value.name = name;
                    found.value.version += 1;
                    changed_one(
                        tx.conn
                            .prepare_cached("UPDATE customers SET version = ?2, body = ?3 WHERE id = ?1 AND version = ?4")?
                            .execute(params![
                                id.as_str(),
                                int(found.value.version),
                                found.bytes()?,
                                int(before)
                            ])?,
                    )?;
                    found.value
                }
                None => {
                    // A new customer is the house's doing.
                    ensure(scope.holds_house(), Refused::OutOfScope)?;
                    let customer = Customer {
                        id: id.clone(),
                        name,
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.conn
                        .prepare_cached("INSERT INTO customers (id, version, body) VALUES (?1, 1, ?2)")?
                        .execute(params![id.as_str(), codec::encode("customer", &customer)?])?;
                    customer
                }
            };
            tx.index("customer", id.as_str(), &customer.name, std::slice::from_ref(&id))?;
            let mut event = NewEvent::new(EventKind::CUSTOMER_PUT);
            event.details = doc! { "name": &customer.name, "version": int(customer.version) };
            tx.event(&Chain::Customer(id), event)?;
            Ok(customer)
        })
        .await
    }

    pub(crate) async fn customer(&self, scope: &Scope, id: &CustomerId) -> Read<Option<Customer>> {
        let (allowed, id) = (scope.holds(id), id.clone());
        self.read("customer", move |conn| {
            if !allowed {
                return Ok(None);
            }
            body(conn, "customer", CUSTOMER, params![id.as_str()])
        })
        .await
    }

    pub(crate) async fn customers(&self, scope: &Scope, page: Page) -> Read<Paged<Customer>> {
        let only = customers_of(scope, None);
        self.read("customers", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let Some(only) = only else {
                let sql = "SELECT id, body FROM customers WHERE id > ?1 ORDER BY id";
                let rows = walk(conn, sql, params![after], size, |row| {
                    let customer = codec::decode("customer", &row.get::<_, Vec<u8>>(1)?)?;
                    Ok(Some((row.get::<_, String>(0)?, customer)))
                })?;
                return Ok(Paged::of(rows, size));
            };
            // In order, since a scope is: one look-up for each that the page holds.
            let mut rows = Vec::new();
            for id in only.iter().filter(|id| id.as_str() > after.as_str()) {
                if rows.len() > size {
                    break;
                }
                let found = body::<Customer>(conn, "customer", CUSTOMER, params![id.as_str()])?;
                rows.extend(found.map(|customer| (id.to_string(), customer)));
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
        self.write("add_join_token", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            body::<Customer>(tx.conn, "customer", CUSTOMER, params![customer.as_str()])?
                .ok_or_else(|| not_found("customer"))?;
            ensure(
                token.count > 0,
                Refused::Malformed("a join token that nobody can use: its count is 0".into()),
            )?;
            ensure(
                token.count <= MOST_USES,
                Refused::Malformed(format!("a join token is for {MOST_USES} instances at most")),
            )?;
            let known = body::<JoinToken>(tx.conn, "join token", TOKEN, params![token.hash.0])?;
            ensure(known.is_none(), Refused::Exists("that join token".into()))?;
            let token = JoinToken {
                hash: token.hash,
                customer: customer.clone(),
                count: token.count,
                ends_at: token.ends_at,
                confirm: token.confirm,
                created_at: tx.now(),
                used: Vec::new(),
            };
            tx.conn
                .prepare_cached(
                    "INSERT INTO join_tokens (hash, customer, body) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![
                    token.hash.0,
                    customer.as_str(),
                    codec::encode("join token", &token)?
                ])?;
            let mut event = NewEvent::new(EventKind::JOIN_TOKEN_ADDED);
            event.details = doc! {
                "token": token.hash.short(), "count": token.count,
                "ends_at": token.ends_at.to_string(), "confirm": token.confirm,
            };
            tx.event(&Chain::Customer(customer), event)?;
            Ok(token)
        })
        .await
    }

    pub(crate) async fn join_token(&self, scope: &Scope, hash: &Digest) -> Read<Option<JoinToken>> {
        let (scope, hash) = (scope.clone(), *hash);
        self.read("join_token", move |conn| {
            let token = body::<JoinToken>(conn, "join token", TOKEN, params![hash.0])?;
            Ok(token.filter(|t| scope.holds(&t.customer) && !scope.is_agent()))
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
        self.read("join_tokens", move |conn| {
            if !allowed {
                return Ok(Paged::of(Vec::<(Digest, JoinToken)>::new(), 0));
            }
            let (after, size) = (page.key::<Digest>()?, page.size());
            let after = after.map_or_else(Vec::new, |d| d.0.to_vec());
            let sql =
                "SELECT hash, body FROM join_tokens WHERE customer = ?1 AND hash > ?2 ORDER BY hash";
            let rows = walk(conn, sql, params![customer.as_str(), after], size, |row| {
                let key = digest(&row.get::<_, Vec<u8>>(0)?)?;
                let token = codec::decode("join token", &row.get::<_, Vec<u8>>(1)?)?;
                Ok(Some((key, token)))
            })?;
            Ok(Paged::of(rows, size))
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
        self.write("use_token", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut token = stored::<JoinToken>(tx.conn, "join token", TOKEN, params![hash.0])?
                .ok_or(Refused::TokenUnknown)?;
            let before = token.value.used.iter().find(|u| u.key == key).cloned();
            let joined = |instance: InstanceId, again: bool, token: &JoinToken| Joined {
                customer: token.customer.clone(),
                instance,
                confirm: token.confirm,
                again,
            };
            if let Some(before) = before {
                return Ok(joined(before.instance, true, &token.value));
            }
            ensure(
                tx.now() < token.value.ends_at,
                Refused::TokenEnded {
                    at: token.value.ends_at,
                },
            )?;
            ensure(
                token.value.used.len() < token.value.count as usize,
                Refused::TokenSpent,
            )?;
            token.value.used.push(TokenUse {
                key,
                instance: proposed.clone(),
                at: tx.now(),
            });
            changed_one(
                tx.conn
                    .prepare_cached("UPDATE join_tokens SET body = ?2 WHERE hash = ?1")?
                    .execute(params![hash.0, token.bytes()?])?,
            )?;
            let mut event = NewEvent::new(EventKind::TOKEN_USED);
            event.refs = Refs {
                instance: Some(proposed.clone()),
                ..Refs::default()
            };
            event.details = doc! {
                "token": hash.short(), "key": key.to_string(),
                "used": token.value.used.len() as i64, "count": token.value.count,
            };
            tx.event(&Chain::Customer(token.value.customer.clone()), event)?;
            Ok(joined(proposed, false, &token.value))
        })
        .await
    }

    pub(crate) async fn reserve_name(
        &self,
        scope: &Scope,
        write: Write,
        kind: String,
        name: String,
        id: String,
    ) -> Answer<Reserved> {
        let allowed = !scope.is_agent();
        self.write("reserve_name", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let won = tx
                .conn
                .prepare_cached("INSERT OR IGNORE INTO names (kind, name, id) VALUES (?1, ?2, ?3)")?
                .execute(params![kind, name, id])?;
            let holder: Option<String> = tx
                .conn
                .prepare_cached("SELECT id FROM names WHERE kind = ?1 AND name = ?2")?
                .query_row(params![kind, name], |row| row.get(0))
                .optional()?;
            match holder {
                Some(by) if by != id => return Ok(Reserved::Taken { by }),
                _ => {}
            }
            if won == 1 {
                let mut event = NewEvent::new(EventKind::NAME_RESERVED);
                event.details = doc! { "kind": kind, "name": name, "id": id };
                tx.event(&Chain::House, event)?;
            }
            Ok(Reserved::Won)
        })
        .await
    }
}
