//! tus 1.0.0 on the wire (tus.io/protocols/resumable-upload): its headers, read and written.
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use boathook_hooks::time::Time;
use boathook_schema::objects::CHUNK_BYTES;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::errors::{Answer, Problem};

pub const VERSION: &str = "1.0.0";
pub const EXTENSIONS: &str = "creation,checksum,expiration";
pub const ALGORITHMS: &str = "sha1,sha256";
pub const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const PATCH_TYPE: &[u8] = b"application/offset+octet-stream";

/// 412 unless the client speaks our version.
pub fn version(headers: &HeaderMap) -> Answer<()> {
    if headers
        .get(RESUMABLE)
        .is_some_and(|v| v.as_bytes() == VERSION.as_bytes())
    {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "tus_version",
            format!("Tus-Resumable must be {VERSION}"),
        ))
    }
}

/// The declared size: exact, and more than nothing.
pub fn length(headers: &HeaderMap) -> Answer<u64> {
    match number(headers, &LENGTH)? {
        Some(0) => Err(Problem::bad_request("Upload-Length must be 1 or more")),
        Some(length) => Ok(length),
        None => Err(Problem::bad_request(
            "Upload-Length is needed; it cannot be deferred",
        )),
    }
}

pub fn offset(headers: &HeaderMap) -> Answer<u64> {
    number(headers, &OFFSET)?.ok_or_else(|| Problem::bad_request("Upload-Offset is needed"))
}

pub fn patch_type(headers: &HeaderMap) -> Answer<()> {
    if headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes() == PATCH_TYPE)
    {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            "the body must be application/offset+octet-stream",
        ))
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Answer<Option<u64>> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && second.is_none();
    match text.parse() {
        Ok(number) if plain => Ok(Some(number)),
        _ => Err(Problem::bad_request(format!(
            "{name} must be one number of bytes"
        ))),
    }
}

/// `Upload-Checksum` while the body flows.
pub enum Checksum {
    Sha1(Box<Sha1>, Vec<u8>),
    Sha256(Box<Sha256>, Vec<u8>),
}

impl Checksum {
    pub fn read(headers: &HeaderMap) -> Answer<Option<Self>> {
        let Some(value) = headers.get(CHECKSUM) else {
            return Ok(None);
        };
        let refuse = || {
            Problem::bad_request(format!(
                "Upload-Checksum must be one of {ALGORITHMS}, a blank, and the checksum in base64"
            ))
        };
        let text = value.to_str().map_err(|_| refuse())?;
        let (name, sum) = text.trim().split_once(' ').ok_or_else(refuse)?;
        let sum = STANDARD.decode(sum.trim()).map_err(|_| refuse())?;
        match (name, sum.len()) {
            ("sha1", 20) => Ok(Some(Self::Sha1(Box::default(), sum))),
            ("sha256", 32) => Ok(Some(Self::Sha256(Box::default(), sum))),
            _ => Err(refuse()),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash, _) => hash.update(bytes),
            Self::Sha256(hash, _) => hash.update(bytes),
        }
    }

    /// 460 as tus says, when the bytes are not those that were announced.
    pub fn verify(self) -> Answer<()> {
        let right = match self {
            Self::Sha1(hash, expected) => hash.finalize().as_slice() == expected,
            Self::Sha256(hash, expected) => hash.finalize().as_slice() == expected,
        };
        if right {
            return Ok(());
        }
        let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
        Err(Problem::new(
            status,
            "checksum",
            "the bytes do not have the announced checksum; none were kept",
        ))
    }
}

/// 413 for a body that can only be checked whole and is larger than what is held in memory.
pub fn checksum_too_large() -> Problem {
    let words = format!("a request with Upload-Checksum may have at most {CHUNK_BYTES} bytes");
    Problem::too_large(words).with("limit", CHUNK_BYTES)
}

/// Puts `Tus-Resumable` on every answer, problems too.
pub fn answer(result: Answer<Response>) -> Response {
    let is_version_fault = matches!(&result, Err(p) if p.code == "tus_version");
    let mut response = result.unwrap_or_else(|problem| problem.into_response());
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    if is_version_fault {
        headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    }
    response
}

/// An HTTP date.
pub fn date(time: Time) -> String {
    time.stamp()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.clone(), v.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_length_is_one_plain_number_above_zero() {
        assert_eq!(length(&headers(&[(LENGTH, "12")])), Ok(12));
        for bad in [
            "0",
            "-1",
            "+1",
            "1.5",
            "",
            " ",
            "0x1",
            "99999999999999999999",
        ] {
            assert!(length(&headers(&[(LENGTH, bad)])).is_err(), "{bad:?}");
        }
        assert!(length(&HeaderMap::new()).is_err());
        let mut two = headers(&[(LENGTH, "1")]);
        two.append(LENGTH, "2".parse().unwrap());
        assert!(length(&two).is_err());
    }

    #[test]
    fn another_version_of_tus_is_412_and_says_which_is_spoken() {
        let problem = version(&headers(&[(RESUMABLE, "0.2.2")])).unwrap_err();
        let response = answer(Err(problem));
        assert_eq!(response.status(), 412);
        assert_eq!(response.headers()[TUS_VERSION], VERSION);
    }

    #[test]
    fn checksums_are_of_sha1_or_sha256_and_are_verified() {
        let check = |value: &str| {
            Checksum::read(&headers(&[(CHECKSUM, value)]))
                .map(Option::unwrap)
                .and_then(|mut c| {
                    c.update(b"hello ");
                    c.update(b"world");
                    c.verify()
                })
        };
        // echo -n "hello world" | sha1sum | xxd -r -p | base64
        assert_eq!(check("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="), Ok(()));
        assert_eq!(
            check("sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
            Ok(())
        );
        let other = check("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap_err();
        assert_eq!(other.status.as_u16(), 460);
        for bad in ["md5 AAAA", "sha1", "sha1 !!", "sha256 AAAA"] {
            assert_eq!(
                check(bad).unwrap_err().status,
                StatusCode::BAD_REQUEST,
                "{bad}"
            );
        }
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(
            date(Time::from_ms(784_111_777_000)),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }
}
