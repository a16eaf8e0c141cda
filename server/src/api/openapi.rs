//! The OpenAPI document: made from the routes themselves, with what holds for all of them.
use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    http::{HeaderName, header},
};
use boathook_hooks::protocol::PROBLEM_TYPE;
use serde::Serialize;
use utoipa::{
    OpenApi as _, PartialSchema as _, ToSchema,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response,
        path::{Operation, PathItem},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "boathook",
    description = "What people do: tickets, hooks, packets, instances, audit. Errors are RFC 9457 problems. Lists are \
                   paged by `after`, the `next` of the page before."
))]
struct Info;

/// How every error looks: RFC 9457. Some have more members, which their `detail` explains.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // the schema alone is wanted; `errors::Problem` writes the members
struct Problem {
    /// `urn:boathook:problem:CODE`, for programs.
    r#type: String,
    title: String,
    status: u16,
    /// What happened, in words.
    detail: String,
    /// Which field of the request is wrong.
    field: Option<String>,
    /// What would be right.
    expected: Option<String>,
}

/// The document in the bytes that are served.
#[derive(Clone)]
pub struct Served(Arc<str>);

impl Served {
    pub fn new(document: OpenApi) -> Self {
        Self(complete(document).to_json().unwrap_or_default().into())
    }
}

/// What the document says before any route is added.
pub fn info() -> OpenApi {
    let mut document = Info::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", bearer);
    components
        .schemas
        .insert("Problem".into(), Problem::schema());
    let none: [&str; 0] = [];
    document.security = Some(vec![SecurityRequirement::new("bearer", none)]);
    document
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "api", security(()), responses((status = 200, content_type = "application/json")))]
pub async fn get(
    Extension(Served(document)): Extension<Served>,
) -> ([(HeaderName, &'static str); 1], Bytes) {
    (
        [(header::CONTENT_TYPE, "application/json")],
        Bytes::copy_from_slice(document.as_bytes()),
    )
}

/// Every operation has an id of its own and may answer with a problem; and a path's rest, `{*path}` to the router, is
/// `{path}` in OpenAPI.
fn complete(mut document: OpenApi) -> OpenApi {
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        for (method, operation) in operations(&mut item) {
            operation.operation_id = Some(id(method, &path));
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            let mut response = Response::new("A problem");
            response
                .content
                .insert(PROBLEM_TYPE.into(), RefOr::T(problem));
            let responses = &mut operation.responses.responses;
            responses.insert("default".into(), RefOr::T(response));
        }
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let methods = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
    ];
    methods
        .into_iter()
        .filter_map(|(method, operation)| operation.as_mut().map(|o| (method, o)))
}

/// `get_hooks_id_instances`: a handler's own name is not unique.
fn id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/v1");
    let mut id = method.to_owned();
    for word in path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        id.push('_');
        id.push_str(word);
    }
    id
}
