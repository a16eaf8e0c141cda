//! A Cassandra cluster that test processes share, each test in a keyspace of its own; or one that a test has alone, to kill
//! its nodes. `BOATHOOK_TEST_CQL` names a cluster that is there: the store's URL without the
//! keyspace, `cql://HOST[:PORT][,HOST…]/[?OPTION=…]`.
use std::{fs::File, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use super::{fresh_name, need, script};
use crate::world::process::run;

const SECURE_NET: &str = "127.0.200";
/// The address of the node of [`Cassandra::secure`], which its certificate must name.
pub const SECURE: &str = "127.0.200.1";

pub struct Cassandra {
    url: String,
    nodes: u8,
    place: Place,
}

enum Place {
    /// Somebody else's: nothing is started or ended.
    Given,
    /// Ours. The nodes end when nobody has held the lock for a while.
    Own { net: String, _users: File },
    /// Ours, and nobody else is there while the lock is held.
    Alone { net: String, _users: File },
}

impl Cassandra {
    /// With at least `nodes` nodes: those of `BOATHOOK_TEST_CQL` if it names that many hosts, else ones that are started
    /// here unless they run. Waits while another test has them alone.
    pub fn shared(nodes: u8) -> Result<Self> {
        let given = std::env::var("BOATHOOK_TEST_CQL").unwrap_or_default();
        if !given.is_empty() && hosts(&given)? >= usize::from(nodes) {
            return Ok(Self {
                url: given,
                nodes,
                place: Place::Given,
            });
        }
        let net = net(nodes);
        let users = users(&net)?;
        users.lock_shared()?;
        join(&net, nodes)?;
        Ok(Self {
            url: own_url(&net, nodes),
            nodes,
            place: Place::Own { net, _users: users },
        })
    }

    /// Nodes on this machine that no other test uses until this value is dropped; for tests that end nodes. Waits until
    /// nobody shares them.
    pub fn alone(nodes: u8) -> Result<Self> {
        let net = net(nodes);
        let users = users(&net)?;
        users.lock()?;
        join(&net, nodes)?;
        Ok(Self {
            url: own_url(&net, nodes),
            nodes,
            place: Place::Alone { net, _users: users },
        })
    }

    /// One node that is reached by TLS with the key and certificate of a PEM file, and that wants a password: user and
    /// password are `cassandra` for a while after its start. It listens at [`SECURE`].
    pub fn secure(pem: &std::path::Path) -> Result<Self> {
        let net = SECURE_NET.to_owned();
        let users = users(&net)?;
        users.lock()?;
        need("cassandra")?;
        // What another run left has another certificate.
        run(command(&net).arg("down"), "")?;
        let mut join = command(&net);
        join.env("BOATHOOK_CASSANDRA_SECURE", pem);
        run(join.args(["join", "1"]), "")?;
        Ok(Self {
            url: own_url(&net, 1),
            nodes: 1,
            place: Place::Alone { net, _users: users },
        })
    }

    /// The URL of a keyspace; the store makes the keyspace when it is opened first.
    pub fn url(&self, keyspace: &str) -> String {
        with_keyspace(&self.url, keyspace)
    }

    /// As [`Self::url`] with a keyspace that no other test has. `what` is for people who look.
    pub fn fresh(&self, what: &str) -> Result<String> {
        Ok(self.url(&fresh_name(what)?))
    }

    pub fn nodes(&self) -> u8 {
        self.nodes
    }

    /// `kill -9`; its data stays. Nodes count from 1.
    pub fn kill(&self, node: u8) -> Result<()> {
        self.change("kill", node)
    }

    /// Ends it in good order and waits for that.
    pub fn stop(&self, node: u8) -> Result<()> {
        self.change("stop", node)
    }

    /// Starts it with the data that it has and waits until it answers.
    pub fn start(&self, node: u8) -> Result<()> {
        self.change("start", node)
    }

    fn change(&self, verb: &str, node: u8) -> Result<()> {
        let Place::Alone { net, .. } = &self.place else {
            bail!("{verb} {node}: others use this cluster; take Cassandra::alone")
        };
        ensure!((1..=self.nodes).contains(&node), "there is no node {node}");
        run(command(net).args([verb, &node.to_string()]), "").map(drop)
    }

    /// What the nodes have logged, if they are ours.
    pub fn logs(&self) -> String {
        let (Place::Own { net, .. } | Place::Alone { net, .. }) = &self.place else {
            return String::new();
        };
        let Ok(users) = run(command(net).arg("users"), "") else {
            return String::new();
        };
        let home = std::path::Path::new(users.trim()).with_file_name("");
        (1..=self.nodes)
            .filter_map(|n| std::fs::read_to_string(home.join(format!("node{n}/log"))).ok())
            .collect()
    }
}

/// Clusters of other sizes are other clusters: a node that joins would move the data of tests that run.
fn net(nodes: u8) -> String {
    format!("127.0.{}", if nodes == 1 { 0 } else { nodes })
}

fn command(net: &str) -> Command {
    let mut command = script("cassandra");
    command.env("BOATHOOK_CASSANDRA_NET", net);
    command
}

fn users(net: &str) -> Result<File> {
    let path = run(command(net).arg("users"), "")?;
    let path = path.trim();
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| path.to_owned())
}

fn join(net: &str, nodes: u8) -> Result<()> {
    need("cassandra")?;
    run(command(net).args(["join", &nodes.to_string()]), "").map(drop)
}

fn own_url(net: &str, nodes: u8) -> String {
    let hosts: Vec<String> = (1..=nodes).map(|n| format!("{net}.{n}:9042")).collect();
    format!("cql://{}/?replicas={}", hosts.join(","), nodes.min(3))
}

fn hosts(url: &str) -> Result<usize> {
    let rest = url.strip_prefix("cql://").unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    ensure!(
        !authority.split(',').any(str::is_empty),
        "BOATHOOK_TEST_CQL is no cql://HOST[:PORT][,HOST[:PORT]…]/"
    );
    Ok(authority.split(',').count())
}

fn with_keyspace(url: &str, keyspace: &str) -> String {
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let question = if query.is_empty() { "" } else { "?" };
    format!(
        "{}/{keyspace}{question}{query}",
        front.trim_end_matches('/')
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_is_there_is_taken_by_its_hosts() {
        assert_eq!(hosts("cql://a:9042,b,c:1/").unwrap(), 3);
        assert_eq!(hosts("cql://a?tls=on").unwrap(), 1);
        for wrong in ["", "cql://", "http://a/", "cql://a,,b/", "cql:///x"] {
            assert!(hosts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_keyspace_goes_into_the_path_and_leaves_the_rest() {
        assert_eq!(with_keyspace("cql://a,b/", "k"), "cql://a,b/k");
        assert_eq!(with_keyspace("cql://a", "k"), "cql://a/k");
        assert_eq!(with_keyspace("cql://a/?tls=on", "k"), "cql://a/k?tls=on");
    }

    #[test]
    fn two_tests_share_a_cluster_in_keyspaces_of_their_own_and_may_not_end_its_nodes() {
        let (one, two) = (Cassandra::shared(1).unwrap(), Cassandra::shared(1).unwrap());
        let (a, b) = (
            one.fresh("One test").unwrap(),
            two.fresh("One test").unwrap(),
        );
        assert!(a.contains("/bt_one_test_"), "{a}");
        assert_ne!(a, b);
        assert!(a.starts_with("cql://") && hosts(&a).unwrap() == hosts(&b).unwrap());
        assert!(one.kill(1).unwrap_err().to_string().contains("others use"));
    }
}
