//! Root, roster and revocations that stand, and bringing new ones. Documents are signed elsewhere; here they are verified.
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use boathook_hooks::time::{DAY, Time};
use serde::Deserialize;

use super::Tabs;
use crate::{
    api::{
        extract::Query,
        trust::{Imported, TrustView, import_document, read, view},
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Admin, Caller, HouseAdmin},
    ui::{
        chrome::{Chrome, Section, html_with},
        forms::{Fields, Form},
        visit::Visit,
        words::{Mark, Size},
    },
};

/// With fewer days left somebody should have begun to renew: root and roster.
const FEW: (i64, i64) = (60, 7);

#[derive(Template)]
#[template(path = "pages/admin/trust.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    trust: TrustView,
    done: Option<String>,
    /// What was typed.
    document: String,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
    number: Option<u64>,
}

pub async fn get(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let number = asked.number.unwrap_or_default();
    let done = match asked.done.as_deref() {
        Some("root") => Some(format!("Root {number} counts.")),
        Some("roster") => Some(format!("Roster {number} counts.")),
        Some("revocation") => Some(format!("Revocation {number} counts.")),
        Some("again") => Some("It was here already; nothing changed.".to_owned()),
        _ => None,
    };
    page(&app, &caller, &visit, done, String::new(), None)
}

pub async fn import(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    let text = form.get("document");
    match bring(&app, &caller, text).await {
        Ok(Imported { new: false, .. }) => {
            Ok(Redirect::to("/admin/trust?done=again").into_response())
        }
        Ok(Imported { kind, number, .. }) => {
            let to = format!("/admin/trust?done={kind}&number={number}");
            Ok(Redirect::to(&to).into_response())
        }
        Err(mut problem) => {
            problem.field = Some("document".to_owned());
            page(&app, &caller, &visit, None, text.to_owned(), Some(problem))
        }
    }
}

async fn bring(app: &App, caller: &Caller, text: &str) -> Answer<Imported> {
    let envelope = match text.starts_with('{') {
        true => read(text.as_bytes(), true)?,
        false => {
            let joined: String = text.split_whitespace().collect();
            let bytes = STANDARD.decode(joined).ok().filter(|b| !b.is_empty());
            let bytes = bytes.ok_or_else(|| {
                Problem::field(
                    "document",
                    "that is no document",
                    "a file as base64, or DSSE JSON",
                )
            })?;
            read(&bytes, false)?
        }
    };
    import_document(app, &caller.scope, caller.write(app.now()), &envelope).await
}

fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    done: Option<String>,
    document: String,
    problem: Option<Problem>,
) -> Answer<Response> {
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Admin, "Trust"),
        tabs: Tabs::of(caller, "trust"),
        trust: view(app),
        done,
        document,
        problem,
    };
    html_with(status, &page)
}

/// How long a document lives still: a word, a shape, and how many days.
fn left(expires_at: Time, now: Time, few: i64) -> (Mark, i64) {
    let days = (expires_at.ms() - now.ms()).div_euclid(DAY);
    let (word, shape, class) = match days {
        ..0 => ("expired", "■", "bad"),
        _ if days < few => ("ends soon", "▲", "wants"),
        _ => ("counts", "●", "good"),
    };
    let why = None;
    let mark = Mark {
        word,
        shape,
        class,
        why,
    };
    (mark, days.max(0))
}

impl Page {
    fn root_left(&self, expires_at: &Time) -> (Mark, i64) {
        left(*expires_at, self.chrome.now, FEW.0)
    }

    fn roster_left(&self, expires_at: &Time) -> (Mark, i64) {
        left(*expires_at, self.chrome.now, FEW.1)
    }

    fn size(&self, bytes: &u64) -> Size {
        Size::of(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_days_left_are_said_before_they_are_none() {
        let now = Time::from_ms(1_780_000_000_000);
        for (days, word) in [
            (8, "counts"),
            (7, "counts"),
            (6, "ends soon"),
            (0, "ends soon"),
            (-1, "expired"),
        ] {
            let (mark, said) = left(now.plus_ms(days * DAY), now, FEW.1);
            assert_eq!((mark.word, said), (word, days.max(0)), "{days}");
        }
    }
}
