//! A connection that never gives a password away: whoever holds the port while the server is down could ask for it in
//! the clear, and get it. A proof of knowing it (SCRAM, MD5) may be asked for.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Passes everything on, and ends the connection before a request for the bare password is seen.
pub struct Guard<S> {
    inner: S,
    /// None once the server is content.
    watch: Option<Watch>,
}

impl<S> Guard<S> {
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            watch: Some(Watch::default()),
        }
    }
}

/// Where in the server's messages we are: a kind, a length that counts itself, and for `R` a number that says what is
/// asked for (PostgreSQL: Message Formats).
#[derive(Default)]
struct Watch {
    head: [u8; 9],
    have: usize,
    skip: usize,
}

const AUTHENTICATION: u8 = b'R';
const CONTENT: u32 = 0;
const CLEARTEXT: u32 = 3;

impl Watch {
    /// False when there is nothing more to watch for.
    fn see(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let Some((byte, rest)) = bytes.split_first() else {
                break;
            };
            bytes = rest;
            self.head[self.have] = *byte;
            self.have += 1;
            let number = |at: usize| {
                u32::from_be_bytes([
                    self.head[at],
                    self.head[at + 1],
                    self.head[at + 2],
                    self.head[at + 3],
                ])
            };
            let length =
                |less: u32| usize::try_from(number(1).saturating_sub(less)).unwrap_or(usize::MAX);
            match (self.have, self.head[0]) {
                (9, _) => match number(5) {
                    CONTENT => return Ok(false),
                    CLEARTEXT => return Err(io::Error::other(ASKED)),
                    _ => (self.skip, self.have) = (length(8), 0),
                },
                (5, kind) if kind != AUTHENTICATION => (self.skip, self.have) = (length(4), 0),
                _ => {}
            }
        }
        Ok(true)
    }
}

const ASKED: &str = "it asks for the password in the clear, as another program on this port could; \
                     set scram-sha-256 in its pg_hba.conf";

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if let Some(watch) = &mut self.watch
            && !watch.see(&buffer.filled()[before..])?
        {
            self.watch = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), payload].concat()
    }

    /// What is said of `bytes`, in pieces of every size.
    fn seen(bytes: &[u8]) -> Result<bool, ()> {
        let all: Vec<_> = (1..=bytes.len())
            .map(|size| {
                let mut watch = Watch::default();
                for piece in bytes.chunks(size) {
                    match watch.see(piece) {
                        Ok(true) => {}
                        other => return other.map_err(drop),
                    }
                }
                Ok(true)
            })
            .collect();
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        all[0]
    }

    #[test]
    fn the_bare_password_is_never_asked_for_unseen() {
        let notice = message(b'N', b"SNOTICE\0\0");
        let scram = message(
            b'R',
            &[&10_u32.to_be_bytes()[..], b"SCRAM-SHA-256\0\0"].concat(),
        );
        let clear = message(b'R', &3_u32.to_be_bytes());
        assert_eq!(seen(&clear), Err(()));
        assert_eq!(seen(&[notice.clone(), clear.clone()].concat()), Err(()));
        assert_eq!(seen(&[scram.clone(), clear].concat()), Err(()));
        assert_eq!(seen(&[notice, scram].concat()), Ok(true));
    }

    #[test]
    fn once_the_server_is_content_nothing_is_watched() {
        assert_eq!(seen(&message(b'R', &0_u32.to_be_bytes())), Ok(false));
    }

    #[test]
    fn lengths_that_lie_are_no_trouble() {
        assert_eq!(seen(&[b'N', 0, 0, 0, 0]), Ok(true));
        assert_eq!(
            seen(&[b'N', 0xff, 0xff, 0xff, 0xff, b'R', 0, 0, 0, 8, 0, 0, 0, 3]),
            Ok(true)
        );
    }
}
