//! The address of a cluster: `cql://HOST[:PORT][,HOST…]/KEYSPACE?OPTION=…`.
//!
//! Options: `user` and `password_file` (a file with the password: no secret stands in an address), `tls=on` and `ca`
//! (a PEM file with the cluster's authority), `datacenter` (all servers and the replicas that are waited for
//! are there), `replicas` (copies of each row, 3 by default; used when the keyspace is made), `objects_dir` (packet
//! objects in a directory of this machine, for one server alone; several need an object store), `prefix` (in front of
//! every key: several installations in one keyspace, none of them without one).
use std::path::PathBuf;

use url::Url;

use crate::StoreError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) nodes: Vec<String>,
    pub(crate) keyspace: String,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) tls: bool,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) datacenter: Option<String>,
    pub(crate) replicas: u8,
    pub(crate) objects_dir: Option<PathBuf>,
    pub(crate) prefix: String,
}

const PORT: u16 = 9042;
/// Letters, digits and underscores: what CQL takes without quotes.
const LONGEST_KEYSPACE: usize = 48;

fn refuse(url: &str, why: &str) -> StoreError {
    // What stands before an @ would be a secret, were it understood.
    let shown = match url.rsplit_once('@') {
        Some((_, rest)) => format!("cql://…@{rest}"),
        None => url.to_owned(),
    };
    StoreError::Address {
        url: format!("{shown} ({why})"),
    }
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| refuse(url, why);
        let rest = url
            .strip_prefix("cql://")
            .ok_or_else(|| refuse("expected cql://HOST[:PORT][,HOST…]/KEYSPACE"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, keyspace) = path
            .split_once('/')
            .ok_or_else(|| refuse("the keyspace is missing: expected cql://HOST/KEYSPACE"))?;
        if hosts.contains('@') {
            return Err(refuse(
                "use ?user=…&password_file=… rather than USER:PASSWORD@",
            ));
        }
        let nodes: Vec<String> = hosts
            .split(',')
            .filter(|h| !h.is_empty())
            .map(|h| {
                if h.contains(':') {
                    h.to_owned()
                } else {
                    format!("{h}:{PORT}")
                }
            })
            .collect();
        if nodes.is_empty() {
            return Err(refuse("no host is named"));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if keyspace.is_empty()
            || keyspace.len() > LONGEST_KEYSPACE
            || !keyspace.chars().all(plain)
            || !keyspace.starts_with(|c: char| c.is_ascii_lowercase())
        {
            return Err(refuse(
                "a keyspace is a lower-case letter, then letters, digits and underscores, 48 at most",
            ));
        }
        let mut address = Self {
            nodes,
            keyspace: keyspace.to_owned(),
            user: None,
            password_file: None,
            tls: false,
            ca: None,
            datacenter: None,
            replicas: 3,
            objects_dir: None,
            prefix: String::new(),
        };
        let options =
            Url::parse(&format!("cql://x/?{query}")).map_err(|_| refuse("its options"))?;
        for (name, value) in options.query_pairs() {
            let value = value.into_owned();
            match name.as_ref() {
                "user" => address.user = Some(value),
                "password_file" => address.password_file = Some(value.into()),
                "objects_dir" => address.objects_dir = Some(value.into()),
                "ca" => address.ca = Some(value.into()),
                "datacenter" => address.datacenter = Some(value),
                "prefix" => {
                    if value.is_empty() || value.len() > 32 || !value.chars().all(plain) {
                        return Err(refuse(
                            "a prefix is 1 to 32 lower-case letters, digits and underscores",
                        ));
                    }
                    address.prefix = format!("{value}:");
                }
                "tls" => {
                    address.tls = match value.as_str() {
                        "on" => true,
                        "off" => false,
                        _ => return Err(refuse("tls is on or off")),
                    }
                }
                "replicas" => {
                    address.replicas = value
                        .parse()
                        .ok()
                        .filter(|n| (1..=9).contains(n))
                        .ok_or_else(|| refuse("replicas is 1 to 9"))?;
                }
                other => return Err(refuse(&format!("the option {other} is not known"))),
            }
        }
        if address.user.is_some() != address.password_file.is_some() {
            return Err(refuse("user and password_file go together"));
        }
        if address.ca.is_some() != address.tls {
            return Err(refuse(
                "tls=on and ca=FILE, the cluster's authority, go together",
            ));
        }
        Ok(address)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_keyspace_and_options_are_read() {
        let address = Address::parse(
            "cql://a,b:9043/boathook?user=u&password_file=/p&tls=on&ca=/ca.pem&datacenter=dc1&replicas=5",
        )
        .unwrap();
        assert_eq!(address.nodes, ["a:9042", "b:9043"]);
        assert_eq!(address.keyspace, "boathook");
        assert_eq!((address.replicas, address.tls), (5, true));
        assert_eq!(address.datacenter.as_deref(), Some("dc1"));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_shown() {
        for (url, why) in [
            ("cql://a", "keyspace is missing"),
            ("cql:///k", "no host"),
            ("cql://a/K", "lower-case"),
            ("cql://a/k?x=1", "option x"),
            ("cql://a/k?tls=yes", "on or off"),
            ("cql://a/k?user=u", "go together"),
            ("cql://a/k?ca=/x", "tls=on and ca"),
            ("cql://a/k?tls=on", "tls=on and ca"),
            ("cql://a/k?replicas=0", "1 to 9"),
            ("cql://u:secret@a/k", "password_file"),
        ] {
            let words = Address::parse(url).unwrap_err().to_string();
            assert!(words.contains(why) && !words.contains("secret"), "{words}");
        }
    }
}
