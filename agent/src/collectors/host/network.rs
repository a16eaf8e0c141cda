//! Interfaces with their addresses and counters, routes, name servers, sockets.
use std::{collections::BTreeMap, fs, net::Ipv4Addr, net::Ipv6Addr};

use serde_json::{Value, json};

use super::{text, value};

pub fn network() -> Value {
    json!({
        "interfaces": interfaces(),
        "routes": routes(),
        "addresses_v4": own_v4(),
        "name_servers": name_servers(),
        "sockets": sockets(),
    })
}

fn interfaces() -> Vec<Value> {
    let counters = text("/proc/net/dev").unwrap_or_default();
    let v6 = addresses_v6();
    let mut out = Vec::new();
    for entry in fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let at = |rest: &str| format!("/sys/class/net/{name}/{rest}");
        let line = counters.lines().find_map(|l| {
            l.trim_start()
                .strip_prefix(name.as_str())?
                .strip_prefix(':')
        });
        let n: Vec<u64> = line
            .unwrap_or_default()
            .split_ascii_whitespace()
            .flat_map(str::parse)
            .collect();
        out.push(json!({
            "name": name,
            "state": text(&at("operstate")),
            "mtu": value(&at("mtu")),
            "mac": text(&at("address")),
            "speed_mbit": value(&at("speed")),
            "addresses_v6": v6.get(&name),
            "received_bytes": n.first(),
            "received_packets": n.get(1),
            "received_errors": n.get(2),
            "received_dropped": n.get(3),
            "sent_bytes": n.get(8),
            "sent_packets": n.get(9),
            "sent_errors": n.get(10),
            "sent_dropped": n.get(11),
        }));
    }
    out
}

/// `/proc/net/if_inet6`: address in hex, index, prefix length, scope, flags, name.
fn addresses_v6() -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text("/proc/net/if_inet6").unwrap_or_default().lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [address, _, prefix, _, _, name] = fields[..]
            && let (Ok(bits), Ok(prefix)) = (
                u128::from_str_radix(address, 16),
                u8::from_str_radix(prefix, 16),
            )
        {
            out.entry(name.to_owned())
                .or_default()
                .push(format!("{}/{prefix}", Ipv6Addr::from_bits(bits)));
        }
    }
    out
}

/// The local addresses of `/proc/net/fib_trie`: a leaf, and on the next line `/32 host LOCAL`.
fn own_v4() -> Vec<String> {
    let trie = text("/proc/net/fib_trie").unwrap_or_default();
    let mut last = "";
    let mut out: Vec<String> = Vec::new();
    for line in trie.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            last = address;
        } else if line.contains("/32 host LOCAL") && !out.iter().any(|o| o == last) {
            out.push(last.to_owned());
        }
    }
    out
}

/// `/proc/net/route`: addresses in hex, the machine's own byte order.
fn routes() -> Vec<Value> {
    let address = |hex: &str| {
        u32::from_str_radix(hex, 16).map_or_else(
            |_| hex.to_owned(),
            |n| Ipv4Addr::from(n.to_ne_bytes()).to_string(),
        )
    };
    let table = text("/proc/net/route").unwrap_or_default();
    let row = |line: &str| {
        let f: Vec<&str> = line.split_ascii_whitespace().collect();
        (f.len() >= 8).then(|| {
            json!({
                "interface": f[0],
                "destination": address(f[1]),
                "gateway": address(f[2]),
                "mask": address(f[7]),
                "metric": f[6],
            })
        })
    };
    table.lines().skip(1).filter_map(row).collect()
}

fn name_servers() -> Vec<String> {
    let conf = text("/etc/resolv.conf").unwrap_or_default();
    let lines = conf
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with(['#', ';']));
    lines.map(str::to_owned).collect()
}

fn sockets() -> Vec<String> {
    text("/proc/net/sockstat")
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}
