//! From a config to a running server, in this process; port 0 is bound and told.
use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum_server::{Handle, accept::NoDelayAcceptor};
use hyper_util::rt::TokioTimer;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Clock, Shared},
    config::Config,
    keys::{Keys, KeysError},
    metrics::Metrics,
    routes,
    tls::{self, TlsError},
    trust::Trust,
};

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the store cannot be opened; the config file names it by `store`")]
    Store(#[from] boathook_schema::StoreError),
    #[error("the trust documents in the store do not verify: {0}")]
    Trust(String),
    #[error("cannot listen on {address}")]
    Bind {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("a listener failed")]
    Listener(#[source] std::io::Error),
}

/// A server that runs. Dropping it does not stop it: cancel the shutdown token and [`Running::wait`].
pub struct Running {
    pub address: SocketAddr,
    pub ops: Option<SocketAddr>,
    pub app: Shared,
    tasks: JoinSet<std::io::Result<()>>,
}

impl Running {
    /// Until the drain that `shutdown` began is over, or a listener failed.
    pub async fn wait(mut self) -> Result<(), ServeError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.unwrap_or_else(|e| Err(std::io::Error::other(e)));
            if let Err(source) = ended {
                self.app.shutdown.cancel();
                outcome = Err(ServeError::Listener(source));
            }
        }
        crate::periodic::unregister(&self.app).await;
        outcome
    }
}

/// The whole state without listeners: store opened, keys and trust loaded.
pub async fn open(
    config: Config,
    clock: Clock,
    ca_pem: Option<String>,
    shutdown: CancellationToken,
) -> Result<Shared, ServeError> {
    let store = crate::open_store(&config).await?;
    let keys = Keys::open(&config, &store).await?;
    let trust = Trust::load(&store).await.map_err(ServeError::Trust)?;
    let agent = crate::agent::AgentState::new(&config);
    Ok(Arc::new(App {
        server: uuid::Uuid::now_v7(),
        agent,
        downloads: Arc::default(),
        oidc: Default::default(),
        live: Default::default(),
        verified: Default::default(),
        days: Default::default(),
        store,
        keys,
        clock,
        metrics: Metrics::default(),
        trust,
        ca_pem,
        shutdown,
        config,
    }))
}

/// Serves until `shutdown` is cancelled, by the wall clock.
pub async fn serve(config: Config, shutdown: CancellationToken) -> Result<Running, ServeError> {
    serve_with(config, Clock::Wall, shutdown).await
}

/// As [`serve`], with a clock of one's own.
pub async fn serve_with(
    config: Config,
    clock: Clock,
    shutdown: CancellationToken,
) -> Result<Running, ServeError> {
    let tls = tls::start(&config, &shutdown)?;
    let listener = bind(config.listen)?;
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    let ops = config.ops.listen.map(bind).transpose()?;
    let app = open(config, clock, tls.ca_pem, shutdown).await?;

    let mut tasks = JoinSet::new();
    let handle = Handle::new();
    // Cancelled when the drain is over: until then operators can watch it.
    let drained = CancellationToken::new();
    drain_on_shutdown(&app, handle.clone());
    let service = routes::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp_rustls(listener, tls.rustls)
        .map_err(ServeError::Listener)?
        .map(|rustls| rustls.acceptor(NoDelayAcceptor))
        .handle(handle);
    // A client that never finishes its request's head must not hold a connection for ever.
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(20));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(60)))
        .max_concurrent_streams(Some(256));
    let over = drained.clone().drop_guard();
    tasks.spawn(async move {
        let _over = over;
        server.serve(service).await
    });

    let mut ops_address = None;
    if let Some(listener) = ops {
        ops_address = listener.local_addr().ok();
        let server = axum_server::from_tcp(listener).map_err(ServeError::Listener)?;
        let serving = server.serve(ops_router(&app));
        tasks.spawn(async move {
            tokio::select! {
                ended = serving => ended,
                () = drained.cancelled() => Ok(()),
            }
        });
    }
    crate::control::spawn(&app);
    crate::periodic::spawn(&app);
    let ops_shown = ops_address.map_or_else(|| "off".to_owned(), |a| a.to_string());
    tracing::info!(%address, ops = ops_shown, origin = %app.config.origin, "serving");
    Ok(Running {
        address,
        ops: ops_address,
        app,
        tasks,
    })
}

fn ops_router(app: &Shared) -> axum::routing::IntoMakeService<axum::Router> {
    super::ops::router(app.clone()).into_make_service()
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).and_then(|l| l.set_nonblocking(true).map(|()| l));
    bound.map_err(|source| ServeError::Bind { address, source })
}

fn drain_on_shutdown(app: &Shared, handle: Handle<SocketAddr>) {
    let shutdown = app.shutdown.clone();
    let patience = Duration::from_secs(app.config.limits.drain_seconds);
    tokio::spawn(async move {
        shutdown.cancelled().await;
        handle.graceful_shutdown(Some(patience));
    });
}
