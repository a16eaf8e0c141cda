//! Looking things up: what a verb's body may read, whatever the backend.
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    keys::{At, Home, List},
    stop::Stop,
};
use crate::codec;

/// One thing to be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Need {
    /// How often the aggregate was changed; 0 when it is not there.
    Version(Home),
    Row(At),
    /// Rows of an aggregate from `from` up to, not including, `to`.
    Rows {
        home: Home,
        from: String,
        to: String,
        limit: usize,
    },
    /// Rows of one part of a list, sorted, above `after` and below `to` (empty: no end).
    List {
        list: List,
        part: String,
        after: String,
        to: String,
        limit: usize,
    },
    Entry {
        list: List,
        part: String,
        sort: String,
    },
    /// As `Rows`, the last ones first. Knows nothing of what its own write puts: for reads alone.
    RowsBack {
        home: Home,
        from: String,
        to: String,
        limit: usize,
    },
    /// As `List`, the last ones first.
    ListBack {
        list: List,
        part: String,
        after: String,
        to: String,
        limit: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Found {
    Version(u64),
    Row(Option<Vec<u8>>),
    Rows(Vec<(String, Vec<u8>)>),
}

/// A record with the bytes that it was read from, so that a rewrite keeps what this program does not know.
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
    pub(crate) value: T,
    bytes: Vec<u8>,
    what: &'static str,
}

impl<T: Serialize + DeserializeOwned> Stored<T> {
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Stop> {
        Ok(codec::rewrite(self.what, &self.bytes, &self.value)?)
    }
}

/// Rows of lists or of one aggregate, by key.
pub(crate) type Rows = Vec<(String, Vec<u8>)>;

pub(crate) trait Look {
    fn find(&mut self, need: Need) -> Result<Found, Stop>;

    fn bytes(&mut self, at: &At) -> Result<Option<Vec<u8>>, Stop> {
        match self.find(Need::Row(at.clone()))? {
            Found::Row(row) => Ok(row),
            _ => Ok(None),
        }
    }

    /// A record, to be read only.
    fn read<T: DeserializeOwned>(&mut self, what: &'static str, at: &At) -> Result<Option<T>, Stop>
    where
        Self: Sized,
    {
        let bytes = self.bytes(at)?;
        Ok(bytes.map(|b| codec::decode(what, &b)).transpose()?)
    }

    /// A record, to be rewritten.
    fn stored<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        at: &At,
    ) -> Result<Option<Stored<T>>, Stop>
    where
        Self: Sized,
    {
        let bytes = self.bytes(at)?;
        bytes
            .map(|bytes| {
                let value = codec::decode(what, &bytes)?;
                Ok(Stored { value, bytes, what })
            })
            .transpose()
    }

    fn rows(&mut self, home: &Home, from: &str, to: &str, limit: usize) -> Result<Rows, Stop> {
        let need = Need::Rows {
            home: home.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            limit,
        };
        match self.find(need)? {
            Found::Rows(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// All rows whose keys begin with `prefix`, which ends with a slash.
    fn rows_of(&mut self, home: &Home, prefix: &str, limit: usize) -> Result<Rows, Stop> {
        self.rows(home, prefix, &beyond(prefix), limit)
    }

    fn list(&mut self, list: List, part: &str, after: &str, limit: usize) -> Result<Rows, Stop> {
        self.list_to(list, part, after, "", limit)
    }

    fn list_to(
        &mut self,
        list: List,
        part: &str,
        after: &str,
        to: &str,
        limit: usize,
    ) -> Result<Rows, Stop> {
        let need = Need::List {
            list,
            part: part.to_owned(),
            after: after.to_owned(),
            to: to.to_owned(),
            limit,
        };
        match self.find(need)? {
            Found::Rows(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The last rows below `to`, falling.
    fn rows_back(&mut self, home: &Home, from: &str, to: &str, limit: usize) -> Result<Rows, Stop> {
        let need = Need::RowsBack {
            home: home.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            limit,
        };
        match self.find(need)? {
            Found::Rows(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The last entries above `after` and below `to` (empty: no end), falling.
    fn list_back(
        &mut self,
        list: List,
        part: &str,
        after: &str,
        to: &str,
        limit: usize,
    ) -> Result<Rows, Stop> {
        let need = Need::ListBack {
            list,
            part: part.to_owned(),
            after: after.to_owned(),
            to: to.to_owned(),
            limit,
        };
        match self.find(need)? {
            Found::Rows(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    fn entry(&mut self, list: List, part: &str, sort: &str) -> Result<Option<Vec<u8>>, Stop> {
        let need = Need::Entry {
            list,
            part: part.to_owned(),
            sort: sort.to_owned(),
        };
        match self.find(need)? {
            Found::Row(row) => Ok(row),
            _ => Ok(None),
        }
    }

    fn version(&mut self, home: &Home) -> Result<u64, Stop> {
        match self.find(Need::Version(home.clone()))? {
            Found::Version(n) => Ok(n),
            _ => Ok(0),
        }
    }

    /// Several things at once: what is missing is then fetched in one go rather than one after the other.
    fn ahead(&mut self, needs: Vec<Need>) -> Result<(), Stop> {
        let mut missing = Vec::new();
        for need in needs {
            match self.find(need) {
                Ok(_) => {}
                Err(Stop::Load(more)) => missing.extend(more),
                Err(other) => return Err(other),
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Stop::Load(missing))
        }
    }
}

impl dyn Look + '_ {
    /// A record, to be read only.
    pub(crate) fn record<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        at: &At,
    ) -> Result<Option<T>, Stop> {
        let bytes = self.bytes(at)?;
        Ok(bytes.map(|b| codec::decode(what, &b)).transpose()?)
    }
}

/// The end of all keys that begin with `prefix`.
pub(crate) fn beyond(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
