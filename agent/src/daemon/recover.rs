//! At the start: what a crash left of runs becomes a packet marked interrupted, or is known as interrupted.
use boathook_hooks::time::Time;

use super::{DaemonError, Shared};
use crate::{
    ledger::{End, Fate, Record, Run},
    run,
};

pub(super) fn recover(shared: &Shared) -> Result<(), DaemonError> {
    let now = Time::wall_clock();
    shared.spool.complete()?;
    let entries = shared.spool.entries()?;
    let unfinished = shared.ledger.borrow().unfinished();
    for run in unfinished {
        let id = run.begun.run.clone();
        let end = match entries.iter().find(|e| e.run == id) {
            // Whole: only its line was not written any more.
            Some(entry) => End::Packed {
                bytes: entry.bytes,
                sha256: entry.sha256,
                name: entry.name.clone(),
                interrupted: entry.interrupted,
            },
            None => cut_off(shared, &run),
        };
        tracing::warn!(run = id, hook = %run.begun.hook, ?end, "a crash cut this run off");
        shared.ledger.borrow_mut().append(Record::Ended {
            at: now,
            run: id,
            end,
        })?;
    }
    let entries = shared.spool.entries()?;
    let mut wanted = Vec::new();
    let waiting = shared.ledger.borrow().awaiting_server();
    for run in waiting {
        if entries.iter().any(|e| e.run == run) {
            wanted.push(run);
        } else {
            let fate = Fate::Gone {
                reason: "the packet is no longer in the spool".into(),
            };
            shared
                .ledger
                .borrow_mut()
                .append(Record::Settled { at: now, run, fate })?;
        }
    }
    shared.spool.clean(&wanted)?;
    shared.spool.prune(std::time::SystemTime::now())?;
    shared.tell(|s| s.spooled = wanted.len());
    Ok(())
}

/// What was finished before the crash, if anything was.
fn cut_off(shared: &Shared, run: &Run) -> End {
    let id = &run.begun.run;
    match run::rescue(
        &shared.spool,
        id,
        &shared.rules().door,
        &shared.key,
        Time::wall_clock(),
    ) {
        Ok(Some(entry)) => End::Packed {
            bytes: entry.bytes,
            sha256: entry.sha256,
            name: entry.name,
            interrupted: true,
        },
        Ok(None) => End::Interrupted,
        Err(error) => {
            tracing::error!(run = id, %error, "nothing could be rescued");
            End::Interrupted
        }
    }
}
