//! `App`: everything that handlers and periodic work share, and the clock they all ask.
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use boathook_hooks::time::Time;
use boathook_schema::{Chain, NewEvent, Scope, Store, Write};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    errors::{Answer, IntoAnswer as _},
    keys::Keys,
    metrics::Metrics,
    trust::Trust,
};

/// The server's whole state, behind one `Arc` as axum's state.
pub struct App {
    /// This process, among the servers of one store.
    pub server: uuid::Uuid,
    pub config: Config,
    pub store: Store,
    pub keys: Keys,
    pub clock: Clock,
    pub metrics: Metrics,
    /// Roots, roster and revocations as the store has them, verified.
    pub trust: Trust,
    /// PEM of the CA that join strings carry; none is the system's.
    pub ca_pem: Option<String>,
    /// Cancelled when the server begins to drain: long polls answer, periodic work ends.
    pub shutdown: CancellationToken,
    /// What the agent protocol keeps in memory.
    pub agent: crate::agent::AgentState,
    /// What people watch here.
    pub live: crate::live::Live,
    /// How chains were found when somebody last asked.
    pub verified: crate::ui::pages::audit::Verified,
    /// What the audit counted of days that are over.
    pub days: crate::api::audit::KeptDays,
    /// The places of downloads.
    pub downloads: Arc<crate::api::packets::Downloads>,
    /// What is known of the provider that people sign in at.
    pub oidc: crate::oidc::Oidc,
}

pub type Shared = Arc<App>;

impl App {
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Writes a read or a refusal into a chain. Fails closed: without the event the deed is not done either.
    pub async fn record(&self, write: Write, chain: Chain, event: NewEvent) -> Answer<()> {
        let recorded = self
            .store
            .record_event(&Scope::System, write, chain, event)
            .await;
        recorded.answer().map(drop)
    }
}

/// Some number from 0 to 1, so that servers and agents do not all come at once. Nothing secret hangs on it.
pub fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without chance all come at once, which is worse but not wrong.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}

/// Where `now` comes from: the wall clock, or a test's own.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    Wall,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn at(time: Time) -> Self {
        Self::Set(Arc::new(AtomicI64::new(time.ms())))
    }

    pub fn now(&self) -> Time {
        match self {
            Self::Wall => Time::wall_clock(),
            Self::Set(ms) => Time::from_ms(ms.load(Ordering::SeqCst)),
        }
    }

    /// Moves a set clock on by `ms`; the wall clock cannot be moved.
    pub fn advance(&self, ms: i64) {
        if let Self::Set(now) = self {
            now.fetch_add(ms, Ordering::SeqCst);
        }
    }
}
