//! The daemon: a poller, an uploader and the engine that decides, wired together on one thread.
mod answers;
mod engine;
mod notify;
mod poller;
mod recover;
mod start;
mod uploader;

use std::{cell::RefCell, collections::HashSet, path::PathBuf, rc::Rc};

use boathook_hooks::{
    keys::SecretKey,
    time::Time,
    verify::{Me, TrustStore},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify as Wake, mpsc},
    task::LocalSet,
};

use crate::{
    client::Client,
    config::{Config, ConfigError},
    consent::{self, watch::Watch},
    door::Door,
    durable,
    identity::{Identity, IdentityError},
    ledger::{Ledger, LedgerError, RunId},
    policy::{Credentials, Policy, PolicyError},
    session::{self, Api, SessionError, Sessions},
    spool::{Spool, SpoolError},
    status::Status,
    sys::sweep,
    trust::{self, TrustError},
};
use engine::{Engine, Event};
use notify::Notify;

#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(
        "the agent refuses to run as root: run it as its own user, or say `allow_root = true` beneath [agent] in policy.toml"
    )]
    Root,
    #[error("another agent runs with the state directory {0}")]
    Running(PathBuf),
    #[error("the state directory {path}")]
    State {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(
        "the facts have {found} bytes, where at most {limit} are allowed: shorten labels or products"
    )]
    Facts { found: usize, limit: usize },
    #[error("asking the system for signals")]
    Signals(#[source] std::io::Error),
    #[error("asking the system for the orphans of runs")]
    Orphans(#[source] std::io::Error),
}

/// What the administrator set, read again on SIGHUP.
pub(crate) struct Rules {
    pub policy: Policy,
    pub credentials: Credentials,
    pub door: Door,
}

impl Rules {
    fn load(config: &Config, config_file: &std::path::Path) -> Result<Self, PolicyError> {
        let policy = Policy::load(config, config_file)?;
        let credentials = Credentials::load(&config.credentials)?;
        let door = policy.door(&credentials)?;
        Ok(Self {
            policy,
            credentials,
            door,
        })
    }
}

/// What all parts of the daemon share. One thread, so `RefCell`s, never held over an `await`.
pub(crate) struct Shared {
    pub config: Config,
    pub config_file: PathBuf,
    pub me: Me,
    pub key: SecretKey,
    pub api: Api,
    pub spool: Spool,
    pub rules: RefCell<Rc<Rules>>,
    pub trust: RefCell<TrustStore>,
    pub ledger: RefCell<Ledger>,
    /// Packets of which nothing was sent yet.
    pub fresh: RefCell<HashSet<RunId>>,
    pub status: RefCell<Status>,
    /// A packet came into the spool.
    pub packed: Wake,
    /// The administrator or the system wants an answer of the server at once.
    pub poll_now: Wake,
}

impl Shared {
    pub fn rules(&self) -> Rc<Rules> {
        Rc::clone(&self.rules.borrow())
    }

    /// Changes the status and writes it down if that changed something.
    pub fn tell(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.borrow_mut();
        let before = status.clone();
        change(&mut status);
        if *status != before
            && let Err(error) = status.write(&self.config.state_dir)
        {
            tracing::warn!(%error, "the status file could not be written");
        }
    }
}

/// Refuses root, unless the policy says otherwise.
pub fn check_user(policy: &Policy, is_root: bool) -> Result<(), DaemonError> {
    if is_root && !policy.allow_root {
        Err(DaemonError::Root)
    } else {
        Ok(())
    }
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(config: Config, config_file: PathBuf) -> Result<(), DaemonError> {
    let rules = Rules::load(&config, &config_file)?;
    check_user(&rules.policy, rustix::process::geteuid().is_root())?;
    let state = config.state_dir.clone();
    let state_error = |source| DaemonError::State {
        path: state.clone(),
        source,
    };
    durable::owner_dir(&state).map_err(state_error)?;
    let _lock = durable::Lock::take(&state.join("lock"))
        .map_err(state_error)?
        .ok_or_else(|| DaemonError::Running(state.clone()))?;
    // What a run leaves behind comes to this process, which kills it: nobody else would.
    sweep::become_reaper().map_err(DaemonError::Orphans)?;
    let shared = Rc::new(open(config, config_file, rules)?);
    recover::recover(&shared)?;
    let notify = Notify::from_env();
    LocalSet::new().run_until(live(shared, notify)).await
}

fn open(config: Config, config_file: PathBuf, rules: Rules) -> Result<Shared, DaemonError> {
    let state = &config.state_dir;
    let identity = Identity::load(state)?.ok_or(IdentityError::NotEnrolled)?;
    let enrolled = identity.enrolled()?.clone();
    let facts = rules.door.facts(&config.facts.gather());
    session::check_facts(&facts).map_err(|(found, limit)| DaemonError::Facts { found, limit })?;
    let trust = trust::load(state)?;
    let ledger = Ledger::open(state)?;
    let spool = Spool::open(&config.spool_dir, config.spool_size, config.keep_sent)?;
    let client = Client::new(&enrolled.origin, enrolled.ca.as_deref(), &config.network)
        .map_err(SessionError::from)?;
    let sessions = Sessions::load(
        state,
        client.clone(),
        enrolled.clone(),
        identity.key.clone(),
        facts.clone(),
    )?;
    let me = Me {
        instance: enrolled.instance.clone(),
        customer: enrolled.customer.clone(),
        facts,
        agent_version: crate::VERSION.to_owned(),
    };
    let status = Status {
        pid: std::process::id(),
        version: crate::VERSION.to_owned(),
        instance: Some(enrolled.instance),
        customer: Some(enrolled.customer),
        started_at: Time::wall_clock(),
        ..Status::default()
    };
    Ok(Shared {
        api: Api::new(client, sessions),
        config,
        config_file,
        me,
        key: identity.key,
        spool,
        rules: RefCell::new(Rc::new(rules)),
        trust: RefCell::new(trust),
        ledger: RefCell::new(ledger),
        fresh: RefCell::default(),
        status: RefCell::new(status),
        packed: Wake::new(),
        poll_now: Wake::new(),
    })
}

async fn live(shared: Rc<Shared>, notify: Notify) -> Result<(), DaemonError> {
    let (events, inbox) = mpsc::channel(16);
    let words = consent::dir(&shared.config.state_dir).map_err(|source| DaemonError::State {
        path: shared.config.state_dir.clone(),
        source,
    })?;
    let mut watch = Watch::new(&words);
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(DaemonError::Signals)?;
    let poller = tokio::task::spawn_local(poller::run(Rc::clone(&shared), events.clone()));
    let uploader = tokio::task::spawn_local(uploader::run(Rc::clone(&shared), events.clone()));
    let mut engine =
        tokio::task::spawn_local(Engine::new(Rc::clone(&shared), events.clone()).run(inbox));
    tracing::info!(instance = %shared.me.instance, customer = %shared.me.customer, "the agent runs");
    shared.tell(|_| ());
    notify.ready();
    notify.status("polling");
    // Words that were said while the agent did not run.
    let _ = events.send(Event::Words).await;
    let mut ending = false;
    loop {
        let alive = async {
            match notify.interval() {
                Some(interval) => tokio::time::sleep(interval).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = alive => notify.alive(),
            () = watch.changed() => { let _ = events.send(Event::Words).await; }
            _ = hangup.recv() => { let _ = events.send(Event::Reload).await; }
            _ = terminate.recv(), if !ending => ending = true,
            _ = interrupt.recv(), if !ending => ending = true,
            _ = &mut engine => break,
        }
        if ending && !poller.is_finished() {
            tracing::info!("the agent ends");
            notify.stopping();
            poller.abort();
            uploader.abort();
            let _ = events.send(Event::End).await;
        }
    }
    shared.tell(|s| s.pid = 0);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn root_is_refused_unless_the_policy_says_otherwise() {
        let shipped = Policy::shipped().unwrap();
        assert!(matches!(check_user(&shipped, true), Err(DaemonError::Root)));
        assert!(check_user(&shipped, false).is_ok());
        let open = Policy::parse("[agent]\nallow_root = true").unwrap();
        assert!(check_user(&open, true).is_ok());
    }
}
