//! One packet: what came back, the worst first; whose it is, who signed for it, and how to prove it elsewhere.
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    ids::ClaimId,
    packet::{Consent, Mode, Statement},
    time::Time,
};
use boathook_schema::{Helped, Packet, Role, Verdicts};
use serde::Deserialize;
use tokio::try_join;

use crate::{
    api::{
        extract::{Path, Query},
        packets::{self, VerdictBody, VerdictRow, open, statement},
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, EngineerOrReviewer, Staff},
    ui::{
        chrome::{Chrome, Section, html},
        forms::Form,
        links,
        names::Names,
        packets::summary::{Tally, hook_titles, rank},
        shown::Shown,
        visit::Visit,
        words::Mark,
    },
};

/// Files of a section that stand on the page of all sections.
const FEW: usize = 50;
/// And on the section's own.
const MANY: usize = 500;

#[derive(Template)]
#[template(path = "pages/packet.html")]
struct Page {
    chrome: Chrome,
    base: String,
    api: String,
    name: Shown,
    instance: String,
    customer: String,
    ticket: Option<(String, Shown)>,
    hook: (String, Shown),
    hook_id: String,
    tally: Tally,
    sections: Vec<SectionView>,
    /// The one section that is looked at; none is all.
    only: Option<String>,
    others: Vec<FileView>,
    facts: Facts,
    packet: Packet,
    verify: String,
    said: Vec<Said>,
    may_judge: bool,
    note: String,
    problem: Option<Problem>,
}

/// What one person said of it.
struct Said {
    person: String,
    mark: Option<Mark>,
    note: Option<Shown>,
    at: Time,
}

pub struct SectionView {
    name: String,
    mark: Mark,
    collector: Shown,
    elapsed: String,
    reason: Option<Shown>,
    left_out: Vec<(Shown, u64, u64)>,
    files: Vec<FileView>,
    all_files: usize,
    /// More files of it.
    more: Option<String>,
}

pub struct FileView {
    href: String,
    name: Shown,
    bytes: u64,
    hidden: Vec<(String, u64)>,
    raw: bool,
}

/// What the instance signed of the run.
struct Facts {
    signed_by: Vec<String>,
    mode: &'static str,
    consent: &'static str,
    policy: String,
    privileges: Vec<Shown>,
    agent: Shown,
    started: Time,
    took: String,
    interrupted: bool,
    hidden: Vec<(String, u64)>,
}

#[derive(Deserialize)]
pub struct Asked {
    section: Option<String>,
    /// The path of the last file before.
    after: Option<String>,
}

#[derive(Deserialize)]
pub struct Typed {
    answered: Helped,
    #[serde(default)]
    note: String,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path(claim): Path<ClaimId>,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    page(&app, &caller, &visit, &claim, asked, None).await
}

/// Whether it answered: one of the form's three buttons.
pub async fn judge(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    visit: Visit,
    Path(claim): Path<ClaimId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let body = VerdictBody {
        answered: typed.answered,
        note: typed.note.clone(),
    };
    match packets::judge(&app, &caller, &claim, body).await {
        Ok(()) => Ok(Redirect::to(&format!("/packets/{claim}#answered")).into_response()),
        Err(problem) if problem.code == "field" => {
            let asked = Asked {
                section: None,
                after: None,
            };
            page(
                &app,
                &caller,
                &visit,
                &claim,
                asked,
                Some((problem, typed.note)),
            )
            .await
        }
        Err(problem) => Err(problem),
    }
}

async fn said(app: &App, caller: &Caller, claim: &ClaimId) -> Answer<Vec<Said>> {
    let all = packets::said(app, caller, claim).await?.items;
    let one = |row: VerdictRow| Said {
        person: row.person.to_string(),
        mark: Mark::of_verdicts(&Verdicts::of([row.answered])),
        note: (!row.note.is_empty()).then(|| Shown::cut(&row.note, 1_000)),
        at: row.at,
    };
    Ok(all.into_iter().map(one).collect())
}

/// `wrong`: why what was said was not kept, and the note as it was typed.
async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    claim: &ClaimId,
    asked: Asked,
    wrong: Option<(Problem, String)>,
) -> Answer<Response> {
    let packet = open(app, caller, claim, "packet.json", 0).await?;
    let statement = statement(&packet)?;
    let one = std::slice::from_ref(&packet);
    let (names, mut titles, said) = try_join!(
        Names::of(app, &caller.scope, [packet.instance()]),
        hook_titles(app, &caller.scope, one),
        said(app, caller, claim)
    )?;
    let name = names.get(packet.instance());
    let base = format!("/packets/{claim}");
    let mut sections: Vec<_> = statement
        .sections
        .iter()
        .filter(|s| asked.section.as_ref().is_none_or(|n| n == s.name.as_str()))
        .collect();
    sections.sort_by_key(|s| rank(s.outcome));
    let after = asked.after.as_deref().filter(|_| asked.section.is_some());
    let title = format!("Packet of {}", name.plain());
    let customers = std::slice::from_ref(&packet.customer);
    let may_judge = caller.may(&[Role::Engineer, Role::Reviewer], customers);
    let own = said.iter().find(|s| s.person == caller.person.as_str());
    let own = own.and_then(|s| s.note.as_ref()).map(Shown::plain);
    let status = wrong.as_ref().map(|(problem, _)| problem.status);
    let (problem, note) = wrong.map_or((None, own.unwrap_or_default()), |(p, n)| (Some(p), n));
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Packets, title),
        api: format!("/api/v1/packets/{claim}"),
        instance: format!("/instances/{}", links::segment(packet.instance().as_str())),
        customer: packet.customer.to_string(),
        ticket: packet
            .ticket
            .as_ref()
            .map(|t| (links::ticket(t), Shown::cut(&t.key, 80))),
        hook: (
            hook_link(&packet),
            titles.remove(&packet.hook).unwrap_or_default(),
        ),
        hook_id: packet.hook.to_string(),
        tally: Tally::of(statement.sections.iter().map(|s| s.outcome)),
        sections: sections
            .into_iter()
            .map(|s| SectionView::of(&base, s, asked.section.is_some(), after))
            .collect(),
        others: statement
            .files
            .iter()
            .map(|f| FileView::of(&base, "", f))
            .collect(),
        facts: Facts::of(&statement),
        verify: verify(app, &packet),
        only: asked.section,
        name,
        base,
        packet,
        said,
        may_judge,
        note,
        problem,
    };
    let mut answer = html(&page)?;
    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
    Ok(answer)
}

/// The hook at the revision that the packet answers.
pub fn hook_link(packet: &Packet) -> String {
    let path = format!("/hooks/{}", links::segment(packet.hook.as_str()));
    links::with_query(&path, [("revision", packet.revision.to_string().as_str())])
}

/// What proves the packet on another machine, once packet, receipt and roots lie there.
fn verify(app: &App, packet: &Packet) -> String {
    let roots = app.trust.current().documents.roots.len().max(1);
    let roots: String = (1..=roots)
        .map(|n| format!(" --root root-{n}.bson"))
        .collect();
    format!("boathook verify {}{roots}", packet.name)
}

impl SectionView {
    fn of(
        base: &str,
        section: &boathook_hooks::packet::Section,
        alone: bool,
        after: Option<&str>,
    ) -> Self {
        let name = section.name.to_string();
        let skip = match after {
            Some(path) => section
                .files
                .iter()
                .position(|f| f.path == path)
                .map_or(0, |at| at + 1),
            None => 0,
        };
        let room = if alone { MANY } else { FEW };
        let shown: Vec<_> = section.files.iter().skip(skip).take(room).collect();
        let is_more = skip + shown.len() < section.files.len();
        let last = shown.last().map(|f| f.path.as_str()).filter(|_| alone);
        let query = [("section", name.as_str())]
            .into_iter()
            .chain(last.map(|path| ("after", path)));
        Self {
            mark: section.outcome.into(),
            collector: Shown::cut(&section.collector, 80),
            elapsed: elapsed(section.elapsed_ms),
            reason: (!section.reason.is_empty()).then(|| Shown::cut(&section.reason, 2_000)),
            left_out: section
                .left_out
                .iter()
                .map(|l| (Shown::cut(&l.text, 500), l.bytes, l.items))
                .collect(),
            more: is_more.then(|| links::with_query(base, query)),
            files: shown
                .into_iter()
                .map(|f| FileView::of(base, &name, f))
                .collect(),
            all_files: section.files.len(),
            name,
        }
    }
}

impl FileView {
    fn of(base: &str, section: &str, file: &boathook_hooks::packet::FileEntry) -> Self {
        let folder = format!("{section}/");
        let name = file.path.strip_prefix(&folder).unwrap_or(&file.path);
        Self {
            href: format!("{base}/files/{}", links::segments(&file.path)),
            name: Shown::of(name),
            bytes: file.bytes,
            hidden: hidden(&file.redactions),
            raw: file.raw,
        }
    }
}

/// What was hidden, by kind. Kinds come from the instance, too.
pub fn hidden(counts: &std::collections::BTreeMap<String, u64>) -> Vec<(String, u64)> {
    counts
        .iter()
        .take(40)
        .map(|(kind, n)| (Shown::cut(kind, 40).plain(), *n))
        .collect()
}

fn elapsed(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{} min", ms / 60_000),
    }
}

impl Facts {
    fn of(statement: &Statement) -> Self {
        let took = statement.finished_at.since(statement.started_at);
        Self {
            signed_by: statement
                .signed_by
                .iter()
                .map(ToString::to_string)
                .collect(),
            mode: match statement.mode {
                Mode::Verified => "verified: signatures and the server's list held",
                Mode::Offline => "offline: signatures held, the server was not asked",
                Mode::Trial => "a trial at the instance's terminal",
                Mode::Local => "local: no hook vouches for it",
            },
            consent: match statement.consent {
                Consent::Auto => "the customer's policy lets such hooks run",
                Consent::AskRun => "an administrator of the customer allowed the run",
                Consent::AskSend => "an administrator of the customer looked at it and sent it",
                Consent::Terminal => "somebody at the instance's terminal started it",
            },
            policy: statement.policy.to_string(),
            privileges: statement
                .privileges
                .iter()
                .take(40)
                .map(|p| Shown::cut(p, 300))
                .collect(),
            agent: Shown::cut(&statement.agent_version, 80),
            started: statement.started_at,
            took: elapsed(u64::try_from(took).unwrap_or(0)),
            interrupted: statement.interrupted,
            hidden: hidden(&statement.redactions),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::packet::Outcome;
    use boathook_schema::EventKind;

    use crate::{
        api::tests::house::House,
        ui::{
            packets::testing::{Part, failed, ok, sent, sent_by},
            tests::{Browser, alike},
        },
    };

    #[tokio::test]
    async fn the_worst_sections_stand_first_with_why_and_what_was_left_out() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(
            &house,
            &hook,
            &[
                ok("host", &[("facts.txt", b"kernel password=hunter2hunter2")]),
                failed("later", Outcome::DeniedByPolicy, "the policy denies /etc"),
                Part {
                    left_out: &["older lines"],
                    ..failed("logs", Outcome::Truncated, "")
                },
                failed("ldap", Outcome::Failed, "connection refused"),
                failed("slow", Outcome::TimedOut, "30 s"),
            ],
        )
        .await;
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get(&format!("/packets/{claim}")).await.text();
        let order: Vec<usize> = ["ldap", "logs", "slow", "later", "host"]
            .iter()
            .map(|name| {
                text.find(&format!("id=\"section-{name}\""))
                    .unwrap_or_else(|| panic!("{name}: {text}"))
            })
            .collect();
        assert!(order.is_sorted(), "{order:?}");
        for wanted in [
            "connection refused",
            "the policy denies /etc",
            "denied by policy",
            "timed out",
            "older lines",
            "4.8 MiB",
            "1.2 s",
            "1 ok",
            "1 failed",
            "href=\"/tickets/jira/SUP-1\"",
            "revision=1",
            "ada, ben",
            "no new privileges",
            "reads as &#60;root&#62;",
            &format!("href=\"/packets/{claim}/files/host/facts.txt\""),
            &format!("href=\"/packets/{claim}/files/redactions.json\""),
            &format!("href=\"/api/v1/packets/{claim}/zip\""),
            &format!("href=\"/api/v1/packets/{claim}/receipt\""),
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let packet = house
            .get("ada", &format!("/api/v1/packets/{claim}"))
            .await
            .ok();
        for part in ["sha256", "name"] {
            assert!(text.contains(packet[part].as_str().unwrap()), "{part}");
        }
        let command = format!(
            "boathook verify {} --root root-1.bson<",
            packet["name"].as_str().unwrap()
        );
        assert!(text.contains(&command), "{text}");
        let receipt = ada.get(&format!("/api/v1/packets/{claim}/receipt")).await;
        assert!(
            receipt
                .header("content-disposition")
                .ends_with(".zip.receipt\""),
            "{:?}",
            receipt.headers
        );
    }

    #[tokio::test]
    async fn people_say_whether_it_answered_and_may_think_again() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(&house, &hook, &[]).await;
        let (path, verdict) = (
            format!("/packets/{claim}"),
            format!("/packets/{claim}/verdict"),
        );
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get(&path).await.text();
        assert!(
            text.contains("Did this answer it?") && text.contains("Nobody has said"),
            "{text}"
        );
        let form = [("answered", "partly"), ("note", "half\u{202e}<b>")];
        let said = ada.post(&verdict, &form).await;
        assert_eq!(
            said.header("location"),
            format!("{path}#answered"),
            "{}",
            said.text()
        );
        let ben = Browser::of(&house, "ben").await;
        assert_eq!(ben.post(&verdict, &[("answered", "yes")]).await.status, 303);
        let text = ada.get(&path).await.text();
        assert!(
            text.contains("answered partly") && text.contains("answered it"),
            "{text}"
        );
        assert!(text.contains("⟨U+202E⟩") && !text.contains('\u{202e}') && !text.contains("<b>"));
        let ticket = ada.get("/tickets/jira/SUP-1").await.text();
        assert!(ticket.contains("people differ"), "{ticket}");
        ada.post(&verdict, &[("answered", "yes")]).await;
        let ticket = ada.get("/tickets/jira/SUP-1").await.text();
        assert!(
            ticket.contains("answered it") && !ticket.contains("people differ"),
            "{ticket}"
        );
        let long = "x".repeat(301);
        let said = ada
            .post(&verdict, &[("answered", "no"), ("note", &long)])
            .await;
        assert_eq!(said.status, 422);
        assert!(said.text().contains(&long) && said.text().contains("note-wrong"));
        // Neither who only reads, nor who does not see it.
        let adam = Browser::of(&house, "adam").await;
        assert_eq!(adam.post(&verdict, &[("answered", "no")]).await.status, 403);
        assert!(!adam.get(&path).await.text().contains("/verdict\""));
        let gil = Browser::of(&house, "gil").await;
        assert_eq!(gil.post(&verdict, &[("answered", "no")]).await.status, 404);
        let row = house
            .get("ada", &format!("/api/v1/packets/{claim}"))
            .await
            .ok();
        assert_eq!(
            row["verdicts"],
            serde_json::json!({"yes": 2, "partly": 0, "no": 0})
        );
    }

    #[tokio::test]
    async fn a_section_of_many_files_has_pages_of_its_own() {
        let house = House::new().await;
        let hook = house.published().await;
        let names: Vec<String> = (0..600).map(|n| format!("f{n:03}")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b"x"[..])).collect();
        let claim = sent(&house, &hook, &[ok("many", &files), ok("one", &[])]).await;
        let ada = Browser::of(&house, "ada").await;
        let base = format!("/packets/{claim}");
        let count = |text: &str| text.matches("/files/many/").count();
        let text = ada.get(&base).await.text();
        assert_eq!(count(&text), 50);
        assert!(text.contains(&format!("{base}?section=many\"")), "{text}");
        let text = ada.get(&format!("{base}?section=many")).await.text();
        assert_eq!(count(&text), 500);
        assert!(!text.contains("id=\"section-one\""));
        let after = "section=many&#38;after=many%2Ff499";
        assert!(text.contains(after), "{text}");
        let text = ada
            .get(&format!("{base}?section=many&after=many%2Ff499"))
            .await
            .text();
        assert_eq!(count(&text), 100);
        assert!(text.contains("files/many/f599") && !text.contains("after="));
    }

    #[tokio::test]
    async fn what_an_instance_says_of_itself_does_nothing() {
        let house = House::new().await;
        let hook = house.published().await;
        let evil = "<script>alert(1)</script>\u{202e}\u{1b}[2J' onclick=x";
        let claim = sent_by(
            &house,
            evil,
            &hook,
            &[Part {
                left_out: &[evil],
                files: &[("../../<b>' onload=x/[1].txt", b"x")],
                ..failed("logs", Outcome::Failed, evil)
            }],
        )
        .await;
        let text = Browser::of(&house, "ada")
            .await
            .get(&format!("/packets/{claim}"))
            .await
            .text();
        assert!(!text.contains("<script>alert") && !text.contains("<b>"));
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
        assert!(!text.contains("href=\"../") && !text.contains("/../"));
        assert_eq!(text.matches("⟨U+202E⟩").count() % 4, 0, "{text}");
        assert!(text.contains("%5B1%5D.txt\""), "{text}");
    }

    #[tokio::test]
    async fn each_opening_is_an_event_and_a_refused_one_is_none() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(&house, &hook, &[]).await;
        let path = format!("/packets/{claim}");
        let vera = Browser::of(&house, "vera").await;
        assert_eq!(vera.get(&path).await.status, 403);
        let gil = Browser::of(&house, "gil").await;
        let hidden = gil.get(&path).await;
        let mut none = claim.clone();
        none.reservation += 7;
        let missing = gil.get(&format!("/packets/{none}")).await;
        assert_eq!(
            (hidden.status.as_u16(), missing.status.as_u16()),
            (404, 404)
        );
        assert_eq!(alike(&hidden.text()), alike(&missing.text()));
        assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 0);
        let ada = Browser::of(&house, "ada").await;
        assert_eq!(ada.get(&path).await.status, 200);
        assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 1);
        assert_eq!(ada.get("/packets/AAAA").await.status, 404);
    }
}
