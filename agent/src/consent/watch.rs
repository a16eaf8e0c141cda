//! Waking up when something is put into a directory: inotify, or a look every half second where there is none.
use std::{io, mem::MaybeUninit, os::fd::OwnedFd, path::Path, time::Duration};

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;

const LOOK: Duration = Duration::from_millis(500);

pub struct Watch(Option<AsyncFd<OwnedFd>>);

impl Watch {
    pub fn new(dir: &Path) -> Self {
        let watch = || -> io::Result<AsyncFd<OwnedFd>> {
            let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            inotify::add_watch(
                &fd,
                dir,
                inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CLOSE_WRITE,
            )?;
            #[expect(
                deprecated,
                reason = "unsound only for types that may close their descriptor early; this owns it"
            )]
            AsyncFd::new(fd)
        };
        match watch() {
            Ok(fd) => Self(Some(fd)),
            Err(error) => {
                tracing::warn!(%error, "no inotify: looking twice a second instead");
                Self(None)
            }
        }
    }

    /// Something may have come. Cancelling loses nothing.
    pub async fn changed(&mut self) {
        let Some(fd) = &self.0 else {
            return tokio::time::sleep(LOOK).await;
        };
        match fd.readable().await {
            Ok(mut guard) => {
                drain(fd.get_ref());
                guard.clear_ready();
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

fn drain(fd: &OwnedFd) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(fd, &mut buffer);
    while reader.next().is_ok() {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_file_wakes_within_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(dir.path());
        for name in ["a", "b"] {
            crate::durable::replace(&dir.path().join(name), b"x").unwrap();
            tokio::time::timeout(Duration::from_secs(1), watch.changed())
                .await
                .unwrap();
        }
    }
}
