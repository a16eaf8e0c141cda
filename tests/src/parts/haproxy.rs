//! HAProxy before several servers: one port, TLS passed through, round robin among those whose `/readyz` says so.
use anyhow::Result;

use super::{need, script, serve};
use crate::world::process::Process;

pub struct Haproxy {
    pub port: u16,
    process: Process,
    _dir: tempfile::TempDir,
}

/// `HOST:PORT` of a server's two listeners.
pub struct Behind<'a> {
    pub listen: &'a str,
    pub ops: &'a str,
}

impl Haproxy {
    /// On 127.0.0.1:`port` (take `free_port()` first: it goes into the servers' origin). The servers need not run yet.
    pub fn start(port: u16, servers: &[Behind<'_>]) -> Result<Self> {
        need("haproxy")?;
        let dir = tempfile::Builder::new()
            .prefix("boathook-haproxy-")
            .tempdir()?;
        let mut command = script("haproxy");
        command
            .arg("serve")
            .arg(dir.path())
            .arg(port.to_string())
            .args(servers.iter().map(|s| format!("{}/{}", s.listen, s.ops)));
        let process = serve(&mut command, &dir.path().join("log"), port)?;
        Ok(Self {
            port,
            process,
            _dir: dir,
        })
    }

    /// Which servers it took up and down, and why.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::{Duration, Instant},
    };

    use super::*;
    use crate::world::process::free_port;

    /// A listener that says its name, one that answers `/readyz`, and the switch of that.
    fn server(name: &'static str) -> (String, String, Arc<AtomicBool>) {
        let (listen, ops) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let addresses = (
            listen.local_addr().unwrap().to_string(),
            ops.local_addr().unwrap().to_string(),
        );
        let ready = Arc::new(AtomicBool::new(true));
        let said = Arc::clone(&ready);
        std::thread::spawn(move || {
            for stream in listen.incoming() {
                // Whoever connects may be gone already.
                let _ = stream.unwrap().write_all(name.as_bytes());
            }
        });
        std::thread::spawn(move || {
            for stream in ops.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 1024];
                let read = stream.read(&mut request).unwrap_or(0);
                let known = request[..read].starts_with(b"GET /readyz ");
                let status = if known && said.load(Ordering::Relaxed) {
                    "200 OK"
                } else {
                    "503 Service Unavailable"
                };
                let _ = write!(stream, "HTTP/1.0 {status}\r\n\r\n");
            }
        });
        (addresses.0, addresses.1, ready)
    }

    fn who(port: u16) -> String {
        let mut text = String::new();
        TcpStream::connect(("127.0.0.1", port))
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn both_servers_are_asked_in_turn_and_one_that_is_not_ready_is_left_out() {
        let (a, b) = (server("a"), server("b"));
        let behind = [
            Behind {
                listen: &a.0,
                ops: &a.1,
            },
            Behind {
                listen: &b.0,
                ops: &b.1,
            },
        ];
        let proxy = Haproxy::start(free_port().unwrap(), &behind).unwrap();
        // The connection that found it listening had a turn, too, at any time.
        let mut seen: Vec<String> = (0..6).map(|_| who(proxy.port)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["a", "b"], "{}", proxy.log());
        a.2.store(false, Ordering::Relaxed);
        let until = Instant::now() + Duration::from_secs(10);
        while (0..4).any(|_| who(proxy.port) == "a") {
            assert!(Instant::now() < until, "{}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
