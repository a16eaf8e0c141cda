//! Many measurements of one thing in a few numbers.
use std::time::Duration;

use super::ms;

/// Times in the order in which they were measured.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<Duration>);

impl FromIterator<Duration> for Spread {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

impl Spread {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds; the nearest rank, so a time that was really measured. 0 of nothing.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().map_or(0.0, ms)
    }

    pub fn first(&self, count: usize) -> Self {
        self.0.iter().take(count).copied().collect()
    }

    pub fn last(&self, count: usize) -> Self {
        let skip = self.0.len().saturating_sub(count);
        self.0.iter().skip(skip).copied().collect()
    }

    pub fn line(&self) -> String {
        let [p50, p90, p99, most] = [50, 90, 99, 100].map(|p| self.percentile(p));
        format!("p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, most {most:.1} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_times_and_first_and_last_keep_the_order() {
        let spread: Spread = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(spread.percentile(50), 50.0);
        assert_eq!(spread.percentile(99), 99.0);
        assert_eq!(spread.percentile(100), 100.0);
        assert_eq!(spread.first(10).percentile(50), 95.0);
        assert_eq!(spread.last(10).percentile(50), 5.0);
        assert_eq!(Spread::default().percentile(50), 0.0);
    }
}
