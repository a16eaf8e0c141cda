//! Sign-ins and API tokens. Secrets are here as hashes only.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::Time,
};
use bson::doc;
use rusqlite::{OptionalExtension as _, params};

use super::{PERSON, event, plain};
use crate::{
    Answer, ApiToken, EventKind, Person, Refused, Scope, SignIn, Who, Write, codec,
    embedded::{
        Embedded,
        rows::{bodies, body},
        tx::{Stop, Tx, ensure, not_found},
    },
    verbs::Read,
};

const SIGN_IN: &str = "SELECT body FROM sign_ins WHERE hash = ?1";
const TOKEN: &str = "SELECT body FROM api_tokens WHERE hash = ?1";

fn known(tx: &Tx<'_>, person: &PersonId) -> Result<(), Stop> {
    let found: Option<i64> = tx
        .conn
        .prepare_cached("SELECT 1 FROM people WHERE id = ?1")?
        .query_row(params![person.as_str()], |row| row.get(0))
        .optional()?;
    found.map(drop).ok_or_else(|| not_found("person"))
}

impl Embedded {
    pub(crate) async fn open_sign_in(
        &self,
        scope: &Scope,
        write: Write,
        sign_in: SignIn,
    ) -> Answer<SignIn> {
        let allowed = scope.holds_house();
        self.write("open_sign_in", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            known(tx, &sign_in.person)?;
            let row = params![
                sign_in.hash.0,
                sign_in.person.as_str(),
                sign_in.expires_at.ms(),
                codec::encode("sign-in", &sign_in)?
            ];
            let added = tx
                .conn
                .prepare_cached("INSERT OR IGNORE INTO sign_ins (hash, person, expires_at, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(row)?;
            ensure(added == 1, Refused::Exists("that sign-in".into()))?;
            // Those of this person that are over need no rows.
            tx.conn
                .prepare_cached("DELETE FROM sign_ins WHERE person = ?1 AND expires_at <= ?2")?
                .execute(params![sign_in.person.as_str(), tx.now().ms()])?;
            let mut e = plain();
            e.personal = doc! { "label": &sign_in.label };
            event(tx, EventKind::SIGN_IN_OPENED, &sign_in.person, e)?;
            Ok(sign_in)
        })
        .await
    }

    pub(crate) async fn end_sign_in(
        &self,
        scope: &Scope,
        write: Write,
        hash: Digest,
    ) -> Answer<u32> {
        let allowed = scope.holds_house();
        self.write("end_sign_in", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let found = body::<SignIn>(tx.conn, "sign-in", SIGN_IN, params![hash.0])?;
            let Some(sign_in) = found else { return Ok(0) };
            tx.conn
                .prepare_cached("DELETE FROM sign_ins WHERE hash = ?1")?
                .execute(params![hash.0])?;
            event(tx, EventKind::SIGN_INS_ENDED, &sign_in.person, plain())?;
            Ok(1)
        })
        .await
    }

    pub(crate) async fn end_sign_ins(
        &self,
        scope: &Scope,
        write: Write,
        person: PersonId,
    ) -> Answer<u32> {
        let allowed = scope.holds_house();
        self.write("end_sign_ins", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let ended = tx
                .conn
                .prepare_cached("DELETE FROM sign_ins WHERE person = ?1")?
                .execute(params![person.as_str()])?;
            let ended = u32::try_from(ended).unwrap_or(u32::MAX);
            let mut e = plain();
            e.details = doc! { "ended": ended };
            event(tx, EventKind::SIGN_INS_ENDED, &person, e)?;
            Ok(ended)
        })
        .await
    }

    pub(crate) async fn add_api_token(
        &self,
        scope: &Scope,
        write: Write,
        token: ApiToken,
    ) -> Answer<ApiToken> {
        let allowed = scope.holds_house();
        self.write("add_api_token", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            known(tx, &token.person)?;
            let row = params![
                token.hash.0,
                token.person.as_str(),
                token.expires_at.ms(),
                codec::encode("API token", &token)?
            ];
            let added = tx
                .conn
                .prepare_cached("INSERT OR IGNORE INTO api_tokens (hash, person, expires_at, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(row)?;
            ensure(added == 1, Refused::Exists("that API token".into()))?;
            let mut e = plain();
            e.details = doc! {
                "token": token.hash.short(), "expires_at": token.expires_at.to_string(),
            };
            e.personal = doc! { "label": &token.label };
            event(tx, EventKind::API_TOKEN_ADDED, &token.person, e)?;
            Ok(token)
        })
        .await
    }

    pub(crate) async fn end_api_token(
        &self,
        scope: &Scope,
        write: Write,
        hash: Digest,
    ) -> Answer<u32> {
        let allowed = scope.holds_house();
        self.write("end_api_token", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let found = body::<ApiToken>(tx.conn, "API token", TOKEN, params![hash.0])?;
            let Some(token) = found else { return Ok(0) };
            tx.conn
                .prepare_cached("DELETE FROM api_tokens WHERE hash = ?1")?
                .execute(params![hash.0])?;
            let mut e = plain();
            e.details = doc! { "token": hash.short() };
            event(tx, EventKind::API_TOKEN_ENDED, &token.person, e)?;
            Ok(1)
        })
        .await
    }

    pub(crate) async fn api_tokens(&self, scope: &Scope, person: &PersonId) -> Read<Vec<ApiToken>> {
        let (allowed, person) = (scope.holds_house(), person.clone());
        self.read("api_tokens", move |conn| {
            if !allowed {
                return Ok(Vec::new());
            }
            bodies(
                conn,
                "API token",
                "SELECT body FROM api_tokens WHERE person = ?1 ORDER BY rowid",
                params![person.as_str()],
            )
        })
        .await
    }

    pub(crate) async fn who(&self, scope: &Scope, hash: &Digest, now: Time) -> Read<Option<Who>> {
        let (allowed, hash) = (*scope == Scope::System, *hash);
        self.read("who", move |conn| {
            if !allowed {
                return Ok(None);
            }
            let of = |id: &PersonId| body::<Person>(conn, "person", PERSON, params![id.as_str()]);
            if let Some(sign_in) = body::<SignIn>(conn, "sign-in", SIGN_IN, params![hash.0])? {
                let alive = now < sign_in.expires_at;
                let person = of(&sign_in.person)?.filter(|_| alive);
                return Ok(person.map(|person| Who::SignIn { person, sign_in }));
            }
            if let Some(token) = body::<ApiToken>(conn, "API token", TOKEN, params![hash.0])? {
                let alive = now < token.expires_at;
                let person = of(&token.person)?.filter(|_| alive);
                return Ok(person.map(|person| Who::Token { person, token }));
            }
            Ok(None)
        })
        .await
    }
}
