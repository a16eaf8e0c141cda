//! One file of a packet: its text by the part with numbered lines, folded JSON and BSON, CSV as a table; binary files are
//! for download alone.
use std::io::{self, Read as _};

use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::ids::ClaimId;
use serde::Deserialize;

use super::packet::hidden;
use crate::{
    api::{
        extract::{Path, Query},
        packets::{PacketFile, entry, open},
    },
    app::Shared,
    errors::{Answer, Problem},
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        names::Names,
        packets::{
            Zip, begin, is_binary,
            part::{PART_BYTES, Part},
            rows::Spot,
            table::{TABLE_BYTES, Table},
            tree::{Row, TREE_BYTES, Tree},
        },
        shown::{Shown, Words},
        visit::Visit,
    },
};

/// Files of up to so many bytes are read to their end for one part: compared with the statement, and their lines counted.
const COMPARED_BYTES: u64 = 32 << 20;

#[derive(Template)]
#[template(path = "pages/packet_file.html")]
struct Page {
    chrome: Chrome,
    base: String,
    path: String,
    download: String,
    name: Shown,
    instance: Shown,
    file: PacketFile,
    hidden: Vec<(String, u64)>,
    tabs: Vec<Tab>,
    asked: Asked,
    words: Words,
    seen: Seen,
    /// The other way of long lines.
    wrap: String,
}

struct Tab {
    name: &'static str,
    href: String,
    is_current: bool,
}

impl Page {
    fn search(&self) -> String {
        let q = self.asked.q.as_deref().unwrap_or_default();
        links::with_query(&format!("{}/search", self.base), [("q", q)])
    }
}

/// What is to be seen of the file.
enum Seen {
    Text(Text),
    Tree(Vec<Row>, bool),
    Table(Table),
    Binary,
    Empty,
    /// It is not what the instance signed.
    Differs(Shown),
}

struct Text {
    rows: Vec<Line>,
    first: u64,
    last: u64,
    lines: Option<u64>,
    begin: Option<String>,
    prev: Option<String>,
    next: Option<String>,
    /// Why it is not folded.
    not_folded: Option<Shown>,
}

struct Line {
    id: String,
    /// None where a long line goes on.
    number: Option<u64>,
    text: Shown,
    is_here: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum As {
    Text,
    Folded,
    Table,
}

#[derive(Clone, Default, Deserialize)]
pub struct Asked {
    #[serde(rename = "as")]
    as_what: Option<As>,
    /// A line: the part in which it stands is shown.
    from: Option<String>,
    /// Words to be marked.
    q: Option<String>,
    wrap: Option<String>,
}

impl Asked {
    fn is_wrapped(&self) -> bool {
        self.wrap.as_deref() == Some("1")
    }

    fn spot(&self) -> Answer<Option<Spot>> {
        match self.from.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => match text.parse() {
                Ok(spot) => Ok(Some(spot)),
                Err(words) => Err(Problem::field("from", words, "a number such as 120")),
            },
        }
    }

    /// The address of the same file with other settings.
    fn address(&self, path: &str, as_what: Option<As>, from: Option<Spot>, wrap: bool) -> String {
        let from = from.map(|spot| spot.to_string());
        let word = as_what.map(|a| match a {
            As::Text => "text",
            As::Folded => "folded",
            As::Table => "table",
        });
        let query = [
            ("as", word),
            ("from", from.as_deref()),
            ("q", self.q.as_deref().filter(|q| !q.is_empty())),
            ("wrap", wrap.then_some("1")),
        ];
        let given = query.into_iter().filter_map(|(k, v)| v.map(|v| (k, v)));
        links::with_query(path, given)
    }
}

/// What besides text a file can be shown as, by its name and size.
fn other_look(file: &PacketFile) -> Option<As> {
    let ending = file.path.rsplit_once('.').map(|(_, ending)| ending);
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("json" | "bson") if file.bytes <= TREE_BYTES => Some(As::Folded),
        Some("csv") => Some(As::Table),
        _ => None,
    }
}

fn is_bson(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".bson")
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path((claim, path)): Path<(ClaimId, String)>,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let spot = asked.spot()?;
    let file = entry(&app, &caller.scope, &claim, &path).await?;
    let other = other_look(&file);
    let as_what = match (asked.as_what, other) {
        (Some(As::Text), _) | (_, None) => As::Text,
        // A line was asked for, and only text has lines.
        (None, Some(_)) if spot.is_some() => As::Text,
        (_, Some(other)) => other,
    };
    let most = match as_what {
        As::Text => PART_BYTES as u64,
        As::Folded => TREE_BYTES,
        As::Table => TABLE_BYTES,
    };
    let place = app.downloads.take(&caller.person)?;
    let packet = open(&app, &caller, &claim, &path, file.bytes.min(most)).await?;
    let names = Names::of(&app, &caller.scope, [packet.instance()]).await?;
    let mut zip = Zip::of(&app, &packet);
    let words = Words::of(asked.q.as_deref().unwrap_or_default());
    let base = format!("/packets/{claim}");
    let here = format!("{base}/files/{}", links::segments(&path));

    let look = Look {
        as_what,
        spot,
        bytes: file.bytes,
        is_bson: is_bson(&path),
        asked: asked.clone(),
        path: here.clone(),
    };
    let read = place.run(move |still| {
        let opened = zip.open()?;
        zip.file(&opened, &path, still, |from| look.read(from))
    });
    let seen = match read.await? {
        Ok(seen) => seen,
        Err(fault) => Seen::Differs(Shown::cut(&fault.differs()?, 500)),
    };
    let current = match &seen {
        Seen::Text(_) => As::Text,
        _ => as_what,
    };
    let tabs = other
        .filter(|_| !matches!(seen, Seen::Binary))
        .map(|other| {
            let tab = |name, what: As| Tab {
                name,
                href: asked.address(&here, Some(what), None, asked.is_wrapped()),
                is_current: what == current,
            };
            let other = match other {
                As::Table => tab("Table", other),
                _ => tab("Folded", other),
            };
            match is_bson(&file.path) {
                true => vec![other],
                false => vec![other, tab("Text", As::Text)],
            }
        });
    let name = Shown::of(&file.path);
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Packets, name.plain()),
        download: format!("/api/v1{here}"),
        wrap: asked.address(&here, Some(As::Text), spot, !asked.is_wrapped()),
        hidden: hidden(&file.redactions),
        tabs: tabs.unwrap_or_default(),
        path: here,
        base,
        name,
        instance: names.get(packet.instance()),
        file,
        asked,
        words,
        seen,
    })
}

/// What the thread needs to know.
struct Look {
    as_what: As,
    spot: Option<Spot>,
    bytes: u64,
    is_bson: bool,
    asked: Asked,
    path: String,
}

impl Look {
    fn read(&self, from: &mut dyn io::Read) -> io::Result<Seen> {
        let words = Words::of(self.asked.q.as_deref().unwrap_or_default());
        if self.bytes == 0 {
            // Its end is looked at, too.
            begin(from)?;
            return Ok(Seen::Empty);
        }
        match self.as_what {
            As::Folded => {
                let mut bytes = Vec::new();
                from.read_to_end(&mut bytes)?;
                let tree = match self.is_bson {
                    true => Tree::of_bson(&bytes),
                    false => Tree::of_json(&bytes),
                };
                match tree {
                    Ok(tree) => Ok(Seen::Tree(tree.rows, tree.is_cut)),
                    Err(why) => self.text(&mut &bytes[..], &words, Some(&why)),
                }
            }
            As::Table => {
                let is_whole = self.bytes <= TABLE_BYTES;
                let mut bytes = Vec::new();
                match is_whole {
                    true => from.read_to_end(&mut bytes)?,
                    false => from.take(TABLE_BYTES).read_to_end(&mut bytes)?,
                };
                match is_binary(&bytes) {
                    true => Ok(Seen::Binary),
                    false => Ok(Seen::Table(Table::of(&bytes, is_whole, &words))),
                }
            }
            As::Text => self.text(from, &words, None),
        }
    }

    fn text(
        &self,
        from: &mut dyn io::Read,
        words: &Words,
        not_folded: Option<&str>,
    ) -> io::Result<Seen> {
        let first = begin(from)?;
        if is_binary(&first) {
            return Ok(Seen::Binary);
        }
        let file = first.as_slice().chain(from);
        let want = self.spot.unwrap_or(Spot::START);
        let part = Part::read(file, want, self.bytes <= COMPARED_BYTES)?;
        let part_at = |spot: Spot| {
            let wrap = self.asked.is_wrapped();
            self.asked
                .address(&self.path, Some(As::Text), Some(spot), wrap)
        };
        let line = |(spot, row): &(Spot, Vec<u8>)| Line {
            id: format!("L{spot}"),
            number: (spot.byte == 0).then_some(spot.line),
            text: Shown::of_bytes(row, words),
            is_here: Some(*spot) == self.spot,
        };
        let number = |row: Option<&(Spot, Vec<u8>)>| row.map_or(0, |(spot, _)| spot.line);
        Ok(Seen::Text(Text {
            first: number(part.rows.first()),
            last: number(part.rows.last()),
            lines: part.lines,
            begin: part.prev.map(|_| part_at(Spot::START)),
            prev: part.prev.map(part_at),
            next: part.next.map(part_at),
            rows: part.rows.iter().map(line).collect(),
            not_folded: not_folded.map(|why| Shown::cut(why, 300)),
        }))
    }
}

#[cfg(test)]
#[path = "packet_file_tests.rs"]
mod tests;
