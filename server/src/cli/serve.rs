//! `serve`: until SIGTERM or ctrl-C, then drains.
use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, listeners};

#[derive(clap::Args)]
pub struct Args {
    /// For a demo: TLS by a CA of its own, made in the data directory.
    #[arg(long)]
    self_signed: bool,
}

pub async fn run(mut config: Config, args: Args) -> anyhow::Result<()> {
    config.tls.self_signed |= args.self_signed;
    let shutdown = CancellationToken::new();
    let running = listeners::serve(config, shutdown.clone()).await?;
    let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for ctrl-C")?;
    let ended = running.wait();
    tokio::pin!(ended);
    tokio::select! {
        ended = &mut ended => return Ok(ended?),
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("draining: uploads under way finish, or resume elsewhere");
    shutdown.cancel();
    tokio::select! {
        ended = &mut ended => Ok(ended?),
        // A second signal means now.
        _ = term.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
