//! Where secrets usually are: for warnings and marks only. What no policy may open is the agent's own list.

/// A text that a path holds, and what is then usually there.
const PLACES: &[(&str, &str)] = &[
    ("/etc/shadow", "password hashes"),
    ("/etc/gshadow", "password hashes"),
    ("/.ssh/", "SSH keys"),
    ("id_rsa", "SSH keys"),
    ("id_ed25519", "SSH keys"),
    ("id_ecdsa", "SSH keys"),
    ("ssh_host_", "SSH keys"),
    (".pem", "private keys"),
    (".key", "private keys"),
    (".p12", "private keys"),
    (".pfx", "private keys"),
    (".jks", "private keys"),
    ("/etc/ssl/private", "private keys"),
    (".env", "environments with credentials"),
    ("/environ", "environments with credentials"),
    (".pgpass", "credentials"),
    (".netrc", "credentials"),
    (".my.cnf", "credentials"),
    (".htpasswd", "password hashes"),
    (".kube/config", "credentials"),
    (".aws/", "credentials"),
    (".docker/config.json", "credentials"),
    (".git-credentials", "credentials"),
    ("credentials", "credentials"),
    ("secrets", "secrets"),
    (".kdbx", "password stores"),
    ("_history", "typed commands with credentials"),
];

/// What is usually at `pattern`, if that is secret.
pub fn usually_in(pattern: &str) -> Option<&'static str> {
    let pattern = pattern.to_ascii_lowercase();
    if pattern.starts_with("/proc/") && pattern.ends_with("/mem") {
        return Some("a process's whole memory");
    }
    PLACES
        .iter()
        .find(|(place, _)| pattern.contains(place))
        .map(|(_, what)| *what)
}
