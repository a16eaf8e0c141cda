//! Offering a revision to more of its audience.
use boathook_hooks::{ids::Digest, states::HookState, waves::Wave};

use super::{control, event, find, home, save, tell, told};
use crate::{
    Answer, Change, EventKind, Refused, Scope, Told, Write,
    engine::{Engine, Tx, ensure},
};

impl Engine {
    pub(crate) async fn widen(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
        wave: Wave,
    ) -> Answer<Told> {
        let scope = scope.clone();
        let body = move |tx: &mut Tx<'_>| {
            let mut found = find(tx, &scope)?;
            let revision = &mut found.value;
            let ended = |word: &str| Refused::Ended {
                state: word.to_owned(),
            };
            ensure(
                revision.state == HookState::Published,
                ended(revision.state.word()),
            )?;
            ensure(tx.now() < revision.expires_at(), ended("expired"))?;
            // Two servers may have come to the same wave, and one to an older one.
            ensure(wave >= revision.wave, Refused::Narrows)?;
            if wave == revision.wave {
                return Ok(told(revision));
            }
            revision.wave = wave;
            revision.widened_at = Some(tx.now());
            control(tx, revision, Change::Wave { digest, wave });
            let mut e = event(EventKind::HOOK_WIDENED, revision);
            e.details.insert("offered", wave.share());
            tx.event_for(&revision.customers, &e)?;
            save(tx, &mut found)?;
            Ok(told(&found.value))
        };
        self.write_told("widen", write, home(&digest), body, tell)
            .await
    }
}
