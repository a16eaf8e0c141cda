//! Where a server may be: this machine's loopback, a socket of the system's, or what the policy opens. What a name
//! resolves to is checked, and that very address is used.
use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use boathook_hooks::collectors::postgres::{Params, is_loopback};

use super::socket::socket;
use crate::{
    child::out::{Stop, plain},
    policy::grants::Grants,
};

/// An address that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Socket {
        path: PathBuf,
        /// Who made it, and so who must answer.
        owner: u32,
    },
    /// Those of one name, in order.
    Tcp(Vec<SocketAddr>),
}

impl Place {
    pub fn words(&self) -> String {
        match self {
            Self::Socket { path, .. } => path.display().to_string(),
            Self::Tcp(addresses) => addresses
                .iter()
                .map(SocketAddr::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }
}

pub fn place(params: &Params, grants: &Grants) -> Result<Place, Stop> {
    match &params.socket_dir {
        Some(dir) => socket(dir, params.port, grants),
        None => tcp(&params.host, params.port, grants, resolve),
    }
}

fn tcp(
    host: &str,
    port: u16,
    grants: &Grants,
    resolve: impl FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
) -> Result<Place, Stop> {
    let local = is_loopback(host);
    if !local && !grants.hosts.iter().any(|granted| granted == host) {
        return Err(Stop::DeniedByPolicy(format!(
            "the policy does not allow the host {host}"
        )));
    }
    let found = resolve(host, port)
        .map_err(|error| Stop::Failed(format!("the name {host}: {}", plain(&error))))?;
    let good: Vec<SocketAddr> = found.into_iter().filter(|a| suits(a.ip(), local)).collect();
    if good.is_empty() {
        let why = if local {
            "another machine"
        } else {
            "an address that is never contacted"
        };
        return Err(Stop::DeniedByPolicy(format!(
            "the name {host} leads to {why}"
        )));
    }
    if !local && good.iter().any(|a| !a.ip().to_canonical().is_loopback()) {
        return Err(Stop::Unsupported(
            "a server on another machine would be asked without encryption".into(),
        ));
    }
    Ok(Place::Tcp(good))
}

fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

/// Whether a name may lead there: a local one to loopback only, and none to link-local addresses, where clouds keep
/// their credentials.
fn suits(ip: IpAddr, local: bool) -> bool {
    let ip = ip.to_canonical();
    if local {
        return ip.is_loopback();
    }
    match ip {
        IpAddr::V4(v4) => {
            !(v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => !(v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 5432)
    }

    fn try_tcp(host: &str, hosts: &[&str], leads_to: &[&str]) -> Result<Place, Stop> {
        let grants = Grants {
            hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
            ..Grants::default()
        };
        tcp(host, 5432, &grants, |_, _| {
            Ok(leads_to.iter().map(|ip| at(ip)).collect())
        })
    }

    #[test]
    fn loopback_needs_no_grant() {
        assert_eq!(
            try_tcp("127.0.0.1", &[], &["127.0.0.1"]).unwrap(),
            Place::Tcp(vec![at("127.0.0.1")])
        );
        assert_eq!(
            try_tcp("localhost", &[], &["::1", "127.0.0.1"])
                .unwrap()
                .words(),
            "[::1]:5432 or 127.0.0.1:5432"
        );
    }

    #[test]
    fn localhost_that_leads_elsewhere_is_refused() {
        assert!(matches!(
            try_tcp("localhost", &[], &["10.0.0.1"]),
            Err(Stop::DeniedByPolicy(_))
        ));
        assert_eq!(
            try_tcp("localhost", &[], &["10.0.0.1", "127.0.0.1"]).unwrap(),
            Place::Tcp(vec![at("127.0.0.1")]),
            "only what is local is tried"
        );
    }

    #[test]
    fn another_host_needs_the_policys_grant() {
        assert!(matches!(
            try_tcp("db.example", &[], &["127.0.0.1"]),
            Err(Stop::DeniedByPolicy(_))
        ));
        assert!(try_tcp("db.example", &["db.example"], &["127.0.0.1"]).is_ok());
    }

    #[test]
    fn link_local_addresses_are_never_contacted() {
        for ip in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "::",
        ] {
            assert!(
                matches!(
                    try_tcp("db.example", &["db.example"], &[ip]),
                    Err(Stop::DeniedByPolicy(_))
                ),
                "{ip}"
            );
        }
    }

    #[test]
    fn nothing_is_asked_without_encryption_beyond_this_machine() {
        assert!(matches!(
            try_tcp("db.example", &["db.example"], &["192.0.2.1"]),
            Err(Stop::Unsupported(_))
        ));
    }
}
