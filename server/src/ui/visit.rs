//! `Visit`: what a page knows of the request besides who asks: the token for its forms.
use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};

use crate::{
    app::Shared,
    ui::{csrf, session},
};

#[derive(Clone, Debug)]
pub struct Visit {
    /// For the forms of the page; empty for whoever is not signed in by a cookie.
    pub csrf: String,
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Infallible> {
        Ok(Self {
            csrf: session::token(&parts.headers)
                .map(csrf::masked)
                .unwrap_or_default(),
        })
    }
}

pub fn here(uri: &Uri) -> String {
    uri.path_and_query().map_or("/", |p| p.as_str()).to_owned()
}

/// An address of this site to go on to, or `/`: whatever else was asked for would be somebody else's page.
pub fn onward(asked: Option<&str>) -> String {
    let is_ours = |to: &str| {
        let mut chars = to.chars();
        chars.next() == Some('/')
            && !matches!(chars.next(), Some('/' | '\\'))
            && !to.chars().any(|c| c.is_control() || c == '\\')
            && to.len() <= 2_000
    };
    match asked {
        Some(to) if is_ours(to) => to.to_owned(),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_site_are_gone_on_to() {
        assert_eq!(onward(Some("/hooks/x?tab=a#L1")), "/hooks/x?tab=a#L1");
        for foreign in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nSet-Cookie: x",
            "javascript:alert(1)",
            "",
            "/\t/evil.example",
        ] {
            assert_eq!(onward(Some(foreign)), "/", "{foreign:?}");
        }
        assert_eq!(onward(None), "/");
    }
}
