//! Roles in words: `engineer` or `engineer:acme,bolt`, on the command line, in the settings and on pages.
use boathook_schema::{Customers, Grant, Role};

pub const ROLES: [Role; 4] = [Role::Viewer, Role::Engineer, Role::Reviewer, Role::Admin];

pub const fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Engineer => "engineer",
        Role::Reviewer => "reviewer",
        Role::Admin => "admin",
    }
}

/// `engineer` or `engineer:acme,bolt`.
pub fn parse(text: &str) -> Result<Grant, String> {
    let (role, customers) = match text.split_once(':') {
        Some((role, list)) => {
            let ids = list
                .split(',')
                .map(str::parse)
                .collect::<Result<_, String>>()?;
            (role, Customers::Only(ids))
        }
        None => (text, Customers::All),
    };
    let role = ROLES.into_iter().find(|r| word(*r) == role);
    let role = role
        .ok_or_else(|| format!("expected viewer, engineer, reviewer or admin, found {text:?}"))?;
    Ok(Grant { role, customers })
}

pub fn words(grant: &Grant) -> String {
    let role = word(grant.role);
    match &grant.customers {
        Customers::All => role.to_owned(),
        Customers::Only(set) => {
            let ids: Vec<&str> = set.iter().map(|c| c.as_str()).collect();
            format!("{role}:{}", ids.join(","))
        }
    }
}

pub fn all_words(roles: &[Grant]) -> String {
    roles.iter().map(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_role_for_some_customers_reads_back() {
        for text in ["admin", "engineer:acme,bolt"] {
            assert_eq!(all_words(&[parse(text).unwrap()]), text);
        }
        assert!(parse("king").is_err() && parse("viewer:").is_err());
    }
}
