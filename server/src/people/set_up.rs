//! The first admin of all customers: made through a link that works once, within a day, while there is no such admin.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::{DAY, Time},
};
use boathook_schema::{
    Customers, Grant, How, Page, Role, Scope, SetUp, Store, StoreError, Write, scope_of,
};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::{
    api::{
        sign_in::{self, SignedIn},
        users,
    },
    app::App,
    errors::{Answer, IntoAnswer as _, Problem},
    people::{password, secrets},
};

/// How long a link can be used.
pub const LIFE: i64 = DAY;

/// Shown once: the address holds a secret, of which only the hash is stored.
#[derive(Debug, Serialize)]
pub struct Link {
    pub url: String,
    pub expires_at: Time,
}

/// A new link, in place of an older one. `forced`: it counts although there is an admin already.
pub async fn link(store: &Store, origin: &str, now: Time, forced: bool) -> Answer<Link> {
    let (secret, hash) = secrets::fresh("")?;
    let expires_at = now.plus_ms(LIFE);
    let made = store.put_set_up(&Scope::System, Write::system(now), hash, expires_at, forced);
    made.await.answer()?;
    Ok(Link {
        url: format!("{origin}/set-up/{secret}"),
        expires_at,
    })
}

/// Whether somebody is admin of all customers.
pub async fn has_admin(store: &Store) -> Result<bool, StoreError> {
    let mut page = Page::first(1_000);
    loop {
        let people = store.people(&Scope::System, page).await?;
        let is_admin = |roles: &[Grant]| scope_of(roles, &[Role::Admin]) == Some(Scope::All);
        if people.items.iter().any(|p| is_admin(&p.roles)) {
            return Ok(true);
        }
        match people.next {
            Some(next) => page = Page::first(1_000).after(Some(next)),
            None => return Ok(false),
        }
    }
}

/// The link of that secret while it counts; 410 with the reason when it does not.
pub async fn look(app: &App, secret: &str) -> Answer<SetUp> {
    let link = app.store.set_up(&Scope::System).await?;
    let same = |hash: &Digest| {
        let is_same = hash.as_bytes().ct_eq(secrets::hash(secret).as_bytes());
        bool::from(is_same)
    };
    let Some(link) = link.filter(|link| same(&link.hash)) else {
        return Err(Problem::gone(
            "no such link was made, or a newer one took its place",
        ));
    };
    if link.used_at.is_some() {
        return Err(Problem::gone("this link was used; it works once"));
    }
    if link.expires_at <= app.now() {
        return Err(Problem::gone("this link is over; it worked for 24 hours"));
    }
    if !link.forced && has_admin(&app.store).await? {
        return Err(Problem::gone(
            "there is an admin of all customers already, who makes all other people",
        ));
    }
    Ok(link)
}

pub struct FirstAdmin {
    pub person: PersonId,
    pub name: String,
    pub password: String,
}

/// Spends the link, makes the admin of all customers, and signs them in.
pub async fn first_admin(
    app: &App,
    secret: &str,
    new: FirstAdmin,
    label: &str,
) -> Answer<SignedIn> {
    let link = look(app, secret).await?;
    let roles = vec![Grant {
        role: Role::Admin,
        customers: Customers::All,
    }];
    users::sound(&new.name, &roles)?;
    password::check(&new.password)?;
    // Whoever is there is not taken over; and what is wrong with the form must not cost the link.
    let known = app.store.person(&Scope::System, &new.person).await?;
    if known.is_some() {
        return Err(Problem::field(
            "person",
            format!("{} is there already", new.person),
            "another name",
        ));
    }
    let write = || Write::person(new.person.clone(), app.now());
    let spent = app
        .store
        .use_set_up(&Scope::System, write(), link.hash)
        .await?;
    spent
        .done()
        .map_err(|_| Problem::gone("this link was used; it works once"))?;
    let body = users::NewUser {
        person: new.person.clone(),
        name: new.name,
        roles,
        password: Some(new.password),
    };
    users::add(app, &Scope::System, write(), body).await?;
    let person = users::find(app, &Scope::System, &new.person).await?;
    sign_in::open(app, person, How::SetUp, label).await
}
