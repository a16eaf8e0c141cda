//! Whom a hook is for, decided from what an instance says of itself. The server lists by it, the agent checks by it.
use std::fmt;

use crate::{
    documents::{
        hook::{Hook, HookCustomers, OsRelease, ProductRange},
        identity::Facts,
    },
    explain::Message,
    ids::{CustomerId, InstanceId},
    versions::{Range, VersionError},
};

/// Why a hook is not for an instance: the first part of the audience that does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The hook names other customers.
    Customer(CustomerId),
    /// The hook is for those who opted in, and this customer did not.
    NotOptedIn,
    /// The audience is empty.
    Nobody,
    Instance(InstanceId),
    /// None of the products is here.
    NoProduct {
        wanted: Vec<String>,
    },
    /// A product is here, in other versions than those.
    Version {
        product: String,
        found: String,
        wanted: String,
    },
    /// The hook's range or the instance's version cannot be read.
    Unreadable {
        product: String,
        why: VersionError,
    },
    Os {
        wanted: Vec<String>,
        found: String,
    },
    /// A label that is missing (`found` none) or has another value.
    Label {
        name: String,
        wanted: String,
        found: Option<String>,
    },
    /// Matched when reports arrive; until then for nobody.
    Problem,
    Package,
}

impl Mismatch {
    pub fn message(&self) -> Message {
        match self {
            Self::Customer(customer) => {
                Message::new("mismatch.customer").with("customer", customer)
            }
            Self::NotOptedIn => Message::new("mismatch.opted_in"),
            Self::Nobody => Message::new("mismatch.nobody"),
            Self::Instance(instance) => {
                Message::new("mismatch.instance").with("instance", instance)
            }
            Self::NoProduct { wanted } => {
                Message::new("mismatch.product").with("wanted", wanted.join(", "))
            }
            Self::Version {
                product,
                found,
                wanted,
            } => Message::new("mismatch.version")
                .with("product", product)
                .with("found", found)
                .with("wanted", wanted),
            Self::Unreadable { product, why } => Message::new("mismatch.unreadable")
                .with("product", product)
                .with("why", why),
            Self::Os { wanted, found } => Message::new("mismatch.os")
                .with("wanted", wanted.join(", "))
                .with("found", found),
            Self::Label {
                name,
                wanted,
                found: Some(found),
            } => Message::new("mismatch.label")
                .with("name", name)
                .with("wanted", wanted)
                .with("found", found),
            Self::Label {
                name,
                wanted,
                found: None,
            } => Message::new("mismatch.no_label")
                .with("name", name)
                .with("wanted", wanted),
            Self::Problem => Message::new("mismatch.problem"),
            Self::Package => Message::new("mismatch.package"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

impl std::error::Error for Mismatch {}

/// Whether the hook is for this instance of this customer.
pub fn matches(hook: &Hook, instance: &InstanceId, customer: &CustomerId, facts: &Facts) -> bool {
    check(hook, instance, customer, facts).is_ok()
}

/// As [`matches`], with the reason. Every part of the audience that is given must match, and a list matches when one
/// of it does.
pub fn check(
    hook: &Hook,
    instance: &InstanceId,
    customer: &CustomerId,
    facts: &Facts,
) -> Result<(), Mismatch> {
    match &hook.customers {
        HookCustomers::Only(list) if !list.contains(customer) => {
            return Err(Mismatch::Customer(customer.clone()));
        }
        HookCustomers::OptedIn if !facts.opted_in => return Err(Mismatch::NotOptedIn),
        HookCustomers::Only(_) | HookCustomers::OptedIn => {}
    }
    let audience = &hook.audience;
    let is_empty = audience.instances.is_empty()
        && audience.products.is_empty()
        && audience.os.is_empty()
        && audience.labels.is_empty()
        && audience.problem.is_none()
        && audience.package.is_none();
    if is_empty && !audience.everyone {
        return Err(Mismatch::Nobody);
    }
    if !audience.instances.is_empty() && !audience.instances.contains(instance) {
        return Err(Mismatch::Instance(instance.clone()));
    }
    products(&audience.products, facts)?;
    os(&audience.os, facts)?;
    for (name, wanted) in &audience.labels {
        let found = facts.labels.get(name);
        if found != Some(wanted) {
            return Err(Mismatch::Label {
                name: name.clone(),
                wanted: wanted.clone(),
                found: found.cloned(),
            });
        }
    }
    if audience.problem.is_some() {
        return Err(Mismatch::Problem);
    }
    if audience.package.is_some() {
        return Err(Mismatch::Package);
    }
    Ok(())
}

/// One wanted product in one of its versions is enough; otherwise the first reason that says most.
fn products(wanted: &[ProductRange], facts: &Facts) -> Result<(), Mismatch> {
    let mut why = Mismatch::NoProduct {
        wanted: wanted.iter().map(|p| p.name.clone()).collect(),
    };
    let mut matched = wanted.is_empty();
    for product in wanted {
        for mine in facts
            .products
            .iter()
            .filter(|mine| mine.name == product.name)
        {
            let range = Range::parse(product.scheme, product.versions.as_deref());
            let reason = match range.and_then(|range| range.contains(&mine.version)) {
                Ok(true) => {
                    matched = true;
                    continue;
                }
                Ok(false) => Mismatch::Version {
                    product: product.name.clone(),
                    found: mine.version.clone(),
                    wanted: product.versions.clone().unwrap_or_default(),
                },
                Err(why) => Mismatch::Unreadable {
                    product: product.name.clone(),
                    why,
                },
            };
            if matches!(why, Mismatch::NoProduct { .. }) {
                why = reason;
            }
        }
    }
    if matched { Ok(()) } else { Err(why) }
}

/// `9` matches release `9` and `9.3`, never `90`.
fn os(wanted: &[OsRelease], facts: &Facts) -> Result<(), Mismatch> {
    let release_matches = |release: &str| {
        let rest = facts.os_release.strip_prefix(release);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let one_matches =
        |os: &OsRelease| os.id == facts.os && os.release.as_deref().is_none_or(release_matches);
    if wanted.is_empty() || wanted.iter().any(one_matches) {
        return Ok(());
    }
    let say = |id: &str, release: &str| format!("{id} {release}").trim_end().to_owned();
    Err(Mismatch::Os {
        wanted: wanted
            .iter()
            .map(|os| say(&os.id, os.release.as_deref().unwrap_or_default()))
            .collect(),
        found: say(&facts.os, &facts.os_release),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        documents::{
            hook::{Audience, VersionScheme},
            identity::ProductFact,
        },
        time::Time,
        verify::sample::Sample,
    };

    fn facts() -> Facts {
        Facts {
            products: vec![
                ProductFact {
                    name: "mattermost".into(),
                    version: "9.5.1".into(),
                },
                ProductFact {
                    name: "postgresql".into(),
                    version: "15.4-0+deb12u1".into(),
                },
            ],
            os: "debian".into(),
            os_release: "12.5".into(),
            labels: [("env".to_owned(), "prod".to_owned())].into(),
            ..Facts::default()
        }
    }

    fn asked(audience: Audience) -> Result<(), Mismatch> {
        let hook = Hook {
            audience,
            ..Sample::new(Time::from_ms(0)).hook()
        };
        check(
            &hook,
            &"app-01".parse().unwrap(),
            &"acme".parse().unwrap(),
            &facts(),
        )
    }

    fn product(name: &str, versions: Option<&str>, scheme: VersionScheme) -> Audience {
        let product = ProductRange {
            name: name.into(),
            versions: versions.map(str::to_owned),
            scheme,
        };
        Audience {
            products: vec![product],
            ..Audience::default()
        }
    }

    #[test]
    fn an_empty_audience_is_nobody_and_everyone_is_everyone() {
        assert_eq!(asked(Audience::default()), Err(Mismatch::Nobody));
        assert_eq!(
            asked(Audience {
                everyone: true,
                ..Audience::default()
            }),
            Ok(())
        );
    }

    #[test]
    fn another_customer_is_never_in_the_audience() {
        let mut hook = Sample::new(Time::from_ms(0)).hook();
        let instance = "app-01".parse().unwrap();
        let other = "globex".parse().unwrap();
        assert_eq!(
            check(&hook, &instance, &other, &facts()),
            Err(Mismatch::Customer(other.clone()))
        );
        hook.customers = HookCustomers::OptedIn;
        assert_eq!(
            check(&hook, &instance, &other, &facts()),
            Err(Mismatch::NotOptedIn)
        );
        assert_eq!(
            check(
                &hook,
                &instance,
                &other,
                &Facts {
                    opted_in: true,
                    ..facts()
                }
            ),
            Ok(())
        );
    }

    #[test]
    fn instances_are_named_one_by_one() {
        let named = |id: &str| Audience {
            instances: vec![id.parse().unwrap()],
            ..Audience::default()
        };
        assert_eq!(asked(named("app-01")), Ok(()));
        assert_eq!(
            asked(named("app-02")),
            Err(Mismatch::Instance("app-01".parse().unwrap()))
        );
    }

    #[test]
    fn products_match_by_name_and_version_range() {
        use VersionScheme::{Debian, Semver};
        assert_eq!(
            asked(product("mattermost", Some(">=9.5, <10"), Semver)),
            Ok(())
        );
        assert_eq!(asked(product("mattermost", None, Semver)), Ok(()));
        assert_eq!(
            asked(product("postgresql", Some(">= 15.4-0, << 16~"), Debian)),
            Ok(())
        );
        assert!(matches!(
            asked(product("mattermost", Some("<9"), Semver)),
            Err(Mismatch::Version { .. })
        ));
        assert!(matches!(
            asked(product("gitlab", None, Semver)),
            Err(Mismatch::NoProduct { .. })
        ));
        assert!(matches!(
            asked(product("mattermost", Some("nine"), Semver)),
            Err(Mismatch::Unreadable { .. })
        ));
    }

    #[test]
    fn one_product_of_several_is_enough() {
        let mut audience = product("mattermost", Some("<9"), VersionScheme::Semver);
        audience
            .products
            .extend(product("postgresql", None, VersionScheme::Debian).products);
        assert_eq!(asked(audience), Ok(()));
    }

    #[test]
    fn an_os_release_matches_whole_parts() {
        let os = |id: &str, release: Option<&str>| Audience {
            os: vec![OsRelease {
                id: id.into(),
                release: release.map(str::to_owned),
            }],
            ..Audience::default()
        };
        assert_eq!(asked(os("debian", None)), Ok(()));
        assert_eq!(asked(os("debian", Some("12"))), Ok(()));
        assert_eq!(asked(os("debian", Some("12.5"))), Ok(()));
        assert!(asked(os("debian", Some("1"))).is_err());
        assert!(asked(os("ubuntu", None)).is_err());
    }

    #[test]
    fn every_label_must_have_its_value() {
        let labels = |pairs: &[(&str, &str)]| Audience {
            labels: pairs
                .iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect(),
            ..Audience::default()
        };
        assert_eq!(asked(labels(&[("env", "prod")])), Ok(()));
        assert!(asked(labels(&[("env", "test")])).is_err());
        assert!(asked(labels(&[("env", "prod"), ("site", "berlin")])).is_err());
    }

    #[test]
    fn every_part_that_is_given_must_match() {
        let both = Audience {
            everyone: true,
            os: vec![OsRelease {
                id: "ubuntu".into(),
                release: None,
            }],
            ..Audience::default()
        };
        assert!(asked(both).is_err());
    }

    #[test]
    fn problems_and_packages_match_nobody_until_reports_arrive() {
        assert_eq!(
            asked(Audience {
                problem: Some("p".into()),
                ..Audience::default()
            }),
            Err(Mismatch::Problem)
        );
        assert_eq!(
            asked(Audience {
                package: Some("p".into()),
                ..Audience::default()
            }),
            Err(Mismatch::Package)
        );
    }

    #[test]
    fn a_mismatch_says_what_was_wanted_and_found_without_control_characters() {
        let error = asked(product(
            "mattermost\x1b[2J",
            Some("<9"),
            VersionScheme::Semver,
        ))
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "none of its products is here: mattermost\\u{1b}[2J"
        );
        let error = asked(product("mattermost", Some("<9"), VersionScheme::Semver)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "mattermost is here in version 9.5.1, and the hook is for <9"
        );
    }
}
