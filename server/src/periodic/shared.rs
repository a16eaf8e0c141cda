//! What servers that share a store do for each other.
use std::{sync::Mutex, time::Duration};

use boathook_hooks::time::Time;
use boathook_schema::{Leased, Scope, StoreError, Write};

use crate::{app::App, keys::KeysError, periodic::note};

/// Work that one server of a cluster does at a time: who holds its lease. What is done twice when a lease was lost changes
/// nothing, as each step is decided by the store.
pub struct Turn {
    name: &'static str,
    ttl_ms: i64,
    known: Mutex<Known>,
}

/// Asked again when half of it is over, and another's when it ends.
#[derive(Clone, Copy)]
enum Known {
    Nothing,
    Ours { until: Time },
    Others { until: Time },
}

impl Turn {
    pub fn new(name: &'static str, ttl_ms: i64) -> Self {
        Self {
            name,
            ttl_ms,
            known: Mutex::new(Known::Nothing),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whether this server is to do the work now. With the embedded store there is no other.
    pub async fn is_ours(&self, app: &App) -> Result<bool, StoreError> {
        if !app.config.is_cluster() {
            return Ok(true);
        }
        let now = app.now();
        match *self.known() {
            Known::Ours { until } if now < until.plus_ms(-self.ttl_ms / 2) => return Ok(true),
            Known::Others { until } if now < until => return Ok(false),
            _ => {}
        }
        let write = Write::system(now);
        let holder = app.server.to_string();
        let asked = app.store.lease(
            &Scope::System,
            write,
            self.name.to_owned(),
            holder,
            self.ttl_ms,
        );
        let (known, ours) = match note("lease", asked.await?) {
            Some(Leased::Yours(lease)) => (Known::Ours { until: lease.until }, true),
            Some(Leased::Held { until, .. }) => (Known::Others { until }, false),
            None => (Known::Nothing, false),
        };
        *self.known() = known;
        Ok(ours)
    }
}

/// Says that this server lives.
pub async fn register(app: &App, started: Time) -> Result<(), StoreError> {
    let name = rustix::system::uname();
    let host = name.nodename().to_string_lossy();
    let registered = app.store.register_server(
        &Scope::System,
        Write::system(app.now()),
        app.server.to_string(),
        format!("{host}:{}", app.config.listen.port()),
        started,
    );
    note("register", registered.await?);
    Ok(())
}

/// Says that this server ends; without it others take it for alive for a minute more.
pub async fn unregister(app: &App) {
    let (write, id) = (Write::system(app.now()), app.server.to_string());
    let left = app.store.unregister_server(&Scope::System, write, id);
    let left = tokio::time::timeout(Duration::from_secs(2), left).await;
    match left {
        Ok(Ok(left)) => drop(note("unregister", left)),
        _ => tracing::warn!("the list of servers names this one for a minute more"),
    }
}

/// Finishes what writes of a server that died left undone.
pub async fn finish_left(app: &App) -> Result<(), StoreError> {
    let left = app.store.finish_left(false).await?;
    if left.finished > 0 || left.failed > 0 {
        tracing::info!(
            finished = left.finished,
            failed = left.failed,
            "writes that were left undone"
        );
    }
    Ok(())
}

/// Takes in keys that were rotated through another server.
pub async fn keys(app: &App) -> Result<(), StoreError> {
    match app.keys.refresh(&app.store).await {
        Ok(true) => tracing::info!("the shared keys were changed and are taken in"),
        Ok(false) => {}
        Err(KeysError::Store(error)) => return Err(error),
        // The keys before stay in use: what other servers make with newer ones does not open here.
        Err(error) => {
            tracing::error!(%error, "the shared keys cannot be read again; restart this server")
        }
    }
    Ok(())
}
