//! Asks for each page again and again, and says how long that took and what it weighs.
use std::{collections::BTreeSet, time::Instant};

use anyhow::{Context as _, Result, bail};
use boathook_schema::{HookFilter, PacketsBy, Page, Scope};

use crate::{
    args::Args,
    browser::Browser,
    house::{House, NOW},
    people::{OF_ALL, OF_SOME},
    sites::{customer, instance},
    ways::ticket,
};

/// The first visit: a page with all that it needs, compressed.
const FIRST_VISIT: usize = 100 * 1024;
/// Before the times count.
const WARM: u32 = 3;
/// Everything is compared with this one: it asks the store for who is signed in, and no more.
const CHEAPEST: &str = "/help";

/// A page's name for people, and its address.
type Asked = (&'static str, String);

struct Measured {
    name: &'static str,
    /// Milliseconds, sorted.
    ms: Vec<f64>,
    plain: usize,
    zipped: usize,
    first_visit: usize,
}

impl Measured {
    fn at(&self, share: f64) -> f64 {
        let last = self.ms.len().saturating_sub(1);
        let nth = (share * last as f64).round() as usize;
        self.ms.get(nth).copied().unwrap_or_default()
    }
}

/// Whether all stayed within what was asked for.
pub async fn all(house: &House, args: &Args) -> Result<bool> {
    let pages = pages(house).await?;
    let mut within = true;
    for person in [OF_ALL, OF_SOME] {
        let browser = Browser::of(house, person).await?;
        let whose = match person == OF_ALL {
            true => "all customers",
            false => "some customers, by name",
        };
        println!(
            "\n{person}, every role for {whose}; each page {} times",
            args.times
        );
        println!(
            "  {:<34} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7} {:>6}",
            "page", "p50 ms", "p90 ms", "max ms", "of help", "HTML", "gzip", "first"
        );
        let mut cheapest = f64::NAN;
        for (name, path) in &pages {
            let is_cheapest = path == CHEAPEST;
            let wanted = args.only.as_ref().is_none_or(|only| path.contains(only));
            let is_admins = person != OF_ALL && path.starts_with("/admin");
            if !is_cheapest && (!wanted || is_admins) {
                continue;
            }
            let page = measure(&browser, name, path, args.times).await;
            let page = page.with_context(|| format!("{name}: {path}"))?;
            if is_cheapest {
                cheapest = page.at(0.5);
            }
            let p50 = page.at(0.5);
            println!(
                "  {:<34} {:>7.2} {:>7.2} {:>7.2} {:>7.1} {:>8} {:>7} {:>6}",
                page.name,
                p50,
                page.at(0.9),
                page.at(1.0),
                p50 / cheapest,
                page.plain,
                page.zipped,
                page.first_visit
            );
            if page.first_visit > FIRST_VISIT {
                println!("    ^ heavier than {FIRST_VISIT} bytes");
                within = false;
            }
            if args.most_ms.is_some_and(|most| p50 > most) {
                println!("    ^ slower than wanted");
                within = false;
            }
        }
    }
    Ok(within)
}

async fn measure(
    browser: &Browser,
    name: &'static str,
    path: &str,
    times: u32,
) -> Result<Measured> {
    let plain = browser.page(path, false).await?;
    if !plain.status.is_success() {
        bail!("{}", plain.status);
    }
    let mut ms = Vec::new();
    let mut zipped = 0;
    for n in 0..WARM + times {
        let begun = Instant::now();
        let said = browser.page(path, true).await?;
        let took = begun.elapsed().as_secs_f64() * 1_000.0;
        if n >= WARM {
            ms.push(took);
        }
        zipped = said.body.len();
    }
    ms.sort_by(f64::total_cmp);
    let first_visit = zipped + weight_of_assets(browser, &plain.body).await?;
    Ok(Measured {
        name,
        ms,
        plain: plain.body.len(),
        zipped,
        first_visit,
    })
}

/// Bytes of what a page has the browser fetch besides, compressed; scripts name more of it.
async fn weight_of_assets(browser: &Browser, html: &[u8]) -> Result<usize> {
    let mut left = assets(html);
    let (mut seen, mut weight) = (BTreeSet::new(), 0);
    while let Some(asset) = left.pop() {
        if seen.insert(asset.clone()) {
            weight += browser.page(&asset, true).await?.body.len();
            left.extend(assets(&browser.page(&asset, false).await?.body));
        }
    }
    Ok(weight)
}

fn assets(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let quoted = text.split(['"', '\'']);
    let assets = quoted.filter(|part| part.starts_with("/assets/"));
    assets.map(str::to_owned).collect()
}

async fn hook_in(house: &House, state: &str) -> Result<boathook_schema::HookRecord> {
    let filter = HookFilter {
        state: Some(state.into()),
        ..HookFilter::default()
    };
    let store = &house.app.store;
    let found = store.hooks(&Scope::All, filter, Page::first(1_000)).await?;
    let last = found.items.into_iter().max_by_key(|hook| hook.created_at);
    last.with_context(|| format!("no hook is {state}"))
}

/// A page of each kind, with much on it.
async fn pages(house: &House) -> Result<Vec<Asked>> {
    let store = &house.app.store;
    let published = hook_in(house, "published").await?;
    let key = published
        .ticket
        .clone()
        .context("a hook without ticket")?
        .key;
    let by = PacketsBy::Hook(published.id.clone());
    let packets = store.packets(&Scope::All, by, Page::first(1_000)).await?;
    let largest = packets.items.into_iter().max_by_key(|p| p.bytes);
    let claim = largest.context("the hook has no packet")?.claim;
    let (draft, review) = (
        hook_in(house, "draft").await?,
        hook_in(house, "in review").await?,
    );
    let (held, full) = (hook_in(house, "held").await?, hook_in(house, "full").await?);
    let after = store
        .tickets(&Scope::All, None, Page::first(100))
        .await?
        .next;
    let (acme, app, days) = (
        customer(0)?,
        instance(0, 3)?,
        NOW.plus_ms(-399 * 86_400_000).day(),
    );
    let hook = &published.id;
    let mut pages: Vec<Asked> = vec![("help", CHEAPEST.into())];
    let mut page = |name, path: String| pages.push((name, path));
    page("home", "/".into());
    page("tickets", "/tickets".into());
    page(
        "tickets, deep in",
        format!("/tickets?after={}", encoded(&after.unwrap_or_default())),
    );
    page("tickets of a customer", format!("/tickets?customer={acme}"));
    page("ticket with packets", format!("/tickets/jira/{key}"));
    page("ticket without", format!("/tickets/jira/{}", ticket(2)));
    page("new hook", format!("/tickets/jira/{key}/hooks/new"));
    page("hooks", "/hooks".into());
    page("hooks in a state", "/hooks?state=expired".into());
    page("hooks of a customer", format!("/hooks?customer={acme}"));
    page("hook, published", format!("/hooks/{hook}"));
    page("hook, full", format!("/hooks/{}", full.id));
    page("hook, held", format!("/hooks/{}", held.id));
    page("edit a hook", format!("/hooks/{}/edit", draft.id));
    page("review", format!("/hooks/{}/review", review.id));
    page("packets of today", "/packets".into());
    page(
        "packets of a day",
        format!("/packets?day={}", NOW.plus_ms(-5 * 86_400_000).day()),
    );
    page("packets of a ticket", format!("/packets?ticket=jira/{key}"));
    page("packets of a hook", format!("/packets?hook={hook}"));
    page("packets of an instance", format!("/packets?instance={app}"));
    page("packet", format!("/packets/{claim}"));
    page(
        "packet, a word in it",
        format!("/packets/{claim}/search?q=took+993"),
    );
    page(
        "packet, a file",
        format!("/packets/{claim}/files/logs/app.log"),
    );
    page("instances", "/instances".into());
    page(
        "instances of a customer",
        format!("/instances?customer={acme}"),
    );
    page("instance", format!("/instances/{app}"));
    page("audit", "/audit".into());
    page("audit, 30 days", "/audit?tab=days".into());
    page("audit, 400 days", format!("/audit?tab=days&from={days}"));
    page(
        "audit, days of a customer",
        format!("/audit?tab=days&customer={acme}"),
    );
    page("audit, events", "/audit?tab=events".into());
    let of_acme = format!("/audit?tab=events&chain=customer:{acme}");
    page("audit, events of a customer", of_acme.clone());
    page(
        "audit, events of a kind",
        format!("{of_acme}&kind=packet.accepted"),
    );
    page("audit, events of a person", format!("{of_acme}&person=ben"));
    page(
        "audit, events of a ticket",
        format!("{of_acme}&ticket=jira/{key}"),
    );
    page("audit, events of a hook", format!("{of_acme}&hook={hook}"));
    page(
        "audit, events of an instance",
        format!("{of_acme}&instance={app}"),
    );
    page(
        "audit, events of old days",
        format!(
            "{of_acme}&from={0}&to={0}",
            NOW.plus_ms(-90 * 86_400_000).day()
        ),
    );
    page("audit, chains", "/audit?tab=chains".into());
    page("search, empty", "/search".into());
    page("search, one letter", "/search?q=s".into());
    page("search, a frequent word", "/search?q=slow".into());
    page(
        "search, two frequent words",
        "/search?q=slow+upgrade".into(),
    );
    page("search, one of each kind", "/search?q=app-003".into());
    page("search, a key", format!("/search?q={key}"));
    page("search, nothing", "/search?q=zzz+slow".into());
    page("me", "/me".into());
    page("admin", "/admin/people".into());
    page("admin, a person", "/admin/people/ben".into());
    page("admin, keys", "/admin/keys".into());
    page("admin, customers", "/admin/customers".into());
    page("admin, a customer", format!("/admin/customers/{acme}"));
    page("admin, trust", "/admin/trust".into());
    page("admin, servers", "/admin/servers".into());
    page("admin, erasures", "/admin/erasures".into());
    Ok(pages)
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
