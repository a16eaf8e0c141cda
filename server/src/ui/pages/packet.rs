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
#[path = "packet_tests.rs"]
mod tests;
