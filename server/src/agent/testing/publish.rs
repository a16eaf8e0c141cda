//! Hooks, drafted, signed by two people and published through the store's own verbs.
use boathook_hooks::{
    documents::{Document as _, hook::Hook, roster::KeyPlace},
    envelope::pae,
    ids::{Blob, Digest},
    states::Move,
    waves::Wave,
};
use boathook_schema::{
    AddSignature, AfterSignature, DraftText, HookSignature, Publish, Quota, Scope, Write,
};

use super::{Bench, acme};

impl Bench {
    /// The sample's hook for everyone at acme, with `places` of up to 1 MiB.
    pub fn hook(&self, places: u32) -> Hook {
        let packet_bytes = 1 << 20;
        let hook = self.sample.hook();
        Hook {
            places,
            packet_bytes,
            total_bytes: packet_bytes * u64::from(places),
            ..hook
        }
    }

    pub async fn publish(&self, hook: &Hook) -> Digest {
        let digest = self.publish_quietly(hook).await;
        crate::control::refresh(&self.app).await.unwrap();
        digest
    }

    /// As [`Self::publish`], leaving it to the feed to notice.
    pub async fn publish_quietly(&self, hook: &Hook) -> Digest {
        self.publish_in(hook, Wave::ALL).await
    }

    /// As [`Self::publish_quietly`], with that first wave.
    pub async fn publish_in(&self, hook: &Hook, wave: Wave) -> Digest {
        let (store, all, now) = (&self.app.store, Scope::System, self.now());
        let ada = || Write::person("ada".parse().unwrap(), now);
        let payload = hook.to_payload().unwrap();
        let digest = Digest::of(&payload);
        let envelope = hook
            .envelope(&[&self.sample.ada_browser, &self.sample.ben_browser])
            .unwrap();
        let draft = DraftText {
            hook: hook.id.clone(),
            author: hook.author.clone(),
            title: hook.title.clone(),
            customers: vec![acme()],
            opted_in: false,
            ticket: None,
            toml: String::new(),
            template: None,
        };
        store
            .submit_draft(&all, ada(), draft, None)
            .await
            .unwrap()
            .done()
            .unwrap();
        let step = store.advance(
            &all,
            ada(),
            hook.id.clone(),
            1,
            None,
            Move::Submit,
            Some(Blob(payload.clone())),
        );
        let mut record = step.await.unwrap().done().unwrap();
        for (person, key, then) in [
            ("ada", &self.sample.ada_browser, AfterSignature::Wait),
            ("ben", &self.sample.ben_browser, AfterSignature::Signed),
        ] {
            let sig = key.sign(&pae(Hook::PAYLOAD_TYPE, &payload));
            let signature = AddSignature {
                hook: hook.id.clone(),
                revision: 1,
                digest,
                expect: record.version,
                signature: HookSignature {
                    person: person.parse().unwrap(),
                    keyid: key.public().id(),
                    place: KeyPlace::Browser,
                    sig,
                    at: now,
                },
                then,
            };
            let write = Write::person(person.parse().unwrap(), now);
            record = store
                .add_signature(&all, write, signature)
                .await
                .unwrap()
                .done()
                .unwrap();
        }
        let publish = Publish {
            digest,
            hook: hook.id.clone(),
            revision: 1,
            envelope: Blob(envelope.to_bson().unwrap()),
            customers: vec![acme()],
            opted_in: false,
            ticket: None,
            author: hook.author.clone(),
            title: hook.title.clone(),
            audience: bson::serialize_to_document(&hook.audience).unwrap(),
            quota: Quota {
                places: hook.places,
                packet_bytes: hook.packet_bytes,
                total_bytes: hook.total_bytes,
                attempts: hook.attempts,
                stop_after_overruns: hook.stop_after_overruns,
                stop_error_percent: hook.stop_error_percent,
                not_before: hook.not_before,
                expires_at: hook.expires_at,
                retention_days: hook.retention_days,
            },
            wave,
        };
        store
            .publish(&all, ada(), publish)
            .await
            .unwrap()
            .done()
            .unwrap();
        digest
    }
}
