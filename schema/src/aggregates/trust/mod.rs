//! Trust documents: bytes by kind and number, never changed once there. All of them are one aggregate, so that each
//! number follows from the one before.
pub(super) mod admissions;

use boathook_hooks::{
    ids::{Blob, Digest},
    keys::KeyId,
};
use bson::doc;
use serde::{Deserialize, Serialize};

use crate::{
    Answer, Chain, Change, EventKind, NewEvent, Refused, Scope, Trust, TrustDocument, Write, codec,
    engine::{
        Applied, At, Engine, Home, Look, Need, Stop, Table, Tx, control, ensure, keys::number_key,
        look::beyond,
    },
    verbs::Read,
};

fn home() -> Home {
    Home::new(Table::Trust, "house")
}

const ROOTS: &str = "r/";
const ROSTERS: &str = "l/";
const REVOCATIONS: &str = "v/";

/// Documents whose numbers follow one another.
#[derive(Clone, Copy)]
enum Line {
    Roots,
    Rosters,
    Revocations(KeyId),
}

impl Line {
    fn prefix(self) -> String {
        match self {
            Self::Roots => ROOTS.to_owned(),
            Self::Rosters => ROSTERS.to_owned(),
            Self::Revocations(revoker) => format!("{REVOCATIONS}{revoker}/"),
        }
    }

    fn at(self, number: u64) -> At {
        home().at(format!("{}{}", self.prefix(), number_key(number)))
    }

    /// The row that says its newest number.
    fn end(self) -> At {
        home().at(format!("n/{}", self.prefix()))
    }

    const fn event(self) -> EventKind {
        match self {
            Self::Roots => EventKind::ROOT_ADDED,
            Self::Rosters => EventKind::ROSTER_ADDED,
            Self::Revocations(_) => EventKind::REVOCATION_ADDED,
        }
    }

    /// Whether `number` may come after the newest, which is 0 when there is none.
    fn follows(self, newest: u64, number: u64) -> bool {
        match self {
            // The first may be any.
            Self::Roots => newest == 0 || number == newest + 1,
            Self::Rosters => number > newest,
            Self::Revocations(_) => number == newest + 1,
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Newest {
    number: u64,
}

/// 0 for none.
fn newest(look: &mut (impl Look + ?Sized), line: Line) -> Result<u64, Stop> {
    let found = look.bytes(&line.end())?;
    let newest: Option<Newest> = found
        .map(|body| codec::decode("trust number", &body))
        .transpose()?;
    Ok(newest.unwrap_or_default().number)
}

/// Adds a document whose number is in order, unless the same bytes are there already. Says the control number, as far
/// as it is known before the change is made.
fn add(tx: &mut Tx<'_>, line: Line, number: u64, envelope: &Blob) -> Result<u64, Stop> {
    let at = line.at(number);
    tx.ahead(vec![Need::Row(at.clone()), Need::Row(line.end())])?;
    if let Some(known) = tx.read::<TrustDocument>("trust document", &at)? {
        ensure(known.envelope == *envelope, Refused::OtherDocument)?;
        return control::head(tx);
    }
    let newest = newest(tx, line)?;
    ensure(
        line.follows(newest, number),
        Refused::NotNext {
            expected: newest + 1,
        },
    )?;
    let mut event = NewEvent::new(line.event());
    event.details = doc! {
        "number": i64::try_from(number).unwrap_or(i64::MAX),
        "envelope": Digest::of(&envelope.0).to_string(),
    };
    let revoker = match line {
        Line::Revocations(revoker) => Some(revoker),
        Line::Roots | Line::Rosters => None,
    };
    if let Some(revoker) = revoker {
        event.details.insert("revoker", revoker.to_string());
    }
    let document = TrustDocument {
        number,
        revoker,
        envelope: envelope.clone(),
        added_at: tx.now(),
    };
    tx.put("trust document", &at.row, &document)?;
    tx.put("trust number", &line.end().row, &Newest { number })?;
    tx.event(&Chain::House, event)?;
    tx.control(Change::Trust);
    Ok(0)
}

fn told(number: &mut u64, applied: &Applied) {
    if let Some(control) = applied.control {
        *number = control;
    }
}

impl Engine {
    async fn add_trust(
        &self,
        verb: &'static str,
        scope: &Scope,
        write: Write,
        line: Line,
        number: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        let allowed = scope.holds_house();
        let body = move |tx: &mut Tx<'_>| {
            ensure(allowed, Refused::OutOfScope)?;
            add(tx, line, number, &envelope)
        };
        self.write_told(verb, write, home(), body, told).await
    }

    pub(crate) async fn add_root(
        &self,
        scope: &Scope,
        write: Write,
        version: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        self.add_trust("add_root", scope, write, Line::Roots, version, envelope)
            .await
    }

    pub(crate) async fn add_roster(
        &self,
        scope: &Scope,
        write: Write,
        version: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        self.add_trust("add_roster", scope, write, Line::Rosters, version, envelope)
            .await
    }

    pub(crate) async fn add_revocation(
        &self,
        scope: &Scope,
        write: Write,
        revoker: KeyId,
        number: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        let line = Line::Revocations(revoker);
        self.add_trust("add_revocation", scope, write, line, number, envelope)
            .await
    }

    /// Public documents: the scope is taken as every verb's is, and any one may read.
    pub(crate) async fn trust(&self, _scope: &Scope) -> Read<Trust> {
        self.read("trust", |look| {
            let all = |prefix: &str| Need::Rows {
                home: home(),
                from: prefix.to_owned(),
                to: beyond(prefix),
                limit: usize::MAX,
            };
            look.ahead(vec![
                Need::Row(Line::Rosters.end()),
                all(ROOTS),
                all(REVOCATIONS),
            ])?;
            let mut documents = |prefix: &str| -> Result<Vec<TrustDocument>, Stop> {
                look.rows_of(&home(), prefix, usize::MAX)?
                    .iter()
                    .map(|(_, body)| Ok(codec::decode("trust document", body)?))
                    .collect()
            };
            let (roots, revocations) = (documents(ROOTS)?, documents(REVOCATIONS)?);
            let version = newest(look, Line::Rosters)?;
            Ok(Trust {
                roots,
                roster: look.record("trust document", &Line::Rosters.at(version))?,
                revocations,
            })
        })
        .await
    }

    async fn document(
        &self,
        verb: &'static str,
        line: Line,
        number: u64,
    ) -> Read<Option<TrustDocument>> {
        self.read(verb, move |look| {
            look.record("trust document", &line.at(number))
        })
        .await
    }

    pub(crate) async fn root(&self, _scope: &Scope, version: u64) -> Read<Option<TrustDocument>> {
        self.document("root", Line::Roots, version).await
    }

    pub(crate) async fn roster(&self, _scope: &Scope, version: u64) -> Read<Option<TrustDocument>> {
        self.document("roster", Line::Rosters, version).await
    }

    pub(crate) async fn revocation(
        &self,
        _scope: &Scope,
        revoker: &KeyId,
        number: u64,
    ) -> Read<Option<TrustDocument>> {
        let line = Line::Revocations(*revoker);
        self.document("revocation", line, number).await
    }
}
