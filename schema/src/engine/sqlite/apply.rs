//! A write with all that follows from it, within one transaction of SQLite.
use rusqlite::Connection;

use super::{
    look::{SqliteLook, put_entry, put_row, set_version, version},
    writer::forget_answers,
};
use crate::{
    StoreError, Write,
    engine::{
        control,
        effects::{Applied, Effect, Step},
        events::{self, EventEntry},
        keys::Home,
        stop::Stop,
        tx::Tx,
    },
};

/// Runs a body on its aggregate and everything that follows.
pub(super) fn run<T>(
    conn: &Connection,
    write: &Write,
    home: Home,
    body: impl FnOnce(&mut Tx<'_>) -> Result<T, Stop>,
) -> Result<(T, Applied), Stop> {
    let mut look = SqliteLook { conn };
    let mut tx = Tx::new(&mut look, write, home, false);
    let value = body(&mut tx)?;
    let mut applied = Applied::default();
    if tx.changes_nothing() {
        return Ok((value, applied));
    }
    let (home, puts) = (tx.home, tx.puts);
    let (before, effects, forgets) = (tx.before, tx.effects, tx.forgets);
    if forgets {
        forget_answers(conn, &home)?;
    }
    let number = version(conn, &home)? + 1;
    if !puts.is_empty() {
        set_version(conn, &home, number)?;
    }
    for (row, body) in &puts {
        put_row(conn, &home, row, body.as_deref())?;
    }
    for effect in &before {
        put_entry(conn, effect, number)?;
    }
    for (n, effect) in effects.iter().enumerate() {
        if let Effect::Then(step) = effect {
            step_of(conn, &write.following(n), step)?;
        }
    }
    for effect in &effects {
        put_entry(conn, effect, number)?;
    }
    for (n, effect) in effects.into_iter().enumerate() {
        match effect {
            Effect::Control { change, note } => {
                let number = append_control(conn, write, n, &change)?;
                applied.control = Some(number);
                if let Some(digest) = note {
                    let control = number;
                    let step = Step::Note { digest, control };
                    step_of(conn, &write.following(n), &step)?;
                }
            }
            Effect::Event { chain, entry, note } => {
                let head = append_event(conn, write, &chain, *entry)?;
                if let (Some(note), Some(head)) = (note, &head) {
                    step_of(conn, &write.following(n), &note.step(head.clone()))?;
                }
                applied.head = head.or(applied.head);
            }
            Effect::List { .. } | Effect::Then(_) => {}
        }
    }
    Ok((value, applied))
}

fn step_of(conn: &Connection, write: &Write, step: &Step) -> Result<(), Stop> {
    run(conn, write, step.home(), |tx| step.run(tx)).map(drop)
}

fn append_control(
    conn: &Connection,
    write: &Write,
    nth: usize,
    change: &crate::Change,
) -> Result<u64, Stop> {
    let mut home = control::newest(&mut SqliteLook { conn })?;
    // Closing one partition and opening the next are two steps; a third would be a fault.
    for _ in 0..3 {
        let body = |tx: &mut Tx<'_>| control::append(tx, write.op_id, nth, write.now, change);
        match run(conn, write, home, body)?.0 {
            control::Went::Done(number) => return Ok(number),
            control::Went::On(next) => home = next,
        }
    }
    Err(lost("appending to the control log"))
}

fn append_event(
    conn: &Connection,
    write: &Write,
    chain: &str,
    entry: EventEntry,
) -> Result<Option<crate::Head>, Stop> {
    let last = events::head(&mut SqliteLook { conn }, chain)?;
    let mut home = events::bucket(chain, events::bucket_of(last.number));
    let entries = [entry];
    for _ in 0..3 {
        let body = |tx: &mut Tx<'_>| events::append(tx, chain, &entries);
        match run(conn, write, home, body)?.0 {
            events::Went::Done(heads) => return Ok(heads.into_iter().next_back()),
            events::Went::On(_, next) => home = next,
        }
    }
    Err(lost("appending to a chain"))
}

fn lost(operation: &'static str) -> Stop {
    Stop::Error(StoreError::TryAgain { operation })
}
