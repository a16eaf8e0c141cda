//! Quiet hours: local times between which no run begins.
use serde::Deserialize;

/// Minutes since local midnight. `from` may be later than `to`: over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: u16,
    to: u16,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Form {
    from: Option<String>,
    to: Option<String>,
}

impl Form {
    pub(super) fn read(&self) -> Result<Option<QuietHours>, String> {
        match (&self.from, &self.to) {
            (None, None) => Ok(None),
            (Some(from), Some(to)) => Ok(Some(QuietHours {
                from: minutes("from", from)?,
                to: minutes("to", to)?,
            })),
            _ => Err("quiet_hours: from and to come together".into()),
        }
    }
}

fn minutes(key: &str, text: &str) -> Result<u16, String> {
    let refuse = || format!("quiet_hours.{key}: found {text:?}, expected a time such as \"18:00\"");
    let (hour, minute) = text.split_once(':').ok_or_else(refuse)?;
    let (hour, minute): (u16, u16) = (
        hour.parse().map_err(|_| refuse())?,
        minute.parse().map_err(|_| refuse())?,
    );
    if hour < 24 && minute < 60 {
        Ok(hour * 60 + minute)
    } else {
        Err(refuse())
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(
            f,
            "{:02}:{:02} to {:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }
}

impl QuietHours {
    /// Minutes until they end, if it is quiet at this minute of the local day.
    pub fn ends_in(&self, minute: u16) -> Option<u16> {
        let quiet = if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        };
        quiet.then(|| (self.to + 1_440 - minute) % 1_440)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str) -> QuietHours {
        Form {
            from: Some(from.into()),
            to: Some(to.into()),
        }
        .read()
        .unwrap()
        .unwrap()
    }

    #[test]
    fn quiet_hours_hold_by_day_and_over_midnight() {
        let day = hours("08:00", "18:00");
        assert_eq!(
            (day.ends_in(480), day.ends_in(1_079), day.ends_in(1_080)),
            (Some(600), Some(1), None)
        );
        let night = hours("22:30", "06:00");
        assert_eq!(
            (night.ends_in(1_380), night.ends_in(0), night.ends_in(360)),
            (Some(420), Some(360), None)
        );
    }

    #[test]
    fn a_time_that_is_none_or_alone_is_refused() {
        for bad in ["24:00", "8", "08:60", "x:y"] {
            assert!(minutes("from", bad).is_err(), "{bad}");
        }
        assert!(
            Form {
                from: Some("08:00".into()),
                to: None
            }
            .read()
            .is_err()
        );
    }
}
