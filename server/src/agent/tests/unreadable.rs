//! A published hook whose bytes cannot be read is told of and left out, and holds up no other.
use boathook_hooks::{
    documents::identity::Facts,
    ids::Digest,
    states::{HookState, StoppedBy},
    waves::Wave,
};
use boathook_schema::{Scope, Write};

use crate::{
    agent::testing::{Bench, acme},
    app::Shared,
    control::{self, Asker},
    listeners, periodic,
};

const LEASE_MS: i64 = 120_000;
/// Where a hook's bytes lie: as servers list it, its record, what people signed.
const ENTRY: &str = "UPDATE lists SET body = x'07' WHERE list = 'active_hooks' AND sort = ?1";
const RECORD: &str =
    "UPDATE rows SET body = x'07' WHERE tbl = 'revisions' AND id = ?1 AND row = 'head'";
const SIGNED: &str = "UPDATE lists SET body = x'07' WHERE list = 'envelopes' AND part = ?1";

impl Bench {
    /// Two hooks, of which the first in every order is the one that is broken.
    async fn two(&self, wave: Wave) -> (Digest, Digest) {
        let one = self.hook(2);
        let mut other = one.clone();
        other.id = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
        let (one, other) = (
            self.publish_in(&one, wave).await,
            self.publish_in(&other, wave).await,
        );
        control::refresh(&self.app).await.unwrap();
        (one.min(other), one.max(other))
    }

    fn spoil(&self, how: &str, digest: &Digest) {
        let url = self.app.config.store_url();
        let dir = url.strip_prefix("sqlite://").unwrap();
        let conn = rusqlite::Connection::open(format!("{dir}/boathook.db")).unwrap();
        assert_eq!(conn.execute(how, [digest.to_string()]).unwrap(), 1);
    }

    /// A server that starts now and does not follow by itself.
    async fn another_server(&self) -> Shared {
        let (config, clock) = (self.app.config.clone(), self.app.clock.clone());
        let other = listeners::open(config, clock, None, Default::default()).await;
        let other = other.unwrap();
        control::refresh(&other).await.unwrap();
        other
    }
}

#[tokio::test]
async fn a_server_that_starts_has_the_others_and_says_which_it_left_out() {
    for (how, there) in [(ENTRY, true), (RECORD, false), (SIGNED, false)] {
        let bench = Bench::new().await;
        let (spoilt, whole) = bench.two(Wave::ALL).await;
        bench.spoil(how, &spoilt);
        let other = bench.another_server().await;
        let has = |digest| other.agent.control.active().get(digest).is_some();
        assert!(has(&whole), "{how}");
        // Its record says what the list does not; without it its envelope belongs to nobody.
        assert_eq!(has(&spoilt), there, "{how}");
        let told = other.metrics.unreadable_hooks.get();
        assert!(told > 0, "{how}");
        let text = other.metrics.text();
        assert!(text.contains("boathook_unreadable_hooks_total"), "{text}");
    }
}

#[tokio::test]
async fn others_widen_and_give_leases_back_and_expire() {
    for how in [ENTRY, RECORD, SIGNED] {
        let bench = Bench::new().await;
        let first = Wave::of_share(0.2);
        let (spoilt, whole) = bench.two(first).await;
        bench.spoil(how, &spoilt);
        bench.app.clock.advance(90_000);
        periodic::widen(&bench.app).await.unwrap();
        assert_eq!(bench.revision(&whole).await.wave, first.wider(2), "{how}");

        let bench = Bench::new().await;
        let (spoilt, whole) = bench.two(Wave::ALL).await;
        let (one, other) = (bench.instance().await, bench.instance().await);
        one.claimed(&spoilt).await;
        other.claimed(&whole).await;
        bench.spoil(how, &spoilt);
        bench.app.clock.advance(LEASE_MS);
        periodic::each_second(&bench.app).await.unwrap();
        assert_eq!(bench.revision(&whole).await.usage.reserved, 0, "{how}");
        let end = bench.revision(&whole).await.expires_at();
        bench.app.clock.advance(end.since(bench.now()));
        periodic::each_second(&bench.app).await.unwrap();
        let expired = async |digest| bench.revision(digest).await.state == HookState::Expired;
        assert!(expired(&whole).await, "{how}");
        match how {
            // Only the record decides.
            RECORD => assert!(bench.app.metrics.unreadable_hooks.get() > 0),
            _ => assert!(expired(&spoilt).await, "{how}"),
        }
    }
}

/// Whoever runs it must hear of its stop.
#[tokio::test]
async fn a_stop_is_told_where_the_record_cannot_be_read_any_more() {
    let bench = Bench::new().await;
    let (spoilt, _) = bench.two(Wave::ALL).await;
    let other = bench.another_server().await;
    let write = Write::person("ada".parse().unwrap(), bench.now());
    let by = StoppedBy::Person("ada".parse().unwrap());
    let stop = bench
        .app
        .store
        .stop(&Scope::System, write, spoilt, by, "enough".into());
    stop.await.unwrap().done().unwrap();
    bench.spoil(RECORD, &spoilt);
    other.store.refresh_control().await.unwrap();
    control::refresh(&other).await.unwrap();
    let sim = bench.instance().await;
    let asker = Asker {
        instance: &sim.instance,
        customer: &acme(),
        facts: &Facts::default(),
    };
    let now = bench.now();
    let found = other.agent.control.active().matching(asker, now);
    assert_eq!(found.stopped, [spoilt]);
}
