//! From what a provider says of somebody to a person with roles.
use std::collections::BTreeSet;

use boathook_hooks::ids::{Digest, PersonId};
use boathook_schema::{Grant, Origin};
use serde_json::{Map, Value};

use super::refusal;
use crate::{config::Oidc, errors::Answer, people::grants};

/// Of the names under which outside people are reserved.
pub const KIND: &str = "outside_person";

/// The name that is bound to the person: it says nothing of them by itself.
pub fn reserved_as(origin: &Origin) -> String {
    let length = origin.issuer.len();
    let whole = format!("{length}/{}/{}", origin.issuer, origin.subject);
    Digest::of(whole.as_bytes()).to_string()
}

#[derive(Debug)]
pub struct Described {
    pub subject: String,
    /// As the provider calls them, such as `Ada.Lovelace` or `ada@example.com`.
    pub called: String,
    pub name: String,
    /// What the settings give for the groups that they are in.
    pub roles: Vec<Grant>,
}

impl Described {
    /// The id of a new person.
    pub fn id(&self) -> Answer<PersonId> {
        let local = self.called.split('@').next().unwrap_or_default();
        local.to_lowercase().parse().map_err(|_| {
            refusal(
                "oidc_name",
                format!(
                    "the provider calls you {:?}, and that cannot be a name here",
                    self.called
                ),
            )
        })
    }
}

/// The claim of that name, or of that path with dots between: `realm_access.roles`.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

pub fn describe(settings: &Oidc, claims: &Map<String, Value>) -> Answer<Described> {
    let text = |name: &str| claim(claims, name).and_then(Value::as_str);
    let missing = |name: &str| {
        refusal(
            "oidc_claim",
            format!("the provider does not say {name:?} of you"),
        )
    };
    let subject = text("sub").filter(|s| !s.is_empty());
    let called = text(&settings.person_claim).filter(|s| !s.is_empty());
    let called = called.ok_or_else(|| missing(&settings.person_claim))?;
    let called: String = called.chars().take(200).collect();
    let name: String = text(&settings.name_claim)
        .unwrap_or(&called)
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    let groups: Vec<&str> = match claim(claims, &settings.roles_claim) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    };
    let given = groups.iter().filter_map(|group| settings.roles.get(*group));
    let roles: BTreeSet<Grant> = given
        .flatten()
        // The settings were checked as they were read.
        .filter_map(|text| grants::parse(text).ok())
        .collect();
    Ok(Described {
        subject: subject.ok_or_else(|| missing("sub"))?.to_owned(),
        name: match name.trim() {
            "" => called.clone(),
            name => name.to_owned(),
        },
        called,
        roles: roles.into_iter().collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Oidc {
        let roles = [
            ("support", vec!["engineer:acme", "viewer"]),
            ("leads", vec!["viewer", "reviewer:acme"]),
        ];
        Oidc {
            roles: roles
                .map(|(group, all)| {
                    (
                        group.to_owned(),
                        all.into_iter().map(String::from).collect(),
                    )
                })
                .into(),
            ..Oidc::default()
        }
    }

    fn described(mut settings: Oidc, claim: &str, claims: Value) -> Described {
        settings.roles_claim = claim.to_owned();
        describe(&settings, claims.as_object().unwrap()).unwrap()
    }

    #[test]
    fn groups_give_roles_once_each_and_unknown_ones_none() {
        let base = json!({"sub": "1", "preferred_username": "Ada.L@example.com"});
        let with = |name: &str, value: Value| {
            let mut claims = base.clone();
            claims[name] = value;
            claims
        };
        let words = |d: &Described| grants::all_words(&d.roles);
        let d = described(
            settings(),
            "groups",
            with("groups", json!(["support", "leads", "x", 5])),
        );
        assert_eq!(words(&d), "viewer engineer:acme reviewer:acme");
        assert_eq!(
            (d.id().unwrap().as_str(), d.name.as_str()),
            ("ada.l", "Ada.L@example.com")
        );
        let nested = with("realm_access", json!({"roles": ["leads"]}));
        let d = described(settings(), "realm_access.roles", nested);
        assert_eq!(words(&d), "viewer reviewer:acme");
        // A name with dots is a name first: some providers' claims are addresses.
        let named = with("https://acme.example/roles", json!("leads"));
        let d = described(settings(), "https://acme.example/roles", named);
        assert_eq!(words(&d), "viewer reviewer:acme");
        for none in [json!(null), json!({"support": true}), json!(["admin"])] {
            let d = described(settings(), "groups", with("groups", none));
            assert!(d.roles.is_empty());
        }
    }

    #[test]
    fn whoever_has_no_name_that_can_be_an_id_is_refused() {
        let claims = json!({"sub": "1", "preferred_username": "ÄDA <b>"});
        let d = described(settings(), "groups", claims);
        assert_eq!(d.id().unwrap_err().code, "oidc_name");
        for missing in [json!({"sub": "1"}), json!({"preferred_username": "ada"})] {
            let problem = describe(&settings(), missing.as_object().unwrap()).unwrap_err();
            assert_eq!(problem.code, "oidc_claim");
        }
    }

    #[test]
    fn issuer_and_subject_cannot_be_shifted_into_each_other() {
        let origin = |issuer: &str, subject: &str| Origin {
            issuer: issuer.into(),
            subject: subject.into(),
        };
        let (a, b) = (origin("https://a/b", "c"), origin("https://a", "b/c"));
        assert_ne!(reserved_as(&a), reserved_as(&b));
    }
}
