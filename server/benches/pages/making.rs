//! Makes the store: 120 days of tickets, of hooks in every state, and of what instances brought for them.
use std::{io::Write as _, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::pae,
    ids::Digest,
    time::DAY,
};
use boathook_schema::Scope;
use boathook_server::periodic;
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use serde_json::{Value, json};

use crate::{
    args::Counts,
    browser::Browser,
    house::{DAYS, House},
    people::{self, AUTHORS, REVIEWERS, ROSTER_DAYS, key_of},
    runs::{Runs, Wanted},
    sites::{self, LARGE, customer},
    ways::{Way, about, customer_of, is_published, ticket, title, toml, way},
};

const AT_ONCE: usize = 64;
/// Hooks that people work on at a time: they wait for the disk together.
const HOOKS_AT_ONCE: usize = 10;
/// Between what people do and what follows from it.
const LATER: i64 = 60_000;
struct Making<'a> {
    house: &'a House,
    authors: Vec<Browser>,
    reviewers: Vec<Browser>,
    runs: Runs<'a>,
    counts: &'a Counts,
    /// Packets of each published hook, and of how many one more.
    each: (u32, u32),
}

/// A hook that instances may work for.
struct Offered {
    hook: Hook,
    digest: Digest,
    places: Places,
}

/// How many instances do what for one hook.
#[derive(Clone, Copy)]
struct Places {
    packets: u32,
    failing: u32,
    all: u32,
}

pub async fn make(dir: &Path, counts: &Counts) -> Result<()> {
    let begun = Instant::now();
    let house = House::create(dir).await?;
    people::put(&house).await?;
    people::root(&house).await?;
    let published = (0..counts.hooks).filter(|n| is_published(way(*n))).count() as u32;
    let each = (counts.packets / published, counts.packets % published);
    // Besides those that bring a packet some fail and some say no.
    sites::put(&house, each.0 + 1 + 2 * others(each.0)).await?;
    let making = Making {
        house: &house,
        authors: browsers(&house, &AUTHORS).await?,
        reviewers: browsers(&house, &REVIEWERS).await?,
        runs: Runs::new(&house, dir)?,
        counts,
        each,
    };
    let slot = DAYS * DAY / i64::from(counts.hooks);
    let (mut rosters, start) = (0, house.app.now());
    let all: Vec<u32> = (0..counts.hooks).collect();
    for some in all.chunks(HOOKS_AT_ONCE) {
        let at = start.plus_ms(slot * some.first().map_or(0, |n| i64::from(*n)));
        house.app.clock.advance(at.since(house.app.now()).max(0));
        if at.since(start) >= rosters * ROSTER_DAYS * DAY {
            rosters += 1;
            people::roster(&house, rosters.unsigned_abs()).await?;
            let store = &house.app.store;
            let digest = store.digest_heads(&Scope::System, house.write());
            digest.await?.done()?;
        }
        house.refresh().await?;
        periodic::each_second(&house.app).await?;
        making.some(some).await?;
        print!("\r{} of {} hooks ", some.last().unwrap_or(&0), counts.hooks);
        std::io::stdout().flush()?;
    }
    House::say_made(dir)?;
    println!(
        "\rmade in {:.0} s: {} tickets, {} hooks, {} packets, {} instances",
        begun.elapsed().as_secs_f64(),
        counts.tickets,
        counts.hooks,
        counts.packets,
        sites::count(each.0 + 1 + 2 * others(each.0)),
    );
    Ok(())
}

/// For so many packets, how many runs fail, and how many instances say no.
fn others(packets: u32) -> u32 {
    1 + packets / 30
}

async fn browsers(house: &House, people: &[&str]) -> Result<Vec<Browser>> {
    let mut browsers = Vec::new();
    for person in people {
        browsers.push(Browser::of(house, person).await?);
    }
    Ok(browsers)
}

impl Making<'_> {
    /// The tickets of the nth of all slots; the slot's hook is for the first.
    async fn tickets(&self, slot: u32) -> Result<()> {
        let (all, hooks) = (u64::from(self.counts.tickets), u64::from(self.counts.hooks));
        let nth = |slot: u32| u32::try_from(u64::from(slot) * all / hooks).unwrap_or(u32::MAX);
        let author = &self.authors[slot as usize % AUTHORS.len()];
        let put = (nth(slot)..nth(slot + 1)).map(|n| async move {
            let of = match n == nth(slot) {
                true => self.customer(slot),
                false => customer_of(n),
            };
            let body = json!({
                "customer": customer(of)?, "title": title(n), "state": "open",
                "url": format!("https://tickets.example/{}", ticket(n)),
            });
            let path = format!("/tickets/jira/{}", ticket(n));
            author.api("PUT", &path, Some(body)).await.map(drop)
        });
        stream::iter(put)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Hooks are for customers with many instances.
    fn customer(&self, hook: u32) -> u32 {
        hook % LARGE
    }

    /// Some hooks from their tickets to their ends.
    async fn some(&self, hooks: &[u32]) -> Result<()> {
        let (house, clock) = (self.house, &self.house.app.clock);
        for n in hooks {
            self.tickets(*n).await.context("tickets")?;
        }
        clock.advance(LATER);
        let made = try_join_all(hooks.iter().map(|n| self.hook(*n))).await?;
        house.refresh().await?;
        clock.advance(LATER);
        for (n, offered) in hooks.iter().zip(&made) {
            let Some(offered) = offered else { continue };
            let wanted = Wanted {
                hook: &offered.hook,
                digest: offered.digest,
                customer: self.customer(*n),
                packets: offered.places.packets,
                failing: offered.places.failing,
                saying_no: others(offered.places.packets),
                readable: n + 60 > self.counts.hooks,
            };
            let done = self.runs.run(&wanted).await;
            done.with_context(|| format!("runs for hook {n}"))?;
        }
        clock.advance(LATER);
        for (n, offered) in hooks.iter().zip(&made) {
            if let (Some(offered), Way::Stopped) = (offered, way(*n)) {
                let why = json!({"why": "we know enough"});
                let path = format!("/hooks/{}/stop", offered.hook.id);
                self.author(*n).api("POST", &path, Some(why)).await?;
            }
        }
        Ok(())
    }

    fn places(&self, n: u32) -> Places {
        let nth = (0..n).filter(|n| is_published(way(*n))).count();
        let packets = self.each.0 + u32::from(nth < self.each.1 as usize);
        let failing = match way(n) {
            Way::Full => 0,
            _ => others(packets),
        };
        let all = match way(n) {
            Way::Full => packets,
            _ => 2 * packets + failing,
        };
        Places {
            packets,
            failing,
            all: all.max(1),
        }
    }

    /// As far as its people bring it.
    async fn hook(&self, n: u32) -> Result<Option<Offered>> {
        let (way, author, places) = (way(n), self.author(n), self.places(n));
        let first = u64::from(n) * u64::from(self.counts.tickets) / u64::from(self.counts.hooks);
        let key = ticket(u32::try_from(first)?);
        let title = format!("{} logs for {key}", about(n));
        let text = toml(&title, places.all, false);
        let body = json!({"toml": text, "ticket": {"system": "jira", "key": key}});
        let mut hook = author.api("POST", "/hooks", Some(body)).await?;
        let path = format!("/hooks/{}", hook["id"].as_str().unwrap_or_default());
        if way == Way::Draft {
            return Ok(None);
        }
        hook = author.api("POST", &format!("{path}/submit"), None).await?;
        if way == Way::SentBack {
            let words = "Half of these paths are not needed: take the tail alone.";
            let (_, reviewer) = self.reviewer(n);
            let send_back = format!("{path}/send-back");
            reviewer
                .api("POST", &send_back, Some(json!({"words": words})))
                .await?;
            return Ok(None);
        }
        let mut payload = self.sign(&path, &hook, n, way).await?;
        if way == Way::Second {
            let view = author.api("GET", &path, None).await?;
            let text = toml(&title, places.all, true);
            let body = json!({"toml": text, "expect": view["version"]});
            author.api("PUT", &path, Some(body)).await?;
            hook = author.api("POST", &format!("{path}/submit"), None).await?;
            payload = self.sign(&path, &hook, n, way).await?;
        }
        if !is_published(way) {
            return Ok(None);
        }
        Ok(Some(Offered {
            hook: Hook::from_payload(&payload)?,
            digest: Digest::of(&payload),
            places,
        }))
    }

    fn author(&self, n: u32) -> &Browser {
        &self.authors[n as usize % AUTHORS.len()]
    }

    fn reviewer(&self, n: u32) -> (&'static str, &Browser) {
        let nth = n as usize % REVIEWERS.len();
        (REVIEWERS[nth], &self.reviewers[nth])
    }

    /// By its author and, unless one is to be missing, by a reviewer. Says the bytes that were signed.
    async fn sign(&self, path: &str, hook: &Value, n: u32, way: Way) -> Result<Vec<u8>> {
        let revision = &hook["revision"];
        let payload = format!("{path}/revisions/{revision}/payload");
        let payload = self.author(n).raw("GET", &payload, None).await?.body;
        let name = AUTHORS[n as usize % AUTHORS.len()];
        let mut signers = vec![(name, self.author(n), false)];
        if way != Way::Review {
            let (person, browser) = self.reviewer(n);
            signers.push((person, browser, way == Way::Held));
        }
        for (person, browser, hold) in signers {
            let key = key_of(person);
            let body = json!({
                "revision": revision,
                "digest": Digest::of(&payload).to_string(),
                "keyid": key.public().id(),
                "sig": key.sign(&pae(Hook::PAYLOAD_TYPE, &payload)),
                "hold": hold,
            });
            let signatures = format!("{path}/signatures");
            browser.api("POST", &signatures, Some(body)).await?;
        }
        Ok(payload.to_vec())
    }
}
