//! Roles as fields of a form: one row a role, for no customer, all, or some by their ids.
use std::collections::BTreeSet;

use boathook_hooks::ids::CustomerId;
use boathook_schema::{Customers, Grant, Role};

use crate::{
    errors::{Answer, Problem},
    people::grants,
    ui::forms::Fields,
};

pub struct RoleField {
    pub word: &'static str,
    pub may: &'static str,
    /// Empty, `all` or `only`.
    pub chosen: String,
    /// Ids with commas between.
    pub customers: String,
}

impl RoleField {
    /// The name of the field for its customers.
    pub fn customers_field(&self) -> String {
        customers_field(self.word)
    }
}

fn customers_field(role: &str) -> String {
    format!("{role}_customers")
}

const fn may(role: Role) -> &'static str {
    match role {
        Role::Viewer => "reads the audit",
        Role::Engineer => "drafts, signs, publishes, stops",
        Role::Reviewer => "reads what is asked for, signs or sends back",
        Role::Admin => "instances and join strings; of all customers: people, customers and trust",
    }
}

/// What somebody has. Two grants of one role stand in one row.
pub fn fields(roles: &[Grant]) -> Vec<RoleField> {
    let row = |role: Role| {
        let (mut all, mut only) = (false, BTreeSet::new());
        for grant in roles.iter().filter(|g| g.role == role) {
            match &grant.customers {
                Customers::All => all = true,
                Customers::Only(some) => only.extend(some.iter().map(CustomerId::as_str)),
            }
        }
        let chosen = match (all, only.is_empty()) {
            (true, _) => "all",
            (false, false) => "only",
            (false, true) => "",
        };
        RoleField {
            word: grants::word(role),
            may: may(role),
            chosen: chosen.to_owned(),
            customers: only.into_iter().collect::<Vec<_>>().join(", "),
        }
    };
    grants::ROLES.map(row).into()
}

/// What was typed.
pub fn typed(form: &Fields) -> Vec<RoleField> {
    let row = |role: Role| RoleField {
        word: grants::word(role),
        may: may(role),
        chosen: form.get(grants::word(role)).to_owned(),
        customers: form.get(&customers_field(grants::word(role))).to_owned(),
    };
    grants::ROLES.map(row).into()
}

/// The grants that were typed, or which field is wrong.
pub fn granted(form: &Fields) -> Answer<Vec<Grant>> {
    let mut all = Vec::new();
    for (role, row) in grants::ROLES.into_iter().zip(typed(form)) {
        let customers = match row.chosen.as_str() {
            "all" => Customers::All,
            "only" => {
                let ids = row
                    .customers
                    .split([',', ' '])
                    .filter(|id| !id.is_empty())
                    .map(str::parse);
                let field = customers_field(row.word);
                let ids: BTreeSet<CustomerId> = ids
                    .collect::<Result<_, String>>()
                    .map_err(|e| Problem::field(&field, e, "ids of customers"))?;
                if ids.is_empty() {
                    return Err(Problem::field(
                        &field,
                        format!("{} of which customers?", row.word),
                        "their ids, with commas between",
                    ));
                }
                Customers::Only(ids)
            }
            _ => continue,
        };
        all.push(Grant { role, customers });
    }
    Ok(all)
}
