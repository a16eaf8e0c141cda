//! Addresses of pages: made in one place, so that every part of them is escaped.
use boathook_hooks::ids::CustomerId;
use boathook_schema::{Page, Scope, TicketRef};

use crate::{
    app::App,
    errors::{Answer, Problem},
};

/// `path?name=value&…`.
pub fn with_query<'a>(path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        text.append_pair(name, value);
    }
    let query = text.finish();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{query}"),
    }
}

/// One segment of a path: what is not plain is percent-encoded.
pub fn segment(text: &str) -> String {
    // `+` is a blank in queries alone.
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    match text {
        // Browsers take these for steps within the path.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => encoded.replace('+', "%20"),
    }
}

/// Several segments, such as a file within a packet.
pub fn segments(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

pub fn ticket(at: &TicketRef) -> String {
    format!("/tickets/{}/{}", segment(&at.system), segment(&at.key))
}

/// The filter `customer=ID`; nothing, or nothing typed, is all of them.
pub fn customer(asked: Option<&str>) -> Answer<Option<CustomerId>> {
    match asked.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => {
            let id = text.parse().map_err(|_| Problem::not_found("customer"))?;
            Ok(Some(id))
        }
    }
}

/// What a filter by customer offers: the caller's customers by name, up to 200.
pub async fn customers(app: &App, scope: &Scope) -> Answer<Vec<(CustomerId, String)>> {
    let page = app.store.customers(scope, Page::first(200)).await?;
    Ok(page.items.into_iter().map(|c| (c.id, c.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_chose_stays_one_segment() {
        assert_eq!(segment("a b/c?d#e&\""), "a%20b%2Fc%3Fd%23e%26%22");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segments("logs/a b.txt"), "logs/a%20b.txt");
        assert_eq!(with_query("/x", [("q", "a&b=c d")]), "/x?q=a%26b%3Dc+d");
        assert_eq!(with_query("/x", []), "/x");
    }
}
