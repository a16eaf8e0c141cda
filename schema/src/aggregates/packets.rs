//! Packets. Accepting one is decided with its claim; its record follows, and is an aggregate of its own. The statement
//! lies in pieces beside it: it is read with the packet alone, never with a list.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use boathook_hooks::{
    ids::{Blob, ClaimId, Digest},
    time::{HOUR, Time},
};
use bson::Document;

use super::{
    claims, erasing, quota, revisions,
    search::{self, Named},
    verdicts,
};
use crate::{
    Answer, Claim, ClaimState, CommitPacket, Committed, EventKind, Outcome, Packet, PacketsBy,
    Page, Paged, Refused, Revision, Scope, StoreError, TicketRef, Verdicts, Write, codec,
    engine::{
        Engine, HEAD, Home, List, Look, Need, Step, Stop, Table, Tx, ensure, keys::newest_first,
        listing, not_found,
    },
    objects::MAX_CHUNKS,
    verbs::Read,
};

/// A commit that was begun as long as it was allowed ends by then.
const UNDER_WAY_MS: i64 = HOUR;
/// How often a record that is on its way is looked for.
const ON_ITS_WAY: Duration = Duration::from_millis(50);
/// Bytes of one piece of a statement.
const PIECE: usize = 512 << 10;

pub(super) fn home(claim: &ClaimId) -> Home {
    Home::new(Table::Packets, claim)
}

/// The chunks must be the packet: one after another from 0, all its bytes, no more than are allowed.
fn is_whole(commit: &CommitPacket) -> bool {
    let mut end = 0_u64;
    let gapless = commit.chunks.iter().all(|chunk| {
        let follows = chunk.offset == end && chunk.bytes > 0;
        end = end.saturating_add(chunk.bytes);
        follows
    });
    gapless && end == commit.bytes && commit.chunks.len() <= MAX_CHUNKS
}

fn statement_part(claim: &ClaimId, sha256: &Digest) -> String {
    format!("{claim}/{sha256}")
}

/// Before the packet is accepted: pieces without a packet are harmless, a packet without its statement is not.
fn put_statement(tx: &mut Tx<'_>, commit: &CommitPacket) {
    let part = statement_part(&commit.claim, &commit.sha256);
    for (n, piece) in commit.statement.0.chunks(PIECE).enumerate() {
        tx.before(List::Statements, &part, &format!("{n:04}"), piece.to_vec());
    }
}

/// How many sections ended how: what the event tells of them, for the day's statistics too.
fn outcomes(sections: &[Document]) -> Document {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for section in sections {
        let outcome = section.get_str("outcome").unwrap_or("unknown");
        *counts.entry(outcome).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts.map(|(k, n)| (k.to_owned(), n.into())).collect()
}

/// What stands of a claim that was accepted.
enum Kept {
    /// With its statement.
    Whole(Box<Packet>),
    Erased {
        at: Time,
    },
}

fn whole(look: &mut dyn Look, claim: &ClaimId) -> Result<Option<Kept>, Stop> {
    let head = home(claim).head();
    if let Some(erasure) = erasing::erased(look, &head)? {
        let at = erasure.begun;
        return Ok(Some(Kept::Erased { at }));
    }
    let Some(mut packet) = look.record::<Packet>("packet", &head)? else {
        return Ok(None);
    };
    let part = statement_part(claim, &packet.sha256);
    let pieces = look.list(List::Statements, &part, "", usize::MAX)?;
    let pieces: Vec<Vec<u8>> = pieces.into_iter().map(|(_, piece)| piece).collect();
    packet.statement = Blob(pieces.concat());
    Ok(Some(Kept::Whole(Box::new(packet))))
}

fn ticket_part(ticket: &TicketRef) -> String {
    format!("ticket/{}\u{1}{}", ticket.system, ticket.key)
}

/// The lists that a packet stands in.
fn parts(packet: &Packet) -> Vec<String> {
    let day = packet.received_at.day();
    let mut parts = vec![
        format!("hook/{}", packet.hook),
        format!("instance/{}", packet.instance()),
        format!("day/{day}"),
        format!("customer/{}/{day}", packet.customer),
    ];
    parts.extend(packet.ticket.as_ref().map(ticket_part));
    parts
}

pub(super) fn sort_key(packet: &Packet) -> String {
    format!("{}\u{1}{}", newest_first(packet.received_at), packet.claim)
}

pub(super) fn list(tx: &mut Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    let sort = sort_key(packet);
    let listed = Packet {
        chunks: Vec::new(),
        ..packet.clone()
    };
    let body = codec::encode("packet", &listed)?;
    for part in parts(packet) {
        tx.list_bytes(List::Packets, &part, &sort, body.clone());
    }
    verdicts::list(tx, packet)
}

fn named(packet: &Packet) -> Named<'_> {
    Named {
        title: &packet.name,
        customers: std::slice::from_ref(&packet.customer),
    }
}

/// The packet of a claim that was accepted, once: one that was erased since does not come back, nor does one of an instance
/// that was.
pub(crate) fn put_packet(tx: &mut Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    let head = tx.here(HEAD);
    if tx.bytes(&head)?.is_some() || erasing::erase_arriving(tx, packet)? {
        return Ok(());
    }
    tx.put("packet", HEAD, packet)?;
    list_all(tx, packet)
}

/// All that this packet should be listed under.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    if let Some(erasure) = erasing::erased(tx, &tx.here(HEAD))? {
        return erasing::list(tx, &erasure);
    }
    match tx.read::<Packet>("packet", &tx.here(HEAD))? {
        Some(packet) => list_all(tx, &packet),
        None => Ok(()),
    }
}

fn list_all(tx: &mut Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    list(tx, packet)?;
    search::index(
        tx,
        "packet",
        &packet.claim.to_string(),
        None,
        &named(packet),
    )
}

/// Takes it out of all that tells of it. The caller puts something else in place of the record.
pub(super) fn forget(tx: &mut Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    for part in parts(packet) {
        tx.unlist(List::Packets, &part, &sort_key(packet));
    }
    verdicts::forget(tx, packet)?;
    search::unindex(tx, "packet", &packet.claim.to_string(), &named(packet));
    let part = statement_part(&packet.claim, &packet.sha256);
    for (piece, _) in tx.list(List::Statements, &part, "", usize::MAX)? {
        // Above the stamp that it was put with: a writer that was held up does not bring it back.
        tx.list_stamped(List::Statements, &part, &piece, None, 2);
    }
    Ok(())
}

impl Engine {
    /// How many bytes of a packet's statement are there.
    pub(crate) async fn statement_bytes(&self, packet: &Packet) -> Read<u64> {
        let part = statement_part(&packet.claim, &packet.sha256);
        self.read("statement_bytes", move |look| {
            let pieces = look.list(List::Statements, &part, "", usize::MAX)?;
            Ok(pieces.iter().map(|(_, piece)| piece.len() as u64).sum())
        })
        .await
    }

    pub(crate) async fn commit_packet(
        &self,
        scope: &Scope,
        write: Write,
        commit: CommitPacket,
    ) -> Answer<Committed> {
        let (scope, id) = (scope.clone(), commit.claim.clone());
        let (packet_head, home) = (home(&id).head(), claims::home(&id.revision));
        // What is remembered of this write is one word: the packet is read where it lies.
        let patience = write.patience();
        let same = self.write("commit_packet", write, home, move |tx| {
            claims::for_agents(&scope)?;
            ensure(
                is_whole(&commit),
                Refused::Malformed(
                    "the chunks are not the packet's bytes, one after another".into(),
                ),
            )?;
            let mut open = claims::open(tx, &scope, &commit.claim)?;
            if open.claim.value.state == ClaimState::Accepted {
                let same = open.claim.value.packet == Some(commit.sha256);
                ensure(same, Refused::OtherBytes)?;
                return Ok(true);
            }
            erasing::not_erased(tx, &packet_head)?;
            claims::settle_but(tx, &mut open)?;
            let (revision, claim) = (&mut open.revision.value, &mut open.claim.value);
            let limit = claim.bytes;
            ensure(commit.bytes <= limit, Refused::TooLarge { limit })?;
            quota::revive(revision, claim, tx.now(), tx.now())?;
            quota::accept(revision, claim, commit.bytes, tx.now());
            claim.packet = Some(commit.sha256);
            let packet = Packet {
                claim: commit.claim.clone(),
                hook: revision.hook.clone(),
                revision: revision.revision,
                customer: claim.customer.clone(),
                ticket: revision.ticket.clone(),
                name: commit.name.clone(),
                bytes: commit.bytes,
                sha256: commit.sha256,
                received_at: tx.now(),
                reserved_at: claim.reserved_at,
                chunks: commit.chunks.clone(),
                statement: Blob(Vec::new()),
                statement_bytes: commit.statement.0.len() as u64,
                sections: commit.sections.clone(),
                receipt: None,
                verdicts: Verdicts::default(),
                template: None,
            };
            put_statement(tx, &commit);
            let mut e = claims::claim_event(EventKind::PACKET_ACCEPTED, revision, claim);
            e.bytes = packet.bytes;
            e.details.insert("sha256", packet.sha256.to_string());
            e.details.insert("sections", outcomes(&commit.sections));
            claims::record(tx, claim, e)?;
            revisions::fill(tx, revision)?;
            open.save(tx)?;
            tx.then(Step::PutPacket {
                packet: Box::new(packet),
            });
            Ok(false)
        });
        let same = match same.await? {
            Outcome::Done(same) => same,
            Outcome::Refused(reason) => return Ok(Outcome::Refused(reason)),
        };
        let packet = self.stored_packet("commit_packet", id, patience).await?;
        Ok(packet.map(|packet| match same {
            true => Committed::Same(packet),
            false => Committed::Accepted(packet),
        }))
    }

    /// A packet that was accepted: its record may still be on its way from another server.
    async fn stored_packet(
        &self,
        verb: &'static str,
        id: ClaimId,
        patience: Duration,
    ) -> Answer<Box<Packet>> {
        let until = Instant::now() + patience;
        loop {
            let own = id.clone();
            let found = self.read(verb, move |look| whole(look, &own)).await?;
            match found {
                Some(Kept::Whole(packet)) => return Ok(Outcome::Done(packet)),
                Some(Kept::Erased { at }) => return Ok(Outcome::Refused(Refused::Erased { at })),
                None if Instant::now() < until => tokio::time::sleep(ON_ITS_WAY).await,
                None => return Err(StoreError::TryAgain { operation: verb }),
            }
        }
    }

    pub(crate) async fn put_receipt(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        receipt: Blob,
    ) -> Answer<Packet> {
        let (scope, id) = (scope.clone(), claim.clone());
        let patience = write.patience();
        let done = self.write("put_receipt", write, home(&claim), move |tx| {
            claims::for_agents(&scope)?;
            let head = tx.here(HEAD);
            erasing::not_erased(tx, &head)?;
            let found = tx.stored::<Packet>("packet", &head)?;
            let mut packet = found.ok_or_else(|| not_found("packet"))?;
            let own = scope.holds_instance(&packet.value.customer, &claim.instance);
            ensure(own, Refused::NotFound("packet".into()))?;
            if packet.value.receipt.is_none() {
                packet.value.receipt = Some(receipt.clone());
                tx.save(HEAD, &packet)?;
                list(tx, &packet.value)?;
            }
            Ok(())
        });
        match done.await? {
            Outcome::Done(()) => {
                let packet = self.stored_packet("put_receipt", id, patience).await?;
                Ok(packet.map(|packet| *packet))
            }
            Outcome::Refused(reason) => Ok(Outcome::Refused(reason)),
        }
    }

    pub(crate) async fn packet(&self, scope: &Scope, claim: &ClaimId) -> Read<Option<Packet>> {
        let (scope, claim) = (scope.clone(), claim.clone());
        self.read("packet", move |look| {
            let Some(Kept::Whole(packet)) = whole(look, &claim)? else {
                return Ok(None);
            };
            let seen = scope.holds_instance(&packet.customer, packet.instance());
            Ok(seen.then_some(*packet))
        })
        .await
    }

    pub(crate) async fn packets(
        &self,
        scope: &Scope,
        by: PacketsBy,
        page: Page,
    ) -> Read<Paged<Packet>> {
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => listing::customers_of(other, None),
        };
        let parts = match (by, &only) {
            (_, Some(none)) if none.is_empty() => Vec::new(),
            (PacketsBy::Ticket(ticket), _) => vec![ticket_part(&ticket)],
            (PacketsBy::Hook(id), _) => vec![format!("hook/{id}")],
            (PacketsBy::Instance(id), _) => vec![format!("instance/{id}")],
            (PacketsBy::Day(day), None) => vec![format!("day/{day}")],
            (PacketsBy::Day(day), Some(only)) => {
                let of = |customer| format!("customer/{customer}/{day}");
                only.iter().map(of).collect()
            }
        };
        self.read("packets", move |look| {
            listing::page(look, List::Packets, &parts, &page, |_, _, body| {
                let packet: Packet = codec::decode("packet", body)?;
                let seen = only
                    .as_ref()
                    .is_none_or(|only| only.contains(&packet.customer));
                Ok(seen.then_some(packet))
            })
        })
        .await
    }

    pub(crate) async fn may_delete_chunks(
        &self,
        scope: &Scope,
        id: &ClaimId,
        now: Time,
    ) -> Read<bool> {
        let (allowed, id) = (*scope == Scope::System, id.clone());
        self.read("may_delete_chunks", move |look| {
            let (of_revision, packet) = (claims::home(&id.revision), home(&id).head());
            let claim = of_revision.at(claims::row_of(&id.instance));
            let head = of_revision.head();
            let instance = erasing::at_instance(&id.instance);
            let rows = [&head, &claim, &packet, &instance].map(|at| Need::Row(at.clone()));
            look.ahead(rows.to_vec())?;
            let claim: Option<Claim> = look.record("claim", &claim)?;
            let revision: Option<Revision> = look.record("revision", &head)?;
            let (Some(claim), Some(revision), true) = (claim, revision, allowed) else {
                return Ok(false);
            };
            if claim.id.reservation != id.reservation {
                return Ok(claim.id.reservation > id.reservation);
            }
            // What came back with a restored copy, or was cut off in the middle.
            if erasing::erased(look, &packet)?.is_some() {
                return Ok(true);
            }
            Ok(match claim.state {
                ClaimState::Rejected => true,
                ClaimState::Accepted => false,
                ClaimState::Reserved | ClaimState::Failed | ClaimState::Expired => {
                    // An instance's claims have ended by the time that its erasing has: nothing is brought in any more.
                    let of_erased = erasing::erased(look, &instance)?;
                    let over = now > quota::open_until(&revision).plus_ms(UNDER_WAY_MS);
                    of_erased.is_some_and(|erasure| erasure.finished.is_some())
                        || (over && now > claim.lease_until)
                }
            })
        })
        .await
    }
}
