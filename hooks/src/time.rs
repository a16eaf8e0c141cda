//! `Time`: a moment in UTC milliseconds. BSON datetime on the wire, RFC 3339 in JSON and for people.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01T00:00:00Z. The range is that of years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

const LATEST_MS: i64 = 253_402_207_200_000;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

impl Time {
    /// Values outside 1970–9999 are clamped to that range.
    pub const fn from_ms(ms: i64) -> Self {
        if ms < 0 {
            Self(0)
        } else if ms > LATEST_MS {
            Self(LATEST_MS)
        } else {
            Self(ms)
        }
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    /// This moment moved by `ms` milliseconds (negative is earlier), clamped to the range.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when this one is the earlier.
    pub const fn since(self, earlier: Time) -> i64 {
        self.0 - earlier.0
    }

    /// The wall clock's time. For programs' edges only: everything else takes `now` as an argument.
    pub fn wall_clock() -> Self {
        Self::from_ms(jiff::Timestamp::now().as_millisecond())
    }

    /// `2026-11-21`: the UTC day.
    pub fn day(self) -> String {
        self.stamp().strftime("%Y-%m-%d").to_string()
    }

    pub fn stamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.stamp())
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stamp: jiff::Timestamp = text
            .parse()
            .map_err(|_| format!("expected a time such as 2026-11-21T12:00:00Z, found {text:?}"))?;
        if stamp.as_millisecond() < 0 || stamp.as_millisecond() > LATEST_MS {
            return Err("expected a time between the years 1970 and 9999".into());
        }
        Ok(Self(stamp.as_millisecond()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(self)
        } else {
            bson::DateTime::from_millis(self.0).serialize(s)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            return String::deserialize(d)?.parse().map_err(de::Error::custom);
        }
        let ms = bson::DateTime::deserialize(d)?.timestamp_millis();
        if (0..=LATEST_MS).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(de::Error::custom("time outside the years 1970 to 9999"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_from_json_and_bson() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct At {
            at: Time,
        }
        let at = At {
            at: Time::from_ms(1_700_000_000_123),
        };
        let json = serde_json::to_string(&at).unwrap();
        assert_eq!(json, r#"{"at":"2023-11-14T22:13:20.123Z"}"#);
        assert_eq!(serde_json::from_str::<At>(&json).unwrap(), at);
        let bytes = bson::serialize_to_vec(&at).unwrap();
        assert_eq!(bytes[4], 0x09, "a BSON datetime");
        assert_eq!(bson::deserialize_from_slice::<At>(&bytes).unwrap(), at);
    }

    #[test]
    fn a_time_before_1970_is_refused() {
        assert!("1969-12-31T23:59:59Z".parse::<Time>().is_err());
    }
}
