//! What is still to be done on a new server before a first hook can run, in order.
use boathook_schema::{InstanceFilter, Page as Rows, Role, Scope};

use crate::{api::users::User, app::App, errors::Answer, ui::links};

pub struct Step {
    pub is_done: bool,
    pub words: &'static str,
    /// Where it is done.
    pub at: &'static str,
}

/// All steps, or none once each is done.
pub async fn steps(app: &App, people: &[User]) -> Answer<Vec<Step>> {
    let has = |role| {
        people
            .iter()
            .any(|p| p.roles.iter().any(|g| g.role == role))
    };
    let current = app.trust.current();
    let trust = current.verifier.as_ref();
    let scope = &Scope::System;
    let any = InstanceFilter::default();
    let instances = app.store.instances(scope, any, Rows::first(1)).await?;
    let step = |is_done, words, at| Step { is_done, words, at };
    // Customers first: a role may be for some of them.
    let all = vec![
        step(
            !links::customers(app, scope).await?.is_empty(),
            "Add a customer",
            "/admin/customers",
        ),
        step(
            has(Role::Engineer) && has(Role::Reviewer),
            "Make the people who draft and who review, below",
            "#new",
        ),
        step(
            trust.is_some(),
            "Bring the root, which its holders make on their own machines",
            "/admin/trust",
        ),
        step(
            trust.is_some_and(|t| t.roster().is_some()),
            "Bring the roster, which says whose keys sign hooks",
            "/admin/trust",
        ),
        step(
            !instances.items.is_empty(),
            "Make a join string on the customer's page, and have a first instance join",
            "/admin/customers",
        ),
    ];
    let is_begun = all.iter().all(|s| s.is_done);
    Ok(if is_begun { Vec::new() } else { all })
}
