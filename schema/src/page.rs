//! Keyset paging: a page begins after a key, never at an offset.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::StoreError;

pub const MAX_PAGE: u32 = 1_000;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The `next` of the page before; none is the beginning.
    pub after: Option<String>,
    /// 1 to [`MAX_PAGE`]; 0 is 100.
    pub limit: u32,
}

impl Page {
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    #[must_use]
    pub fn after(mut self, cursor: Option<String>) -> Self {
        self.after = cursor;
        self
    }

    pub(crate) fn size(&self) -> usize {
        match self.limit {
            0 => 100,
            n => n.min(MAX_PAGE) as usize,
        }
    }

    /// The key that the page begins after.
    pub(crate) fn key<K: DeserializeOwned>(&self) -> Result<Option<K>, StoreError> {
        let Some(cursor) = &self.after else {
            return Ok(None);
        };
        let refuse = || StoreError::Cursor {
            cursor: cursor.chars().take(80).collect(),
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refuse())?;
        let key = serde_json::from_slice(&bytes).map_err(|_| refuse())?;
        Ok(Some(key))
    }
}

/// Items in the order of their keys, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// None when this page is the last.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// From up to `size + 1` rows with their keys: the one too many says that there is more.
    pub(crate) fn of<K: Serialize>(mut rows: Vec<(K, T)>, size: usize) -> Self {
        let more = rows.len() > size;
        rows.truncate(size);
        let next = match (more, rows.last()) {
            (true, Some((key, _))) => serde_json::to_vec(key)
                .ok()
                .map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
            _ => None,
        };
        Self {
            items: rows.into_iter().map(|(_, item)| item).collect(),
            next,
        }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_there_is_more() {
        let page = Paged::of(vec![((1, "a"), 'x'), ((2, "b"), 'y')], 1);
        assert_eq!(page.items, ['x']);
        let key: Option<(i32, String)> = Page::first(1).after(page.next).key().unwrap();
        assert_eq!(key, Some((1, "a".to_owned())));
        assert_eq!(Paged::of(vec![(1, 'x')], 1).next, None);
    }

    #[test]
    fn a_cursor_that_nobody_gave_is_refused() {
        let page = Page::first(1).after(Some("nonsense!".into()));
        assert!(matches!(
            page.key::<(i32, String)>(),
            Err(StoreError::Cursor { .. })
        ));
    }
}
