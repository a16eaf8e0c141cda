//! Packet objects: every chunk of every claim, and at the end every packet's bytes against its SHA-256.
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{CopyError, CopyProgress};
use crate::{
    Folder, Objects, Packet, Put, Store, StoreError, aggregates::erasing::is_tombstone, codec,
    engine::Table,
};

/// Claims of one page.
const PAGE: usize = 64;
/// Claims that are copied or read at a time: each has a chunk of 4 MiB in memory.
const AT_ONCE: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedObjects {
    pub claims: u64,
    pub chunks: u64,
    pub bytes: u64,
}

/// Copies the chunks of one page of claims; says where the next page begins.
pub(super) async fn page(
    from: &Objects,
    to: &Objects,
    after: Option<String>,
    done: &mut CopyProgress,
) -> Result<Option<String>, CopyError> {
    let after = after.as_deref().map(Folder::from_text);
    let found: Vec<_> = from
        .folders(after.as_ref())
        .take(PAGE)
        .try_collect()
        .await?;
    let next = match found.last() {
        Some((_, last)) if found.len() == PAGE => Some(last.to_string()),
        _ => None,
    };
    let mut moved = stream::iter(
        found
            .into_iter()
            .map(|(_, folder)| folder_of(from, to, folder)),
    )
    .buffer_unordered(AT_ONCE);
    while let Some(one) = moved.try_next().await? {
        done.at("packet objects", &mut |d| {
            d.objects.claims += 1;
            d.objects.chunks += one.chunks;
            d.objects.bytes += one.bytes;
        });
    }
    Ok(next)
}

async fn folder_of(
    from: &Objects,
    to: &Objects,
    folder: Folder,
) -> Result<MovedObjects, CopyError> {
    let mut moved = MovedObjects::default();
    for chunk in from.run(&folder).await?.chunks {
        let range = chunk.offset..chunk.offset + chunk.bytes;
        let bytes = from.read(&folder, &[chunk], range.clone()).await?;
        if to.put(&folder, chunk.offset, bytes.clone()).await? == Put::Lost {
            let there = to.read(&folder, &[chunk], range).await?;
            if there != bytes {
                return Err(CopyError::Differs {
                    what: format!("the bytes of {folder} at {}", chunk.offset),
                    from: format!("{} bytes", bytes.len()),
                    to: "others".into(),
                });
            }
        }
        moved.chunks += 1;
        moved.bytes += chunk.bytes;
    }
    moved.claims = 1;
    Ok(moved)
}

/// Whether a packet's chunks are there, as many and as long as its record says.
pub(crate) async fn has_chunks(objects: &Objects, packet: &Packet) -> Result<Bytes, StoreError> {
    let run = objects.run(&packet.folder()).await?;
    let there = packet.chunks.iter().filter(|c| run.chunks.contains(c));
    let found = there.map(|c| c.bytes).sum();
    Ok(match found == packet.bytes {
        true => Bytes::Whole,
        false => Bytes::Missing { found },
    })
}

/// Whether a packet's bytes are there and are what the record says.
pub(crate) async fn is_there(objects: &Objects, packet: &Packet) -> Result<Bytes, StoreError> {
    let found = has_chunks(objects, packet).await?;
    if found != Bytes::Whole {
        return Ok(found);
    }
    let mut hash = Sha256::new();
    let mut bytes =
        Box::pin(objects.stream(packet.folder(), packet.chunks.clone(), 0..packet.bytes));
    while let Some(piece) = bytes.try_next().await? {
        hash.update(&piece);
    }
    let hash: [u8; 32] = hash.finalize().into();
    Ok(match hash == packet.sha256.0 {
        true => Bytes::Whole,
        false => Bytes::Others,
    })
}

/// What lies where a packet should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Whole,
    Missing { found: u64 },
    Others,
}

/// Reads every packet of the store; says how many.
pub(super) async fn verify(
    store: &Store,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, CopyError> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = store.0.scan(Table::Packets, after).await?;
        let mut packets: Vec<Packet> = Vec::with_capacity(page.items.len());
        for aggregate in &page.items {
            let head = aggregate
                .rows
                .iter()
                .find(|(row, _)| row == crate::engine::HEAD);
            if let Some((_, body)) = head
                && !is_tombstone(body)
            {
                packets.push(codec::decode("packet", body)?);
            }
        }
        let mut read = stream::iter(packets.into_iter().map(|packet| async move {
            let found = is_there(store.objects(), &packet).await?;
            match found {
                Bytes::Whole => Ok(()),
                found => Err(CopyError::Differs {
                    what: format!("the bytes of packet {}", packet.claim),
                    from: format!("{} bytes, {}", packet.bytes, packet.sha256),
                    to: format!("{found:?}"),
                }),
            }
        }))
        .buffer_unordered(AT_ONCE);
        while let Some(()) = read.try_next().await? {
            count += 1;
        }
        tell(count);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}
