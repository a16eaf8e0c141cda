//! `Range` and `If-Range` (RFC 9110 §14): one range of bytes; several are answered with the whole, as is allowed.
use std::ops::Range;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::errors::Problem;

/// Which bytes are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Whole,
    Part(Range<u64>),
    /// 416.
    Beyond,
}

/// `etag` is what `If-Range` must say, or the part would be of something else.
pub fn wanted(headers: &HeaderMap, length: u64, etag: &str) -> Wanted {
    let Some(range) = headers.get(header::RANGE).and_then(|v| v.to_str().ok()) else {
        return Wanted::Whole;
    };
    if headers
        .get(header::IF_RANGE)
        .is_some_and(|v| v.as_bytes() != etag.as_bytes())
    {
        return Wanted::Whole;
    }
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .filter(|r| !r.contains(','))
        .and_then(|r| r.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let parse = |text: &str| match text {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    };
    let part = match (parse(first), parse(last)) {
        (Some(Some(first)), Some(None)) => first..length,
        (Some(Some(first)), Some(Some(last))) if first <= last => {
            first..last.saturating_add(1).min(length)
        }
        (Some(None), Some(Some(count))) => length.saturating_sub(count)..length,
        _ => return Wanted::Whole,
    };
    if part.start >= part.end {
        Wanted::Beyond
    } else {
        Wanted::Part(part)
    }
}

/// Status, bytes and headers of the answer.
pub fn decide(
    headers: &HeaderMap,
    length: u64,
    etag: &str,
) -> Result<(StatusCode, Range<u64>, HeaderMap), Problem> {
    let mut out = HeaderMap::new();
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (status, range) = match wanted(headers, length, etag) {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Part(range) => {
            let value = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            if let Ok(value) = value.parse() {
                out.insert(header::CONTENT_RANGE, value);
            }
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Wanted::Beyond => {
            let words = format!("there are {length} bytes");
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", words);
            return Err(problem.with("bytes", length));
        }
    };
    out.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    Ok((status, range, out))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ask(range: &str, if_range: Option<&str>) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        if let Some(etag) = if_range {
            headers.insert(header::IF_RANGE, etag.parse().unwrap());
        }
        wanted(&headers, 100, "\"a\"")
    }

    #[test]
    fn parts_are_read_as_the_standard_says() {
        assert_eq!(ask("bytes=0-9", None), Wanted::Part(0..10));
        assert_eq!(ask("bytes=90-", None), Wanted::Part(90..100));
        assert_eq!(ask("bytes=90-900", None), Wanted::Part(90..100));
        assert_eq!(ask("bytes=-10", None), Wanted::Part(90..100));
        assert_eq!(ask("bytes=-1000", None), Wanted::Part(0..100));
        assert_eq!(ask("bytes=100-", None), Wanted::Beyond);
        assert_eq!(ask("bytes=-0", None), Wanted::Beyond);
    }

    #[test]
    fn what_is_no_single_range_is_answered_whole() {
        for odd in [
            "bytes=9-1",
            "bytes=a-b",
            "bytes=-",
            "lines=1-2",
            "bytes=0-1,5-6",
            "bytes=+1-2",
        ] {
            assert_eq!(ask(odd, None), Wanted::Whole, "{odd}");
        }
    }

    #[test]
    fn a_part_of_something_that_changed_is_the_whole() {
        assert_eq!(ask("bytes=5-", Some("\"b\"")), Wanted::Whole);
        assert_eq!(ask("bytes=5-", Some("\"a\"")), Wanted::Part(5..100));
    }
}
