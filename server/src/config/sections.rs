//! The config file's sections, each with its defaults. `boathook-server.toml` tells what every key means.
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use boathook_hooks::{time::SECOND, waves::Rules};
use serde::{Deserialize, Deserializer, Serialize};

use crate::people::grants;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
    pub self_signed: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ops {
    #[serde(deserialize_with = "address_or_off")]
    pub listen: Option<SocketAddr>,
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 9443))),
        }
    }
}

fn address_or_off<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        serde::de::Error::custom(format!(
            "expected an address such as 127.0.0.1:9443, found {text:?}"
        ))
    })
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub body_bytes: usize,
    pub request_seconds: u64,
    pub drain_seconds: u64,
    pub drain_poll_seconds: u64,
    pub sign_in_per_minute: u32,
    pub sign_in_burst: u32,
    pub enroll_per_minute: u32,
    pub enroll_burst: u32,
    pub session_per_minute: u32,
    pub session_burst: u32,
    pub upload_memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            request_seconds: 30,
            drain_seconds: 30,
            drain_poll_seconds: 60,
            sign_in_per_minute: 10,
            sign_in_burst: 10,
            enroll_per_minute: 60,
            enroll_burst: 60,
            session_per_minute: 600,
            session_burst: 1_200,
            upload_memory_bytes: 128 << 20,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agents {
    pub bearer_seconds: u64,
    pub list_seconds: u64,
    pub lease_seconds: u64,
    pub hold_seconds: u32,
    pub long_polls: usize,
    pub every_seconds: u32,
    pub control_ms: u64,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            bearer_seconds: 3_600,
            list_seconds: 7_200,
            lease_seconds: 120,
            hold_seconds: 300,
            long_polls: 20_000,
            every_seconds: 60,
            control_ms: 250,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waves {
    pub first_times: u32,
    pub first_least: u64,
    pub widen_times: u32,
    pub pause_seconds: u32,
    pub look_seconds: u32,
}

impl Default for Waves {
    fn default() -> Self {
        Self {
            first_times: 4,
            first_least: 40,
            widen_times: 2,
            pause_seconds: 90,
            look_seconds: 20,
        }
    }
}

impl Waves {
    pub fn rules(&self) -> Rules {
        Rules {
            first_times: self.first_times,
            first_least: self.first_least,
            widen_times: self.widen_times,
            pause_ms: i64::from(self.pause_seconds) * SECOND,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct People {
    pub sign_in_hours: u64,
}

impl Default for People {
    fn default() -> Self {
        Self { sign_in_hours: 12 }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// Empty: nobody signs in at a provider.
    pub issuer: String,
    pub client_id: String,
    pub client_secret_file: PathBuf,
    pub ca: PathBuf,
    pub scopes: Vec<String>,
    pub person_claim: String,
    pub name_claim: String,
    pub roles_claim: String,
    pub button: String,
    /// What is in the roles' claim → roles, as `user add --role` takes them.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            ca: PathBuf::new(),
            scopes: vec!["openid".into(), "profile".into()],
            person_claim: "preferred_username".into(),
            name_claim: "name".into(),
            roles_claim: "groups".into(),
            button: "Sign in with your organisation".into(),
            roles: BTreeMap::new(),
        }
    }
}

impl Oidc {
    /// Key, what was found and what was expected of the first fault.
    pub fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let wrong = self
            .roles
            .values()
            .flatten()
            .find(|r| grants::parse(r).is_err());
        if let Some(role) = wrong {
            let expected =
                "ROLE or ROLE:CUSTOMER,CUSTOMER with viewer, engineer, reviewer or admin";
            return Some(("oidc.roles", role.clone(), expected));
        }
        if self.issuer.is_empty() {
            return None;
        }
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let is_local = local.iter().any(|at| {
            let rest = self.issuer.strip_prefix(at);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
        if !self.issuer.starts_with("https://") && !is_local {
            let expected = "https://…, as the provider's discovery document names itself";
            return Some(("oidc.issuer", self.issuer.clone(), expected));
        }
        let named = [
            ("oidc.client_id", &self.client_id),
            ("oidc.person_claim", &self.person_claim),
            ("oidc.roles_claim", &self.roles_claim),
            ("oidc.button", &self.button),
        ];
        let (key, found) = named.into_iter().find(|(_, text)| text.trim().is_empty())?;
        Some((key, found.clone(), "some text"))
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}
