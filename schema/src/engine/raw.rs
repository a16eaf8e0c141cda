//! The contract's hand into rows behind the verbs' back, to do what nobody should.
use super::{Engine, Home, List, look::Rows};
use crate::{Answer, verbs::Read};

impl Engine {
    pub(crate) async fn raw_rows(&self, home: &Home, from: &str, to: &str) -> Read<Rows> {
        let (home, from, to) = (home.clone(), from.to_owned(), to.to_owned());
        self.read("raw_rows", move |look| look.rows(&home, &from, &to, 10_000))
            .await
    }

    /// None takes the row away.
    pub(crate) async fn raw_put(
        &self,
        home: &Home,
        row: &str,
        body: Option<Vec<u8>>,
    ) -> Answer<()> {
        match self {
            Self::Sqlite(engine) => engine.raw_put(home.clone(), row.to_owned(), body).await,
            Self::Cql(engine) => engine.raw_put(home, row, body).await,
        }
    }

    /// An entry with its stamp; none takes it away.
    pub(crate) async fn raw_list(
        &self,
        (list, part, sort): (List, &str, &str),
        body: Option<Vec<u8>>,
        stamp: u64,
    ) -> Answer<()> {
        let effect = super::effects::Effect::List {
            list,
            part: part.to_owned(),
            sort: sort.to_owned(),
            body: body.map(boathook_hooks::ids::Blob),
            stamp: Some(stamp),
        };
        match self {
            Self::Sqlite(engine) => engine.raw_list(effect).await,
            Self::Cql(engine) => engine.raw_list(&effect).await,
        }
    }

    /// What a server does that was held up after it did what a write owed: it keeps the whole answer.
    pub(crate) async fn raw_settle(&self, home: &Home, version: u64, answer: Vec<u8>) -> Read<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Cql(engine) => engine.raw_settle(home, version, answer).await,
        }
    }
}
