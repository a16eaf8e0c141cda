//! Drafts: new hooks, new texts, new revisions.
use boathook_hooks::states::{HookState, Move};

use super::{event, find, home, list, open, record, row, save, save_hook};
use crate::{
    Answer, DraftText, EventKind, HookRecord, HookRevision, Refused, RevisionRow, Scope, Write,
    aggregates::search::{self, Named},
    codec,
    engine::{Engine, HEAD, Stop, Tx, ensure, not_found},
};

/// What the hook is found by, and was before.
pub(super) fn index(
    tx: &mut Tx<'_>,
    hook: &HookRecord,
    before: Option<&HookRecord>,
) -> Result<(), Stop> {
    fn named(hook: &HookRecord) -> Named<'_> {
        Named {
            title: &hook.title,
            customers: &hook.customers,
        }
    }
    let before = before.map(named);
    search::index(tx, "hook", hook.id.as_str(), before, &named(hook))
}

fn take_text(hook: &mut HookRecord, draft: &DraftText) {
    hook.title.clone_from(&draft.title);
    hook.customers.clone_from(&draft.customers);
    hook.opted_in = draft.opted_in;
    hook.ticket.clone_from(&draft.ticket);
}

fn new_hook(tx: &mut Tx<'_>, draft: &DraftText) -> Result<HookRecord, Stop> {
    ensure(record(tx)?.is_none(), Refused::Exists("that hook".into()))?;
    let revision = new_revision(tx, draft, 1)?;
    let hook = HookRecord {
        id: draft.hook.clone(),
        version: 1,
        author: draft.author.clone(),
        title: draft.title.clone(),
        customers: draft.customers.clone(),
        opted_in: draft.opted_in,
        ticket: draft.ticket.clone(),
        created_at: tx.now(),
        changed_at: tx.now(),
        template: draft.template.clone(),
        revisions: vec![RevisionRow {
            revision: 1,
            state: HookState::Draft,
            digest: None,
            signed_by: Vec::new(),
        }],
    };
    let body = codec::encode("hook", &hook)?;
    tx.put_bytes(HEAD, body.clone());
    list(tx, &hook, &Default::default(), &body);
    index(tx, &hook, None)?;
    let e = event(EventKind::DRAFT_PUT, &hook, &revision);
    tx.event_for(&hook.customers, &e)?;
    Ok(hook)
}

fn new_revision(tx: &mut Tx<'_>, draft: &DraftText, number: u32) -> Result<HookRevision, Stop> {
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
    tx.put("revision", &row(number), &revision)?;
    Ok(revision)
}

fn new_text(
    tx: &mut Tx<'_>,
    scope: &Scope,
    draft: &DraftText,
    expect: u64,
) -> Result<HookRecord, Stop> {
    let mut hook = find(tx, scope)?;
    let found = hook.value.version;
    ensure(expect == found, Refused::Version { found })?;
    let Some(latest) = hook.value.latest().cloned() else {
        return Err(not_found("revision"));
    };
    let before = hook.value.clone();
    take_text(&mut hook.value, draft);
    let over = latest.state.is_final() || latest.state == HookState::Published;
    let (hook, revision) = if over {
        let revision = new_revision(tx, draft, latest.revision + 1)?;
        hook.value.revisions.push(RevisionRow {
            revision: revision.revision,
            state: HookState::Draft,
            digest: None,
            signed_by: Vec::new(),
        });
        save_hook(tx, &mut hook)?;
        (hook.value, revision)
    } else {
        let mut open = open(tx, hook, latest.revision, None)?;
        let revision = &mut open.revision.value;
        // In review, what somebody signed is theirs too: it is sent back first, and they see why.
        let signed = revision.state == HookState::InReview && !revision.signatures.is_empty();
        ensure(!signed, Refused::Signed)?;
        revision.state = revision.state.after(Move::Edit)?;
        revision.toml.clone_from(&draft.toml);
        revision.author.clone_from(&draft.author);
        revision.payload = None;
        revision.digest = None;
        revision.signatures.clear();
        save(tx, &mut open)?;
        (open.hook.value, open.revision.value)
    };
    index(tx, &hook, Some(&before))?;
    // Whom it was for until now is told as well.
    let mut told = before.customers;
    for customer in &hook.customers {
        if !told.contains(customer) {
            told.push(customer.clone());
        }
    }
    tx.event_for(&told, &event(EventKind::DRAFT_PUT, &hook, &revision))?;
    Ok(hook)
}

impl Engine {
    pub(crate) async fn submit_draft(
        &self,
        scope: &Scope,
        write: Write,
        draft: DraftText,
        expect: Option<u64>,
    ) -> Answer<HookRecord> {
        let scope = scope.clone();
        self.write("submit_draft", write, home(&draft.hook), move |tx| {
            ensure(
                scope.holds_all(&draft.customers) && !scope.is_agent(),
                Refused::OutOfScope,
            )?;
            match expect {
                None => new_hook(tx, &draft),
                Some(expect) => new_text(tx, &scope, &draft, expect),
            }
        })
        .await
    }
}
