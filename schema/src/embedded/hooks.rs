//! Hooks from draft to signatures in SQLite: one row for the hook, one for each revision's text.
use boathook_hooks::{
    ids::{Blob, Digest, HookId},
    states::{HookState, Move},
};
use bson::doc;
use rusqlite::params;

use super::{
    Embedded, customers_of,
    rows::{Stored, body, changed_one, int, merged, stored, walk},
    tx::{Stop, Tx, ensure, not_found},
};
use crate::{
    AddSignature, AfterSignature, Answer, DraftText, EventKind, HookFilter, HookRecord,
    HookRevision, NewEvent, Page, Paged, Refs, Refused, RevisionRow, Scope, Write, codec,
    verbs::Read,
};

const HOOK: &str = "SELECT body FROM hooks WHERE id = ?1";
const REVISION: &str = "SELECT body FROM hook_revisions WHERE hook = ?1 AND revision = ?2";

/// A hook that is changed, with the revision that is worked on.
struct Open {
    hook: Stored<HookRecord>,
    revision: Stored<HookRevision>,
}

fn find(tx: &Tx<'_>, scope: &Scope, id: &HookId) -> Result<Stored<HookRecord>, Stop> {
    let hook = stored::<HookRecord>(tx.conn, "hook", HOOK, params![id.as_str()])?
        .ok_or_else(|| not_found("hook"))?;
    // Who may see it but not change it is told so; to others it is not there.
    if !scope.holds_any(&hook.value.customers) || scope.is_agent() {
        return Err(not_found("hook"));
    }
    ensure(scope.holds_all(&hook.value.customers), Refused::OutOfScope)?;
    Ok(hook)
}

fn open(
    tx: &Tx<'_>,
    hook: Stored<HookRecord>,
    revision: u32,
    expect: Option<u64>,
) -> Result<Open, Stop> {
    let found = hook.value.version;
    ensure(
        expect.is_none_or(|e| e == found),
        Refused::Version { found },
    )?;
    ensure(
        hook.value.latest().is_some_and(|r| r.revision == revision),
        Refused::NotFound("open revision".into()),
    )?;
    let id = hook.value.id.as_str();
    let revision = stored::<HookRevision>(tx.conn, "revision", REVISION, params![id, revision])?
        .ok_or_else(|| not_found("revision"))?;
    Ok(Open { hook, revision })
}

fn save_hook(tx: &Tx<'_>, hook: &mut Stored<HookRecord>) -> Result<(), Stop> {
    let before = hook.value.version;
    hook.value.version += 1;
    hook.value.changed_at = tx.now();
    let state = hook.value.latest().map_or("", |r| r.state.word());
    let ticket = hook.value.ticket.as_ref();
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE hooks SET version = ?2, state = ?3, ticket_system = ?4, ticket_key = ?5, body = ?6
                 WHERE id = ?1 AND version = ?7",
            )?
            .execute(params![
                hook.value.id.as_str(),
                int(hook.value.version),
                state,
                ticket.map(|t| &t.system),
                ticket.map(|t| &t.key),
                hook.bytes()?,
                int(before)
            ])?,
    )
}

/// Writes both rows, the hook's telling the revision's state and digest.
fn save(tx: &Tx<'_>, open: &mut Open) -> Result<(), Stop> {
    let revision = &mut open.revision.value;
    revision.changed_at = tx.now();
    mirror(&mut open.hook.value, revision.revision, &revision.state);
    if let Some(row) = open.hook.value.revisions.last_mut() {
        row.digest = revision.digest;
    }
    let (hook, number) = (revision.hook.clone(), revision.revision);
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE hook_revisions SET body = ?3 WHERE hook = ?1 AND revision = ?2",
            )?
            .execute(params![hook.as_str(), number, open.revision.bytes()?])?,
    )?;
    save_hook(tx, &mut open.hook)
}

fn mirror(hook: &mut HookRecord, revision: u32, state: &HookState) {
    for row in hook.revisions.iter_mut().filter(|r| r.revision == revision) {
        row.state = state.clone();
    }
}

/// What a published revision's state became, told to its hook: a projection of the revision.
pub(super) fn follow(
    tx: &Tx<'_>,
    hook: &HookId,
    revision: u32,
    state: &HookState,
) -> Result<(), Stop> {
    let id = hook.as_str();
    let Some(mut hook) = stored::<HookRecord>(tx.conn, "hook", HOOK, params![id])? else {
        return Ok(());
    };
    if let Some(mut row) =
        stored::<HookRevision>(tx.conn, "revision", REVISION, params![id, revision])?
    {
        row.value.state = state.clone();
        row.value.changed_at = tx.now();
        tx.conn
            .prepare_cached(
                "UPDATE hook_revisions SET body = ?3 WHERE hook = ?1 AND revision = ?2",
            )?
            .execute(params![id, revision, row.bytes()?])?;
    }
    mirror(&mut hook.value, revision, state);
    save_hook(tx, &mut hook)
}

/// The hook's revision as `publish` must find it.
pub(super) fn to_publish(
    tx: &Tx<'_>,
    scope: &Scope,
    hook: &HookId,
    revision: u32,
) -> Result<(HookRecord, HookRevision), Stop> {
    let hook = find(tx, scope, hook)?;
    let open = open(tx, hook, revision, None)?;
    Ok((open.hook.value, open.revision.value))
}

fn set_customers(tx: &Tx<'_>, hook: &HookRecord) -> Result<(), Stop> {
    let id = hook.id.as_str();
    tx.conn
        .prepare_cached("DELETE FROM hook_customers WHERE hook = ?1")?
        .execute(params![id])?;
    for customer in &hook.customers {
        tx.conn
            .prepare_cached(
                "INSERT OR IGNORE INTO hook_customers (customer, hook) VALUES (?1, ?2)",
            )?
            .execute(params![customer.as_str(), id])?;
    }
    tx.index("hook", id, &hook.title, &hook.customers)
}

fn event(kind: EventKind, revision: &HookRevision) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = Refs {
        hook: Some(revision.hook.clone()),
        revision: revision.digest,
        ..Refs::default()
    };
    event.details = doc! { "revision": revision.revision, "state": revision.state.word() };
    event
}

/// Words that a person gave with a step, which are personal.
fn words_of(step: &Move) -> Option<&str> {
    match step {
        Move::SendBack { words, .. } => Some(words),
        Move::Stop { why, .. } => Some(why),
        _ => None,
    }
}

impl Embedded {
    pub(crate) async fn submit_draft(
        &self,
        scope: &Scope,
        write: Write,
        draft: DraftText,
        expect: Option<u64>,
    ) -> Answer<HookRecord> {
        let scope = scope.clone();
        self.write("submit_draft", write, move |tx| {
            ensure(
                scope.holds_all(&draft.customers) && !scope.is_agent(),
                Refused::OutOfScope,
            )?;
            let Some(expect) = expect else {
                return new_hook(tx, draft);
            };
            let mut hook = find(tx, &scope, &draft.hook)?;
            let found = hook.value.version;
            ensure(expect == found, Refused::Version { found })?;
            let Some(latest) = hook.value.latest().cloned() else {
                return Err(not_found("revision"));
            };
            let over = latest.state.is_final() || latest.state == HookState::Published;
            let mut told = hook.value.customers.clone();
            take_text(&mut hook.value, &draft);
            let open = if over {
                let revision = new_revision(tx, &draft, latest.revision + 1)?;
                hook.value.revisions.push(RevisionRow {
                    revision: revision.revision,
                    state: HookState::Draft,
                    digest: None,
                });
                save_hook(tx, &mut hook)?;
                self::open(tx, hook, revision.revision, None)?
            } else {
                let mut open = self::open(tx, hook, latest.revision, None)?;
                let revision = &mut open.revision.value;
                // In review, what somebody signed is theirs too: it is sent back first, and they see why.
                let signed =
                    revision.state == HookState::InReview && !revision.signatures.is_empty();
                ensure(!signed, Refused::Signed)?;
                revision.state = revision.state.after(Move::Edit)?;
                revision.toml = draft.toml;
                revision.author = draft.author;
                revision.payload = None;
                revision.digest = None;
                revision.signatures.clear();
                save(tx, &mut open)?;
                open
            };
            set_customers(tx, &open.hook.value)?;
            let e = event(EventKind::DRAFT_PUT, &open.revision.value);
            // Whom it was for until now is told as well.
            for customer in &open.hook.value.customers {
                if !told.contains(customer) {
                    told.push(customer.clone());
                }
            }
            tx.event_for(&told, &e)?;
            Ok(open.hook.value)
        })
        .await
    }

    #[allow(clippy::too_many_arguments)] // The verb's own.
    pub(crate) async fn advance(
        &self,
        scope: &Scope,
        write: Write,
        hook: HookId,
        revision: u32,
        expect: Option<u64>,
        step: Move,
        payload: Option<Blob>,
    ) -> Answer<HookRecord> {
        let scope = scope.clone();
        self.write("advance", write, move |tx| {
            let hook = find(tx, &scope, &hook)?;
            let mut open = open(tx, hook, revision, expect)?;
            let row = &mut open.revision.value;
            let own_verb = match &step {
                Move::LastSignature => Some("a signature is added by `add_signature`"),
                Move::Publish | Move::Fill | Move::Supersede { .. } => {
                    Some("a revision is published by `publish`")
                }
                Move::Edit => Some("a text is replaced by `submit_draft`"),
                Move::Stop { .. } | Move::Expire if row.state == HookState::Published => {
                    Some("a published revision ends by `stop` or `expire`")
                }
                _ => None,
            };
            if let Some(words) = own_verb {
                return Err(Refused::Malformed(words.to_owned()).into());
            }
            let mut personal = bson::Document::new();
            if let Some(words) = words_of(&step) {
                personal.insert("words", words);
            }
            let submit = step == Move::Submit;
            row.state = row.state.after(step)?;
            match (submit, payload) {
                (true, Some(payload)) => {
                    // New bytes have no signatures yet, whatever was signed before they were sent back.
                    row.digest = Some(Digest::of(&payload.0));
                    row.payload = Some(payload);
                    row.signatures.clear();
                }
                (true, None) => {
                    let words = "what is sent to review needs the bytes that people will sign";
                    return Err(Refused::Malformed(words.into()).into());
                }
                (false, Some(_)) => {
                    let words = "only what is sent to review takes a payload";
                    return Err(Refused::Malformed(words.into()).into());
                }
                (false, None) => {}
            }
            save(tx, &mut open)?;
            let mut e = event(EventKind::HOOK_MOVED, &open.revision.value);
            e.personal = personal;
            tx.event_for(&open.hook.value.customers, &e)?;
            Ok(open.hook.value)
        })
        .await
    }

    pub(crate) async fn add_signature(
        &self,
        scope: &Scope,
        write: Write,
        add: AddSignature,
    ) -> Answer<HookRecord> {
        let scope = scope.clone();
        self.write("add_signature", write, move |tx| {
            let hook = find(tx, &scope, &add.hook)?;
            let mut open = open(tx, hook, add.revision, None)?;
            let row = &mut open.revision.value;
            ensure(row.digest == Some(add.digest), Refused::OtherBytes)?;
            let keyid = add.signature.keyid;
            if row.signatures.iter().any(|s| s.keyid == keyid) {
                return Ok(open.hook.value);
            }
            let found = open.hook.value.version;
            ensure(add.expect == found, Refused::Version { found })?;
            ensure(
                row.state == HookState::InReview,
                Refused::IllegalMove {
                    from: row.state.word().to_owned(),
                    to: "signed".to_owned(),
                },
            )?;
            let person = add.signature.person.clone();
            row.signatures.push(add.signature);
            match add.then {
                AfterSignature::Wait => {}
                AfterSignature::Signed => row.state = row.state.after(Move::LastSignature)?,
                AfterSignature::Held => {
                    let signed = row.state.after(Move::LastSignature)?;
                    row.state = signed.after(Move::Hold { by: person.clone() })?;
                }
            }
            save(tx, &mut open)?;
            let mut e = event(EventKind::HOOK_SIGNED, &open.revision.value);
            e.details.insert("key", keyid.to_string());
            e.personal = doc! { "person": person.as_str() };
            tx.event_for(&open.hook.value.customers, &e)?;
            Ok(open.hook.value)
        })
        .await
    }

    pub(crate) async fn hook(&self, scope: &Scope, id: &HookId) -> Read<Option<HookRecord>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.read("hook", move |conn| {
            let hook = body::<HookRecord>(conn, "hook", HOOK, params![id.as_str()])?;
            Ok(hook.filter(|h| scope.holds_any(&h.customers) && !scope.is_agent()))
        })
        .await
    }

    pub(crate) async fn hook_revision(
        &self,
        scope: &Scope,
        id: &HookId,
        revision: u32,
    ) -> Read<Option<HookRevision>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.read("hook_revision", move |conn| {
            let hook = body::<HookRecord>(conn, "hook", HOOK, params![id.as_str()])?;
            match hook {
                Some(h) if scope.holds_any(&h.customers) && !scope.is_agent() => {
                    body(conn, "revision", REVISION, params![id.as_str(), revision])
                }
                _ => Ok(None),
            }
        })
        .await
    }

    pub(crate) async fn hooks(
        &self,
        scope: &Scope,
        filter: HookFilter,
        page: Page,
    ) -> Read<Paged<HookRecord>> {
        let customers = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => customers_of(other, filter.customer),
        };
        self.read("hooks", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let ticket = filter.ticket.as_ref();
            let narrowed = format!(
                "h.id > ?1 AND {} AND {}",
                if filter.state.is_some() {
                    "h.state = ?2"
                } else {
                    "?2 IS NULL"
                },
                if ticket.is_some() {
                    "h.ticket_system = ?3 AND h.ticket_key = ?4"
                } else {
                    "?3 IS NULL AND ?4 IS NULL"
                },
            );
            let (system, key) = (ticket.map(|t| &t.system), ticket.map(|t| &t.key));
            let keep = |row: &rusqlite::Row<'_>| -> Result<_, Stop> {
                let hook = codec::decode("hook", &row.get::<_, Vec<u8>>(1)?)?;
                Ok(Some((row.get::<_, String>(0)?, hook)))
            };
            let Some(customers) = customers else {
                let sql =
                    format!("SELECT h.id, h.body FROM hooks h WHERE {narrowed} ORDER BY h.id");
                let params = params![after, filter.state, system, key];
                return Ok(Paged::of(walk(conn, &sql, params, size, keep)?, size));
            };
            let sql = format!(
                "SELECT h.id, h.body FROM hook_customers c JOIN hooks h ON h.id = c.hook
                 WHERE c.customer = ?5 AND c.hook > ?1 AND {narrowed} ORDER BY c.hook"
            );
            let mut rows = Vec::new();
            for customer in &customers {
                let params = params![after, filter.state, system, key, customer.as_str()];
                rows.extend(walk(conn, &sql, params, size, keep)?);
            }
            Ok(merged(rows, size))
        })
        .await
    }
}

fn take_text(hook: &mut HookRecord, draft: &DraftText) {
    hook.title.clone_from(&draft.title);
    hook.customers.clone_from(&draft.customers);
    hook.opted_in = draft.opted_in;
    hook.ticket.clone_from(&draft.ticket);
}

fn new_hook(tx: &Tx<'_>, draft: DraftText) -> Result<HookRecord, Stop> {
    let id = draft.hook.as_str();
    let known = body::<HookRecord>(tx.conn, "hook", HOOK, params![id])?;
    ensure(known.is_none(), Refused::Exists("that hook".into()))?;
    let revision = new_revision(tx, &draft, 1)?;
    let hook = HookRecord {
        id: draft.hook.clone(),
        version: 1,
        author: draft.author,
        title: draft.title,
        customers: draft.customers,
        opted_in: draft.opted_in,
        ticket: draft.ticket,
        created_at: tx.now(),
        changed_at: tx.now(),
        revisions: vec![RevisionRow {
            revision: 1,
            state: HookState::Draft,
            digest: None,
        }],
    };
    let ticket = hook.ticket.as_ref();
    tx.conn
        .prepare_cached(
            "INSERT INTO hooks (id, version, state, ticket_system, ticket_key, body) VALUES (?1, 1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            id,
            HookState::Draft.word(),
            ticket.map(|t| &t.system),
            ticket.map(|t| &t.key),
            codec::encode("hook", &hook)?
        ])?;
    set_customers(tx, &hook)?;
    tx.event_for(&hook.customers, &event(EventKind::DRAFT_PUT, &revision))?;
    Ok(hook)
}

fn new_revision(tx: &Tx<'_>, draft: &DraftText, number: u32) -> Result<HookRevision, Stop> {
    let revision = HookRevision {
        hook: draft.hook.clone(),
        revision: number,
        state: HookState::Draft,
        author: draft.author.clone(),
        toml: draft.toml.clone(),
        payload: None,
        digest: None,
        signatures: Vec::new(),
        created_at: tx.now(),
        changed_at: tx.now(),
    };
    tx.conn
        .prepare_cached("INSERT INTO hook_revisions (hook, revision, body) VALUES (?1, ?2, ?3)")?
        .execute(params![
            draft.hook.as_str(),
            number,
            codec::encode("revision", &revision)?
        ])?;
    Ok(revision)
}
