//! People and their roles, for admins of the house.
use axum::{extract::State, http::StatusCode};
use boathook_hooks::{ids::PersonId, time::Time};
use boathook_schema::{Customers, Grant, Person, PutPerson, Scope, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::extract::{Json, List, PageQuery, Path, Query},
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{HouseAdmin, password},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    #[schema(value_type = String)]
    pub person: PersonId,
    pub name: String,
    /// `[{"role": "viewer|engineer|reviewer|admin", "customers": "all" | ["id", …]}]`.
    #[schema(value_type = Vec<Object>)]
    pub roles: Vec<Grant>,
    pub password: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedUser {
    pub name: String,
    #[schema(value_type = Vec<Object>)]
    pub roles: Vec<Grant>,
    /// Left out: stays as it is. A new one ends all sign-ins.
    pub password: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    #[schema(value_type = String)]
    pub person: PersonId,
    pub name: String,
    #[schema(value_type = Vec<Object>)]
    pub roles: Vec<Grant>,
    pub has_password: bool,
    /// Of the provider that vouches for them, and says their roles anew at each sign-in.
    pub issuer: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    pub version: u64,
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        Self {
            person: person.id,
            name: person.name,
            roles: person.roles,
            has_password: person.password.is_some(),
            issuer: person.origin.map(|origin| origin.issuer),
            created_at: person.created_at,
            version: person.version,
        }
    }
}

/// People by id.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", params(PageQuery), responses((status = 200, body = List<User>)))]
pub async fn list(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<User>>> {
    let people = app.store.people(&caller.scope, page.into()).await?;
    Ok(Json(List::of(people, User::from)))
}

/// A new person; one that is there already is refused.
#[utoipa::path(post, path = "/api/v1/users", tag = "people", responses((status = 201, body = User)))]
pub async fn post(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Json(body): Json<NewUser>,
) -> Answer<(StatusCode, Json<User>)> {
    let user = add(&app, &caller.scope, caller.write(app.now()), body).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Name, roles (all are given anew) and, where it is given, password.
#[utoipa::path(put, path = "/api/v1/users/{person}", tag = "people", params(("person" = String, Path)), responses((status = 200, body = User)))]
pub async fn put(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(person): Path<PersonId>,
    Json(body): Json<ChangedUser>,
) -> Answer<Json<User>> {
    let user = change(
        &app,
        &caller.scope,
        || caller.write(app.now()),
        person,
        body,
    )
    .await?;
    Ok(Json(user))
}

/// Ends all sign-ins of a person.
#[utoipa::path(post, path = "/api/v1/users/{person}/sign-out", tag = "people", params(("person" = String, Path)), responses((status = 204)))]
pub async fn sign_out(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(person): Path<PersonId>,
) -> Answer<StatusCode> {
    sign_out_everywhere(&app, &caller.scope, caller.write(app.now()), person).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sign-ins of a person who is there.
pub async fn sign_out_everywhere(
    app: &App,
    scope: &Scope,
    write: Write,
    person: PersonId,
) -> Answer<()> {
    find(app, scope, &person).await?;
    app.store
        .end_sign_ins(scope, write, person)
        .await
        .answer()
        .map(drop)
}

/// A new person; one that is there already is refused.
pub async fn add(app: &App, scope: &Scope, write: Write, body: NewUser) -> Answer<User> {
    sound(&body.name, &body.roles)?;
    known_customers(app, &body.roles).await?;
    if app.store.person(scope, &body.person).await?.is_some() {
        return Err(Problem::conflict(format!(
            "{} is there already; `user set`, or PUT, changes people",
            body.person
        )));
    }
    let password = match body.password {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let person = PutPerson {
        id: body.person,
        name: body.name,
        password,
        roles: body.roles,
    };
    Ok(app
        .store
        .put_person(scope, write, person, None)
        .await
        .answer()?
        .into())
}

/// Changes a person who is there. A new password ends all sign-ins, in the same request.
pub async fn change(
    app: &App,
    scope: &Scope,
    write: impl Fn() -> Write,
    person: PersonId,
    body: ChangedUser,
) -> Answer<User> {
    sound(&body.name, &body.roles)?;
    known_customers(app, &body.roles).await?;
    let known = find(app, scope, &person).await?;
    if let (Some(origin), Some(_)) = (&known.origin, &body.password) {
        return Err(Problem::field(
            "password",
            format!("{} vouches for {person}", origin.issuer),
            "no password: they sign in there",
        ));
    }
    let password = match body.password {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let ends_sign_ins = password.is_some();
    let put = PutPerson {
        id: person.clone(),
        name: body.name,
        password,
        roles: body.roles,
    };
    let changed = app
        .store
        .put_person(scope, write(), put, Some(known.version))
        .await
        .answer()?;
    if ends_sign_ins {
        app.store
            .end_sign_ins(scope, write(), person)
            .await
            .answer()?;
    }
    Ok(changed.into())
}

pub async fn find(app: &App, scope: &Scope, person: &PersonId) -> Answer<Person> {
    let found = app.store.person(scope, person).await?;
    found.ok_or_else(|| Problem::not_found("person"))
}

/// A role for a customer that is not there is a slip of the pen, and would only show as things that cannot be found.
async fn known_customers(app: &App, roles: &[Grant]) -> Answer<()> {
    for grant in roles {
        let Customers::Only(customers) = &grant.customers else {
            continue;
        };
        for customer in customers {
            let known = app.store.customer(&Scope::System, customer).await?;
            if known.is_none() {
                return Err(Problem::field(
                    "roles",
                    format!("there is no customer {customer}"),
                    "a customer that was added before (under Admin, Customers)",
                ));
            }
        }
    }
    Ok(())
}

pub fn sound(name: &str, roles: &[Grant]) -> Answer<()> {
    if name.trim().is_empty() || name.chars().count() > 200 {
        return Err(Problem::field(
            "name",
            "the name is empty or too long",
            "1 to 200 characters",
        ));
    }
    let empty = roles
        .iter()
        .any(|g| matches!(&g.customers, Customers::Only(set) if set.is_empty()));
    if empty {
        return Err(Problem::field(
            "roles",
            "a role is for no customer",
            "\"all\" or at least one customer",
        ));
    }
    Ok(())
}
