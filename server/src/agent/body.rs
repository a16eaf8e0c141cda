//! Bodies of the agent protocol: BSON in, read strictly, and BSON out.
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use boathook_hooks::{protocol::CONTENT_TYPE, strict};
use serde::{Serialize, de::DeserializeOwned};

use crate::errors::{Answer, Problem};

/// Largest body, in bytes: a document with what stands around it.
const LIMIT: usize = strict::MAX_DOCUMENT + 16 * 1024;

/// A request's bytes, sent as `application/bson`.
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Answer<Self> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .map(|v| v.as_bytes());
        if kind != Some(CONTENT_TYPE.as_bytes()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type",
                format!("the body must be {CONTENT_TYPE}"),
            ));
        }
        axum::body::to_bytes(request.into_body(), LIMIT)
            .await
            .map(Self)
            .map_err(|_| Problem::too_large(format!("the body must have at most {LIMIT} bytes")))
    }
}

/// A body that was read strictly.
pub struct Bson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Bson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        strict::decode(&bytes, LIMIT)
            .map(Self)
            .map_err(|e| Problem::bad_request(format!("the body: {e}")))
    }
}

/// An answer in BSON; it may hold secrets and is never cached.
pub fn reply<T: Serialize>(status: StatusCode, body: &T) -> Answer<Response> {
    let bytes = strict::encode(body).map_err(|e| Problem::internal("encoding an answer", e))?;
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((status, headers, bytes).into_response())
}

/// An envelope that never changes: the agent may keep it, nobody on the way may.
pub fn envelope(bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
    ];
    (headers, bytes).into_response()
}
