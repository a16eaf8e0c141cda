//! Erasing (store.md §7): unlist, delete the chunks, then event and receipt. Each step can be done again, so that the
//! periodic work finishes what a crash or a time limit cut off.
use boathook_hooks::ids::{ClaimId, InstanceId};
use boathook_schema::{
    ErasedKind, Erasure, ErasureReceipt, Outcome, PacketsBy, Page, Refused, Scope, Write,
};

use crate::{
    app::App,
    errors::{Answer, IntoAnswer as _, Problem},
};

/// Packets of an instance that are read at once.
const PACKETS: u32 = 100;

/// Who erases, within which customers.
pub struct Eraser<'a> {
    pub app: &'a App,
    pub scope: &'a Scope,
    /// By whom each of the writes is.
    pub write: &'a (dyn Fn() -> Write + Send + Sync),
}

impl Eraser<'_> {
    /// The packet, its chunks and what is listed of it.
    pub async fn packet(&self, claim: ClaimId, why: String) -> Answer<ErasureReceipt> {
        let begun = self
            .app
            .store
            .erase_packet(self.scope, (self.write)(), claim, why);
        self.finish(&begun.await.answer()?).await
    }

    /// The instance, which is retired, with all its packets.
    pub async fn instance(&self, id: InstanceId, why: String) -> Answer<ErasureReceipt> {
        let begun = self
            .app
            .store
            .erase_instance(self.scope, (self.write)(), id, why);
        self.finish(&begun.await.answer()?).await
    }

    /// What is left to do once it was begun. Of one that is finished, too: its chunks may have come back with a copy.
    pub async fn finish(&self, erasure: &Erasure) -> Answer<ErasureReceipt> {
        match erasure.kind {
            ErasedKind::Packet => {
                if let Some(folder) = erasure.folder() {
                    self.app.store.objects().delete(&folder).await?;
                }
            }
            ErasedKind::Instance => {
                let id: InstanceId = erasure
                    .id
                    .parse()
                    .map_err(|e| Problem::internal("reading an erasure", e))?;
                self.packets_of(&id, &erasure.why).await?;
                self.answers_of(&id, &erasure.why).await?;
            }
        }
        self.app
            .store
            .finish_erasure(self.scope, (self.write)(), erasure.kind, erasure.id.clone())
            .await
            .answer()
    }

    async fn packets_of(&self, id: &InstanceId, why: &str) -> Answer<()> {
        let store = &self.app.store;
        let mut page = Page::first(PACKETS);
        loop {
            let by = PacketsBy::Instance(id.clone());
            let packets = store.packets(self.scope, by, page).await?;
            for packet in packets.items {
                let (scope, write, why) = (self.scope, (self.write)(), why.to_owned());
                let begun = store.erase_packet(scope, write, packet.claim, why).await?;
                let erasure = match begun {
                    Outcome::Done(erasure) => erasure,
                    // Listed by a server that has yet to put it: the end is refused until it is gone.
                    Outcome::Refused(Refused::NotFound(_)) => continue,
                    Outcome::Refused(reason) => return Err(reason.into()),
                };
                Box::pin(self.finish(&erasure)).await?;
            }
            match packets.next {
                Some(next) => page = Page::first(PACKETS).after(Some(next)),
                None => return Ok(()),
            }
        }
    }

    /// With what it holds of hooks.
    async fn answers_of(&self, id: &InstanceId, why: &str) -> Answer<()> {
        let mut after = None;
        loop {
            let (scope, write) = (self.scope, (self.write)());
            let erased = self
                .app
                .store
                .erase_answers(scope, write, id.clone(), after);
            let erased = erased.await.answer()?;
            for claim in erased.packets {
                self.late(claim, why).await?;
            }
            after = erased.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A packet that its claim tells of: one that was accepted while the instance was erased stands in no list yet.
    async fn late(&self, claim: ClaimId, why: &str) -> Answer<()> {
        let (scope, write, why) = (self.scope, (self.write)(), why.to_owned());
        match self
            .app
            .store
            .erase_packet(scope, write, claim, why)
            .await?
        {
            Outcome::Done(erasure) => Box::pin(self.finish(&erasure)).await.map(drop),
            Outcome::Refused(Refused::NotFound(_)) => {
                Err(Problem::busy("a packet of it is on its way; try again", 1))
            }
            Outcome::Refused(reason) => Err(reason.into()),
        }
    }
}

/// Why a thing is not there: 410 when it was erased, else 404.
pub async fn missing(app: &App, scope: &Scope, kind: ErasedKind, id: &str) -> Problem {
    match app.store.erasure(scope, kind, id).await {
        Ok(Some(erasure)) => {
            let words = format!("the {kind} was erased at {}", erasure.begun);
            let mut problem = Problem::gone(words);
            problem.code = "erased";
            problem
        }
        Ok(None) => Problem::not_found(kind.word()),
        Err(error) => error.into(),
    }
}
