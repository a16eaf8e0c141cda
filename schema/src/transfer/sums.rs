//! A digest over records that does not depend on their order: two backends do not keep them in the same one.
use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::engine::scan::{Aggregate, Entry};

/// How many records, their bytes, and the sum of their SHA-256 by 64-bit lanes. It finds what was lost, doubled or
/// changed; it is no defence against somebody who chooses records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub count: u64,
    pub bytes: u64,
    /// Bytes of the largest.
    pub largest: u64,
    lanes: [u64; 4],
}

impl Sum {
    fn add(&mut self, hash: Sha256, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
        self.largest = self.largest.max(bytes as u64);
        let hash: [u8; 32] = hash.finalize().into();
        for (lane, part) in self.lanes.iter_mut().zip(hash.chunks_exact(8)) {
            let part = part.iter().fold(0, |n, b| n << 8 | u64::from(*b));
            *lane = lane.wrapping_add(part);
        }
    }

    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) {
        let mut hash = Sha256::new();
        let mut bytes = 0;
        hash.update(aggregate.version.to_be_bytes());
        field(&mut hash, aggregate.home.id.as_bytes());
        for (row, body) in &aggregate.rows {
            field(&mut hash, row.as_bytes());
            field(&mut hash, body);
            bytes += body.len();
        }
        self.add(hash, bytes);
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        let mut hash = Sha256::new();
        hash.update(entry.stamp.to_be_bytes());
        field(&mut hash, entry.part.as_bytes());
        field(&mut hash, entry.sort.as_bytes());
        field(&mut hash, &entry.body);
        self.add(hash, entry.body.len());
    }
}

/// With its length, so that no two rows look like others.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} bytes, {:016x}",
            self.count, self.bytes, self.lanes[0]
        )
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::List;

    fn entry(sort: &str, body: &[u8]) -> Entry {
        Entry {
            list: List::Hooks,
            part: "*".into(),
            sort: sort.into(),
            stamp: 1,
            body: body.to_vec(),
        }
    }

    fn sum(entries: &[Entry]) -> Sum {
        let mut sum = Sum::default();
        entries.iter().for_each(|e| sum.entry(e));
        sum
    }

    #[test]
    fn the_order_is_nothing_and_each_change_is_seen() {
        let (a, b) = (entry("a", b"1"), entry("b", b"2"));
        let both = sum(&[a.clone(), b.clone()]);
        assert_eq!(both, sum(&[b.clone(), a.clone()]));
        let stamped = Entry {
            stamp: 2,
            ..b.clone()
        };
        for other in [
            vec![a.clone()],
            vec![a.clone(), a.clone()],
            vec![a.clone(), b.clone(), b.clone()],
            vec![entry("a", b"2"), entry("b", b"1")],
            vec![entry("ab", b"1"), entry("", b"2")],
            vec![a, stamped],
        ] {
            assert_ne!(both, sum(&other));
        }
    }
}
