//! How times, sizes and states read on every page.
use boathook_hooks::{
    states::{HookState, StoppedBy},
    time::{DAY, HOUR, MINUTE, SECOND, Time},
};

use boathook_schema::Verdicts;

use crate::ui::shown::Shown;

/// A time: short for reading, exact for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// RFC 3339 in UTC.
    pub exact: String,
    /// Such as `3 d ago` or `in 6 h`.
    pub short: String,
}

impl When {
    pub fn of(time: Time, now: Time) -> Self {
        let ms = now.ms() - time.ms();
        let short = match length(ms.abs()) {
            None => "now".to_owned(),
            Some(long) if ms > 0 => format!("{long} ago"),
            Some(long) => format!("in {long}"),
        };
        Self {
            exact: time.to_string(),
            short,
        }
    }
}

/// A length of time in its largest unit; none below five seconds.
fn length(ms: i64) -> Option<String> {
    let said = |unit: i64, word: &str| Some(format!("{} {word}", ms / unit));
    match ms {
        _ if ms < 5 * SECOND => None,
        _ if ms < MINUTE => said(SECOND, "s"),
        _ if ms < HOUR => said(MINUTE, "min"),
        _ if ms < DAY => said(HOUR, "h"),
        _ if ms < 60 * DAY => said(DAY, "d"),
        _ => said(30 * DAY, "months"),
    }
}

/// A number of bytes in three digits: `3.1 MiB`, in the units that limits are written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    pub exact: String,
    pub short: String,
}

impl Size {
    pub fn of(bytes: u64) -> Self {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = bytes as f64;
        let mut unit = "bytes";
        for next in units {
            if value < 999.5 {
                break;
            }
            value /= 1024.0;
            unit = next;
        }
        let short = match unit {
            "bytes" => format!("{bytes} {unit}"),
            _ if value < 9.95 => format!("{value:.1} {unit}"),
            _ => format!("{value:.0} {unit}"),
        };
        Self {
            exact: format!("{bytes} bytes"),
            short,
        }
    }
}

/// A state as a word, a shape and, last, a colour by its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub word: &'static str,
    pub shape: &'static str,
    /// `quiet`, `wants`, `good`, `bad` or `over`.
    pub class: &'static str,
    /// Who and why, where there is more to say.
    pub why: Option<Shown>,
}

impl From<&HookState> for Mark {
    fn from(state: &HookState) -> Self {
        let (shape, class) = match state {
            HookState::Draft => ("○", "quiet"),
            HookState::InReview => ("◐", "wants"),
            HookState::SentBack { .. } => ("↩", "wants"),
            HookState::Signed => ("◕", "good"),
            HookState::Held { .. } => ("‖", "wants"),
            HookState::Published => ("●", "good"),
            HookState::Stopped { .. } => ("■", "bad"),
            HookState::Expired => ("◌", "over"),
            HookState::Full => ("▣", "over"),
            HookState::Superseded { .. } => ("»", "over"),
        };
        let why = match state {
            HookState::SentBack { by, words } => Some(format!("{by}: {words}")),
            HookState::Held { by } => Some(format!("by {by}")),
            HookState::Stopped { by, why } => Some(match by {
                StoppedBy::Person(person) => format!("by {person}: {why}"),
                StoppedBy::Overruns | StoppedBy::Errors => why.clone(),
            }),
            HookState::Superseded { revision } => Some(format!("by revision {revision}")),
            _ => None,
        };
        Self {
            word: state.word(),
            shape,
            class,
            why: why.map(|why| Shown::cut(&why, 2_000)),
        }
    }
}

impl Mark {
    /// Whether packets answered, as the people say who looked; none where nobody said it.
    pub fn of_verdicts(said: &Verdicts) -> Option<Self> {
        let (word, shape, class) = match (said.yes, said.partly, said.no) {
            (0, 0, 0) => return None,
            (_, 0, 0) => ("answered it", "✓", "good"),
            (0, 0, _) => ("no answer", "✕", "bad"),
            (0, _, 0) => ("answered partly", "◗", "wants"),
            _ => ("people differ", "≠", "wants"),
        };
        Some(Self {
            word,
            shape,
            class,
            why: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_short_and_say_before_and_after() {
        let now = Time::from_ms(1_780_000_000_000);
        for (ms, words) in [
            (0, "now"),
            (-4_000, "now"),
            (-59_000, "59 s ago"),
            (-2 * MINUTE, "2 min ago"),
            (-3 * DAY, "3 d ago"),
            (6 * HOUR, "in 6 h"),
            (-90 * DAY, "3 months ago"),
        ] {
            assert_eq!(When::of(now.plus_ms(ms), now).short, words);
        }
    }

    #[test]
    fn sizes_have_two_or_three_digits() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_024, "1.0 KiB"),
            (3_300_000, "3.1 MiB"),
            (10_200, "10 KiB"),
            (1_023_600, "1.0 MiB"),
            (31 << 20, "31 MiB"),
        ] {
            assert_eq!(Size::of(bytes).short, words, "{bytes}");
        }
    }
}
