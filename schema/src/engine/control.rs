//! The control log: numbers that never go back, a partition for about a day and a half of them.
use boathook_hooks::{ids::Blob, time::Time};
use serde::{Deserialize, Serialize};

use super::{
    keys::{Home, List, Table, number_key},
    look::{Look, Need},
    stop::Stop,
    tx::Tx,
};
use crate::{Change, ControlEntry, OpId, codec};

/// Numbers are milliseconds: 2^27 of them are some 37 hours.
const BUCKET_BITS: u32 = 27;

/// The end of one partition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct End {
    number: u64,
    /// The log goes on there, and never here again.
    next: Option<u64>,
}

/// Where the log begins and ends. It may lag behind the partitions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) head: u64,
}

#[derive(Serialize, Deserialize)]
struct Row {
    entry: ControlEntry,
    op: Blob,
    nth: u32,
}

const END: &str = "h";

const fn bucket_of(number: u64) -> u64 {
    number >> BUCKET_BITS
}

fn bucket(n: u64) -> Home {
    Home::new(Table::Control, format!("{n:012}"))
}

fn row(number: u64) -> String {
    format!("n/{}", number_key(number))
}

fn span(look: &mut (impl Look + ?Sized)) -> Result<Span, Stop> {
    let entry = look.entry(List::ControlHead, "", "")?;
    Ok(entry
        .map(|b| codec::decode("control head", &b))
        .transpose()?
        .unwrap_or_default())
}

/// The log's last number.
pub(crate) fn head(look: &mut (impl Look + ?Sized)) -> Result<u64, Stop> {
    Ok(span(look)?.head)
}

/// Where the next entry goes, as far as is known.
pub(crate) fn newest(look: &mut (impl Look + ?Sized)) -> Result<Home, Stop> {
    Ok(bucket(bucket_of(head(look)?)))
}

/// What an append in that partition looks at first.
pub(super) fn needed(home: &Home) -> Vec<Need> {
    vec![
        Need::Entry {
            list: List::ControlHead,
            part: String::new(),
            sort: String::new(),
        },
        Need::Row(home.at(END)),
    ]
}

pub(crate) enum Went {
    Done(u64),
    /// This partition is closed: the log goes on there.
    On(Home),
}

/// Appends in the partition that is `tx.home`, or closes it. `nth`: which of the write's effects it is.
/// `op` is the write that it follows from, which may be done again.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    op: OpId,
    nth: usize,
    when: Time,
    change: &Change,
) -> Result<Went, Stop> {
    let at: u64 = tx.home.id.parse().unwrap_or(0);
    let span = span(tx)?;
    let end: Option<End> = tx.read("control log", &tx.here(END))?;
    let op = Blob(op.0.as_bytes().to_vec());
    let nth = u32::try_from(nth).unwrap_or(u32::MAX);
    let now = u64::try_from(when.ms()).unwrap_or(0);
    if tx.again
        && let Some(known) = known(tx, &op, nth, now, at)?
    {
        let span = Span {
            // The log began there, if nobody said so before it was cut off.
            first: if span.first == 0 {
                bucket_of(known)
            } else {
                span.first
            },
            head: known.max(span.head),
        };
        list_head(tx, &span)?;
        return Ok(Went::Done(known));
    }
    let last = match &end {
        Some(End { next: Some(n), .. }) => return Ok(Went::On(bucket(*n))),
        Some(end) => end.number,
        None => span.head.max(newest_before(tx, at, &span)?),
    };
    let number = (last + 1).max(now);
    if bucket_of(number) != at {
        let next = bucket_of(number);
        if end.is_some() {
            let closed = End {
                number: last,
                next: Some(next),
            };
            tx.put("control log", END, &closed)?;
        }
        return Ok(Went::On(bucket(next)));
    }
    let entry = ControlEntry {
        number,
        at: when,
        change: change.clone(),
    };
    tx.put("control entry", &row(number), &Row { entry, op, nth })?;
    tx.put("control log", END, &End { number, next: None })?;
    let first = if span.first == 0 && span.head == 0 {
        at
    } else {
        span.first
    };
    list_head(
        tx,
        &Span {
            first,
            head: number,
        },
    )?;
    Ok(Went::Done(number))
}

fn list_head(tx: &mut Tx<'_>, span: &Span) -> Result<(), Stop> {
    let body = codec::encode("control head", span)?;
    tx.list_stamped(List::ControlHead, "", "", Some(body), span.head);
    Ok(())
}

/// The last number of the partition that the log was in before it came here.
fn newest_before(tx: &mut Tx<'_>, at: u64, span: &Span) -> Result<u64, Stop> {
    let before = bucket_of(span.head);
    if before == at {
        return Ok(span.head);
    }
    let end: Option<End> = tx.read("control log", &bucket(before).at(END))?;
    Ok(end.map_or(0, |e| e.number))
}

/// The number that this write got before.
fn known(tx: &mut Tx<'_>, op: &Blob, nth: u32, from: u64, home: u64) -> Result<Option<u64>, Stop> {
    let head = span(tx)?.head;
    // The listed head may lag behind the partition that is appended to.
    for at in bucket_of(from)..=bucket_of(head.max(from)).max(home) {
        let rows = tx.rows(
            &bucket(at),
            &row(from),
            &super::look::beyond("n/"),
            usize::MAX,
        )?;
        for (_, body) in rows {
            let row: Row = codec::decode("control entry", &body)?;
            if row.op == *op && row.nth == nth {
                return Ok(Some(row.entry.number));
            }
        }
    }
    Ok(None)
}

/// At most `limit` entries above `after`, in order.
pub(crate) fn since(
    look: &mut (impl Look + ?Sized),
    after: u64,
    limit: usize,
) -> Result<(Vec<ControlEntry>, u64), Stop> {
    let span = span(look)?;
    let mut entries = Vec::new();
    let mut at = bucket_of(after).max(span.first);
    while entries.len() < limit && at <= bucket_of(span.head) {
        let from = row(after + 1);
        let rows = look.rows(
            &bucket(at),
            &from,
            &super::look::beyond("n/"),
            limit - entries.len(),
        )?;
        for (_, body) in rows {
            let row: Row = codec::decode("control entry", &body)?;
            entries.push(row.entry);
        }
        at += 1;
    }
    // The head may lag behind what was just read.
    let read = entries.last().map_or(0, |last| last.number);
    Ok((entries, span.head.max(read)))
}
