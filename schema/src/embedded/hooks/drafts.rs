//! Drafts: new hooks, new texts, new revisions.
use boathook_hooks::states::{HookState, Move};
use rusqlite::params;

use super::{HOOK, event, find, save, save_hook};
use crate::{
    Answer, DraftText, EventKind, HookRecord, HookRevision, Refused, RevisionRow, Scope, Write,
    codec,
    embedded::{
        Embedded,
        rows::body,
        tx::{Stop, Tx, ensure, not_found},
    },
};

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
                super::open(tx, hook, revision.revision, None)?
            } else {
                let mut open = super::open(tx, hook, latest.revision, None)?;
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
}
