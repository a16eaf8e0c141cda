//! A TCP proxy that cuts connections off in the middle.
use std::{
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    /// Bytes to the client after which a connection is cut off; 0 is never.
    cut_after: Arc<AtomicUsize>,
    /// Connections are closed as soon as they come.
    down: Arc<AtomicBool>,
    /// A cut takes it down.
    once: Arc<AtomicBool>,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            cut_after: Arc::default(),
            down: Arc::default(),
            once: Arc::default(),
            cuts: Arc::default(),
        };
        let own = proxy.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.down.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || copy(from, to, |_| true));
                let own = own.clone();
                thread::spawn(move || copy(server, client, |sent| own.may_go_on(sent)));
            }
        });
        proxy
    }

    /// Every connection is cut off after so many bytes.
    pub fn cut_after(&self, bytes: usize) {
        self.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// The next cut takes the proxy down.
    pub fn then_down(&self) {
        self.once.store(true, Ordering::SeqCst);
    }

    pub fn up(&self) {
        self.cut_after(0);
        self.down.store(false, Ordering::SeqCst);
    }

    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }

    fn may_go_on(&self, sent: usize) -> bool {
        let most = self.cut_after.load(Ordering::SeqCst);
        if most == 0 || sent < most {
            return true;
        }
        self.cuts.fetch_add(1, Ordering::SeqCst);
        if self.once.swap(false, Ordering::SeqCst) {
            self.down.store(true, Ordering::SeqCst);
        }
        false
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, may_go_on: impl Fn(usize) -> bool) {
    let mut buffer = [0; 8 * 1024];
    let mut sent = 0;
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
        sent += n;
        if !may_go_on(sent) {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
