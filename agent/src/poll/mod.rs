//! When to ask the server next: a state machine with time and randomness as arguments.
use std::time::Duration;

use boathook_hooks::protocol::PollAdvice;

/// Before the server said anything.
const FIRST: PollAdvice = PollAdvice::Hold(60);
/// First pause after an error, doubled with each further one.
const BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// A held poll that comes back sooner than this without news is no long poll.
const TOO_SOON: Duration = Duration::from_secs(1);
/// So many of them are forgiven: restarts of servers, and draining ones.
const FORGIVEN: u32 = 2;

/// A number in 0.0..1.0; the edge takes it from the system.
pub type Chance = f64;

/// The next request: after this pause, held by the server for so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    pub pause: Duration,
    /// Seconds for `wait=`; 0 asks for an answer at once.
    pub wait: u32,
}

#[derive(Clone, Debug)]
pub struct Pace {
    advice: PollAdvice,
    errors: u32,
    hasty: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            advice: FIRST,
            errors: 0,
            hasty: 0,
        }
    }
}

impl Pace {
    /// At the start, and whenever something calls for an answer at once.
    pub fn now(&self) -> Plan {
        Plan {
            pause: Duration::ZERO,
            wait: self.wait(0.5),
        }
    }

    /// The server answered after `took`. `news`: with a list that was not known.
    pub fn answered(
        &mut self,
        advice: Option<PollAdvice>,
        took: Duration,
        news: bool,
        chance: Chance,
    ) -> Plan {
        self.errors = 0;
        self.advice = advice.unwrap_or(self.advice);
        match self.advice {
            PollAdvice::Every(seconds) => Plan {
                pause: jitter(Duration::from_secs(seconds.into()), chance),
                wait: 0,
            },
            PollAdvice::Hold(_) => {
                self.hasty = if took < TOO_SOON && !news {
                    self.hasty.saturating_add(1)
                } else {
                    0
                };
                let pause = match self.hasty.checked_sub(FORGIVEN + 1) {
                    None => Duration::ZERO,
                    Some(n) => doubled(n, chance),
                };
                Plan {
                    pause,
                    wait: self.wait(chance),
                }
            }
        }
    }

    /// No answer, or one that is an error. `retry_after` is the server's own wish.
    pub fn failed(&mut self, retry_after: Option<Duration>, chance: Chance) -> Plan {
        let backoff = doubled(self.errors, chance);
        self.errors = self.errors.saturating_add(1);
        let wish = retry_after.map_or(Duration::ZERO, |wish| jitter(wish, chance));
        Plan {
            pause: backoff.max(wish),
            wait: self.wait(chance),
        }
    }

    fn wait(&self, chance: Chance) -> u32 {
        match self.advice {
            // The server cuts what is longer than it holds.
            PollAdvice::Hold(seconds) => {
                u32::try_from(jitter(Duration::from_secs(seconds.into()), chance).as_secs())
                    .unwrap_or(seconds)
                    .max(1)
            }
            PollAdvice::Every(_) => 0,
        }
    }

    pub fn errors(&self) -> u32 {
        self.errors
    }
}

/// Within ±20 %.
pub fn jitter(base: Duration, chance: Chance) -> Duration {
    base.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0))
}

/// The n-th pause of a backoff: half of it certain, half by chance, so that many agents do not come back together.
fn doubled(n: u32, chance: Chance) -> Duration {
    let full = BACKOFF.saturating_mul(1 << n.min(16)).min(LONGEST_BACKOFF);
    full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

/// A chance from the system; the middle where it gives none.
pub fn chance() -> Chance {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(300);
    const SOON: Duration = Duration::from_millis(3);

    #[test]
    fn hold_is_asked_again_at_once_within_20_percent() {
        let mut pace = Pace::default();
        for (chance, wait) in [(0.0, 240), (0.5, 300), (1.0, 360)] {
            let plan = pace.answered(Some(PollAdvice::Hold(300)), LONG, false, chance);
            assert_eq!(
                plan,
                Plan {
                    pause: Duration::ZERO,
                    wait
                }
            );
        }
    }

    #[test]
    fn every_pauses_within_20_percent_and_does_not_wait() {
        let mut pace = Pace::default();
        for (chance, seconds) in [(0.0, 48), (1.0, 72)] {
            let plan = pace.answered(Some(PollAdvice::Every(60)), SOON, true, chance);
            assert_eq!(
                plan,
                Plan {
                    pause: Duration::from_secs(seconds),
                    wait: 0
                }
            );
        }
    }

    #[test]
    fn advice_holds_until_there_is_other_advice() {
        let mut pace = Pace::default();
        pace.answered(Some(PollAdvice::Every(10)), SOON, true, 0.5);
        assert_eq!(
            pace.answered(None, SOON, false, 0.5).pause,
            Duration::from_secs(10)
        );
    }

    #[test]
    fn errors_back_off_up_to_five_minutes_and_an_answer_ends_it() {
        let mut pace = Pace::default();
        let pauses: Vec<_> = (0..14)
            .map(|_| pace.failed(None, 1.0).pause.as_millis())
            .collect();
        assert_eq!(&pauses[..4], [500, 1_000, 2_000, 4_000]);
        assert_eq!(pauses[13], 300_000);
        assert!(pace.failed(None, 0.0).pause >= Duration::from_secs(150));
        pace.answered(None, LONG, false, 0.5);
        assert_eq!(pace.failed(None, 1.0).pause.as_millis(), 500);
    }

    #[test]
    fn the_servers_wish_to_wait_longer_is_obeyed() {
        let mut pace = Pace::default();
        assert_eq!(
            pace.failed(Some(Duration::from_secs(100)), 0.5).pause,
            Duration::from_secs(100)
        );
    }

    #[test]
    fn a_server_that_does_not_hold_is_not_asked_in_a_loop() {
        let mut pace = Pace::default();
        let hasty = |pace: &mut Pace| {
            pace.answered(Some(PollAdvice::Hold(300)), SOON, false, 1.0)
                .pause
        };
        assert_eq!(
            (hasty(&mut pace), hasty(&mut pace)),
            (Duration::ZERO, Duration::ZERO)
        );
        assert_eq!(hasty(&mut pace).as_millis(), 500);
        assert_eq!(hasty(&mut pace).as_millis(), 1_000);
        // News is what a held answer comes early for.
        assert_eq!(pace.answered(None, SOON, true, 1.0).pause, Duration::ZERO);
    }

    #[test]
    fn chance_is_between_0_and_1() {
        assert!((0..100).map(|_| chance()).all(|c| (0.0..1.0).contains(&c)));
    }
}
