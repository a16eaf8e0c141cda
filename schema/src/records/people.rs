//! People, their roles, sign-ins and API tokens.
use std::collections::BTreeSet;

use boathook_hooks::{
    ids::{CustomerId, Digest, PersonId},
    time::Time,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::scope::Scope;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    /// Argon2 in PHC form; none cannot sign in with a password.
    pub password: Option<String>,
    pub roles: Vec<Grant>,
    /// Who vouches for them, when that is not us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    pub created_at: Time,
    pub version: u64,
}

/// A person as a provider of OpenID Connect names them: for ever this one, whatever their name becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub issuer: String,
    pub subject: String,
}

/// A person as their provider describes them at a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsidePerson {
    pub id: PersonId,
    pub name: String,
    pub roles: Vec<Grant>,
    pub origin: Origin,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({}, {:?}, password hidden)", self.id, self.roles)
    }
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutPerson {
    pub id: PersonId,
    pub name: String,
    /// None leaves what is there.
    pub password: Option<String>,
    pub roles: Vec<Grant>,
}

impl std::fmt::Debug for PutPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PutPerson({}, {:?}, password hidden)",
            self.id, self.roles
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Engineer,
    Reviewer,
    Admin,
}

/// One role for some customers or all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    pub role: Role,
    pub customers: Customers,
}

/// `"all"` or a list of ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Customers {
    All,
    Only(BTreeSet<CustomerId>),
}

impl Serialize for Customers {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => s.serialize_str("all"),
            Self::Only(set) => s.collect_seq(set),
        }
    }
}

impl<'de> Deserialize<'de> for Customers {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> de::Visitor<'de> for Words {
            type Value = Customers;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"all\" or a list of customers")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Customers, E> {
                match text {
                    "all" => Ok(Customers::All),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Customers, A::Error> {
                let mut set = BTreeSet::new();
                while let Some(id) = seq.next_element()? {
                    set.insert(id);
                }
                Ok(Customers::Only(set))
            }
        }
        d.deserialize_any(Words)
    }
}

/// The customers for which `roles` hold one of `wanted`; none when there is no such customer.
pub fn scope_of(roles: &[Grant], wanted: &[Role]) -> Option<Scope> {
    let mut only = BTreeSet::new();
    for grant in roles.iter().filter(|g| wanted.contains(&g.role)) {
        match &grant.customers {
            Customers::All => return Some(Scope::All),
            Customers::Only(set) => only.extend(set.iter().cloned()),
        }
    }
    (!only.is_empty()).then_some(Scope::Only(only))
}

/// A person's sign-in. Only the hash of its secret is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    pub hash: Digest,
    pub person: PersonId,
    /// Such as the browser or machine.
    pub label: String,
    #[serde(default)]
    pub how: How,
    pub opened_at: Time,
    pub expires_at: Time,
}

/// By what a person showed who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    #[default]
    Password,
    /// The link that made the first admin.
    SetUp,
    /// A provider of OpenID Connect.
    Provider,
}

impl How {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SetUp => "set_up",
            Self::Provider => "provider",
        }
    }
}

/// The link that makes the first admin. Only its secret's hash is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUp {
    pub hash: Digest,
    pub expires_at: Time,
    /// It counts although there is an admin of all customers already.
    pub forced: bool,
    pub used_at: Option<Time>,
}

/// A token for programs. Its roles count only as far as its person still has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    pub hash: Digest,
    pub person: PersonId,
    pub label: String,
    pub roles: Vec<Grant>,
    pub created_at: Time,
    pub expires_at: Time,
}

/// Whose secret that was, alive at the time that was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    SignIn { person: Person, sign_in: SignIn },
    Token { person: Person, token: ApiToken },
}

impl Who {
    pub fn person(&self) -> &Person {
        match self {
            Self::SignIn { person, .. } | Self::Token { person, .. } => person,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn roles_for_some_customers_read_back_from_json_and_bson() {
        for customers in [
            Customers::All,
            Customers::Only(["acme".parse().unwrap()].into()),
        ] {
            let grant = Grant {
                role: Role::Reviewer,
                customers,
            };
            let json = serde_json::to_string(&grant).unwrap();
            assert_eq!(serde_json::from_str::<Grant>(&json).unwrap(), grant);
            let bytes = bson::serialize_to_vec(&grant).unwrap();
            assert_eq!(
                bson::deserialize_from_slice::<Grant>(&bytes).unwrap(),
                grant
            );
        }
    }

    #[test]
    fn a_scope_unites_the_customers_of_the_wanted_roles() {
        let grant = |role, customer: &str| Grant {
            role,
            customers: Customers::Only([customer.parse().unwrap()].into()),
        };
        let roles = [
            grant(Role::Viewer, "acme"),
            grant(Role::Engineer, "bolt"),
            grant(Role::Admin, "crux"),
        ];
        assert_eq!(
            scope_of(&roles, &[Role::Engineer, Role::Admin]),
            Some(Scope::Only(
                ["bolt".parse().unwrap(), "crux".parse().unwrap()].into()
            ))
        );
        assert_eq!(scope_of(&roles, &[Role::Reviewer]), None);
    }
}
