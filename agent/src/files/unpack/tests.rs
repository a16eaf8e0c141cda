//! Packed files, good and bad.
use super::*;
use crate::files::ends::Amount;

const ALL: Ends = Ends {
    head: None,
    tail: None,
    cap: 1 << 30,
    whole_lines: true,
};

fn packed(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz_of(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    lzma_rs::xz_compress(&mut &bytes[..], &mut out).unwrap();
    out
}

fn read(bytes: &[u8], ends: &Ends) -> (Vec<u8>, io::Result<Skipped>) {
    let kind = Packed::known(bytes).unwrap();
    let mut out = Vec::new();
    let result = unpack(
        kind,
        &packed(bytes),
        bytes.len() as u64,
        ends,
        &mut |piece: &[u8]| {
            out.extend_from_slice(piece);
            Ok::<(), io::Error>(())
        },
    );
    (out, result)
}

fn text() -> Vec<u8> {
    (0..50_000)
        .flat_map(|n| format!("line {n} {}\n", n * 7919 % 10_007).into_bytes())
        .collect()
}

#[test]
fn all_three_unpack_to_what_was_packed() {
    let text = text();
    let packed = [
        gzip(&text),
        xz_of(&text),
        zstd::encode_all(&text[..], 3).unwrap(),
    ];
    for bytes in packed {
        let (out, result) = read(&bytes, &ALL);
        result.unwrap();
        assert!(out == text, "{:?}", Packed::known(&bytes));
        let tail = Ends {
            tail: Some(Amount::Lines(2)),
            ..ALL
        };
        assert_eq!(read(&bytes, &tail).0, b"line 49998 7207\nline 49999 5119\n");
        let head = Ends {
            head: Some(Amount::Bytes(6)),
            ..ALL
        };
        let (out, result) = read(&bytes, &head);
        assert_eq!(out, b"line 0");
        result.unwrap();
    }
}

#[test]
fn several_members_and_frames_are_one_file() {
    let two = [gzip(b"one\n"), gzip(b"two\n")].concat();
    assert_eq!(read(&two, &ALL).0, b"one\ntwo\n");
    let two = [
        zstd::encode_all(&b"one\n"[..], 1).unwrap(),
        zstd::encode_all(&b"two\n"[..], 1).unwrap(),
    ]
    .concat();
    assert_eq!(read(&two, &ALL).0, b"one\ntwo\n");
}

#[test]
fn a_bomb_is_not_unpacked_further() {
    let zeros = vec![0; 20 << 20];
    for bomb in [gzip(&zeros), zstd::encode_all(&zeros[..], 1).unwrap()] {
        let (out, result) = read(&bomb, &ALL);
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("unpacks to more than")
        );
        assert!(out.len() as u64 <= (bomb.len() as u64 * RATIO).max(ALWAYS));
    }
}

#[test]
fn an_xz_file_that_would_fill_the_memory_is_not_even_begun() {
    // Chunks that say 2 MiB each, over and over; not one of them would decode.
    let mut bomb = [
        xz::MAGIC,
        &[0, 4],
        &[0; 4],
        &[2, 0, 0x21, 1, 0x16, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    for _ in 0..64 {
        bomb.extend([0xff, 0xff, 0xff, 0, 0, 0x5d, 0]);
    }
    let (out, result) = read(&bomb, &ALL);
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("unpacks to more than")
    );
    assert!(out.is_empty());
}

#[test]
fn of_a_broken_file_what_came_before_is_sent() {
    let text = text();
    let whole = gzip(&text);
    let (out, result) = read(&whole[..whole.len() / 2], &ALL);
    assert!(result.is_err() && !out.is_empty() && text.starts_with(&out));
    let tail = Ends {
        tail: Some(Amount::Lines(1)),
        ..ALL
    };
    assert!(!read(&whole[..whole.len() / 2], &tail).0.is_empty());
    let xz = xz_of(&text);
    assert!(read(&xz[..xz.len() / 2], &ALL).1.is_err());
    assert!(read(&[xz::MAGIC, &[0]].concat(), &ALL).1.is_err());
}

#[test]
fn an_error_of_the_receiver_comes_back_as_it_was() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Full,
        Other,
    }
    impl From<io::Error> for Mine {
        fn from(_: io::Error) -> Self {
            Self::Other
        }
    }
    let bytes = gzip(&text());
    let result = unpack(
        Packed::Gzip,
        &packed(&bytes),
        bytes.len() as u64,
        &ALL,
        &mut |_| Err(Mine::Full),
    );
    assert_eq!(result, Err(Mine::Full));
}

#[test]
fn names_lose_only_their_own_ending() {
    assert_eq!(
        Packed::Gzip.unpacked_name("/var/log/syslog.2.gz"),
        "/var/log/syslog.2"
    );
    assert_eq!(
        Packed::Gzip.unpacked_name("/var/log/strange.xz"),
        "/var/log/strange.xz"
    );
    assert_eq!(Packed::Gzip.unpacked_name("/var/log/.gz"), "/var/log/.gz");
    assert_eq!(Packed::known(b"plain"), None);
}
