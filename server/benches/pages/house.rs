//! A server's state without listeners, on a store that stays.
use std::path::Path;

use anyhow::{Context as _, Result};
use axum::Router;
use boathook_hooks::{
    ids::HookId,
    time::{DAY, Time},
};
use boathook_schema::{Migrate, Scope, SignIn, Write};
use boathook_server::{
    app::{Clock, Shared},
    config::Config,
    control,
    keys::Keys,
    listeners, open_store,
    people::secrets,
    routes,
};

pub const ORIGIN: &str = "https://boathook.test";
/// When the pages are asked for.
pub const NOW: Time = Time::from_ms(1_780_000_000_000);
/// How long all that the store holds took.
pub const DAYS: i64 = 120;

/// Says that the store beside it is whole.
const MADE: &str = "made";

pub struct House {
    pub app: Shared,
    pub router: Router,
}

/// `store` is another store than the embedded one in `dir`.
pub fn config(dir: &Path, store: Option<&str>) -> Config {
    let mut config = Config::new(dir, ORIGIN);
    config.store = store.unwrap_or_default().to_owned();
    config.operator_secret = dir.join("operator.secret");
    config
}

impl House {
    pub fn is_made(dir: &Path) -> Result<bool> {
        Ok(dir.join(MADE).try_exists()?)
    }

    /// With what this one is called wherever it is copied to.
    pub fn say_made(dir: &Path) -> Result<()> {
        let name = HookId::fresh().to_string().replace('-', "");
        Ok(std::fs::write(dir.join(MADE), name)?)
    }

    pub fn name(dir: &Path) -> Result<String> {
        Ok(std::fs::read_to_string(dir.join(MADE))?)
    }

    /// An empty one, as `boathook-server init` makes it, at the first of its days.
    pub async fn create(dir: &Path) -> Result<Self> {
        let (config, start) = (config(dir, None), NOW.plus_ms(-DAYS * DAY));
        write_secret(&config.operator_secret)?;
        std::fs::create_dir_all(dir.join("store"))?;
        boathook_schema::migrate(&config.store_url(), Migrate::Up).await?;
        Keys::make(&config, &open_store(&config).await?, start).await?;
        Self::at(config, start).await
    }

    /// The one that was made.
    pub async fn open(dir: &Path, store: Option<&str>) -> Result<Self> {
        let house = Self::at(config(dir, store), NOW).await?;
        house.refresh().await?;
        Ok(house)
    }

    async fn at(config: Config, now: Time) -> Result<Self> {
        let app = listeners::open(config, Clock::at(now), None, Default::default()).await?;
        let router = routes::router(app.clone());
        Ok(Self { app, router })
    }

    pub fn write(&self) -> Write {
        Write::system(self.app.now())
    }

    pub async fn refresh(&self) -> Result<()> {
        let read = control::refresh(&self.app).await;
        read.map_err(|problem| anyhow::anyhow!("{problem:?}"))
    }

    /// A fresh sign-in, as a password gives it, that lasts longer than the bench's days.
    pub async fn token(&self, person: &str) -> Result<String> {
        let fresh = secrets::fresh(secrets::PREFIX);
        let (token, hash) = fresh.map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
        let now = self.app.now();
        let sign_in = SignIn {
            hash,
            person: person.parse().map_err(anyhow::Error::msg)?,
            label: "Firefox on Linux".into(),
            how: Default::default(),
            opened_at: now,
            expires_at: now.plus_ms(2 * DAYS * DAY),
        };
        let write = Write::person(sign_in.person.clone(), now);
        let store = &self.app.store;
        let opened = store
            .open_sign_in(&Scope::System, write, sign_in, None)
            .await?;
        opened.done()?;
        Ok(token)
    }
}

fn write_secret(path: &Path) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(b"worth nothing: for a bench alone, 32 bytes or more")
        .context("writing the operator's secret")
}
