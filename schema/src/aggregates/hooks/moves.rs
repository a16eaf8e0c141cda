//! Review and signatures: one legal step at a time.
use boathook_hooks::{
    ids::{Blob, Digest, HookId},
    states::{HookState, Move},
};
use bson::doc;

use super::{event, find, home, open, save};
use crate::{
    AddSignature, AfterSignature, Answer, EventKind, HookRecord, Refused, Scope, Write,
    engine::{Engine, ensure},
};

/// Words that a person gave with a step, which are personal.
fn words_of(step: &Move) -> Option<&str> {
    match step {
        Move::SendBack { words, .. } => Some(words),
        Move::Stop { why, .. } => Some(why),
        _ => None,
    }
}

/// What leads to another verb.
fn own_verb(state: &HookState, step: &Move) -> Option<&'static str> {
    match step {
        Move::LastSignature => Some("a signature is added by `add_signature`"),
        Move::Publish | Move::Fill | Move::Supersede { .. } => {
            Some("a revision is published by `publish`")
        }
        Move::Edit => Some("a text is replaced by `submit_draft`"),
        // Held from review, it could be published without its signatures.
        Move::Hold { .. } if *state == HookState::InReview => {
            Some("a hook in review is held by its last signature")
        }
        Move::Stop { .. } | Move::Expire if state.can_be_running() => {
            Some("a published revision ends by `stop` or `expire`")
        }
        _ => None,
    }
}

impl Engine {
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
        self.write("advance", write, home(&hook), move |tx| {
            let hook = find(tx, &scope)?;
            let mut open = open(tx, hook, revision, expect)?;
            let row = &mut open.revision.value;
            if let Some(words) = own_verb(&row.state, &step) {
                return Err(Refused::Malformed(words.to_owned()).into());
            }
            row.state = row.state.after(step.clone())?;
            match (step == Move::Submit, &payload) {
                (true, Some(payload)) => {
                    // New bytes have no signatures yet, whatever was signed before they were sent back.
                    row.digest = Some(Digest::of(&payload.0));
                    row.payload = Some(payload.clone());
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
            let mut e = event(
                EventKind::HOOK_MOVED,
                &open.hook.value,
                &open.revision.value,
            );
            if let Some(words) = words_of(&step) {
                e.personal = doc! { "words": words };
            }
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
        self.write("add_signature", write, home(&add.hook), move |tx| {
            let hook = find(tx, &scope)?;
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
            let person = &add.signature.person;
            row.signatures.push(add.signature.clone());
            match add.then {
                AfterSignature::Wait => {}
                AfterSignature::Signed => row.state = row.state.after(Move::LastSignature)?,
                AfterSignature::Held => {
                    let signed = row.state.after(Move::LastSignature)?;
                    row.state = signed.after(Move::Hold { by: person.clone() })?;
                }
            }
            save(tx, &mut open)?;
            let mut e = event(
                EventKind::HOOK_SIGNED,
                &open.hook.value,
                &open.revision.value,
            );
            e.details.insert("key", keyid.to_string());
            e.personal = doc! { "person": person.as_str() };
            tx.event_for(&open.hook.value.customers, &e)?;
            Ok(open.hook.value)
        })
        .await
    }
}
