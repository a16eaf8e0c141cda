//! `erase`: packets and instances for good; and the list of what was erased, kept outside the backup and replayed after a
//! restore.
use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use boathook_hooks::ids::{ClaimId, Digest, InstanceId};
use boathook_schema::{
    ClaimState, ErasedKind, Erasure, ErasureReceipt, Page, Refused, Scope, Store, Write,
};
use clap::Subcommand;
use futures_util::TryStreamExt as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    api::erasures::{ErasureView, ReceiptView},
    app::App,
    cli::{out, out::Out, words},
    erasing::Eraser,
    errors::IntoAnswer as _,
};

#[derive(Subcommand)]
pub enum Command {
    /// Erase a packet for good: its chunks, its statement, and what is listed of it.
    Packet {
        /// Which, by its claim, as the API shows it.
        id: ClaimId,
        /// The reason. It is kept for ever, so it should name nobody.
        #[arg(long)]
        why: String,
    },
    /// Erase a retired instance for good, with its packets and what people said of it.
    Instance {
        /// Which, as `instance list` shows it.
        id: InstanceId,
        /// The reason. It is kept for ever, so it should name nobody.
        #[arg(long)]
        why: String,
    },
    /// What was erased, newest first.
    List,
    /// Write the list of what was erased into a file that is kept apart from the backup.
    Export {
        /// The file, JSON lines. One that is there is replaced once the new one is whole.
        file: PathBuf,
    },
    /// After a restore: erase again what came back, by a file that `erase export` wrote.
    Replay {
        /// The file, JSON lines.
        file: PathBuf,
    },
}

pub async fn run(app: &App, command: Command, out: &Out) -> anyhow::Result<()> {
    let eraser = Eraser {
        app,
        scope: &Scope::System,
        write: &|| Write::system(app.now()),
    };
    match command {
        Command::Packet { id, why } => told(eraser.packet(id, why).await.map_err(words)?, out),
        Command::Instance { id, why } => told(eraser.instance(id, why).await.map_err(words)?, out),
        Command::List => list(app, out).await,
        Command::Export { file } => export(app, file, out).await,
        Command::Replay { file } => replay(&eraser, file, out).await,
    }
}

fn told(receipt: ErasureReceipt, out: &Out) -> anyhow::Result<()> {
    out.show(&ReceiptView::from(receipt), |r| {
        format!(
            "{} {} is erased: event {} of customer:{}",
            r.kind, r.id, r.event, r.customer
        )
    })
}

/// The whole list, page by page.
async fn each(app: &App, mut see: impl FnMut(Erasure) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut page = Page::first(1000);
    loop {
        let erasures = app.store.erasures(&Scope::System, page).await?;
        for erasure in erasures.items {
            see(erasure)?;
        }
        match erasures.next {
            Some(next) => page = Page::first(1000).after(Some(next)),
            None => return Ok(()),
        }
    }
}

async fn list(app: &App, out: &Out) -> anyhow::Result<()> {
    let mut all: Vec<ErasureView> = Vec::new();
    each(app, |erasure| {
        all.push(erasure.into());
        Ok(())
    })
    .await?;
    out.show(&all, |all| {
        let rows = all.iter().map(|e| {
            let finished = e.finished.map_or("not yet".to_owned(), |at| at.to_string());
            vec![
                e.kind.into(),
                e.id.clone(),
                e.customer.to_string(),
                e.begun.to_string(),
                finished,
                e.why.clone(),
            ]
        });
        let head = ["KIND", "ID", "CUSTOMER", "BEGUN", "FINISHED", "WHY"];
        out::table(&head, rows)
    })
}

/// Beside the file first: a copy that is cut off must not stand in place of a whole one.
async fn export(app: &App, path: PathBuf, out: &Out) -> anyhow::Result<()> {
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let named = |path: &PathBuf| format!("cannot write {}", path.display());
    let file = std::fs::File::create(&beside).with_context(|| named(&beside))?;
    let mut lines = std::io::BufWriter::new(file);
    let mut count = 0_u64;
    each(app, |erasure| {
        count += 1;
        let line = serde_json::to_string(&erasure)?;
        writeln!(lines, "{line}").with_context(|| named(&beside))
    })
    .await?;
    let file = lines.into_inner().with_context(|| named(&beside))?;
    file.sync_all().with_context(|| named(&beside))?;
    std::fs::rename(&beside, &path).with_context(|| named(&path))?;
    out.show(&json!({"erasures": count}), |_| {
        format!("{count} erasures written")
    })
}

/// What became of a line of the file.
#[derive(Default)]
struct Replayed {
    again: u64,
    known: u64,
    absent: u64,
}

async fn replay(eraser: &Eraser<'_>, path: PathBuf, out: &Out) -> anyhow::Result<()> {
    let read = || format!("cannot read {}", path.display());
    let text = std::fs::read_to_string(&path).with_context(read)?;
    // All of it is read before anything is erased.
    let mut all: Vec<Erasure> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let erasure = serde_json::from_str(line)
            .with_context(|| format!("line {} of {} is no erasure", n + 1, path.display()))?;
        all.push(erasure);
    }
    // What the copy's writes owe still would bring back what is erased here.
    eraser.app.store.finish_left(true).await?;
    let mut counts = Replayed::default();
    let mut failed = Vec::new();
    for erasure in &all {
        // One that fails holds up none of the others.
        if let Err(error) = one(eraser, erasure, &mut counts).await {
            failed.push(format!("the {} {}: {error:#}", erasure.kind, erasure.id));
        }
    }
    let Replayed {
        again,
        known,
        absent,
    } = counts;
    let done = json!({"erased_again": again, "known": known, "not_there": absent});
    out.show(&done, |_| {
        format!("{again} erased again, {known} known as erased, {absent} not there")
    })?;
    if failed.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{} could not be erased again; run it once more:\n{}",
        failed.len(),
        failed.join("\n")
    )
}

/// Whether the chunks of a packet are what was erased, byte for byte: its agent could make it the same packet again.
async fn is_here(store: &Store, erasure: &Erasure) -> anyhow::Result<bool> {
    let (Some(folder), Some(packet)) = (erasure.folder(), &erasure.packet) else {
        return Ok(false);
    };
    let run = store.objects().run(&folder).await?;
    if run.bytes != packet.bytes {
        return Ok(false);
    }
    let bytes = store.objects().stream(folder, run.chunks, 0..run.bytes);
    let mut bytes = std::pin::pin!(bytes);
    let mut hash = Sha256::new();
    while let Some(piece) = bytes.try_next().await? {
        hash.update(&piece);
    }
    Ok(Digest(hash.finalize().into()) == packet.sha256)
}

async fn one(eraser: &Eraser<'_>, erasure: &Erasure, counts: &mut Replayed) -> anyhow::Result<()> {
    let (store, system) = (&eraser.app.store, &Scope::System);
    if let Some(known) = store.erasure(system, erasure.kind, &erasure.id).await? {
        eraser.finish(&known).await.map_err(words)?;
        counts.known += 1;
        return Ok(());
    }
    let why = erasure.why.clone();
    let begun = match erasure.kind {
        ErasedKind::Packet => {
            let claim: ClaimId = erasure.id.parse().map_err(anyhow::Error::msg)?;
            let write = (eraser.write)();
            match store.packet(system, &claim).await? {
                Some(_) => store.erase_packet(system, write, claim, why).await?,
                // Its chunks may have come back without its record.
                None if is_here(store, erasure).await? => {
                    store.put_erasure(system, write, erasure.clone()).await?
                }
                None => {
                    // A claim that is open may bring another packet; one that was accepted brings this one, once what it owes
                    // is done.
                    let found = store.claim_by_id(system, &claim).await?;
                    let open = found.is_some();
                    if found.is_some_and(|c| c.state == ClaimState::Accepted) {
                        let put = store.put_erasure(system, write, erasure.clone()).await?;
                        let begun = put.done().map_err(|reason| words(reason.into()))?;
                        eraser.finish(&begun).await.map_err(words)?;
                        counts.again += 1;
                        return Ok(());
                    }
                    if let (false, Some(folder)) = (open, erasure.folder()) {
                        store.objects().delete(&folder).await?;
                    }
                    counts.absent += 1;
                    return Ok(());
                }
            }
        }
        ErasedKind::Instance => {
            let id: InstanceId = erasure.id.parse().map_err(anyhow::Error::msg)?;
            if store.instance(system, &id).await?.is_some() {
                // The copy may be of a time when it was not retired yet.
                let write = (eraser.write)();
                let retired = store.retire_instance(system, write, id.clone(), why.clone());
                retired.await.answer().map_err(words)?;
            }
            let write = (eraser.write)();
            store.erase_instance(system, write, id, why).await?
        }
    };
    match begun.done() {
        Ok(begun) => {
            eraser.finish(&begun).await.map_err(words)?;
            counts.again += 1;
        }
        Err(Refused::NotFound(_)) => counts.absent += 1,
        Err(reason) => return Err(words(reason.into())),
    }
    Ok(())
}
