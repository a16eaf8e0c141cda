//! Both ways of the ends: of files that can be read anywhere, and of what comes once.
use super::*;
use Amount::{Bytes, Lines};
use proptest::prelude::*;
use std::io::Write;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn ends(head: Option<Amount>, tail: Option<Amount>, cap: u64) -> Ends {
    Ends { head, tail, cap }
}

fn copied(bytes: &[u8], ends: &Ends) -> (String, Skipped) {
    let mut out = Vec::new();
    let skipped = copy::<io::Error>(&file(bytes), bytes.len() as u64, ends, &mut |piece| {
        out.extend_from_slice(piece);
        Ok(())
    });
    (String::from_utf8_lossy(&out).into_owned(), skipped.unwrap())
}

fn streamed(bytes: &[u8], ends: &Ends) -> (String, Skipped) {
    let mut out = Vec::new();
    let mut take = |piece: &[u8]| -> Result<(), io::Error> {
        out.extend_from_slice(piece);
        Ok(())
    };
    let mut stream = Streamed::new(*ends);
    for piece in bytes.chunks(3) {
        stream.push(piece, &mut take).unwrap();
    }
    let skipped = stream.finish(&mut take).unwrap();
    (String::from_utf8_lossy(&out).into_owned(), skipped)
}

fn both(bytes: &[u8], ends: &Ends) -> (String, Skipped) {
    let (text, skipped) = copied(bytes, ends);
    assert_eq!(
        streamed(bytes, ends).0,
        text,
        "a packed file gives the same"
    );
    (text, skipped)
}

const TEXT: &[u8] = b"one\ntwo\nthree\nfour\nfive\n";

#[test]
fn without_ends_the_beginning_is_sent_up_to_the_cap() {
    assert_eq!(both(TEXT, &ends(None, None, 100)).0.as_bytes(), TEXT);
    assert_eq!(
        both(TEXT, &ends(None, None, 5)),
        (
            "one\nt".into(),
            Skipped {
                asked: 0,
                capped: 19
            }
        )
    );
}

#[test]
fn heads_and_tails_by_lines() {
    assert_eq!(
        both(TEXT, &ends(Some(Lines(2)), None, 100)),
        (
            "one\ntwo\n".into(),
            Skipped {
                asked: 16,
                capped: 0
            }
        )
    );
    assert_eq!(
        both(TEXT, &ends(None, Some(Lines(2)), 100)),
        (
            "four\nfive\n".into(),
            Skipped {
                asked: 14,
                capped: 0
            }
        )
    );
    assert_eq!(
        both(b"a\nb\nc", &ends(None, Some(Lines(2)), 100)).0,
        "b\nc",
        "an unfinished last line is a line"
    );
    assert_eq!(
        both(TEXT, &ends(None, Some(Lines(99)), 100)).0.as_bytes(),
        TEXT
    );
}

#[test]
fn a_tail_by_bytes_begins_with_a_whole_line() {
    assert_eq!(
        both(TEXT, &ends(None, Some(Bytes(12)), 100)).0,
        "four\nfive\n"
    );
    assert_eq!(
        both(TEXT, &ends(None, Some(Bytes(10)), 100)).0,
        "four\nfive\n",
        "one that begins there stays"
    );
}

#[test]
fn both_ends_have_a_mark_between_them_or_are_the_whole() {
    let (text, skipped) = both(TEXT, &ends(Some(Lines(1)), Some(Lines(1)), 100));
    assert_eq!(text, "one\n\n--- boathook: 15 bytes left out ---\nfive\n");
    assert_eq!(
        skipped,
        Skipped {
            asked: 15,
            capped: 0
        }
    );
    assert_eq!(
        copied(TEXT, &ends(Some(Bytes(20)), Some(Bytes(20)), 100))
            .0
            .as_bytes(),
        TEXT
    );
}

#[test]
fn a_cap_below_what_was_asked_is_told_as_such() {
    let (text, skipped) = copied(TEXT, &ends(None, Some(Lines(4)), 10));
    assert_eq!((text.as_str(), skipped.capped > 0), ("four\nfive\n", true));
    let (text, skipped) = copied(TEXT, &ends(Some(Bytes(50)), None, 4));
    assert_eq!(
        (text.as_str(), skipped),
        (
            "one\n",
            Skipped {
                asked: 0,
                capped: 20
            }
        )
    );
}

#[test]
fn a_terabyte_of_nothing_costs_no_more_than_the_cap() {
    let sparse = tempfile::tempfile().unwrap();
    let size = 1 << 40;
    sparse.set_len(size).unwrap();
    let begun = std::time::Instant::now();
    for ends in [
        ends(None, None, 1 << 20),
        ends(None, Some(Lines(10)), 1 << 20),
        ends(Some(Lines(10)), Some(Bytes(1 << 40)), 1 << 20),
    ] {
        let mut got = 0;
        copy::<io::Error>(&sparse, size, &ends, &mut |piece| {
            got += piece.len() as u64;
            Ok(())
        })
        .unwrap();
        assert!(got <= (1 << 20) + 100, "{got}");
    }
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn what_is_added_while_it_is_read_is_not_waited_for() {
    let mut growing = file(b"abc");
    let mut got = Vec::new();
    let mut other = growing.try_clone().unwrap();
    copy::<io::Error>(&growing, 3, &ends(None, None, 1 << 20), &mut |piece| {
        got.extend_from_slice(piece);
        other.write_all(b"more")
    })
    .unwrap();
    assert_eq!(got, b"abc");
    growing.flush().unwrap();
}

proptest! {
    #[test]
    fn never_more_than_the_cap_and_the_mark(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
        head in proptest::option::of(prop_oneof![(0u64..400).prop_map(Bytes), (1u64..9).prop_map(Lines)]),
        tail in proptest::option::of(prop_oneof![(0u64..400).prop_map(Bytes), (1u64..9).prop_map(Lines)]),
        cap in 1u64..400,
    ) {
        let ends = ends(head, tail, cap);
        for way in [copied, streamed] {
            let (_, skipped) = way(&bytes, &ends);
            let mut out = Vec::new();
            let mut stream = Streamed::new(ends);
            let mut take = |piece: &[u8]| -> Result<(), io::Error> { out.push(piece.len() as u64); Ok(()) };
            for piece in bytes.chunks(7) { stream.push(piece, &mut take).unwrap(); }
            stream.finish(&mut take).unwrap();
            prop_assert!(out.iter().sum::<u64>() <= cap + 60);
            prop_assert!(skipped.asked + skipped.capped <= bytes.len() as u64);
        }
    }
}
