//! First set-up: whoever has the link that `init` printed makes the first admin here.
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use crate::{
    api::{extract::Path, sign_in::SignedIn},
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{
        password,
        set_up::{FirstAdmin, first_admin, look},
    },
    ui::{
        chrome::{Chrome, html_with},
        forms::{Fields, Form},
        session,
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/set_up.html")]
struct Page {
    chrome: Chrome,
    /// Of a browser that is signed in as somebody: the guard asks for it.
    csrf: String,
    secret: String,
    /// Why the link does not count.
    over: Option<String>,
    /// What was typed.
    person: String,
    name: String,
    shortest: usize,
    problem: Option<Problem>,
}

pub async fn get(
    State(app): State<Shared>,
    visit: Visit,
    Path(secret): Path<String>,
) -> Answer<Response> {
    let problem = look(&app, &secret).await.err();
    page(&app, visit, secret, &Fields::default(), problem)
}

pub async fn post(
    State(app): State<Shared>,
    visit: Visit,
    Path(secret): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    match make(&app, &secret, &form, &session::label(&headers)).await {
        Ok(signed_in) => session::signed_in(&signed_in, app.now(), "/admin/people"),
        Err(problem) => page(&app, visit, secret, &form, Some(problem)),
    }
}

async fn make(app: &App, secret: &str, form: &Fields, label: &str) -> Answer<SignedIn> {
    // First of all: to whoever has no link that counts nothing else is said.
    look(app, secret).await?;
    let person = form.get("person").parse();
    let person = person.map_err(|e: String| Problem::field("person", e, "such as ada"))?;
    if form.exact("password") != form.exact("again") {
        return Err(Problem::field(
            "again",
            "the two are not the same",
            "the password once more",
        ));
    }
    let new = FirstAdmin {
        person,
        name: form.get("name").to_owned(),
        password: form.exact("password").to_owned(),
    };
    first_admin(app, secret, new, label).await
}

fn page(
    app: &App,
    visit: Visit,
    secret: String,
    form: &Fields,
    problem: Option<Problem>,
) -> Answer<Response> {
    let status = problem.as_ref().map_or(StatusCode::OK, |p| p.status);
    let (over, problem) = match problem {
        Some(problem) if status == StatusCode::GONE => (Some(problem.detail), None),
        Some(problem) if problem.field.is_none() => return Err(problem),
        other => (None, other),
    };
    let page = Page {
        chrome: Chrome::outside(app.now(), "Set up boathook"),
        csrf: visit.csrf,
        secret,
        over,
        person: form.get("person").to_owned(),
        name: form.get("name").to_owned(),
        shortest: password::SHORTEST,
        problem,
    };
    html_with(status, &page)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::time::HOUR;
    use boathook_schema::{Chain, EventFilter, EventKind, Role, Scope};

    use super::*;
    use crate::{
        agent::testing::ORIGIN,
        api::tests::house::House,
        people::set_up::{has_admin, link},
        ui::tests::Browser,
    };

    /// A house without an admin of all customers, and the path of its link.
    async fn new_house() -> (House, String) {
        let house = House::new().await;
        house.person("hana", &[Role::Viewer], None).await;
        let path = make_link(&house, false).await;
        (house, path)
    }

    async fn make_link(house: &House, forced: bool) -> String {
        let app = &house.bench.app;
        let made = link(&app.store, ORIGIN, app.now(), forced).await.unwrap();
        made.url.strip_prefix(ORIGIN).unwrap().to_owned()
    }

    const FORM: [(&str, &str); 4] = [
        ("person", "olga"),
        ("name", "Olga"),
        ("password", "a long enough one"),
        ("again", "a long enough one"),
    ];

    fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        let mut form = FORM.to_vec();
        form.retain(|(n, _)| *n != name);
        form.push((name, value));
        form
    }

    #[tokio::test]
    async fn the_link_makes_the_first_admin_signs_them_in_and_works_once() {
        let (house, path) = new_house().await;
        let nobody = Browser::nobody(&house);
        let said = nobody.get(&path).await;
        assert_eq!(said.status, StatusCode::OK);
        assert!(
            said.text().contains("8 characters or more"),
            "{}",
            said.text()
        );
        let said = nobody.post_as_is(&path, &FORM).await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
        let cookie = said.header("set-cookie");
        let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        let olga = Browser {
            token: Some(token),
            ..Browser::nobody(&house)
        };
        assert_eq!(olga.get("/admin/people").await.status, StatusCode::OK);
        assert!(has_admin(&house.bench.app.store).await.unwrap());
        let filter = EventFilter {
            kind: Some(EventKind::SIGN_IN_OPENED),
            ..EventFilter::default()
        };
        let page = boathook_schema::Page::first(1_000);
        let store = &house.bench.app.store;
        let events = store
            .events(&Scope::System, &Chain::House, filter, page)
            .await
            .unwrap();
        assert!(format!("{events:?}").contains("set_up"), "{events:?}");
        for said in [
            nobody.get(&path).await,
            nobody.post_as_is(&path, &FORM).await,
        ] {
            assert_eq!(said.status, StatusCode::GONE);
            assert!(said.text().contains("was used"), "{}", said.text());
        }
    }

    #[tokio::test]
    async fn a_fault_in_the_form_does_not_cost_the_link() {
        let (house, path) = new_house().await;
        let nobody = Browser::nobody(&house);
        for (name, value) in [
            ("person", "Olga!"),
            ("person", "ada"),
            ("name", ""),
            ("again", "another one"),
        ] {
            let said = nobody.post_as_is(&path, &with(name, value)).await;
            assert_eq!(said.status, 422, "{name}");
            let mark = format!("id=\"{name}-wrong\"");
            assert!(said.text().contains(&mark), "{name}: {}", said.text());
        }
        let mut short = with("password", "1234567");
        short.retain(|(n, _)| *n != "again");
        short.push(("again", "1234567"));
        let said = nobody.post_as_is(&path, &short).await;
        assert!(said.text().contains("too short"), "{}", said.text());
        assert_eq!(nobody.post_as_is(&path, &FORM).await.status, 303);
    }

    #[tokio::test]
    async fn a_link_ends_is_replaced_and_is_not_guessed() {
        let (house, first) = new_house().await;
        let nobody = Browser::nobody(&house);
        let gone = async |path: &str, words: &str| {
            for said in [nobody.get(path).await, nobody.post_as_is(path, &FORM).await] {
                assert_eq!(said.status, StatusCode::GONE, "{words}");
                assert!(said.text().contains(words), "{words}: {}", said.text());
            }
        };
        let second = make_link(&house, false).await;
        gone(&first, "a newer one took its place").await;
        gone("/set-up/guess", "no such link").await;
        assert_eq!(nobody.get(&second).await.status, 200);
        house.bench.app.clock.advance(24 * HOUR);
        gone(&second, "is over").await;
    }

    #[tokio::test]
    async fn with_an_admin_there_only_a_forced_link_counts() {
        let house = House::new().await;
        let nobody = Browser::nobody(&house);
        let path = make_link(&house, false).await;
        let said = nobody.post_as_is(&path, &FORM).await;
        assert_eq!(said.status, StatusCode::GONE);
        assert!(said.text().contains("admin of all customers already"));
        let path = make_link(&house, true).await;
        assert_eq!(nobody.post_as_is(&path, &FORM).await.status, 303);
    }

    #[tokio::test]
    async fn guessing_is_slowed_and_other_sites_cannot() {
        let house = House::with(|c| c.limits.sign_in_burst = 2).await;
        let mut nobody = Browser::nobody(&house);
        nobody.origin = Some("https://evil.example");
        let said = nobody.post_as_is("/set-up/guess", &FORM).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN);
        for _ in 0..2 {
            assert_eq!(nobody.get("/set-up/guess").await.status, 410);
        }
        assert_eq!(nobody.get("/set-up/guess").await.status, 429);
    }
}
