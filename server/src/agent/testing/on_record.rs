//! What people and the server itself do to what is on record, and what then is.
use boathook_hooks::{
    ids::{Digest, InstanceId},
    states::StoppedBy,
};
use boathook_schema::{
    Chain, EventFilter, EventKind, Instance, Page, Revision, Scope, SuspendReason, Write,
};

use super::{Bench, acme};

impl Bench {
    pub async fn suspend(&self, instance: &InstanceId) {
        let (scope, write) = (Scope::System, Write::system(self.now()));
        let why = SuspendReason::Words("stolen".into());
        let verb = self
            .app
            .store
            .suspend_instance(&scope, write, instance.clone(), why);
        verb.await.unwrap().done().unwrap();
        crate::control::refresh(&self.app).await.unwrap();
    }

    pub async fn stop(&self, digest: &Digest) {
        let (scope, write) = (Scope::System, Write::system(self.now()));
        let by = StoppedBy::Person("ada".parse().unwrap());
        let verb = self
            .app
            .store
            .stop(&scope, write, *digest, by, "enough".into());
        verb.await.unwrap().done().unwrap();
        crate::control::refresh(&self.app).await.unwrap();
    }

    pub async fn on_record(&self, instance: &InstanceId) -> Instance {
        let found = self.app.store.instance(&Scope::System, instance).await;
        found.unwrap().unwrap()
    }

    pub async fn revision(&self, digest: &Digest) -> Revision {
        self.app
            .store
            .revision(&Scope::System, digest)
            .await
            .unwrap()
            .unwrap()
    }

    /// What happened in acme's chain, the earliest first.
    pub async fn kinds(&self) -> Vec<EventKind> {
        let filter = EventFilter::default();
        let chain = Chain::Customer(acme());
        let page = Page::first(1_000);
        let page = self
            .app
            .store
            .events(&Scope::System, &chain, filter, page)
            .await
            .unwrap();
        let mut events = page.items;
        events.sort_by_key(|e| e.number);
        events.into_iter().map(|e| e.kind).collect()
    }

    /// How often a kind stands in acme's chain.
    pub async fn events(&self, kind: EventKind) -> usize {
        let filter = EventFilter {
            kind: Some(kind),
            ..EventFilter::default()
        };
        let chain = Chain::Customer(acme());
        let page = Page::first(1_000);
        self.app
            .store
            .events(&Scope::System, &chain, filter, page)
            .await
            .unwrap()
            .items
            .len()
    }
}
