//! Making roots, rosters and revocations: pure functions from what people decide to documents. Nothing here signs.
pub mod revocation;
pub mod root;
pub mod roster;

use boathook_hooks::{
    authoring::human,
    documents::Document,
    envelope::Envelope,
    strict::{self, MAX_DOCUMENT},
    time::Time,
};

use crate::error::{Error, Result};

pub use revocation::new_revocation;
pub use root::{BoundsPlan, RootPlan, new_root};
pub use roster::{Member, add_member, new_roster, remove_member, renew_roster};

/// When something ends: a moment, or so long from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    At(Time),
    /// Milliseconds from now.
    In(i64),
}

impl End {
    pub const fn after(self, now: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::In(ms) => now.plus_ms(ms),
        }
    }
}

/// `30d`, `12h`, or a time such as `2027-01-31T00:00:00Z`.
impl std::str::FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some(seconds) = human::parse_duration(text) {
            return i64::try_from(seconds.saturating_mul(1000))
                .map(Self::In)
                .map_err(|_| "too long".into());
        }
        text.parse().map(Self::At).map_err(|_| {
            "expected a duration such as 30d or 12h, or a time such as 2027-01-31T00:00:00Z".into()
        })
    }
}

/// The document in an envelope of its kind. Its signatures are not looked at.
pub fn unverified<T: Document>(envelope: &Envelope) -> Result<T> {
    envelope
        .expect_type(T::PAYLOAD_TYPE)
        .map_err(boathook_hooks::verify::Refusal::from)?;
    strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|e| {
        Error::failed(
            format!("the document does not read: {e}"),
            "ask whoever made it for a sound one",
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_duration_or_a_time() {
        let now = Time::from_ms(1_000);
        assert_eq!(
            "1m".parse::<End>().unwrap().after(now),
            Time::from_ms(61_000)
        );
        assert_eq!(
            "1970-01-01T00:00:09Z".parse::<End>().unwrap().after(now),
            Time::from_ms(9_000)
        );
        assert!("soon".parse::<End>().is_err());
    }
}
