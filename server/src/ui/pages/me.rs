//! My sign-ins, API tokens, signing keys and password.
use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    documents::roster::{RosterCustomers, RosterKey, SigningRole},
    ids::{Digest, PersonId},
    keys::KeyId,
};
use boathook_schema::{ApiToken, How, Page as Rows, Person, Scope, SignIn};
use serde::Deserialize;

use crate::{
    api::{
        extract::Query,
        own::{self, NewApiToken},
        trust::AdmissionView,
        users,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{AnyRole, Caller, grants, password},
    ui::{
        chrome::{Chrome, Section, html_with},
        forms::{Fields, Form},
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/me.html")]
struct Page {
    chrome: Chrome,
    person: PersonId,
    /// Where they sign in, if not here.
    issuer: Option<String>,
    has_password: bool,
    shortest: usize,
    sign_ins: Vec<SignIn>,
    this: Digest,
    tokens: Vec<ApiToken>,
    /// My roles in words, each with whether it was chosen.
    roles: Vec<(String, bool)>,
    admitted: Vec<RosterKey>,
    /// Anybody's, and why.
    revoked: BTreeMap<KeyId, String>,
    signs_as: Option<(Vec<SigningRole>, RosterCustomers)>,
    asked: Vec<AdmissionView>,
    /// What was typed.
    label: String,
    expires_in: String,
    /// Shown this once.
    made: Option<(String, ApiToken)>,
    done: Option<&'static str>,
    problem: Option<Problem>,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

#[derive(Deserialize)]
pub struct Which {
    hash: Digest,
}

#[derive(Deserialize)]
pub struct Passwords {
    old: String,
    password: String,
    again: String,
}

/// What a request to the page came to.
#[derive(Default)]
struct Came {
    form: Option<Fields>,
    made: Option<(String, ApiToken)>,
    done: Option<&'static str>,
    problem: Option<Problem>,
}

pub async fn get(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let done = match asked.done.as_deref() {
        Some("ended") => Some("It is ended."),
        Some("others") => Some("You are signed out everywhere else."),
        Some("password") => {
            Some("Your password is changed, and you are signed out everywhere else.")
        }
        _ => None,
    };
    let came = Came {
        done,
        ..Came::default()
    };
    page(&app, &caller, &visit, came).await
}

pub async fn end_sign_in(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    Form(form): Form<Which>,
) -> Answer<Response> {
    own::end_sign_in(&app, &caller, form.hash).await?;
    Ok(to("ended"))
}

pub async fn end_others(State(app): State<Shared>, AnyRole(caller): AnyRole) -> Answer<Response> {
    own::end_other_sign_ins(&app, &caller).await?;
    Ok(to("others"))
}

/// Shows the token in its own answer: nothing keeps it.
pub async fn make_token(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    visit: Visit,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    let mut came = Came::default();
    match make(&app, &caller, &form).await {
        Ok(made) => came.made = Some(made),
        Err(problem) if problem.field.is_none() => return Err(problem),
        Err(problem) => {
            came.problem = Some(problem);
            came.form = Some(form);
        }
    }
    page(&app, &caller, &visit, came).await
}

async fn make(app: &App, caller: &Caller, form: &Fields) -> Answer<(String, ApiToken)> {
    let wrong = |field| move |e: String| Problem::field(field, e, "such as 90d");
    let roles = form.all("roles").map(grants::parse);
    let new = NewApiToken {
        label: form.get("label").to_owned(),
        expires_in: form
            .get("expires_in")
            .parse()
            .map_err(wrong("expires_in"))?,
        roles: roles
            .collect::<Result<_, _>>()
            .map_err(|e| Problem::field("roles", e, "one or more of your roles"))?,
    };
    own::make_api_token(app, caller, new).await
}

pub async fn end_token(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    Form(form): Form<Which>,
) -> Answer<Response> {
    own::sign_ins(&app, &caller).await?;
    let write = caller.write(app.now());
    own::end_api_token(&app, &Scope::System, write, &caller.person, form.hash).await?;
    Ok(to("ended"))
}

pub async fn change_password(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    visit: Visit,
    Form(form): Form<Passwords>,
) -> Answer<Response> {
    let changed = match form.password == form.again {
        true => own::change_password(&app, &caller, form.old, form.password).await,
        false => Err(Problem::field(
            "again",
            "the two are not the same",
            "the new password once more",
        )),
    };
    match changed {
        Ok(()) => Ok(to("password")),
        Err(problem) if problem.field.is_none() => Err(problem),
        Err(problem) => {
            let came = Came {
                problem: Some(problem),
                ..Came::default()
            };
            page(&app, &caller, &visit, came).await
        }
    }
}

fn to(done: &str) -> Response {
    Redirect::to(&format!("/me?done={done}")).into_response()
}

async fn page(app: &App, caller: &Caller, visit: &Visit, came: Came) -> Answer<Response> {
    let known: Person = users::find(app, &Scope::System, &caller.person).await?;
    let sign_ins = own::sign_ins(app, caller).await?;
    let trust = app.trust.current();
    let roster = trust.verifier.as_ref().and_then(|t| t.roster());
    let member = roster.and_then(|r| r.people.iter().find(|p| p.person == caller.person));
    let mut tokens = app.store.api_tokens(&Scope::System, &caller.person).await?;
    tokens.reverse();
    let chosen = |role: &str| {
        let form = came.form.as_ref();
        form.is_none_or(|form| form.all("roles").any(|r| r == role))
    };
    let typed = |name: &str, default: &str| {
        let form = came.form.as_ref();
        form.map_or(default, |form| form.get(name)).to_owned()
    };
    let status = match (&came.problem, &came.made) {
        (Some(problem), _) => problem.status,
        (None, Some(_)) => StatusCode::CREATED,
        (None, None) => StatusCode::OK,
    };
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::None, "My sign-ins and keys"),
        person: caller.person.clone(),
        roles: known
            .roles
            .iter()
            .map(grants::words)
            .map(|role| (role.clone(), chosen(&role)))
            .collect(),
        has_password: known.password.is_some(),
        issuer: known.origin.map(|origin| origin.issuer),
        shortest: password::SHORTEST,
        sign_ins,
        this: caller.token,
        tokens,
        revoked: trust.revoked_keys(),
        admitted: member.map(|m| m.keys.clone()).unwrap_or_default(),
        signs_as: member.map(|m| (m.roles.clone(), m.customers.clone())),
        asked: asked_for(app, &caller.person).await?,
        label: typed("label", ""),
        expires_in: typed("expires_in", "90d"),
        made: came.made,
        done: came.done,
        problem: came.problem,
    };
    html_with(status, &page)
}

/// The person's own requests among all of them. The queue is short, and read to its end.
async fn asked_for(app: &App, person: &PersonId) -> Answer<Vec<AdmissionView>> {
    let mut own = Vec::new();
    let mut rows = Rows::first(1_000);
    loop {
        let page = app.store.admissions(&Scope::System, rows).await?;
        let theirs = page.items.into_iter().filter(|a| a.person == *person);
        own.extend(theirs.map(AdmissionView::from));
        match page.next {
            Some(next) => rows = Rows::first(1_000).after(Some(next)),
            None => return Ok(own),
        }
    }
}

impl Page {
    fn is_this(&self, sign_in: &SignIn) -> bool {
        sign_in.hash == self.this
    }

    fn how(sign_in: &SignIn) -> &'static str {
        match sign_in.how {
            How::Password => "with a password",
            How::SetUp => "by the set-up link",
            How::Provider => "at the provider",
        }
    }

    fn is_over(&self, token: &ApiToken) -> bool {
        token.expires_at <= self.chrome.now
    }

    fn roles_of(token: &ApiToken) -> String {
        grants::all_words(&token.roles)
    }

    fn revoked(&self, key: &RosterKey) -> Option<&String> {
        self.revoked.get(&key.key.id())
    }

    fn is_admitted(&self, asked: &AdmissionView) -> bool {
        self.admitted.iter().any(|k| k.key == asked.key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_schema::{Role, Write};

    use super::*;
    use crate::{api::tests::house::House, ui::tests::Browser};

    async fn with_password(house: &House, person: &str, text: &str) {
        let id: PersonId = person.parse().unwrap();
        let app = &house.bench.app;
        let known = users::find(app, &Scope::System, &id).await.unwrap();
        let put = boathook_schema::PutPerson {
            id,
            name: known.name,
            password: Some(password::hash(text.to_owned()).await.unwrap()),
            roles: known.roles,
        };
        let write = Write::system(house.bench.now());
        let put = app.store.put_person(&Scope::System, write, put, None);
        put.await.unwrap().done().unwrap();
    }

    #[tokio::test]
    async fn i_end_my_other_sign_ins_and_nobody_elses() {
        let house = House::new().await;
        let ada = Browser::of(&house, "ada").await;
        let other = Browser::of(&house, "ada").await;
        let third = Browser::of(&house, "ada").await;
        let ben = Browser::of(&house, "ben").await;
        let text = ada.get("/me").await.text();
        assert_eq!(text.matches("this one").count(), 1, "{text}");
        assert_eq!(text.matches("action=\"/me/end\"").count(), 2);
        let hash =
            |b: &Browser| crate::people::secrets::hash(b.token.as_deref().unwrap()).to_string();
        // Another's is as if it were not there.
        let said = ada.post("/me/end", &[("hash", &hash(&ben))]).await;
        assert_eq!(said.status, 404);
        assert_eq!(ben.get("/me").await.status, 200);
        let said = ada.post("/me/end", &[("hash", &hash(&other))]).await;
        assert_eq!(said.header("location"), "/me?done=ended");
        assert_eq!(other.get("/me").await.status, 303);
        assert_eq!(third.get("/me").await.status, 200);
        ada.post("/me/end-others", &[]).await;
        assert_eq!(third.get("/me").await.status, 303);
        assert_eq!(ada.get("/me").await.status, 200);
        assert_eq!(ben.get("/me").await.status, 200);
    }

    #[tokio::test]
    async fn a_token_is_shown_once_passes_on_what_i_chose_and_ends() {
        let house = House::new().await;
        let gil = Browser::of(&house, "gil").await;
        let form = [
            ("label", "nightly"),
            ("expires_in", "7d"),
            ("roles", "viewer:globex"),
        ];
        let said = gil.post("/me/tokens", &form).await;
        assert_eq!(said.status, 201, "{}", said.text());
        let text = said.text();
        let secret = text.split("<code data-copy>bh_").nth(1).unwrap();
        let secret = format!("bh_{}", secret.split('<').next().unwrap());
        assert!(!gil.get("/me").await.text().contains(&secret));
        let me = house
            .send(Some(&secret), "GET", "/api/v1/me", None)
            .await
            .ok();
        assert_eq!(me["roles"].as_array().unwrap().len(), 1, "{me}");
        let hash = crate::people::secrets::hash(&secret).to_string();
        // A token makes no tokens, and ends no sign-ins.
        for (path, body) in [
            ("/me/tokens", "label=x&expires_in=7d&roles=admin%3Aglobex"),
            ("/me/end-others", ""),
            ("/me/password", "old=x&password=y&again=y"),
        ] {
            let request = axum::http::Request::post(path)
                .header("authorization", format!("Bearer {secret}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.to_owned().into())
                .unwrap();
            assert_eq!(house.bench.send(request).await.status, 403, "{path}");
        }
        let ada = Browser::of(&house, "ada").await;
        let said = ada.post("/me/end-token", &[("hash", &hash)]).await;
        assert_eq!(said.status, 404, "another's");
        gil.post("/me/end-token", &[("hash", &hash)]).await;
        let said = house.send(Some(&secret), "GET", "/api/v1/me", None).await;
        assert_eq!(said.status, 401);
    }

    #[tokio::test]
    async fn a_token_has_a_name_an_end_and_only_roles_of_mine() {
        let house = House::new().await;
        let ada = Browser::of(&house, "ada").await;
        for (label, expires_in, role, field) in [
            ("", "7d", "engineer:acme", "label"),
            ("x", "soon", "engineer:acme", "expires_in"),
            ("x", "367d", "engineer:acme", "expires_in"),
            ("x", "7d", "admin", "roles"),
            ("x", "7d", "engineer", "roles"),
            ("x", "7d", "", "roles"),
        ] {
            let form = [
                ("label", label),
                ("expires_in", expires_in),
                ("roles", role),
            ];
            let said = ada.post("/me/tokens", &form).await;
            assert_eq!(said.status, 422, "{label} {expires_in} {role}");
            let mark = format!("id=\"{field}-wrong\"");
            assert!(said.text().contains(&mark), "{field}: {}", said.text());
        }
        let id = "ada".parse().unwrap();
        let known = house.bench.app.store.api_tokens(&Scope::System, &id);
        assert_eq!(known.await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_password_is_changed_by_whoever_knows_the_old_one() {
        let house = House::new().await;
        house.person("pia", &[Role::Engineer], Some("acme")).await;
        with_password(&house, "pia", "the first one").await;
        let pia = Browser::of(&house, "pia").await;
        let other = Browser::of(&house, "pia").await;
        for (old, new, again, field) in [
            ("wrong", "the second one", "the second one", "old"),
            ("the first one", "the second one", "the third one", "again"),
            ("the first one", "short", "short", "password"),
        ] {
            let form = [("old", old), ("password", new), ("again", again)];
            let said = pia.post("/me/password", &form).await;
            assert_eq!(said.status, 422);
            let mark = format!("id=\"{field}-wrong\"");
            assert!(said.text().contains(&mark), "{field}: {}", said.text());
        }
        assert_eq!(other.get("/me").await.status, 200);
        let form = [
            ("old", "the first one"),
            ("password", "the second one"),
            ("again", "the second one"),
        ];
        let said = pia.post("/me/password", &form).await;
        assert_eq!(said.header("location"), "/me?done=password");
        assert_eq!(pia.get("/me").await.status, 200);
        assert_eq!(other.get("/me").await.status, 303);
        let nobody = Browser::nobody(&house);
        for (text, status) in [("the first one", 401), ("the second one", 303)] {
            let form = [("person", "pia"), ("password", text)];
            assert_eq!(nobody.post_as_is("/sign-in", &form).await.status, status);
        }
    }

    #[tokio::test]
    async fn guessing_the_old_password_is_slowed() {
        let house = House::with(|c| c.limits.sign_in_burst = 2).await;
        let ada = Browser::of(&house, "ada").await;
        let form = [("old", "x"), ("password", "y"), ("again", "z")];
        for _ in 0..2 {
            assert_eq!(ada.post("/me/password", &form).await.status, 422);
        }
        assert_eq!(ada.post("/me/password", &form).await.status, 429);
    }

    #[tokio::test]
    async fn my_keys_are_those_of_the_roster_and_those_i_asked_for() {
        let house = House::new().await;
        let key = boathook_hooks::keys::SecretKey::from_seed(&[9; 32]).public();
        let body = serde_json::json!({"key": key, "place": "file"});
        house
            .post("ada", "/api/v1/trust/admissions", body)
            .await
            .ok();
        let text = Browser::of(&house, "ada").await.get("/me").await.text();
        assert!(text.contains(&key.id().to_string()), "{text}");
        let admitted = house.bench.sample.ada_browser.public().id().to_string();
        assert!(text.contains(&admitted), "{text}");
        let text = Browser::of(&house, "ben").await.get("/me").await.text();
        assert!(!text.contains(&key.id().to_string()));
    }
}
