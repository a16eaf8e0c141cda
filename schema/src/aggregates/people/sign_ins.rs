//! Sign-ins and API tokens: rows of their person. Secrets are here as hashes only.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::Time,
};
use bson::doc;
use serde::{Deserialize, Serialize};

use super::{event, home, plain};
use crate::{
    Answer, ApiToken, EventKind, Person, Refused, Scope, SignIn, Who, Write, codec,
    engine::{Engine, HEAD, Home, List, Look, Need, Stop, Table, Tx, ensure, not_found},
    verbs::Read,
};

const SIGN_INS: &str = "s/";
const TOKENS: &str = "t/";
/// Of one person at the same time: a further one ends that which would have ended first. So all of them can be ended at once.
const MOST_SIGN_INS: usize = 100;

/// What stands under a secret's hash. It may stand longer than the secret does: the person's own row decides.
#[derive(Serialize, Deserialize)]
struct Holder {
    person: PersonId,
}

fn sign_in_row(hash: &Digest) -> String {
    format!("{SIGN_INS}{hash}")
}

fn token_row(hash: &Digest) -> String {
    format!("{TOKENS}{hash}")
}

fn holder(look: &mut (impl Look + ?Sized), hash: &Digest) -> Result<Option<PersonId>, Stop> {
    let found = look.entry(List::Secrets, &hash.to_string(), "")?;
    found
        .map(|body| Ok(codec::decode::<Holder>("secret", &body)?.person))
        .transpose()
}

fn decoded<T: serde::de::DeserializeOwned>(
    what: &'static str,
    rows: &[(String, Vec<u8>)],
) -> Result<Vec<T>, Stop> {
    rows.iter()
        .map(|(_, body)| Ok(codec::decode(what, body)?))
        .collect()
}

/// The person is known and the secret is not.
fn new(tx: &mut Tx<'_>, hash: &Digest, what: &str) -> Result<(), Stop> {
    let (head, sign_in, token) = (
        tx.here(HEAD),
        tx.here(&sign_in_row(hash)),
        tx.here(&token_row(hash)),
    );
    let elsewhere = Need::Entry {
        list: List::Secrets,
        part: hash.to_string(),
        sort: String::new(),
    };
    let rows = [&head, &sign_in, &token].map(|at| Need::Row(at.clone()));
    tx.ahead(rows.into_iter().chain([elsewhere]).collect())?;
    tx.bytes(&head)?.ok_or_else(|| not_found("person"))?;
    let free =
        tx.bytes(&sign_in)?.is_none() && tx.bytes(&token)?.is_none() && holder(tx, hash)?.is_none();
    ensure(free, Refused::Exists(format!("that {what}")))
}

fn hold(tx: &mut Tx<'_>, hash: &Digest, person: &PersonId) -> Result<(), Stop> {
    let person = person.clone();
    let holder = Holder { person };
    tx.list_put(List::Secrets, &hash.to_string(), "", "secret", &holder)
}

/// What all their secrets should be found by.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    let at = tx.home.clone();
    let sign_ins = tx.rows_of(&at, SIGN_INS, usize::MAX)?;
    for one in decoded::<SignIn>("sign-in", &sign_ins)? {
        hold(tx, &one.hash, &one.person)?;
    }
    let tokens = tx.rows_of(&at, TOKENS, usize::MAX)?;
    for one in decoded::<ApiToken>("API token", &tokens)? {
        hold(tx, &one.hash, &one.person)?;
    }
    Ok(())
}

/// Whose secret an entry of [`List::Secrets`] names.
pub(crate) fn person_of(body: &[u8]) -> Result<PersonId, Stop> {
    Ok(codec::decode::<Holder>("secret", body)?.person)
}

fn end(tx: &mut Tx<'_>, row: &str, hash: &Digest) {
    tx.delete(row);
    tx.unlist(List::Secrets, &hash.to_string(), "");
}

/// Those that need no rows once one more is opened: what is over, and what is too many.
fn surplus(mut there: Vec<SignIn>, now: Time) -> Vec<Digest> {
    there.sort_by_key(|one| std::cmp::Reverse(one.expires_at));
    there
        .iter()
        .enumerate()
        .filter(|(n, one)| *n + 1 >= MOST_SIGN_INS || one.expires_at <= now)
        .map(|(_, one)| one.hash)
        .collect()
}

impl Engine {
    pub(crate) async fn open_sign_in(
        &self,
        scope: &Scope,
        write: Write,
        sign_in: SignIn,
        password: Option<String>,
    ) -> Answer<SignIn> {
        let allowed = scope.holds_house();
        self.write("open_sign_in", write, home(&sign_in.person), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            new(tx, &sign_in.hash, "sign-in")?;
            if let Some(checked) = &password {
                let person = tx.read::<Person>("person", &tx.here(HEAD))?;
                let found = person.as_ref().map_or(0, |p| p.version);
                let is_same = person.is_some_and(|p| p.password.as_ref() == Some(checked));
                ensure(is_same, Refused::Version { found })?;
            }
            let there = tx.rows_of(&tx.home.clone(), SIGN_INS, usize::MAX)?;
            for hash in surplus(decoded("sign-in", &there)?, tx.now()) {
                end(tx, &sign_in_row(&hash), &hash);
            }
            tx.put("sign-in", &sign_in_row(&sign_in.hash), &sign_in)?;
            hold(tx, &sign_in.hash, &sign_in.person)?;
            let mut e = plain();
            e.details = doc! { "how": sign_in.how.word() };
            e.personal = doc! { "label": &sign_in.label };
            event(tx, EventKind::SIGN_IN_OPENED, &sign_in.person, e)?;
            Ok(sign_in.clone())
        })
        .await
    }

    /// Where the holder of that secret is, for a write that is known by the secret alone.
    async fn holder_home(
        &self,
        verb: &'static str,
        allowed: bool,
        write: &Write,
        hash: Digest,
    ) -> Read<Home> {
        let found = match allowed {
            true => self.read(verb, move |look| holder(look, &hash)).await?,
            false => None,
        };
        // Nobody's: what changes nothing has its answer kept by itself.
        Ok(found.map_or_else(
            || Home::new(Table::Loose, write.op_id.0),
            |person| home(&person),
        ))
    }

    pub(crate) async fn end_sign_in(
        &self,
        scope: &Scope,
        write: Write,
        hash: Digest,
    ) -> Answer<u32> {
        let allowed = scope.holds_house();
        let verb = "end_sign_in";
        let home = self.holder_home(verb, allowed, &write, hash).await?;
        self.write(verb, write, home, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let row = sign_in_row(&hash);
            let Some(sign_in) = tx.read::<SignIn>("sign-in", &tx.here(&row))? else {
                return Ok(0);
            };
            end(tx, &row, &hash);
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
        self.end_many("end_sign_ins", scope, write, person, None)
            .await
    }

    pub(crate) async fn end_other_sign_ins(
        &self,
        scope: &Scope,
        write: Write,
        person: PersonId,
        keep: Digest,
    ) -> Answer<u32> {
        self.end_many("end_other_sign_ins", scope, write, person, Some(keep))
            .await
    }

    async fn end_many(
        &self,
        verb: &'static str,
        scope: &Scope,
        write: Write,
        person: PersonId,
        keep: Option<Digest>,
    ) -> Answer<u32> {
        let allowed = scope.holds_house();
        self.write(verb, write, home(&person), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let rows = tx.rows_of(&tx.home.clone(), SIGN_INS, usize::MAX)?;
            let mut there = decoded::<SignIn>("sign-in", &rows)?;
            there.retain(|one| Some(one.hash) != keep);
            for sign_in in &there {
                end(tx, &sign_in_row(&sign_in.hash), &sign_in.hash);
            }
            let ended = u32::try_from(there.len()).unwrap_or(u32::MAX);
            let mut e = plain();
            e.details = doc! { "ended": ended };
            event(tx, EventKind::SIGN_INS_ENDED, &person, e)?;
            Ok(ended)
        })
        .await
    }

    pub(crate) async fn sign_ins(&self, scope: &Scope, person: &PersonId) -> Read<Vec<SignIn>> {
        let (allowed, home) = (scope.holds_house(), home(person));
        self.read("sign_ins", move |look| {
            if !allowed {
                return Ok(Vec::new());
            }
            let rows = look.rows_of(&home, SIGN_INS, usize::MAX)?;
            let mut there: Vec<SignIn> = decoded("sign-in", &rows)?;
            there.sort_by_key(|one| one.opened_at);
            Ok(there)
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
        self.write("add_api_token", write, home(&token.person), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            new(tx, &token.hash, "API token")?;
            tx.put("API token", &token_row(&token.hash), &token)?;
            hold(tx, &token.hash, &token.person)?;
            let mut e = plain();
            e.details = doc! {
                "token": token.hash.short(), "expires_at": token.expires_at.to_string(),
            };
            e.personal = doc! { "label": &token.label };
            event(tx, EventKind::API_TOKEN_ADDED, &token.person, e)?;
            Ok(token.clone())
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
        let verb = "end_api_token";
        let home = self.holder_home(verb, allowed, &write, hash).await?;
        self.write(verb, write, home, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let row = token_row(&hash);
            let Some(token) = tx.read::<ApiToken>("API token", &tx.here(&row))? else {
                return Ok(0);
            };
            end(tx, &row, &hash);
            let mut e = plain();
            e.details = doc! { "token": hash.short() };
            event(tx, EventKind::API_TOKEN_ENDED, &token.person, e)?;
            Ok(1)
        })
        .await
    }

    pub(crate) async fn api_tokens(&self, scope: &Scope, person: &PersonId) -> Read<Vec<ApiToken>> {
        let (allowed, home) = (scope.holds_house(), home(person));
        self.read("api_tokens", move |look| {
            if !allowed {
                return Ok(Vec::new());
            }
            let rows = look.rows_of(&home, TOKENS, usize::MAX)?;
            let mut tokens: Vec<ApiToken> = decoded("API token", &rows)?;
            tokens.sort_by_key(|token| token.created_at);
            Ok(tokens)
        })
        .await
    }

    pub(crate) async fn who(&self, scope: &Scope, hash: &Digest, now: Time) -> Read<Option<Who>> {
        let (allowed, hash) = (*scope == Scope::System, *hash);
        self.read("who", move |look| {
            if !allowed {
                return Ok(None);
            }
            let Some(id) = holder(look, &hash)? else {
                return Ok(None);
            };
            let home = home(&id);
            let head = home.head();
            let (sign_in, token) = (home.at(sign_in_row(&hash)), home.at(token_row(&hash)));
            let rows = [&head, &sign_in, &token].map(|at| Need::Row(at.clone()));
            look.ahead(rows.into())?;
            let Some(person) = look.record::<Person>("person", &head)? else {
                return Ok(None);
            };
            if let Some(sign_in) = look.record::<SignIn>("sign-in", &sign_in)? {
                let alive = now < sign_in.expires_at;
                return Ok(alive.then_some(Who::SignIn { person, sign_in }));
            }
            if let Some(token) = look.record::<ApiToken>("API token", &token)? {
                let alive = now < token.expires_at;
                return Ok(alive.then_some(Who::Token { person, token }));
            }
            Ok(None)
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn there(lasting: impl IntoIterator<Item = i64>) -> Vec<SignIn> {
        lasting
            .into_iter()
            .map(|ms| SignIn {
                hash: Digest::of(&ms.to_be_bytes()),
                person: "ada".parse().unwrap(),
                label: String::new(),
                how: Default::default(),
                opened_at: Time::default(),
                expires_at: Time::default().plus_ms(ms),
            })
            .collect()
    }

    #[test]
    fn what_is_over_goes_and_of_too_many_that_which_ends_first() {
        let now = Time::default().plus_ms(1);
        assert_eq!(
            surplus(there(0..3), now),
            [1_i64, 0].map(|ms| Digest::of(&ms.to_be_bytes()))
        );
        let full = 2..i64::try_from(MOST_SIGN_INS).unwrap() + 1;
        assert_eq!(surplus(there(full.clone()), now), []);
        let first = Digest::of(&2_i64.to_be_bytes());
        assert_eq!(surplus(there(full.start..full.end + 1), now), [first]);
    }
}
