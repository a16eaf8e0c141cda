//! Administration: people, keys, customers, trust, servers, erasures; a tab each.
pub mod begin;
pub mod customer;
pub mod customers;
pub mod erasures;
pub mod keys;
pub mod people;
pub mod person;
pub mod servers;
#[cfg(test)]
mod tests;
pub mod trust;

use axum::response::Redirect;
use boathook_schema::{InstanceFilter, Page as Rows, Role, Scope, scope_of};

use crate::{
    api::instances::InstanceView,
    app::App,
    errors::Answer,
    people::{Admin, Caller},
};

/// The tabs that a person is offered: an admin of some customers has fewer.
pub struct Tabs {
    here: &'static str,
    pub house: bool,
}

const ALL: [(&str, &str, bool); 6] = [
    ("people", "People", true),
    ("keys", "Keys", true),
    ("customers", "Customers", false),
    ("trust", "Trust", false),
    ("servers", "Servers", true),
    ("erasures", "Erasures", false),
];

impl Tabs {
    fn of(caller: &Caller, here: &'static str) -> Self {
        Self {
            here,
            house: is_house(caller),
        }
    }

    /// Address, word, and whether it is this one.
    pub fn all(&self) -> Vec<(String, &'static str, bool)> {
        ALL.iter()
            .filter(|(.., house)| self.house || !house)
            .map(|(path, word, _)| (format!("/admin/{path}"), *word, *path == self.here))
            .collect()
    }
}

/// What is offered only; the routes check it again.
fn is_house(caller: &Caller) -> bool {
    scope_of(&caller.roles, &[Role::Admin]) == Some(Scope::All)
}

pub async fn get(Admin(caller): Admin) -> Redirect {
    Redirect::to(match is_house(&caller) {
        true => "/admin/people",
        false => "/admin/customers",
    })
}

/// Instances that get nothing until an admin has looked: they wait to be confirmed, or are held.
async fn waiting(
    app: &App,
    scope: &Scope,
    customer: Option<&boathook_hooks::ids::CustomerId>,
) -> Answer<Vec<InstanceView>> {
    let mut all = Vec::new();
    for state in ["unconfirmed", "suspended"] {
        let filter = InstanceFilter {
            customer: customer.cloned(),
            state: Some(state.to_owned()),
        };
        let page = app.store.instances(scope, filter, Rows::first(100)).await?;
        all.extend(page.items.into_iter().map(InstanceView::from));
    }
    Ok(all)
}
