//! The packet's zip by the part, and its receipt; and the headers under which hostile data leaves.
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use boathook_hooks::{ids::ClaimId, protocol};

use crate::{
    api::{
        extract::Path,
        packets::{find, open, range},
    },
    app::Shared,
    errors::{Answer, Problem},
    people::Staff,
};

/// The zip. `Range` and `If-Range` are obeyed, so that a broken download resumes. Reading it is an event.
#[utoipa::path(get, path = "/api/v1/packets/{claim_id}/zip", tag = "packets", params(("claim_id" = String, Path)), responses((status = 200, content_type = "application/zip"), (status = 206, content_type = "application/zip")))]
pub async fn zip(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(claim): Path<ClaimId>,
    headers: HeaderMap,
) -> Answer<Response> {
    let known = find(&app, &caller.scope, &claim).await?;
    let etag = format!("\"{}\"", known.sha256);
    let (status, range, out) = range::decide(&headers, known.bytes, &etag)?;
    let packet = open(&app, &caller, &claim, "zip", range.end - range.start).await?;
    let (folder, name) = (packet.folder(), packet.name);
    let bytes = app.store.objects().stream(folder, packet.chunks, range);
    let headers = hostile(out, "application/zip", &name, Some(&etag));
    Ok((status, headers, Body::from_stream(bytes)).into_response())
}

/// The server's signed word that it has the packet: DSSE `receipt.v1` in BSON.
#[utoipa::path(get, path = "/api/v1/packets/{claim_id}/receipt", tag = "packets", params(("claim_id" = String, Path)), responses((status = 200, content_type = "application/bson")))]
pub async fn receipt(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(claim): Path<ClaimId>,
) -> Answer<Response> {
    let packet = find(&app, &caller.scope, &claim).await?;
    let receipt = packet
        .receipt
        .ok_or_else(|| Problem::not_found("receipt"))?;
    let name = format!("{}.receipt", packet.name);
    let headers = hostile(HeaderMap::new(), protocol::CONTENT_TYPE, &name, None);
    Ok((headers, receipt.0).into_response())
}

/// Headers under which nothing that an instance sent can run, be sniffed, or be cached by others.
pub fn hostile(
    mut out: HeaderMap,
    kind: &'static str,
    name: &str,
    etag: Option<&str>,
) -> HeaderMap {
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    out.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    out.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    // A dot in front would hide it where it is kept.
    let plain: String = name
        .chars()
        .enumerate()
        .map(|(at, c)| {
            if c.is_ascii_alphanumeric() || "_-".contains(c) || (c == '.' && at > 0) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if let Ok(value) = format!("attachment; filename=\"{plain}\"").parse() {
        out.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Some(value) = etag.and_then(|e| e.parse().ok()) {
        out.insert(header::ETAG, value);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        let headers = hostile(HeaderMap::new(), "application/zip", "a\"; x=\r\n.zip", None);
        assert_eq!(
            headers["content-disposition"],
            "attachment; filename=\"a___x___.zip\""
        );
        let hidden = hostile(HeaderMap::new(), "application/zip", ".bashrc", None);
        assert_eq!(
            hidden["content-disposition"],
            "attachment; filename=\"_bashrc\""
        );
        assert_eq!(
            headers["content-security-policy"],
            "sandbox; default-src 'none'"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
}
