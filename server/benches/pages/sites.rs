//! Customers and their instances: three have many, whom the hooks are for, the others a few.
use anyhow::Result;
use boathook_hooks::{
    documents::identity::{Facts, ProductFact},
    ids::{CustomerId, InstanceId},
    keys::SecretKey,
};
use boathook_schema::{NewInstance, Scope};

use crate::house::House;

pub const CUSTOMERS: u32 = 20;
/// The customers that somebody who does not work for all of them works for.
pub const NAMED: u32 = 6;
/// Those with many instances.
pub const LARGE: u32 = 3;
/// Instances of each of the others.
const FEW: u32 = 4;

const NAMES: [&str; CUSTOMERS as usize] = [
    "acme",
    "globex",
    "initech",
    "umbrella",
    "hooli",
    "stark",
    "wayne",
    "cyberdyne",
    "tyrell",
    "soylent",
    "gringotts",
    "oscorp",
    "vandelay",
    "dunder",
    "pied-piper",
    "wonka",
    "duff",
    "nakatomi",
    "monarch",
    "virtucon",
];

pub fn customer(n: u32) -> Result<CustomerId> {
    let name = NAMES[n as usize % NAMES.len()];
    name.parse().map_err(anyhow::Error::msg)
}

pub fn instance(customer: u32, n: u32) -> Result<InstanceId> {
    let id = format!("i-{customer:02}-{n:06}");
    id.parse().map_err(anyhow::Error::msg)
}

/// Every instance signs with this one.
pub fn instance_key() -> SecretKey {
    SecretKey::from_seed(&[99; 32])
}

fn facts(customer: u32, n: u32) -> Facts {
    let product = |name: &str, version: String| ProductFact {
        name: name.to_owned(),
        version,
    };
    Facts {
        name: format!("app-{n:03}"),
        products: vec![
            product("shop", format!("5.{}", 30 + n % 9)),
            product("ldap", "2.6".to_owned()),
        ],
        os: "debian".into(),
        os_release: "12".into(),
        arch: "x86_64".into(),
        agent_version: "0.1.0".into(),
        labels: [
            (
                "role".to_owned(),
                ["web", "db", "queue"][n as usize % 3].to_owned(),
            ),
            ("site".to_owned(), format!("dc-{customer}")),
        ]
        .into(),
        opted_in: false,
    }
}

/// All instances, if the large customers have `many` each.
pub fn count(many: u32) -> u32 {
    LARGE * many + (CUSTOMERS - LARGE) * FEW
}

/// Customers with their instances; `many` for each of the large ones.
pub async fn put(house: &House, many: u32) -> Result<()> {
    let (store, all) = (&house.app.store, &Scope::System);
    for c in 0..CUSTOMERS {
        let id = customer(c)?;
        let name = format!("{} GmbH", NAMES[c as usize]);
        let made = store.put_customer(all, house.write(), id.clone(), name);
        made.await?.done()?;
        let own = (0..if c < LARGE { many } else { FEW }).map(|n| async move {
            let new = NewInstance {
                id: instance(c, n)?,
                customer: customer(c)?,
                key: instance_key().public(),
                facts: facts(c, n),
                confirm: false,
            };
            let put = store.put_instance(all, house.write(), new);
            put.await?.done()?;
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(own).await?;
    }
    Ok(())
}
