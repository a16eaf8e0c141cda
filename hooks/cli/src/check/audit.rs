//! An export of the audit: every hash follows from the one before, and the chain holds the heads that others were told.
use std::{collections::BTreeMap, io::BufRead, path::Path};

use boathook_hooks::{
    documents::hook_list::Head,
    ids::{Blob, Digest},
    time::Time,
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    check::Proof,
    error::{Error, Result},
};

/// Longest line, in bytes: events are small.
const MAX_LINE: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    chain: String,
    number: u64,
    hash: Digest,
    stored: Blob,
}

/// What of an event is told; the rest of it is hashed as it stands.
#[derive(Deserialize)]
struct Event {
    at: Time,
    kind: String,
}

/// `NUMBER:HASH`, as `audit heads`, a receipt or a hook list tells it.
pub fn head(text: &str) -> std::result::Result<Head, String> {
    let expected = || "expected NUMBER:HASH as `boathook audit heads` shows it".to_owned();
    let (number, hash) = text.split_once(':').ok_or_else(expected)?;
    Ok(Head {
        number: number.parse().map_err(|_| expected())?,
        hash: hash.parse().map_err(|_| expected())?,
    })
}

/// Whether these bytes begin an export.
pub fn is_export(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Line>(line).is_ok()
}

/// Whether the export is of the house's chain rather than a customer's.
pub fn is_of_house(mut export: impl BufRead) -> bool {
    let mut text = Vec::new();
    let line = std::io::Read::take(&mut export, MAX_LINE).read_until(b'\n', &mut text);
    line.is_ok() && serde_json::from_slice::<Line>(&text).is_ok_and(|l| l.chain == "house")
}

/// Recomputes every hash of the chain. `heads` are what others were told of it earlier.
pub fn prove(path: &Path, mut export: impl BufRead, heads: &[Head]) -> Result<Proof> {
    let mut chain = Chain::default();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut span: Option<(Time, Time)> = None;
    let mut unmet: Vec<&Head> = heads.iter().filter(|h| h.number > 0).collect();
    let mut text = Vec::new();
    loop {
        text.clear();
        let mut line = std::io::Read::take(&mut export, MAX_LINE);
        let n = line
            .read_until(b'\n', &mut text)
            .map_err(|source| Error::File {
                operation: "read",
                path: path.to_owned(),
                source,
            })?;
        if n == 0 {
            break;
        }
        let event = chain.follow(&text)?;
        span = Some((span.map_or(event.at, |s| s.0), event.at));
        *kinds.entry(event.kind).or_default() += 1;
        let same = |h: &&Head| h.number != chain.number;
        if let Some(other) = unmet.iter().find(|h| !same(h) && h.hash != chain.hash) {
            return Err(broken(
                chain.number,
                &format!(
                    "its hash is {}, but {} was told before",
                    chain.hash, other.hash
                ),
            ));
        }
        unmet.retain(same);
    }
    if let Some(head) = unmet.first() {
        return Err(broken(
            chain.number,
            &format!(
                "the chain ends here, but its event {} was told before",
                head.number
            ),
        ));
    }
    let mut proof = Proof::of("audit export");
    proof.holds(format!(
        "the chain {} is whole from event 1 to {}, head {}:{}",
        chain.name, chain.number, chain.number, chain.hash
    ));
    if let Some((first, last)) = span {
        proof.holds(format!("from {first} to {last}"));
    }
    if heads.is_empty() {
        proof.open(
            "that nobody wrote it anew shows only in comparison: give an earlier head with --against, or a receipt",
        );
    } else {
        proof.holds(format!(
            "it holds the {} heads that were told before",
            heads.len()
        ));
    }
    proof.facts = json!({
        "chain": chain.name, "number": chain.number, "hash": chain.hash, "kinds": kinds,
        "from": span.map(|s| s.0), "to": span.map(|s| s.1),
    });
    Ok(proof)
}

#[derive(Default)]
struct Chain {
    name: String,
    number: u64,
    hash: Digest,
}

impl Chain {
    /// The next line, which must follow.
    fn follow(&mut self, text: &[u8]) -> Result<Event> {
        let expected = self.number + 1;
        let line: Line = serde_json::from_slice(text)
            .map_err(|e| broken(expected, &format!("its line does not read: {e}")))?;
        if self.name.is_empty() {
            self.name.clone_from(&line.chain);
        }
        if line.chain != self.name {
            return Err(broken(
                expected,
                &format!("it is of the chain {}", line.chain),
            ));
        }
        if line.number != expected {
            return Err(broken(
                expected,
                &format!("it is missing; event {} stands in its place", line.number),
            ));
        }
        // SHA-256(previous hash ‖ number, u64 big-endian ‖ stored bytes), as the store makes it.
        let mut hash = Sha256::new();
        hash.update(self.hash.0);
        hash.update(expected.to_be_bytes());
        hash.update(&line.stored.0);
        if line.hash.0[..] != hash.finalize()[..] {
            return Err(broken(
                expected,
                "its hash does not follow from it and the one before",
            ));
        }
        (self.number, self.hash) = (line.number, line.hash);
        bson::deserialize_from_slice(&line.stored.0)
            .map_err(|e| broken(expected, &format!("its bytes are no event: {e}")))
    }
}

fn broken(number: u64, why: &str) -> Error {
    Error::failed(
        format!("the chain is broken at event {number}: {why}"),
        "export it again; if it stays, somebody changed the record: keep both and tell an auditor",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `count` events of the house.
    fn lines(count: u64) -> Vec<String> {
        let mut hash = Digest::default();
        let event = |n: u64| {
            let at = bson::DateTime::from_millis(i64::try_from(n).unwrap());
            let stored =
                bson::serialize_to_vec(&bson::doc! {"at": at, "kind": "x", "op": 1}).unwrap();
            let bytes: Vec<u8> = [&hash.0[..], &n.to_be_bytes(), &stored].concat();
            hash = Digest::of(&bytes);
            json!({"chain": "house", "number": n, "hash": hash, "stored": Blob(stored)}).to_string()
        };
        (1..=count).map(event).collect()
    }

    fn judged(lines: &[String], heads: &[Head]) -> std::result::Result<Proof, String> {
        let text = lines.join("\n");
        prove(Path::new("x"), text.as_bytes(), heads).map_err(|e| e.to_string())
    }

    fn head_of(line: &str) -> Head {
        let line: Line = serde_json::from_str(line).unwrap();
        Head {
            number: line.number,
            hash: line.hash,
        }
    }

    #[test]
    fn a_whole_chain_holds_and_tells_its_head() {
        let lines = lines(3);
        let proof = judged(&lines, &[head_of(&lines[1])]).unwrap();
        assert_eq!(proof.facts["number"], 3);
        assert_eq!(proof.facts["kinds"]["x"], 3);
        assert!(is_export(lines.join("\n").as_bytes()));
    }

    #[test]
    fn what_is_missing_changed_or_out_of_order_is_found() {
        let whole = lines(4);
        let mut missing = whole.clone();
        missing.remove(1);
        assert!(
            judged(&missing, &[])
                .unwrap_err()
                .contains("event 2: it is missing")
        );
        let mut first = whole.clone();
        first.remove(0);
        assert!(judged(&first, &[]).unwrap_err().contains("event 1"));
        let mut changed: serde_json::Value = serde_json::from_str(&whole[2]).unwrap();
        changed["stored"] = lines(4)[3].parse::<serde_json::Value>().unwrap()["stored"].clone();
        let mut forged = whole.clone();
        forged[2] = changed.to_string();
        assert!(judged(&forged, &[]).unwrap_err().contains("event 3"));
    }

    #[test]
    fn a_chain_that_was_cut_or_written_anew_does_not_hold_what_was_told() {
        let whole = lines(4);
        assert!(
            judged(&whole[..2], &[head_of(&whole[3])])
                .unwrap_err()
                .contains("told before")
        );
        let other = Head {
            number: 2,
            hash: Digest::of(b"other"),
        };
        assert!(judged(&whole, &[other]).unwrap_err().contains("event 2"));
    }

    #[test]
    fn a_head_is_a_number_and_a_hash() {
        let hash = Digest::of(b"x");
        assert_eq!(
            head(&format!("7:{hash}")).unwrap(),
            Head { number: 7, hash }
        );
        assert!(head("7").is_err() && head("x:y").is_err());
    }
}
