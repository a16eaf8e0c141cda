//! What people do about themselves: their sign-ins, their API tokens, their password.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::DAY,
};
use boathook_schema::{ApiToken, Grant, How, Person, PutPerson, Scope, SignIn, Write};

use crate::{
    api::{durations::Duration, sign_in, users},
    app::App,
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, password, secrets},
};

const SCOPE: Scope = Scope::System;

/// The caller's sign-ins that are alive, the newest first. Refused to whoever comes by an API token: it must not outlive
/// itself by making others, or lock its person out.
pub async fn sign_ins(app: &App, caller: &Caller) -> Answer<Vec<SignIn>> {
    let mut all = app.store.sign_ins(&SCOPE, &caller.person).await?;
    let now = app.now();
    all.retain(|one| now < one.expires_at);
    all.reverse();
    match all.iter().any(|one| one.hash == caller.token) {
        true => Ok(all),
        false => Err(Problem::forbidden(
            "this needs a sign-in; an API token cannot do it",
        )),
    }
}

/// Ends one of the caller's own sign-ins.
pub async fn end_sign_in(app: &App, caller: &Caller, hash: Digest) -> Answer<()> {
    let own = sign_ins(app, caller).await?;
    if !own.iter().any(|one| one.hash == hash) {
        return Err(Problem::not_found("sign-in"));
    }
    let ended = app.store.end_sign_in(&SCOPE, caller.write(app.now()), hash);
    ended.await.answer().map(drop)
}

/// Ends all of the caller's sign-ins but this one.
pub async fn end_other_sign_ins(app: &App, caller: &Caller) -> Answer<u32> {
    sign_ins(app, caller).await?;
    let (write, person) = (caller.write(app.now()), caller.person.clone());
    let ended = app
        .store
        .end_other_sign_ins(&SCOPE, write, person, caller.token);
    ended.await.answer()
}

pub struct NewApiToken {
    pub label: String,
    /// None are all that the person has, and will have.
    pub roles: Vec<Grant>,
    pub expires_in: Duration,
}

/// An API token of the caller's own with its secret, which is shown this once.
pub async fn make_api_token(
    app: &App,
    caller: &Caller,
    new: NewApiToken,
) -> Answer<(String, ApiToken)> {
    sign_ins(app, caller).await?;
    let label = new.label.trim();
    if !(1..=100).contains(&label.chars().count()) {
        return Err(Problem::field(
            "label",
            "nothing says what it is for",
            "1 to 100 characters",
        ));
    }
    let life = new.expires_in.ms();
    if !(1..=366 * DAY).contains(&life) {
        return Err(Problem::field(
            "expires_in",
            "the time is out of range",
            "up to 366d",
        ));
    }
    let person = users::find(app, &SCOPE, &caller.person).await?;
    let strange = new.roles.iter().find(|role| !person.roles.contains(role));
    if new.roles.is_empty() || strange.is_some() {
        return Err(Problem::field(
            "roles",
            "a token passes on roles that its person has",
            "one or more of your roles",
        ));
    }
    let (secret, hash) = secrets::fresh(secrets::PREFIX)?;
    let now = app.now();
    let token = ApiToken {
        hash,
        person: person.id,
        label: label.to_owned(),
        roles: new.roles,
        created_at: now,
        expires_at: now.plus_ms(life),
    };
    let added = app
        .store
        .add_api_token(&SCOPE, caller.write(now), token)
        .await;
    Ok((secret, added.answer()?))
}

/// Ends an API token of `person`, by whoever may.
pub async fn end_api_token(
    app: &App,
    scope: &Scope,
    write: Write,
    person: &PersonId,
    hash: Digest,
) -> Answer<()> {
    let theirs = app.store.api_tokens(scope, person).await?;
    if !theirs.iter().any(|token| token.hash == hash) {
        return Err(Problem::not_found("API token"));
    }
    let ended = app.store.end_api_token(scope, write, hash).await;
    ended.answer().map(drop)
}

/// A new password for the caller, who says the old one. Ends all other sign-ins.
pub async fn change_password(app: &App, caller: &Caller, old: String, new: String) -> Answer<()> {
    sign_ins(app, caller).await?;
    let known = users::find(app, &SCOPE, &caller.person).await?;
    let Person {
        password: Some(stored),
        origin: None,
        ..
    } = &known
    else {
        return Err(Problem::conflict("you sign in without a password"));
    };
    if !password::verify(old, Some(stored.clone())).await {
        let named = caller.person.as_str();
        sign_in::refuse(app, How::Password, named, Some("change of password")).await?;
        return Err(Problem::field(
            "old",
            "that is not your password",
            "the password that you sign in with now",
        ));
    }
    let put = PutPerson {
        id: known.id,
        name: known.name,
        password: Some(password::hash(new).await?),
        roles: known.roles,
    };
    let changed = app
        .store
        .put_person(&SCOPE, caller.write(app.now()), put, Some(known.version));
    changed.await.answer()?;
    end_other_sign_ins(app, caller).await.map(drop)
}
