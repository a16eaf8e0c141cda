//! What the bench program measures, one file a question. Numbers are printed, and set against a baseline of the same
//! run: machines differ, and nothing here fails for being slow.
#![allow(clippy::print_stdout)]
pub mod baseline;
pub mod crowd;
pub mod idle;
pub mod latency;
pub mod machine;
pub mod sizes;
pub mod spread;

use std::time::Duration;

/// In milliseconds, as every number here is told.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// "within" or "MISSED", for a number that should be at most `aim`.
pub fn verdict(number: f64, aim: f64) -> &'static str {
    if number <= aim { "within" } else { "MISSED" }
}
