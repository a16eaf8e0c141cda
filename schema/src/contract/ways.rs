//! Short ways to what a case begins with: a customer, an instance, a published hook, a place, a packet.
use boathook_hooks::{
    documents::{identity::Facts, roster::KeyPlace},
    ids::{Blob, ClaimId, CustomerId, Digest, HookId},
    states::Move,
    time::DAY,
};
use bson::doc;

use super::bench::{Bench, acme, ada, bob, done, iid, key, public, ticket};
use crate::{
    AddSignature, AfterSignature, Chain, Chunk, ClaimAsk, ClaimReply, CommitPacket, DraftText,
    Event, EventFilter, EventKind, HookRecord, HookSignature, Instance, Lease, NewInstance, Page,
    Publish, Quota, Revision, Scope, Told,
};

impl Bench {
    pub(super) async fn customer(&self, id: CustomerId) {
        let name = format!("{id} incorporated");
        done(
            self.store
                .put_customer(&Scope::All, self.ada(), id, name)
                .await,
        );
    }

    pub(super) async fn instance(&self, n: u32, customer: CustomerId) -> Instance {
        let new = NewInstance {
            id: iid(n),
            customer,
            key: public(u8::try_from(n % 250).unwrap()),
            facts: Facts {
                name: format!("app-{n}"),
                ..Facts::default()
            },
            confirm: false,
        };
        done(
            self.store
                .put_instance(&Scope::System, self.system(), new)
                .await,
        )
    }

    /// Ten places of 1 MiB each, for seven days.
    pub(super) fn quota(&self, places: u32) -> Quota {
        Quota {
            places,
            packet_bytes: 1 << 20,
            total_bytes: u64::from(places) << 20,
            attempts: 2,
            stop_after_overruns: 2,
            stop_error_percent: None,
            not_before: self.now,
            expires_at: self.now.plus_ms(7 * DAY),
            retention_days: 30,
        }
    }

    pub(super) fn draft(&self, hook: &HookId, customers: &[CustomerId]) -> DraftText {
        DraftText {
            hook: hook.clone(),
            author: ada(),
            title: "Slow checkout".into(),
            customers: customers.to_vec(),
            opted_in: false,
            ticket: Some(ticket()),
            toml: "format = 1".into(),
            template: Some("journal".into()),
        }
    }

    pub(super) async fn drafted(&self, customers: &[CustomerId]) -> HookRecord {
        let draft = self.draft(&HookId::fresh(), customers);
        done(
            self.store
                .submit_draft(&Scope::All, self.ada(), draft, None)
                .await,
        )
    }

    /// One step of the latest revision.
    pub(super) async fn step(
        &self,
        hook: &HookRecord,
        step: Move,
        payload: Option<&[u8]>,
    ) -> crate::Answer<HookRecord> {
        let (revision, payload) = (
            hook.revisions.len() as u32,
            payload.map(|p| Blob(p.to_vec())),
        );
        let version = Some(hook.version);
        self.store
            .advance(
                &Scope::All,
                self.ada(),
                hook.id.clone(),
                revision,
                version,
                step,
                payload,
            )
            .await
    }

    pub(super) async fn in_review(&self, customers: &[CustomerId]) -> HookRecord {
        let hook = self.drafted(customers).await;
        let payload = format!("payload of {}", hook.id);
        done(
            self.step(&hook, Move::Submit, Some(payload.as_bytes()))
                .await,
        )
    }

    pub(super) fn signature(&self, hook: &HookRecord, n: u8, then: AfterSignature) -> AddSignature {
        let digest = hook.latest().unwrap().digest.unwrap();
        AddSignature {
            hook: hook.id.clone(),
            revision: hook.latest().unwrap().revision,
            digest,
            expect: hook.version,
            signature: HookSignature {
                person: if n == 1 { ada() } else { bob() },
                keyid: public(n).id(),
                place: KeyPlace::File,
                sig: key(n).sign(&digest.0),
                at: self.now,
            },
            then,
        }
    }

    pub(super) async fn signed(&self, customers: &[CustomerId]) -> HookRecord {
        let hook = self.in_review(customers).await;
        self.sign_out(hook).await
    }

    /// Ada's and Bob's signatures, the second the last one.
    pub(super) async fn sign_out(&self, hook: HookRecord) -> HookRecord {
        let first = self.signature(&hook, 1, AfterSignature::Wait);
        let hook = done(
            self.store
                .add_signature(&Scope::All, self.ada(), first)
                .await,
        );
        let last = self.signature(&hook, 2, AfterSignature::Signed);
        done(
            self.store
                .add_signature(&Scope::All, self.ada(), last)
                .await,
        )
    }

    pub(super) fn publish(&self, hook: &HookRecord, quota: Quota) -> Publish {
        let row = hook.latest().unwrap();
        Publish {
            digest: row.digest.unwrap(),
            hook: hook.id.clone(),
            revision: row.revision,
            envelope: Blob(format!("envelope of {}", hook.id).into_bytes()),
            customers: hook.customers.clone(),
            opted_in: hook.opted_in,
            ticket: hook.ticket.clone(),
            author: hook.author.clone(),
            title: hook.title.clone(),
            audience: doc! { "everyone": true },
            quota,
            wave: boathook_hooks::waves::Wave::ALL,
        }
    }

    pub(super) async fn published_with(&self, customers: &[CustomerId], quota: Quota) -> Digest {
        let hook = self.signed(customers).await;
        let publish = self.publish(&hook, quota);
        let digest = publish.digest;
        done(self.store.publish(&Scope::All, self.ada(), publish).await);
        digest
    }

    /// For Acme.
    pub(super) async fn published(&self, places: u32) -> Digest {
        self.published_with(&[acme()], self.quota(places)).await
    }

    pub(super) async fn revision(&self, digest: &Digest) -> Revision {
        self.store
            .revision(&Scope::System, digest)
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) async fn hook(&self, id: &HookId) -> HookRecord {
        self.store.hook(&Scope::All, id).await.unwrap().unwrap()
    }

    pub(super) async fn stop(&self, digest: Digest) -> Told {
        let by = boathook_hooks::states::StoppedBy::Person(ada());
        done(
            self.store
                .stop(&Scope::All, self.ada(), digest, by, "enough".into())
                .await,
        )
    }

    /// Instance `n` of Acme wants a place.
    pub(super) fn ask(&self, n: u32, attempt: u32, bytes: u64) -> ClaimAsk {
        ClaimAsk {
            instance: iid(n),
            customer: acme(),
            attempt,
            bytes,
        }
    }

    pub(super) async fn claims(&self, digest: Digest, asks: Vec<ClaimAsk>) -> Vec<ClaimReply> {
        let (write, until) = (self.system(), self.lease());
        done(
            self.store
                .claim(&Scope::System, write, digest, until, asks)
                .await,
        )
    }

    pub(super) async fn claim(&self, digest: Digest, n: u32, bytes: u64) -> ClaimReply {
        self.claims(digest, vec![self.ask(n, 1, bytes)])
            .await
            .remove(0)
    }

    /// A place for instance `n`, which must be granted.
    pub(super) async fn granted(&self, digest: Digest, n: u32, bytes: u64) -> Lease {
        match self.claim(digest, n, bytes).await {
            ClaimReply::Granted(lease) => lease,
            other => panic!("instance {n} got {other:?}"),
        }
    }

    /// A packet of `bytes` whose content is told apart by `salt`.
    pub(super) fn packet(&self, claim: &ClaimId, bytes: u64, salt: &str) -> CommitPacket {
        let half = bytes / 2;
        let chunks = [(0, half), (half, bytes - half)];
        CommitPacket {
            claim: claim.clone(),
            name: format!("acme-4711-{}-{salt}.zip", claim.instance),
            bytes,
            sha256: Digest::of(salt.as_bytes()),
            chunks: chunks
                .into_iter()
                .filter(|(_, bytes)| *bytes > 0)
                .map(|(offset, bytes)| Chunk { offset, bytes })
                .collect(),
            statement: Blob(b"{}".to_vec()),
            sections: vec![doc! { "section": "host", "outcome": "ok" }],
        }
    }

    pub(super) async fn commit(&self, packet: CommitPacket) -> crate::Answer<crate::Committed> {
        self.store
            .commit_packet(&Scope::System, self.system(), packet)
            .await
    }

    /// Instance `n` brings a packet the whole way.
    pub(super) async fn accepted(&self, digest: Digest, n: u32, bytes: u64) -> ClaimId {
        let lease = self.granted(digest, n, bytes).await;
        done(
            self.commit(self.packet(&lease.claim, bytes, &n.to_string()))
                .await,
        );
        lease.claim
    }

    /// Events of a chain, of one kind or all, oldest first.
    pub(super) async fn events(&self, chain: Chain, kind: Option<EventKind>) -> Vec<Event> {
        let filter = EventFilter {
            kind,
            ..EventFilter::default()
        };
        self.store
            .events(&Scope::System, &chain, filter, Page::first(1_000))
            .await
            .unwrap()
            .items
    }

    pub(super) async fn count(&self, kind: EventKind) -> usize {
        self.events(Chain::Customer(acme()), Some(kind)).await.len()
    }

    /// The control log whole.
    pub(super) async fn changes(&self) -> Vec<crate::Change> {
        let page = self
            .store
            .changes_since(&Scope::System, 0, 1_000)
            .await
            .unwrap();
        page.entries.into_iter().map(|e| e.change).collect()
    }
}
