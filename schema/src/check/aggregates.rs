//! Each aggregate: its lists, its counts, its packet's bytes.
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{AT_ONCE, Check, Eye, FaultKind, SECOND_LOOK, counts};
use crate::{
    Packet, StoreError,
    aggregates::erasing::is_tombstone,
    codec,
    engine::{HEAD, Home, Table, scan::Aggregate},
    transfer::{Bytes, has_chunks, is_there},
};

/// Tables whose aggregates are listed, counted or have bytes.
const TABLES: [Table; 9] = [
    Table::Customers,
    Table::JoinTokens,
    Table::Tickets,
    Table::Hooks,
    Table::Revisions,
    Table::Packets,
    Table::Instances,
    Table::People,
    Table::Trust,
];

pub(super) fn name(home: &Home) -> String {
    format!("{}/{}", home.table.name(), home.id.replace('\u{1}', "/"))
}

impl Check<'_> {
    pub(super) async fn aggregates(&mut self) -> Result<(), StoreError> {
        let mut doubted = Vec::new();
        for table in TABLES {
            self.done.what = table.name();
            let eye = self.eye;
            let mut looks = eye
                .store
                .0
                .all(table)
                .map(|aggregate| async move { eye.fits(aggregate?).await })
                .buffered(AT_ONCE);
            while let Some(seen) = looks.try_next().await? {
                self.done.aggregates += 1;
                self.done.packets += u64::from(seen.packet.is_some());
                self.done.bytes += seen.packet.unwrap_or(0);
                doubted.extend(seen.doubted);
                self.tell_now_and_then();
            }
            self.tell();
        }
        if doubted.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        for home in doubted {
            self.owed(&home).await?;
            self.behind(home.clone()).await?;
            self.counted(&home).await?;
            self.signed(&home).await?;
            self.bytes(&home).await?;
        }
        Ok(())
    }

    async fn owed(&mut self, home: &Home) -> Result<(), StoreError> {
        let finish = self.eye.options.repair;
        let owed = self.eye.store.0.owed(home, finish).await?;
        if owed > 0 {
            let why = format!("{owed} changes of it have effects that are not done");
            self.done
                .fault(FaultKind::LeftWrite, name(home), why, finish);
        }
        Ok(())
    }

    async fn behind(&mut self, home: Home) -> Result<(), StoreError> {
        let behind = match self.eye.store.0.behind(home.clone(), self.eye.now).await {
            Ok(behind) => behind,
            Err(StoreError::Record { what, .. }) => {
                let why = format!("its {what}");
                let at = name(&home);
                self.done.fault(FaultKind::Unreadable, at, why, false);
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        if behind.is_empty() {
            return Ok(());
        }
        let mut repaired = false;
        if self.eye.options.repair {
            let done = self
                .eye
                .store
                .0
                .relist(home.clone(), Vec::new(), self.eye.now);
            repaired = done.await?.done().is_ok();
        }
        for (list, part, sort) in behind {
            let sort = sort.replace('\u{1}', "/");
            let why = format!("{} lacks {sort} under {part:?}", list.name());
            let at = name(&home);
            self.done.fault(FaultKind::ListBehind, at, why, repaired);
        }
        Ok(())
    }

    async fn counted(&mut self, home: &Home) -> Result<(), StoreError> {
        if home.table != Table::Revisions {
            return Ok(());
        }
        let at = home.clone();
        let rows = self
            .eye
            .store
            .0
            .read("check", move |look| {
                let mut rows = vec![(HEAD.to_owned(), look.bytes(&at.head())?.unwrap_or_default())];
                for prefix in ["c/", "l/"] {
                    rows.extend(look.rows_of(&at, prefix, usize::MAX)?);
                }
                Ok(rows)
            })
            .await?;
        match counts::of(&rows) {
            Ok(counts) => {
                for why in counts.wrong() {
                    self.done.fault(FaultKind::Counts, name(home), why, false);
                }
            }
            Err(e) => {
                let why = e.to_string();
                self.done
                    .fault(FaultKind::Unreadable, name(home), why, false);
            }
        }
        let aggregate = Aggregate {
            home: home.clone(),
            version: 0,
            rows,
            owes: false,
        };
        for claim in self.eye.packets_of(&aggregate).await? {
            let why = format!("claim {claim} was accepted and its packet is not there");
            self.done
                .fault(FaultKind::ClaimWithoutPacket, name(home), why, false);
        }
        Ok(())
    }

    async fn bytes(&mut self, home: &Home) -> Result<(), StoreError> {
        if home.table != Table::Packets {
            return Ok(());
        }
        let head = home.head();
        let packet: Option<Packet> = self
            .eye
            .store
            .0
            .read("check", move |look| match look.bytes(&head)? {
                Some(body) if !is_tombstone(&body) => Ok(Some(codec::decode("packet", &body)?)),
                _ => Ok(None),
            })
            .await?;
        let Some(packet) = packet else {
            return Ok(());
        };
        for (kind, why) in [
            (
                FaultKind::PacketWithoutBytes,
                self.eye.has_bytes(&packet).await?,
            ),
            (
                FaultKind::PacketWithoutStatement,
                self.eye.has_statement(&packet).await?,
            ),
        ] {
            if let Some(why) = why {
                self.done.fault(kind, name(home), why, false);
            }
        }
        Ok(())
    }
}

/// What a first look at an aggregate found; what does not fit may be on its way.
struct Seen {
    /// What is to be looked at again.
    doubted: Option<Home>,
    /// A packet's bytes.
    packet: Option<u64>,
}

impl Eye<'_> {
    async fn fits(self, aggregate: Aggregate) -> Result<Seen, StoreError> {
        let aggregate = &aggregate;
        let home = &aggregate.home;
        let listed = match self.store.0.behind(home.clone(), self.now).await {
            Ok(behind) => behind.is_empty(),
            Err(StoreError::Record { .. }) => false,
            Err(e) => return Err(e),
        };
        let (mut fits, mut packet) = (listed && !aggregate.owes, None);
        match home.table {
            Table::Revisions => {
                fits &= counts::of(&aggregate.rows).is_ok_and(|c| c.is_right());
                fits &= self.packets_of(aggregate).await?.is_empty();
                fits &= self.has_envelope(aggregate).await?.is_none();
            }
            Table::Packets if !is_erased(aggregate) => match packet_of(aggregate) {
                Some(found) => {
                    packet = Some(found.bytes);
                    fits &= self.has_bytes(&found).await?.is_none();
                    fits &= self.has_statement(&found).await?.is_none();
                }
                None => fits = false,
            },
            _ => {}
        }
        let doubted = (!fits).then(|| home.clone());
        Ok(Seen { doubted, packet })
    }

    /// Accepted claims whose packets are not there.
    async fn packets_of(self, revision: &Aggregate) -> Result<Vec<String>, StoreError> {
        let accepted = counts::accepted(&revision.rows)?;
        let missing = self.store.0.read("check", move |look| {
            let home = |claim: &String| Home::new(Table::Packets, claim);
            let needs = accepted
                .iter()
                .map(|c| crate::engine::Need::Version(home(c)));
            look.ahead(needs.collect())?;
            let mut missing = Vec::new();
            for claim in &accepted {
                if look.version(&home(claim))? == 0 {
                    missing.push(claim.clone());
                }
            }
            Ok(missing)
        });
        missing.await
    }

    /// What is wrong with a packet's statement, if anything.
    async fn has_statement(self, packet: &Packet) -> Result<Option<String>, StoreError> {
        let found = self.store.0.statement_bytes(packet).await?;
        let whole = packet.statement_bytes;
        let why = || format!("{found} of {whole} bytes of its statement are there");
        // Records of before do not say how many there are.
        Ok((found < whole).then(why))
    }

    /// What is wrong with a packet's bytes, if anything.
    async fn has_bytes(self, packet: &Packet) -> Result<Option<String>, StoreError> {
        let objects = self.store.objects();
        let found = match self.options.read_bytes {
            true => is_there(objects, packet).await?,
            false => has_chunks(objects, packet).await?,
        };
        Ok(match found {
            Bytes::Whole => None,
            Bytes::Missing { found } => {
                Some(format!("{found} of {} bytes are there", packet.bytes))
            }
            Bytes::Others => Some(format!("its bytes are not {}", packet.sha256)),
        })
    }
}

fn is_erased(aggregate: &Aggregate) -> bool {
    let head = aggregate.rows.iter().find(|(row, _)| row == HEAD);
    head.is_some_and(|(_, body)| is_tombstone(body))
}

fn packet_of(aggregate: &Aggregate) -> Option<Packet> {
    let (_, body) = aggregate.rows.iter().find(|(row, _)| row == HEAD)?;
    codec::decode("packet", body).ok()
}
