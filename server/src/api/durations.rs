//! Lengths of time in requests: `"7d"`, `"90s"`, or a number of seconds.
use boathook_hooks::{authoring::human, time::SECOND};
use serde::{Deserialize, Deserializer, de};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(i64);

impl Duration {
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl std::str::FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = human::parse_duration(text).or_else(|| text.parse().ok());
        seconds
            .and_then(|s| i64::try_from(s).ok()?.checked_mul(SECOND))
            .map(Self)
            .ok_or_else(|| format!("expected a time such as \"7d\" or \"12h\", found {text:?}"))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(u64),
            Words(String),
        }
        let text = match Written::deserialize(d)? {
            Written::Seconds(seconds) => seconds.to_string(),
            Written::Words(words) => words,
        };
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_and_seconds_are_read() {
        let read = |json: &str| serde_json::from_str::<Duration>(json).map(Duration::ms);
        assert_eq!(read("\"7d\"").unwrap(), 7 * 86_400_000);
        assert_eq!(read("90").unwrap(), 90_000);
        assert!(read("\"soon\"").is_err() && read("-1").is_err());
    }
}
