//! What no policy makes readable: the agent's own keys and state, password hashes, private keys, memories of processes.
use std::{
    ffi::OsStr,
    fs,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::Stat;

use super::{Denied, PROC};

/// Known by device and inode too, whatever name leads there.
const HASHES: [&str; 5] = [
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/security/opasswd",
];

/// Looked up once, before anything is opened.
#[derive(Debug)]
pub struct Never {
    own: Vec<PathBuf>,
    hashes: Vec<(u64, u64)>,
}

impl Never {
    pub fn new(own: &[PathBuf]) -> Self {
        // As given, and where it really is.
        let real = own.iter().filter_map(|path| fs::canonicalize(path).ok());
        let identity = |path| {
            fs::metadata(path)
                .ok()
                .map(|m: fs::Metadata| (m.dev(), m.ino()))
        };
        Self {
            own: own.iter().cloned().chain(real).collect(),
            hashes: HASHES.iter().filter_map(identity).collect(),
        }
    }

    /// Judges the file that `found` holds, by its real path and by itself.
    pub fn check(&self, found: &OwnedFd, real: &Path, stat: &Stat) -> Result<(), Denied> {
        if self.own.iter().any(|own| real.starts_with(own)) {
            return Err(Denied::Never("the agent's own"));
        }
        if self.hashes.contains(&(stat.st_dev, stat.st_ino))
            || HASHES.iter().any(|h| real == Path::new(h))
        {
            return Err(Denied::Never("where password hashes are"));
        }
        if is_private_key(real) {
            return Err(Denied::Never("where a private key usually is"));
        }
        let in_proc = rustix::fs::fstatfs(found)
            .is_ok_and(|fs| u64::try_from(fs.f_type).is_ok_and(|t| t == PROC));
        if (in_proc || real.starts_with("/proc")) && is_memory(real) {
            return Err(Denied::Never("a process's memory or environment"));
        }
        Ok(())
    }
}

fn is_memory(path: &Path) -> bool {
    let memory = [
        "environ",
        "mem",
        "auxv",
        "pagemap",
        "kcore",
        "kmsg",
        "kpagecount",
        "kpageflags",
    ];
    path.file_name()
        .is_some_and(|name| memory.iter().any(|m| name == *m))
}

/// By its name: keys of SSH and of TLS.
fn is_private_key(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(OsStr::as_bytes)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let ends = |end: &str| name.ends_with(end.as_bytes());
    let begins = |begin: &str| name.starts_with(begin.as_bytes());
    let in_ssh = path
        .parent()
        .is_some_and(|dir| dir.components().any(|c| c.as_os_str() == ".ssh"));
    let public = ends(".pub")
        || [&b"known_hosts"[..], b"authorized_keys", b"config"].contains(&name.as_slice());
    if in_ssh && !public {
        return true;
    }
    let ssh = (begins("ssh_host_")
        || begins("id_rsa")
        || begins("id_dsa")
        || begins("id_ecdsa")
        || begins("id_ed25519"))
        && !ends(".pub");
    let tls = [".key", ".p12", ".pfx", ".jks", ".keystore", ".ppk"]
        .iter()
        .any(|end| ends(end))
        || (begins("privkey") && ends(".pem"))
        || path.starts_with("/etc/ssl/private");
    ssh || tls
}

/// Whether a file that begins with `head` is a private key, whatever its name. A whole key later in a log is the
/// redaction's to find.
pub fn holds_private_key(head: &[u8]) -> bool {
    head.split(|b| *b == b'\n').any(|line| {
        let line = line.trim_ascii();
        (line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----"))
            || line.starts_with(b"PuTTY-User-Key-File-")
            || line.starts_with(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_names() {
        for key in [
            "/etc/ssh/ssh_host_ed25519_key",
            "/home/a/.ssh/work",
            "/home/a/id_rsa",
            "/srv/tls/server.KEY",
            "/etc/letsencrypt/archive/x/privkey1.pem",
            "/etc/ssl/private/x",
        ] {
            assert!(is_private_key(Path::new(key)), "{key}");
        }
        for open in [
            "/etc/ssh/ssh_host_rsa_key.pub",
            "/home/a/.ssh/authorized_keys",
            "/var/log/keys.log",
            "/x/fullchain.pem",
        ] {
            assert!(!is_private_key(Path::new(open)), "{open}");
        }
    }

    #[test]
    fn keys_are_known_by_what_they_hold() {
        assert!(holds_private_key(
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3"
        ));
        assert!(holds_private_key(
            b"some text\r\n  -----BEGIN RSA PRIVATE KEY-----\r\n"
        ));
        assert!(!holds_private_key(b"-----BEGIN CERTIFICATE-----\n"));
        assert!(!holds_private_key(
            b"log: found '-----BEGIN PRIVATE KEY-----' here"
        ));
    }
}
