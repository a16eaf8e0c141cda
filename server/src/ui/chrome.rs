//! `Chrome`: what stands around every page: where one is, who one is, what one may go to.
use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use boathook_hooks::time::Time;
use boathook_schema::Role;

use crate::{
    app::App,
    errors::{Answer, Problem},
    people::Caller,
    ui::{
        assets,
        shown::Shown,
        visit::Visit,
        words::{Size, When},
    },
};

/// The parts of the site, as the top of each page names them.
#[derive(Clone, Copy)]
pub enum Section {
    Home,
    Tickets,
    Hooks,
    Instances,
    Packets,
    Audit,
    Admin,
    None,
}

impl Section {
    /// As `layout.html` names it.
    fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Tickets => "tickets",
            Self::Hooks => "hooks",
            Self::Instances => "instances",
            Self::Packets => "packets",
            Self::Audit => "audit",
            Self::Admin => "admin",
            Self::None => "",
        }
    }
}

pub struct Person {
    pub id: String,
    pub name: String,
    /// Reads tickets, hooks and packets; a viewer reads the audit alone.
    pub works: bool,
    pub is_engineer: bool,
    pub is_admin: bool,
}

pub struct Chrome {
    pub title: String,
    pub section: Section,
    pub person: Option<Person>,
    pub csrf: String,
    pub now: Time,
}

impl Chrome {
    pub fn of(
        app: &App,
        caller: &Caller,
        visit: &Visit,
        section: Section,
        title: impl Into<String>,
    ) -> Self {
        let has = |wanted: &[Role]| caller.roles.iter().any(|g| wanted.contains(&g.role));
        Self {
            title: title.into(),
            section,
            person: Some(Person {
                id: caller.person.to_string(),
                name: caller.name.clone(),
                works: has(&[Role::Engineer, Role::Reviewer, Role::Admin]),
                is_engineer: has(&[Role::Engineer]),
                is_admin: has(&[Role::Admin]),
            }),
            csrf: visit.csrf.clone(),
            now: app.now(),
        }
    }

    /// For whoever is not signed in.
    pub fn outside(now: Time, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            section: Section::None,
            person: None,
            csrf: String::new(),
            now,
        }
    }

    pub fn asset(&self, file: &str) -> &'static str {
        assets::address(file)
    }

    pub fn when(&self, time: &Time) -> When {
        When::of(*time, self.now)
    }

    pub fn size(&self, bytes: &u64) -> Size {
        Size::of(*bytes)
    }

    /// What others wrote, for `parts::shown`.
    pub fn shown(&self, text: &str) -> Shown {
        Shown::cut(text, 2_000)
    }

    /// For `aria-current`.
    pub fn is_in(&self, section: &str) -> bool {
        self.section.word() == section
    }
}

/// The page with the status of what was refused, if anything was: a form with what was typed, and why.
pub fn html_with(status: impl Into<Option<StatusCode>>, page: &impl Template) -> Answer<Response> {
    let mut answer = html(page)?;
    if let Some(status) = status.into() {
        *answer.status_mut() = status;
    }
    Ok(answer)
}

/// The page as an answer.
pub fn html(page: &impl Template) -> Answer<Response> {
    let text = page
        .render()
        .map_err(|e| Problem::internal("rendering a page", e))?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}
