//! A server's state without listeners, instances on record, and hooks on their way through the store's own verbs.
use anyhow::{Context as _, Result};
use boathook_hooks::{
    documents::{Document as _, hook::Hook, identity::Facts, roster::KeyPlace},
    envelope::pae,
    ids::{Blob, CustomerId, Digest, InstanceId},
    states::{Move, StoppedBy},
    time::Time,
    verify::sample::Sample,
    waves::Wave,
};
use boathook_schema::{
    AddSignature, AfterSignature, DraftText, HookSignature, Migrate, NewInstance, Publish, Quota,
    Scope, Write,
};
use boathook_server::{
    app::{Clock, Shared},
    config::Config,
    control,
    keys::Keys,
    listeners, waves,
};
use futures_util::future::try_join_all;

/// Instances that enrol at the same time.
const ENROLLING: u32 = 256;

pub struct House {
    pub app: Shared,
    sample: Sample,
    _dir: tempfile::TempDir,
}

pub fn acme() -> Result<CustomerId> {
    "acme".parse().map_err(anyhow::Error::msg)
}

pub fn instance(n: u32) -> Result<InstanceId> {
    format!("i-{n:06}").parse().map_err(anyhow::Error::msg)
}

impl House {
    pub async fn open() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let config = Config::new(dir.path(), "https://boathook.test");
        let now = Time::from_ms(1_780_000_000_000);
        Keys::create(dir.path())?;
        std::fs::create_dir_all(dir.path().join("store"))?;
        boathook_schema::migrate(&config.store_url(), Migrate::Up).await?;
        let app = listeners::open(config, Clock::at(now), None, Default::default()).await?;
        let name = "Acme".to_owned();
        let made = app
            .store
            .put_customer(&Scope::System, Write::system(now), acme()?, name);
        made.await?.done()?;
        Ok(Self {
            app,
            sample: Sample::new(now),
            _dir: dir,
        })
    }

    pub fn write(&self) -> Write {
        Write::system(self.app.now())
    }

    pub async fn refresh(&self) -> Result<()> {
        let read = control::refresh(&self.app).await;
        read.map_err(|problem| anyhow::anyhow!("{problem:?}"))
    }

    pub async fn enrol(&self, count: u32) -> Result<()> {
        let key = self.sample.instance_key.public();
        for first in (0..count).step_by(ENROLLING as usize) {
            let group = (first..count.min(first + ENROLLING)).map(|n| async move {
                let new = NewInstance {
                    id: instance(n)?,
                    customer: acme()?,
                    key,
                    facts: Facts::default(),
                    confirm: false,
                };
                let put = self
                    .app
                    .store
                    .put_instance(&Scope::System, self.write(), new);
                put.await?.done()?;
                anyhow::Ok(())
            });
            try_join_all(group).await?;
        }
        Ok(())
    }

    /// Ten places for everybody at acme; stopped when half of its runs fail.
    pub fn hook(&self) -> Hook {
        let now = self.app.now();
        let hook = Sample::new(now).hook();
        Hook {
            stop_error_percent: Some(50),
            ..hook
        }
    }

    /// Published in waves, or to all. Says for about how many it is, too.
    pub async fn publish(&self, hook: &Hook, in_waves: bool) -> Result<(u64, Digest)> {
        let (store, all) = (&self.app.store, &Scope::System);
        let payload = hook.to_payload()?;
        let digest = Digest::of(&payload);
        let draft = DraftText {
            hook: hook.id.clone(),
            author: hook.author.clone(),
            title: hook.title.clone(),
            customers: vec![acme()?],
            opted_in: false,
            ticket: None,
            toml: String::new(),
            template: None,
        };
        store
            .submit_draft(all, self.write(), draft, None)
            .await?
            .done()?;
        let bytes = Some(Blob(payload.clone()));
        let step = store.advance(
            all,
            self.write(),
            hook.id.clone(),
            1,
            None,
            Move::Submit,
            bytes,
        );
        let record = step.await?.done()?;
        let key = &self.sample.ada_browser;
        let signature = AddSignature {
            hook: hook.id.clone(),
            revision: 1,
            digest,
            expect: record.version,
            signature: HookSignature {
                person: hook.author.clone(),
                keyid: key.public().id(),
                place: KeyPlace::Browser,
                sig: key.sign(&pae(Hook::PAYLOAD_TYPE, &payload)),
                at: self.app.now(),
            },
            then: AfterSignature::Signed,
        };
        store
            .add_signature(all, self.write(), signature)
            .await?
            .done()?;
        let about = waves::about(&self.app, hook).await?;
        let wave = match in_waves {
            true => waves::first(&self.app, hook).await?,
            false => Wave::ALL,
        };
        let publish = Publish {
            digest,
            hook: hook.id.clone(),
            revision: 1,
            envelope: Blob(hook.envelope(&[key])?.to_bson()?),
            customers: vec![acme()?],
            opted_in: false,
            ticket: None,
            author: hook.author.clone(),
            title: hook.title.clone(),
            audience: bson::serialize_to_document(&hook.audience)?,
            quota: Quota {
                places: hook.places,
                packet_bytes: hook.packet_bytes,
                total_bytes: hook.total_bytes,
                attempts: hook.attempts,
                stop_after_overruns: hook.stop_after_overruns,
                stop_error_percent: hook.stop_error_percent,
                not_before: hook.not_before,
                expires_at: hook.expires_at,
                retention_days: hook.retention_days,
            },
            wave,
        };
        store.publish(all, self.write(), publish).await?.done()?;
        self.refresh().await?;
        let active = self.app.agent.control.active();
        active.get(&digest).context("the hook is not offered")?;
        Ok((about, digest))
    }

    /// So that the next one is alone.
    pub async fn stop(&self, digest: Digest) -> Result<()> {
        let by = StoppedBy::Overruns;
        let why = "the next scene".to_owned();
        let stop = self
            .app
            .store
            .stop(&Scope::System, self.write(), digest, by, why);
        drop(stop.await?);
        self.refresh().await
    }
}
