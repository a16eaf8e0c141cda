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
    Ends {
        head,
        tail,
        cap,
        whole_lines: true,
    }
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

fn left(asked: u64, capped: u64) -> Skipped {
    Skipped {
        asked,
        capped,
        ..Skipped::default()
    }
}

fn cut(skipped: Skipped) -> Skipped {
    Skipped {
        cut: true,
        ..skipped
    }
}

const TEXT: &[u8] = b"one\ntwo\nthree\nfour\nfive\n";

#[test]
fn without_ends_the_beginning_is_sent_up_to_the_cap() {
    assert_eq!(both(TEXT, &ends(None, None, 100)).0.as_bytes(), TEXT);
    assert_eq!(
        both(TEXT, &ends(None, None, 5)),
        ("one\nt".into(), cut(left(0, 19)))
    );
}

#[test]
fn heads_and_tails_by_lines() {
    assert_eq!(
        both(TEXT, &ends(Some(Lines(2)), None, 100)),
        ("one\ntwo\n".into(), cut(left(16, 0)))
    );
    assert_eq!(
        both(TEXT, &ends(None, Some(Lines(2)), 100)),
        ("four\nfive\n".into(), left(14, 0))
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
fn half_a_line_is_never_the_beginning_of_a_tail() {
    let log = b"first line\n2026 login db_password=s3cretWordNobodyKnows\n";
    let unended = &log[..log.len() - 1];
    for (bytes, tail, cap) in [
        (&log[..], Bytes(22), 100),
        (unended, Bytes(21), 100),
        (unended, Lines(2), 21),
        (&log[..], Bytes(100), 22),
    ] {
        let (text, skipped) = both(bytes, &ends(None, Some(tail), cap));
        assert_eq!(text, "", "{tail:?} of {cap}");
        assert!(skipped.halves > 0 && skipped.cut, "{skipped:?}");
        let told = skipped.asked + skipped.capped + skipped.halves;
        assert_eq!(told, bytes.len() as u64, "all is accounted for");
    }
    let mut long = b"password=".to_vec();
    long.extend(vec![b'x'; 300_000]);
    long.extend(b"\nlast\n");
    let (text, skipped) = both(&long, &ends(None, Some(Bytes(200_000)), 1 << 20));
    assert_eq!(text, "last\n", "however far its end is");
    assert_eq!(skipped.halves, 200_000 - 5);
}

#[test]
fn half_a_line_is_never_the_end_of_a_head_before_a_tail() {
    let (text, skipped) = both(TEXT, &ends(Some(Bytes(6)), Some(Bytes(5)), 100));
    assert_eq!(text, "one\n\n--- boathook: 15 bytes left out ---\nfive\n");
    assert_eq!((skipped.asked, skipped.halves), (13, 2));
    let mut long = vec![b'x'; 200_000];
    long.extend(b"\nlast\n");
    let (text, _) = both(&long, &ends(Some(Bytes(100_000)), Some(Lines(1)), 1 << 20));
    let begin = text.find('\n').unwrap();
    assert_eq!(begin, 100_000 - KEPT_BACK, "of a long line only the last");
}

#[test]
fn raw_bytes_are_cut_where_the_hook_says() {
    let mut all = ends(Some(Bytes(2)), Some(Bytes(3)), 100);
    all.whole_lines = false;
    let (text, skipped) = both(b"0123456789", &all);
    assert_eq!(text, "01\n--- boathook: 5 bytes left out ---\n789");
    assert_eq!(skipped, left(5, 0));
}

#[test]
fn what_grows_while_it_is_read_is_cut() {
    let growing = file(b"half a li");
    let (ends, mut none) = (ends(None, None, 100), |_: &[u8]| Ok::<_, io::Error>(()));
    let copied = |size, take: Take<'_, io::Error>| copy(&growing, size, &ends, take).unwrap().cut;
    assert!(copied(4, &mut none));
    assert!(!copied(9, &mut none));
}

#[test]
fn both_ends_have_a_mark_between_them_or_are_the_whole() {
    let (text, skipped) = both(TEXT, &ends(Some(Lines(1)), Some(Lines(1)), 100));
    assert_eq!(text, "one\n\n--- boathook: 15 bytes left out ---\nfive\n");
    assert_eq!(skipped, left(15, 0));
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
    assert_eq!((text.as_str(), skipped), ("one\n", cut(left(0, 20))));
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
            let (text, skipped) = way(&bytes, &ends);
            if head.is_none() && tail.is_some() && !text.is_empty() {
                let all = String::from_utf8_lossy(&bytes);
                prop_assert!(all == text || all.ends_with(&format!("\n{text}")), "whole lines");
            }
            let mut out = Vec::new();
            let mut stream = Streamed::new(ends);
            let mut take = |piece: &[u8]| -> Result<(), io::Error> { out.push(piece.len() as u64); Ok(()) };
            for piece in bytes.chunks(7) { stream.push(piece, &mut take).unwrap(); }
            stream.finish(&mut take).unwrap();
            prop_assert!(out.iter().sum::<u64>() <= cap + 60);
            prop_assert!(skipped.asked + skipped.capped + skipped.halves <= bytes.len() as u64);
        }
    }
}
