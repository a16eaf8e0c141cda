//! Style, script and pictures, within the binary: named by their content, compressed once, cached for ever.
use std::{collections::HashMap, io::Write as _, sync::LazyLock};

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use crate::errors::Problem;

#[derive(RustEmbed)]
#[folder = "src/ui/assets/files"]
struct Files;

/// Scripts that import others of these files.
const IMPORTING: [&str; 1] = ["signing.js"];

struct Asset {
    kind: &'static str,
    plain: Bytes,
    /// None where it gains nothing.
    gzip: Option<Bytes>,
}

/// What is served, by its name with the fingerprint; and each file's such name by its own.
struct Assets {
    served: HashMap<String, Asset>,
    addresses: HashMap<String, String>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::read);

impl Assets {
    fn read() -> Self {
        let mut assets = Self {
            served: HashMap::new(),
            addresses: HashMap::new(),
        };
        let mut paths: Vec<String> = Files::iter().map(String::from).collect();
        // What imports others is named after them, by what it holds with their names in it.
        paths.sort_by_key(|path| IMPORTING.contains(&path.as_str()));
        for path in paths {
            let (Some((name, ending)), Some(file)) = (path.rsplit_once('.'), Files::get(&path))
            else {
                continue;
            };
            let Some(kind) = kind(ending) else { continue };
            let mut data = file.data.into_owned();
            if IMPORTING.contains(&path.as_str()) {
                data = assets.imports(data);
            }
            let print: String = Sha256::digest(&data)[..6]
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            let served = format!("{name}.{print}.{ending}");
            assets
                .addresses
                .insert(path.clone(), format!("/assets/{served}"));
            let plain = Bytes::from(data);
            let gzip = compressed(&plain).filter(|gzip| gzip.len() < plain.len());
            assets.served.insert(served, Asset { kind, plain, gzip });
        }
        assets
    }

    /// Scripts name others as they lie beside them: `from "./bson.js"`.
    fn imports(&self, data: Vec<u8>) -> Vec<u8> {
        let Ok(mut text) = String::from_utf8(data) else {
            return Vec::new();
        };
        for (path, address) in &self.addresses {
            text = text.replace(&format!("\"./{path}\""), &format!("\"{address}\""));
        }
        text.into_bytes()
    }
}

fn kind(ending: &str) -> Option<&'static str> {
    match ending {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn compressed(plain: &[u8]) -> Option<Bytes> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain).ok()?;
    gzip.finish().ok().map(Bytes::from)
}

/// The address of a file in `files`, which changes with its content.
pub fn address(file: &str) -> &'static str {
    // A page without its style is poor but readable; a test looks that every address is one.
    ASSETS
        .addresses
        .get(file)
        .map_or("/assets/none", String::as_str)
}

/// One asset. Nothing here is anybody's secret.
pub async fn get(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.served.get(&name) else {
        return Problem::not_found("file").into_response();
    };
    let takes_gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| {
            v.split(',')
                .any(|one| one.trim().split(';').next() == Some("gzip"))
        });
    let mut answer = match &asset.gzip {
        Some(gzip) if takes_gzip => {
            ([(header::CONTENT_ENCODING, "gzip")], gzip.clone()).into_response()
        }
        _ => asset.plain.clone().into_response(),
    };
    *answer.status_mut() = StatusCode::OK;
    for (name, value) in [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ] {
        answer
            .headers_mut()
            .insert(name, axum::http::HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_asset_is_named_by_its_content_and_compressed_when_that_is_wanted() {
        let address = address("app.css");
        let name = address.strip_prefix("/assets/").unwrap().to_owned();
        assert!(ASSETS.served.contains_key(&name), "{name}");
        let plain = get(Path(name.clone()), HeaderMap::new()).await;
        assert_eq!(plain.headers()["content-type"], "text/css; charset=utf-8");
        assert!(
            plain.headers()["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert!(!plain.headers().contains_key("content-encoding"));

        let mut wants = HeaderMap::new();
        wants.insert("accept-encoding", "br, gzip;q=0.8".parse().unwrap());
        let small = get(Path(name), wants).await;
        assert_eq!(small.headers()["content-encoding"], "gzip");
        assert_eq!(
            get(Path("none.css".into()), HeaderMap::new())
                .await
                .status(),
            404
        );
    }

    #[test]
    fn what_a_script_imports_is_there_under_that_name() {
        for (name, asset) in &ASSETS.served {
            let text = String::from_utf8_lossy(&asset.plain);
            for import in text.split("from \"").skip(1) {
                let path = import.split('"').next().unwrap();
                let served = path.strip_prefix("/assets/").unwrap_or("none");
                assert!(ASSETS.served.contains_key(served), "{name} imports {path}");
            }
        }
    }

    #[test]
    fn a_first_visit_weighs_less_than_a_hundred_kilobytes() {
        let all: usize = ASSETS
            .served
            .values()
            .map(|a| a.gzip.as_ref().map_or(a.plain.len(), Bytes::len))
            .sum();
        assert!(
            all < 80 * 1024,
            "{all} bytes, compressed, before the page itself"
        );
    }
}
