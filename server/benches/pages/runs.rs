//! What instances make of a published hook: they claim, and bring packets with receipts, fail or say no.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use boathook_hooks::{
    documents::hook::Hook,
    ids::{Blob, ClaimId, CustomerId, Digest},
    packet::packet_name,
    protocol::AnswerKind,
    redaction::Redactor,
    time::HOUR,
};
use boathook_schema::{
    Chunk, ClaimAsk, ClaimReply, CommitPacket, Folder, NewAnswer, Scope, StoreError, Write,
};
use boathook_server::uploads::{Kept, receipt};
use bson::doc;
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};

use crate::{
    house::House,
    sites::{customer, instance, instance_key},
    zips::{About, zip},
};

/// Instances that are at it at a time.
const AT_ONCE: usize = 64;
const PAUSE: Duration = Duration::from_millis(50);
/// As the hooks' limit has it.
pub const PACKET_BYTES: u64 = 2 << 20;
/// Of packets that are there to be read in, and of all others.
const LINES: (u32, u32) = (20_000, 4);

pub struct Runs<'a> {
    pub house: &'a House,
    objects: PathBuf,
    redactor: Redactor,
}

/// What is to come of one hook.
pub struct Wanted<'a> {
    pub hook: &'a Hook,
    pub digest: Digest,
    /// The number of its customer.
    pub customer: u32,
    pub packets: u32,
    /// Runs that bring nothing.
    pub failing: u32,
    /// Instances that say no without a run.
    pub saying_no: u32,
    /// The first packet is one to be read in.
    pub readable: bool,
}

impl<'a> Runs<'a> {
    pub fn new(house: &'a House, dir: &Path) -> Result<Self> {
        Ok(Self {
            house,
            objects: dir.join("store"),
            redactor: Redactor::builder().build()?,
        })
    }

    pub async fn run(&self, wanted: &Wanted<'_>) -> Result<()> {
        let (app, customer) = (&self.house.app, customer(wanted.customer)?);
        let all = wanted.packets + wanted.failing;
        let mut asks = Vec::new();
        for n in 0..all {
            asks.push(ClaimAsk {
                instance: instance(wanted.customer, n)?,
                customer: customer.clone(),
                attempt: 1,
                bytes: PACKET_BYTES,
            });
        }
        let until = app.now().plus_ms(HOUR);
        let write = self.house.write();
        let claimed = app
            .store
            .claim(&Scope::System, write, wanted.digest, until, asks);
        let replies = claimed.await?.done()?;
        let each = replies.into_iter().enumerate().map(|(n, reply)| {
            let customer = &customer;
            async move {
                let ClaimReply::Granted(lease) = reply else {
                    anyhow::bail!("no place for {n}: {reply:?}");
                };
                match n < wanted.packets as usize {
                    true => self.packet(wanted, lease.claim, customer, n).await,
                    false => self.nothing(lease.claim, n).await,
                }
            }
        });
        stream::iter(each)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let no = (all..all + wanted.saying_no).map(|n| self.no(wanted, &customer, n));
        try_join_all(no).await.map(drop)
    }

    async fn packet(
        &self,
        wanted: &Wanted<'_>,
        claim: ClaimId,
        customer: &CustomerId,
        n: usize,
    ) -> Result<()> {
        let (app, now) = (&self.house.app, self.house.app.now());
        let about = About {
            hook: wanted.hook,
            digest: wanted.digest,
            claim: &claim,
            customer,
            at: now,
            lines: match wanted.readable && n == 0 {
                true => LINES.0,
                false => LINES.1,
            },
            fails: n % 10 == 3,
        };
        let (bytes, finished) = zip(&self.redactor, &about)?;
        let (sha256, length) = (Digest::of(&bytes), bytes.len() as u64);
        self.keep(&Folder::new(customer, now, &claim), &bytes)?;
        let commit = CommitPacket {
            claim: claim.clone(),
            name: packet_name(&finished.statement),
            bytes: length,
            sha256,
            chunks: vec![Chunk {
                offset: 0,
                bytes: length,
            }],
            statement: Blob(finished.statement.to_json()?),
            sections: finished.statement.sections.iter().map(summary).collect(),
        };
        let write = Write::instance(claim.instance.clone(), now);
        // Many at once make an embedded store say that it is busy, on a slow disk.
        let _committed = loop {
            let (write, commit) = (write.clone(), commit.clone());
            match app.store.commit_packet(&Scope::System, write, commit).await {
                Err(StoreError::TryAgain { .. }) => tokio::time::sleep(PAUSE).await,
                committed => break committed?.done()?,
            }
        };
        let key = instance_key().public();
        match receipt(app, &claim, key).await {
            Ok(Kept::Receipt(_)) => Ok(()),
            Ok(_) => anyhow::bail!("{claim} has no receipt"),
            Err(problem) => anyhow::bail!("{problem:?}"),
        }
    }

    /// As the store keeps it, but nobody waits for the disk.
    fn keep(&self, folder: &Folder, bytes: &[u8]) -> Result<()> {
        let folder = self.objects.join(folder.to_string());
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("0"), bytes).context("keeping a packet")
    }

    async fn nothing(&self, claim: ClaimId, n: usize) -> Result<()> {
        let kind = match n % 2 {
            0 => AnswerKind::Failed,
            _ => AnswerKind::Interrupted,
        };
        let write = Write::instance(claim.instance.clone(), self.house.app.now());
        let why = "the disk was full".to_owned();
        let store = &self.house.app.store;
        let released = store.release(&Scope::System, write, claim, kind, why);
        released.await?.done()?;
        Ok(())
    }

    async fn no(&self, wanted: &Wanted<'_>, customer: &CustomerId, n: u32) -> Result<()> {
        let instance = instance(wanted.customer, n)?;
        let answer = NewAnswer {
            revision: wanted.digest,
            instance: instance.clone(),
            customer: customer.clone(),
            kind: match n % 2 {
                0 => AnswerKind::Refused,
                _ => AnswerKind::Declined,
            },
            reason: "the policy denies /var/log/auth.log".into(),
        };
        let write = Write::instance(instance, self.house.app.now());
        let store = &self.house.app.store;
        let answered = store.answer(&Scope::System, write, answer);
        answered.await?.done()?;
        Ok(())
    }
}

/// What the server keeps of a section beside the packet.
fn summary(section: &boathook_hooks::packet::Section) -> bson::Document {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    doc! {
        "name": section.name.as_str(),
        "collector": &section.collector,
        "outcome": section.outcome.as_str(),
        "reason": &section.reason,
        "files": number(section.files.len() as u64),
        "bytes": number(section.files.iter().map(|f| f.bytes).sum()),
    }
}
