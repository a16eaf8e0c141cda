//! Whether packets answered what they were asked for: rows of the packet, one a person, and counts for each starting text.
use boathook_hooks::ids::{ClaimId, PersonId};
use bson::doc;

use super::{erasing, hooks, packets};
use crate::{
    Actor, Answer, Chain, EventKind, Helped, HookRecord, LONGEST_NOTE, NewEvent, Packet, Refs,
    Refused, Scope, Verdict, Verdicts, Write, codec,
    engine::{Engine, HEAD, List, Look, Stop, Tx, ensure, listing, not_found},
    verbs::Read,
};

const ROWS: &str = "v/";

fn row(person: &PersonId) -> String {
    format!("{ROWS}{person}")
}

/// The parts that count a packet for its starting text. Their entries hold the counts alone.
fn parts(packet: &Packet) -> Vec<String> {
    match &packet.template {
        Some(name) => vec![part(name, None), part(name, Some(packet.customer.as_str()))],
        None => Vec::new(),
    }
}

fn part(template: &str, customer: Option<&str>) -> String {
    match customer {
        None => format!("said/{template}"),
        Some(customer) => format!("said/{template}\u{1}{customer}"),
    }
}

pub(super) fn list(tx: &mut Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    if packet.verdicts.is_empty() {
        return Ok(());
    }
    let sort = packets::sort_key(packet);
    for part in parts(packet) {
        tx.list_put(List::Packets, &part, &sort, "verdicts", &packet.verdicts)?;
    }
    Ok(())
}

/// With the packet goes what was said of it.
pub(super) fn forget(tx: &mut Tx<'_>, packet: &Packet) -> Result<(), Stop> {
    for part in parts(packet) {
        tx.unlist(List::Packets, &part, &packets::sort_key(packet));
    }
    let home = tx.home.clone();
    for (row, _) in tx.rows_of(&home, ROWS, usize::MAX)? {
        tx.delete(&row);
    }
    Ok(())
}

fn said(look: &mut (impl Look + ?Sized), claim: &ClaimId) -> Result<Vec<Verdict>, Stop> {
    let rows = look.rows_of(&packets::home(claim), ROWS, usize::MAX)?;
    let read = |(_, body): &(String, Vec<u8>)| Ok(codec::decode("verdict", body)?);
    rows.iter().map(read).collect()
}

fn event(packet: &Packet, verdict: &Verdict) -> NewEvent {
    let mut event = NewEvent::new(EventKind::PACKET_JUDGED);
    event.refs = Refs {
        hook: Some(packet.hook.clone()),
        revision: Some(packet.claim.revision),
        claim: Some(packet.claim.clone()),
        instance: Some(packet.instance().clone()),
        ticket: packet.ticket.clone(),
    };
    event.details = doc! { "answered": verdict.answered.word() };
    if !verdict.note.is_empty() {
        event.personal = doc! { "words": &verdict.note };
    }
    event
}

impl Engine {
    pub(crate) async fn judge_packet(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        answered: Helped,
        note: String,
    ) -> Answer<()> {
        let scope = scope.clone();
        self.write("judge_packet", write, packets::home(&claim), move |tx| {
            let Actor::Person(person) = tx.write.actor.clone() else {
                return Err(Refused::OutOfScope.into());
            };
            ensure(
                note.chars().count() <= LONGEST_NOTE,
                Refused::Malformed(format!("a note has up to {LONGEST_NOTE} characters")),
            )?;
            let head = tx.here(HEAD);
            erasing::not_erased(tx, &head)?;
            let found = tx.stored::<Packet>("packet", &head)?;
            let mut packet = found
                .filter(|p| scope.holds(&p.value.customer) && !scope.is_agent())
                .ok_or_else(|| not_found("packet"))?;
            let verdict = Verdict {
                person,
                answered,
                note: note.clone(),
                at: tx.now(),
            };
            let mut all = said(tx, &claim)?;
            let before = all.iter().position(|v| v.person == verdict.person);
            if let Some(at) = before {
                let known = all.remove(at);
                if (known.answered, &known.note) == (answered, &note) {
                    return Ok(());
                }
            }
            tx.put("verdict", &row(&verdict.person), &verdict)?;
            let answers = all.iter().map(|v| v.answered).chain([answered]);
            packet.value.verdicts = Verdicts::of(answers);
            // What a hook was made from never changes.
            let hook: Option<HookRecord> =
                tx.read("hook", &hooks::home(&packet.value.hook).head())?;
            packet.value.template = hook.and_then(|h| h.template);
            tx.save(HEAD, &packet)?;
            packets::list(tx, &packet.value)?;
            let chain = Chain::Customer(packet.value.customer.clone());
            tx.event(&chain, event(&packet.value, &verdict))
        })
        .await
    }

    pub(crate) async fn verdicts(&self, scope: &Scope, claim: &ClaimId) -> Read<Vec<Verdict>> {
        let (scope, claim) = (scope.clone(), claim.clone());
        self.read("verdicts", move |look| {
            let head = packets::home(&claim).head();
            if erasing::erased(look, &head)?.is_some() {
                return Ok(Vec::new());
            }
            let packet: Option<Packet> = look.record("packet", &head)?;
            match packet {
                Some(p) if scope.holds(&p.customer) && !scope.is_agent() => said(look, &claim),
                _ => Ok(Vec::new()),
            }
        })
        .await
    }

    pub(crate) async fn template_verdicts(
        &self,
        scope: &Scope,
        template: &str,
        packets: u32,
    ) -> Read<Verdicts> {
        let parts: Vec<String> = match scope {
            Scope::Instance { .. } => Vec::new(),
            other => match listing::customers_of(other, None) {
                None => vec![part(template, None)],
                Some(some) => {
                    let of = |c: &boathook_hooks::ids::CustomerId| part(template, Some(c.as_str()));
                    some.iter().map(of).collect()
                }
            },
        };
        self.read("template_verdicts", move |look| {
            let most = packets as usize;
            let (rows, _) = listing::merged(look, List::Packets, &parts, "", most)?;
            let mut all = Verdicts::default();
            for (_, body) in &rows {
                all = all.plus(codec::decode("verdicts", body)?);
            }
            Ok(all)
        })
        .await
    }
}
