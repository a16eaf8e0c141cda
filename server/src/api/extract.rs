//! axum's extractors with problems as their refusals, and what all lists share.
use axum::{
    extract::{
        FromRequest, FromRequestParts,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use boathook_schema::{Page, Paged};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::errors::Problem;

/// A JSON body, in or out.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        if let JsonRejection::JsonDataError(error) = &rejection
            && let Some((field, words)) = fault(error)
        {
            return Self::field(&field, words, "see /api/v1/openapi.json");
        }
        let mut problem = Self::bad_request(rejection.body_text());
        problem.status = status;
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => problem.code = "too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => problem.code = "media_type",
            _ => {}
        }
        problem
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        // An id that cannot be one is an id of nothing.
        let mut problem = Self::not_found("thing");
        problem.detail = rejection.body_text();
        problem
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        match fault(&rejection) {
            Some((field, words)) => Self::field(&field, words, "see /api/v1/openapi.json"),
            None => Self::bad_request(rejection.body_text()),
        }
    }
}

/// Field and words of what serde refused. axum tells the path in front of serde's own words: `a.b: words`.
fn fault(rejection: &dyn std::error::Error) -> Option<(String, String)> {
    let mut innermost = rejection;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let (path, words) = match text.split_once(": ") {
        // serde's own words have blanks before any colon.
        Some((path, words)) if !path.contains(' ') => (Some(path.to_owned()), words.to_owned()),
        _ => (None, text),
    };
    // A field that is missing has no path of its own.
    let missing = words
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name.to_owned());
    let field = match (path, missing) {
        (Some(path), Some(name)) => format!("{path}.{name}"),
        (path, missing) => path.or(missing)?,
    };
    Some((field, words))
}

/// `?after=CURSOR&limit=N`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// 1 to 1000; 100 by default.
    pub limit: Option<u32>,
}

impl From<PageQuery> for Page {
    fn from(query: PageQuery) -> Self {
        Self::first(query.limit.unwrap_or(100)).after(query.after)
    }
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// For `after`; null when this page is the last.
    pub next: Option<String>,
}

impl<T> List<T> {
    pub fn of<R>(page: Paged<R>, view: impl FnMut(R) -> T) -> Self {
        let page = page.map(view);
        Self {
            items: page.items,
            next: page.next,
        }
    }
}

/// A stored BSON document as JSON; what JSON has no type for stands as extended JSON.
pub fn as_json(document: bson::Document) -> serde_json::Value {
    serde_json::to_value(document).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::{body::Body, extract::FromRequest as _, http::Request};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Asked {
        count: u32,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        name: String,
    }

    async fn refused(body: &str) -> Problem {
        let request = Request::post("/")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        match Json::<Asked>::from_request(request, &()).await {
            Ok(Json(asked)) => panic!("taken: {asked:?}"),
            Err(problem) => problem,
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_fit_names_its_field() {
        for (body, field, words) in [
            (r#"{"count": "x"}"#, "count", "invalid type"),
            (r#"{"count": 1, "cuont": 2}"#, "cuont", "unknown field"),
            (r#"{"inner": null}"#, "count", "missing field"),
            (
                r#"{"count": 1, "inner": {"name": 5}}"#,
                "inner.name",
                "invalid type",
            ),
            (
                r#"{"count": 1, "inner": {}}"#,
                "inner.name",
                "missing field",
            ),
        ] {
            let problem = refused(body).await;
            assert_eq!(problem.status.as_u16(), 422, "{body}");
            assert_eq!(problem.field.as_deref(), Some(field), "{body} {problem:?}");
            assert!(problem.detail.contains(words), "{problem:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_json_is_a_bad_request() {
        let problem = refused("{").await;
        assert_eq!(
            (problem.status.as_u16(), problem.code),
            (400, "bad_request")
        );
    }

    #[test]
    fn a_query_that_does_not_fit_names_its_field() {
        for (query, field) in [("count=x", "count"), ("", "count")] {
            let uri = format!("/?{query}").parse().unwrap();
            let rejection = axum::extract::Query::<Asked>::try_from_uri(&uri).unwrap_err();
            assert_eq!(Problem::from(rejection).field.as_deref(), Some(field));
        }
    }
}
