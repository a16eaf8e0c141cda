//! What systemd is told (sd_notify): ready, alive, ending. Nothing where it is not asked for.
use std::{env, ffi::OsString, os::unix::net::UnixDatagram, time::Duration};

#[derive(Clone, Debug, Default)]
pub struct Notify {
    socket: Option<OsString>,
    watchdog: Option<Duration>,
}

impl Notify {
    pub fn from_env() -> Self {
        let meant = |name: &str| {
            // Of another process' variables, inherited, nothing is taken.
            env::var(name)
                .ok()
                .and_then(|pid| pid.parse().ok())
                .is_none_or(|pid: u32| pid == std::process::id())
        };
        let micros = env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|us| us.parse().ok())
            .filter(|us| *us > 0);
        Self {
            socket: env::var_os("NOTIFY_SOCKET").filter(|s| !s.is_empty()),
            watchdog: micros
                .filter(|_| meant("WATCHDOG_PID"))
                .map(Duration::from_micros),
        }
    }

    /// How often [`Self::alive`] is due: half of what systemd waits.
    pub fn interval(&self) -> Option<Duration> {
        self.watchdog.map(|w| w / 2)
    }

    pub fn ready(&self) {
        self.send("READY=1");
    }

    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", text.replace('\n', " ")));
    }

    fn send(&self, message: &str) {
        use std::os::{
            linux::net::SocketAddrExt as _,
            unix::{ffi::OsStrExt as _, net::SocketAddr},
        };
        let Some(socket) = &self.socket else { return };
        let address = match socket.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(socket),
        };
        let sent =
            address.and_then(|to| UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &to));
        if let Err(error) = sent {
            tracing::debug!(%error, "systemd could not be told");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn systemd_is_told_over_its_socket_and_silence_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notify = Notify {
            socket: Some(path.into_os_string()),
            watchdog: None,
        };
        notify.ready();
        notify.status("polling\nhard");
        let mut buffer = [0; 100];
        for expected in ["READY=1", "STATUS=polling hard"] {
            let n = systemd.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], expected.as_bytes());
        }
        Notify::default().ready();
    }
}
