//! Packets in SQLite: the claim accepted, the packet listed, the revision full, in one transaction.
use boathook_hooks::{
    ids::{Blob, ClaimId},
    states::HookState,
    time::{DAY, Time},
};
use rusqlite::params;

use super::{
    Embedded, claims, customers_of, quota, revisions,
    rows::{Stored, body, changed_one, stored, walk},
    tx::{Stop, Tx, ensure, not_found},
};
use crate::{
    Answer, Claim, ClaimState, CommitPacket, Committed, EventKind, Packet, PacketsBy, Page, Paged,
    Refused, Revision, Scope, Write, codec, objects::MAX_CHUNKS, verbs::Read,
};

const PACKET: &str = "SELECT body FROM packets WHERE claim = ?1";
/// After the revision's end chunks of claims without a packet are kept this long: an agent may still come back.
const KEPT_MS: i64 = 7 * DAY;

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

fn insert(tx: &Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    let ticket = packet.ticket.as_ref();
    tx.conn
        .prepare_cached(
            "INSERT INTO packets (claim, hook, instance, customer, ticket_system, ticket_key, day, received_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            packet.claim.to_string(),
            packet.hook.as_str(),
            packet.instance().as_str(),
            packet.customer.as_str(),
            ticket.map(|t| &t.system),
            ticket.map(|t| &t.key),
            packet.received_at.day(),
            packet.received_at.ms(),
            codec::encode("packet", packet)?
        ])?;
    tx.index(
        "packet",
        &packet.claim.to_string(),
        &packet.name,
        std::slice::from_ref(&packet.customer),
    )
}

fn load(tx: &Tx<'_>, claim: &ClaimId) -> Result<Option<Stored<Packet>>, Stop> {
    stored(tx.conn, "packet", PACKET, params![claim.to_string()])
}

impl Embedded {
    pub(crate) async fn commit_packet(
        &self,
        scope: &Scope,
        write: Write,
        commit: CommitPacket,
    ) -> Answer<Committed> {
        let scope = scope.clone();
        self.write("commit_packet", write, move |tx| {
            claims::for_agents(&scope)?;
            ensure(
                is_whole(&commit),
                Refused::Malformed(
                    "the chunks are not the packet's bytes, one after another".into(),
                ),
            )?;
            let mut open = claims::open(tx, &scope, &commit.claim)?;
            if open.claim.value.state == ClaimState::Accepted {
                let packet = load(tx, &commit.claim)?.ok_or_else(|| not_found("packet"))?;
                ensure(packet.value.sha256 == commit.sha256, Refused::OtherBytes)?;
                return Ok(Committed::Same(Box::new(packet.value)));
            }
            claims::settle_but(tx, &mut open)?;
            let (revision, claim) = (&mut open.revision.value, &mut open.claim.value);
            let limit = claim.bytes;
            ensure(commit.bytes <= limit, Refused::TooLarge { limit })?;
            quota::revive(revision, claim, tx.now())?;
            quota::accept(revision, claim, commit.bytes, tx.now());
            claim.packet = Some(commit.sha256);
            let packet = Packet {
                claim: commit.claim,
                hook: revision.hook.clone(),
                revision: revision.revision,
                customer: claim.customer.clone(),
                ticket: revision.ticket.clone(),
                name: commit.name,
                bytes: commit.bytes,
                sha256: commit.sha256,
                received_at: tx.now(),
                reserved_at: claim.reserved_at,
                chunks: commit.chunks,
                statement: commit.statement,
                sections: commit.sections,
                receipt: None,
            };
            insert(tx, &packet)?;
            let mut e = claims::claim_event(EventKind::PACKET_ACCEPTED, revision, claim);
            e.bytes = packet.bytes;
            e.details.insert("sha256", packet.sha256.to_string());
            claims::record(tx, claim, e)?;
            revisions::fill(tx, revision)?;
            open.save(tx)?;
            Ok(Committed::Accepted(Box::new(packet)))
        })
        .await
    }

    pub(crate) async fn put_receipt(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        receipt: Blob,
    ) -> Answer<Packet> {
        let scope = scope.clone();
        self.write("put_receipt", write, move |tx| {
            claims::for_agents(&scope)?;
            let mut packet = load(tx, &claim)?.ok_or_else(|| not_found("packet"))?;
            let own = scope.holds_instance(&packet.value.customer, &claim.instance);
            ensure(own, Refused::NotFound("packet".into()))?;
            if packet.value.receipt.is_none() {
                packet.value.receipt = Some(receipt);
                changed_one(
                    tx.conn
                        .prepare_cached("UPDATE packets SET body = ?2 WHERE claim = ?1")?
                        .execute(params![claim.to_string(), packet.bytes()?])?,
                )?;
            }
            Ok(packet.value)
        })
        .await
    }

    pub(crate) async fn packet(&self, scope: &Scope, claim: &ClaimId) -> Read<Option<Packet>> {
        let (scope, claim) = (scope.clone(), claim.clone());
        self.read("packet", move |conn| {
            let found = body::<Packet>(conn, "packet", PACKET, params![claim.to_string()])?;
            Ok(found.filter(|p| scope.holds_instance(&p.customer, p.instance())))
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
            other => customers_of(other, None),
        };
        self.read("packets", move |conn| {
            let size = page.size();
            let (before, claim) = page.key::<(i64, String)>()?.unwrap_or((i64::MAX, String::new()));
            let (key, first, second) = match by {
                PacketsBy::Ticket(t) => ("ticket_system = ?3 AND ticket_key = ?4", t.system, Some(t.key)),
                PacketsBy::Hook(id) => ("hook = ?3 AND ?4 IS NULL", id.to_string(), None),
                PacketsBy::Instance(id) => ("instance = ?3 AND ?4 IS NULL", id.to_string(), None),
                PacketsBy::Day(day) => ("day = ?3 AND ?4 IS NULL", day, None),
            };
            let keep = |row: &rusqlite::Row<'_>| -> Result<_, Stop> {
                let packet: Packet = codec::decode("packet", &row.get::<_, Vec<u8>>(2)?)?;
                Ok(Some(((row.get::<_, i64>(0)?, row.get::<_, String>(1)?), packet)))
            };
            let select = format!(
                "SELECT received_at, claim, body FROM packets WHERE {key} AND (received_at, claim) < (?1, ?2)"
            );
            let order = "ORDER BY received_at DESC, claim DESC";
            let Some(only) = only else {
                let params = params![before, claim, first, second];
                let rows = walk(conn, &format!("{select} {order}"), params, size, keep)?;
                return Ok(Paged::of(rows, size));
            };
            let sql = format!("{select} AND customer = ?5 {order}");
            let mut rows = Vec::new();
            for customer in only {
                let params = params![before, claim, first, second, customer.as_str()];
                rows.extend(walk(conn, &sql, params, size, keep)?);
            }
            rows.sort_by(|a, b| b.0.cmp(&a.0));
            Ok(Paged::of(rows, size))
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
        self.read("may_delete_chunks", move |conn| {
            let claim = body::<Claim>(
                conn,
                "claim",
                "SELECT body FROM claims WHERE digest = ?1 AND instance = ?2",
                params![id.revision.0, id.instance.as_str()],
            )?;
            let revision = body::<Revision>(
                conn,
                "revision",
                "SELECT body FROM revisions WHERE digest = ?1",
                params![id.revision.0],
            )?;
            let (Some(claim), Some(revision), true) = (claim, revision, allowed) else {
                return Ok(false);
            };
            if claim.id.reservation != id.reservation {
                return Ok(claim.id.reservation > id.reservation);
            }
            let end = match revision.state {
                HookState::Published => revision.expires_at(),
                _ => revision.ended_at.unwrap_or(revision.expires_at()),
            };
            Ok(match claim.state {
                ClaimState::Rejected => true,
                ClaimState::Accepted => false,
                ClaimState::Reserved | ClaimState::Failed | ClaimState::Expired => {
                    now > end.plus_ms(KEPT_MS) && now > claim.lease_until
                }
            })
        })
        .await
    }
}
