//! What was acknowledged is there after SIGKILL: a child writes in a loop and says what was acknowledged, is killed,
//! and the store is read again.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // The child's pipe to its parent.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use boathook_hooks::{
    ids::{Blob, ClaimId, Digest, HookId},
    states::Move,
    time::{DAY, Time},
};
use boathook_schema::{
    AddSignature, AfterSignature, Chain, ChainVerdict, ClaimAsk, ClaimReply, CommitPacket,
    DraftText, HookSignature, Migrate, OpId, PacketsBy, Page, Publish, PutTicket, Quota, Scope,
    Store, TicketRef, Write, migrate,
};
use bytes::Bytes;

const CHILD: &str = "BOATHOOK_DURABILITY_CHILD";
/// Tasks of the child that write at the same time, so that rounds hold several writes.
const WRITERS: u32 = 6;

fn write() -> Write {
    Write::system(Time::wall_clock())
}

fn ticket(round: &str, writer: u32, n: u32) -> TicketRef {
    TicketRef {
        system: "jira".into(),
        key: format!("{round}-{writer}-{n}"),
    }
}

/// One hook with many places, published.
async fn hook(store: &Store) -> (HookId, Digest) {
    let (scope, hook, payload) = (Scope::System, HookId::fresh(), b"payload".to_vec());
    let digest = Digest::of(&payload);
    let draft = DraftText {
        hook: hook.clone(),
        author: "ada".parse().unwrap(),
        title: "Load".into(),
        customers: vec!["acme".parse().unwrap()],
        opted_in: false,
        ticket: None,
        toml: String::new(),
        template: None,
    };
    let made = store
        .submit_draft(&scope, write(), draft.clone(), None)
        .await;
    made.unwrap().done().unwrap();
    let payload = Some(Blob(payload));
    let moved = store
        .advance(
            &scope,
            write(),
            hook.clone(),
            1,
            None,
            Move::Submit,
            payload,
        )
        .await;
    let version = moved.unwrap().done().unwrap().version;
    let key = boathook_hooks::keys::SecretKey::from_seed(&[1; 32]);
    let signature = AddSignature {
        hook: hook.clone(),
        revision: 1,
        digest,
        expect: version,
        signature: HookSignature {
            person: "bob".parse().unwrap(),
            keyid: key.public().id(),
            place: boathook_hooks::documents::roster::KeyPlace::File,
            sig: key.sign(b"x"),
            at: Time::wall_clock(),
        },
        then: AfterSignature::Signed,
    };
    store
        .add_signature(&scope, write(), signature)
        .await
        .unwrap()
        .done()
        .unwrap();
    let now = Time::wall_clock();
    let publish = Publish {
        digest,
        hook: hook.clone(),
        revision: 1,
        envelope: Blob(vec![1]),
        customers: draft.customers,
        opted_in: false,
        ticket: None,
        author: draft.author,
        title: draft.title,
        audience: bson::Document::new(),
        quota: Quota {
            places: 10_000,
            packet_bytes: 1_000,
            total_bytes: 10_000_000,
            attempts: 1,
            stop_after_overruns: 2,
            stop_error_percent: None,
            not_before: now,
            expires_at: now.plus_ms(DAY),
            retention_days: 1,
        },
        wave: boathook_hooks::waves::Wave::ALL,
    };
    store
        .publish(&scope, write(), publish)
        .await
        .unwrap()
        .done()
        .unwrap();
    (hook, digest)
}

/// A ticket, then a packet the whole way; each is told once it is acknowledged.
async fn one(store: &Store, round: &str, digest: Digest, writer: u32, n: u32) {
    let put = PutTicket {
        at: ticket(round, writer, n),
        customer: "acme".parse().unwrap(),
        title: "Slow".into(),
        url: None,
        state: None,
    };
    let op = OpId::fresh();
    let made = store.put_ticket(&Scope::System, write().op(op), put).await;
    made.unwrap().done().unwrap();
    say(&format!("ticket {writer} {n} {}", op.0));
    let ask = ClaimAsk {
        instance: format!("{round}-{writer}-{n}").parse().unwrap(),
        customer: "acme".parse().unwrap(),
        attempt: 1,
        bytes: 1_000,
    };
    let until = Time::wall_clock().plus_ms(DAY);
    let replies = store
        .claim(&Scope::System, write(), digest, until, vec![ask])
        .await;
    let ClaimReply::Granted(lease) = replies.unwrap().done().unwrap().remove(0) else {
        panic!("no place");
    };
    let claim = store
        .claim_by_id(&Scope::System, &lease.claim)
        .await
        .unwrap()
        .unwrap();
    let bytes = Bytes::from(lease.claim.to_string().repeat(3));
    store
        .objects()
        .put(&claim.folder(), 0, bytes.clone())
        .await
        .unwrap();
    let commit = CommitPacket {
        claim: lease.claim.clone(),
        name: format!("{round}-{writer}-{n}.zip"),
        bytes: bytes.len() as u64,
        sha256: Digest::of(&bytes),
        chunks: store.objects().run(&claim.folder()).await.unwrap().chunks,
        statement: Blob(vec![]),
        sections: vec![],
    };
    let committed = store.commit_packet(&Scope::System, write(), commit).await;
    let _ = committed.unwrap().done().unwrap();
    say(&format!("packet {}", lease.claim));
}

/// One whole line, out at once.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {line}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: what the parent starts and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(asked) = std::env::var(CHILD) else {
        return;
    };
    let [url, round, digest] = asked.split(' ').collect::<Vec<_>>()[..] else {
        panic!("asked for {asked:?}");
    };
    let digest: Digest = digest.parse().unwrap();
    let store = Store::open(url).await.unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let (store, round) = (store.clone(), round.to_owned());
        tokio::spawn(async move {
            for n in 0.. {
                one(&store, &round, digest, writer, n).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Runs the child until it is killed after `life`; its acknowledged lines.
fn killed(url: &str, round: &str, digest: Digest, life: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{url} {round} {digest}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = out.split(b'\n').map_while(Result::ok);
        let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        lines
            .filter_map(|line| line.split_once("ack ").map(|(_, a)| a.to_owned()))
            .collect()
    });
    std::thread::sleep(life);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    migrate(&url, Migrate::Up).await.unwrap();
    let (hook, digest) = hook(&Store::open(&url).await.unwrap()).await;
    let mut packets = BTreeSet::new();
    let mut tickets = 0;
    for round in 0..8_u32 {
        let name = format!("r{round}");
        let life = Duration::from_millis(250 + u64::from(round) * 37);
        let (at, own) = (url.clone(), name.clone());
        let lines = tokio::task::spawn_blocking(move || killed(&at, &own, digest, life));
        let lines = lines.await.unwrap();
        let store = Store::open(&url).await.unwrap();
        for line in &lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["ticket", writer, n, op] => {
                    let at = ticket(&name, writer.parse().unwrap(), n.parse().unwrap());
                    let found = store.ticket(&Scope::System, &at).await.unwrap();
                    let found = found.unwrap_or_else(|| panic!("{line} is lost"));
                    // Its op id is remembered as well: a repeat changes nothing.
                    let put = PutTicket {
                        at,
                        customer: found.customer.clone(),
                        title: "sent again".into(),
                        url: None,
                        state: None,
                    };
                    let again = write().op(OpId(op.parse().unwrap()));
                    let again = store.put_ticket(&Scope::System, again, put).await;
                    assert_eq!(again.unwrap().done().unwrap(), found);
                    tickets += 1;
                }
                ["packet", claim] => {
                    packets.insert(claim.parse::<ClaimId>().unwrap());
                }
                _ => panic!("{line:?}"),
            }
        }
        // Those of the rounds before as well.
        for claim in &packets {
            let found = store.packet(&Scope::System, claim).await.unwrap();
            let packet = found.unwrap_or_else(|| panic!("{claim} is lost"));
            let all = 0..packet.bytes;
            let bytes = store
                .objects()
                .read(&packet.folder(), &packet.chunks, all)
                .await
                .unwrap();
            assert_eq!(Digest::of(&bytes), packet.sha256, "{claim}");
        }
        consistent(&store, &hook, &digest).await;
    }
    assert!(
        tickets > 20 && packets.len() > 20,
        "{tickets} tickets, {} packets",
        packets.len()
    );
    println!(
        "{tickets} tickets and {} packets acknowledged, none lost",
        packets.len()
    );
}

/// Nothing is half there: counters, lists and chain agree.
async fn consistent(store: &Store, hook: &HookId, digest: &Digest) {
    let usage = store
        .revision(&Scope::System, digest)
        .await
        .unwrap()
        .unwrap()
        .usage;
    let mut listed = 0;
    let mut page = Page::first(1_000);
    loop {
        let by = PacketsBy::Hook(hook.clone());
        let found = store.packets(&Scope::System, by, page).await.unwrap();
        listed += found.items.len();
        match found.next {
            None => break,
            next => page = Page::first(1_000).after(next),
        }
    }
    assert_eq!(usage.accepted as usize, listed);
    let chain = Chain::Customer("acme".parse().unwrap());
    let verdict = store
        .verify_chain(&Scope::System, &chain, None)
        .await
        .unwrap();
    assert!(matches!(verdict, ChainVerdict::Whole { .. }), "{verdict:?}");
}
