//! Sizes and durations in settings, as people write them: `"50 MiB"`, `"7d"`.
use std::time::Duration;

use boathook_hooks::authoring::human;
use serde::{Deserialize, Deserializer, de};

/// Bytes, out of `"50 MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Out of `"90s"`, `"5m"`, `"12h"` or `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        human::parse_size(&text).map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "expected a size such as \"50 MiB\", found {text:?}"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        human::parse_duration(&text)
            .filter(|s| *s <= 10 * 365 * 86_400)
            .map(|s| Self(Duration::from_secs(s)))
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "expected a duration such as \"90s\" or \"7d\", found {text:?}"
                ))
            })
    }
}
