//! What is wrong with the zip as a whole.
use super::*;

#[test]
fn an_honest_packet_passes_and_its_files_read_back() {
    let bytes = honest();
    let mut zip = Cursor::new(&bytes);
    let packet = check(&mut zip, &key().public(), LIMITS).unwrap();
    assert_eq!(packet.statement().sections.len(), 2);
    for (path, expected) in files() {
        if matches!(path.as_str(), STATEMENT | ENVELOPE) {
            continue;
        }
        let mut content = Vec::new();
        packet
            .file(&mut zip, &path)
            .unwrap()
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, expected, "{path}");
    }
    assert!(matches!(
        packet.file(&mut zip, "logs/none"),
        Err(CheckError::Missing(_))
    ));
    assert!(check_unknown(&mut zip, LIMITS).is_ok());
}

#[test]
fn stored_entries_are_read_too() {
    let mut zip = Zip::of(&files());
    let app = zip.entry("logs/app.log");
    app.data = b"one\ntwo\nthree\n".to_vec();
    app.both(|h| (h.method, h.packed) = (0, 14));
    let bytes = zip.bytes();
    let packet = verdict(&bytes).unwrap();
    let mut text = String::new();
    packet
        .file(&mut Cursor::new(&bytes), "logs/app.log")
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "one\ntwo\nthree\n");
}

#[test]
fn what_is_no_zip_is_refused() {
    for bytes in [&b""[..], b"PK", &[0; 22], &[0; 5000]] {
        assert!(matches!(verdict(bytes), Err(CheckError::NotAZip)));
    }
}

#[test]
fn bytes_before_between_and_behind_are_refused() {
    assert!(refused(|z| z.entries[0].gap = b"MZ".to_vec()).contains("belong to none"));
    assert!(refused(|z| z.entries[2].gap = b"hidden".to_vec()).contains("belong to none"));
    assert!(
        refused(|z| z.junk_before_directory = b"hidden".to_vec())
            .contains("where the last entry ends")
    );
    assert!(
        refused(|z| z.junk_in_directory = b"hidden".to_vec()).contains("behind its last entry")
    );
    assert!(refused(|z| z.behind = b"hidden".to_vec()).contains("behind the zip's end"));
}

#[test]
fn a_whole_zip_in_front_of_another_is_refused() {
    let mut bytes = honest();
    bytes.extend_from_slice(&honest());
    assert!(matches!(verdict(&bytes), Err(CheckError::Directory(_))));
}

#[test]
fn a_comment_is_refused() {
    // One that is only as long as its field says, and one that is itself an end record.
    assert!(refused(|z| z.comment = b"hello".to_vec()).contains("expected none"));
    let mut record = b"PK\x05\x06".to_vec();
    record.extend_from_slice(&[0; 18]);
    assert!(!refused(|z| z.comment = record).is_empty());
    let mut bytes = honest();
    let at = bytes.len() - 2;
    bytes[at] = 1;
    assert!(matches!(verdict(&bytes), Err(CheckError::Comment)));
}

#[test]
fn numbers_of_the_end_record_that_lie_are_refused() {
    assert!(refused(|z| z.end[0] = 1).contains("several parts"));
    assert!(refused(|z| z.end[1] = 1).contains("two different numbers"));
    // One entry fewer than there are, one more, and a directory that begins elsewhere.
    assert!(
        refused(|z| (z.end[1], z.end[2]) = (u32::MAX, u32::MAX)).contains("behind its last entry")
    );
    assert!(refused(|z| (z.end[1], z.end[2]) = (1, 1)).contains("ends within an entry"));
    assert!(refused(|z| z.end[3] = 1).contains("does not end where"));
    assert!(refused(|z| z.end[4] = 1).contains("does not end where"));
}

#[test]
fn zip64_is_refused_wherever_it_shows() {
    for field in 1..5 {
        let words = refused(|z| {
            let n = z.entries.len() as u32;
            z.end[field] = match field {
                1 | 2 => 0xFFFF - n,
                _ => {
                    let bytes = z.bytes();
                    let at = bytes.len() - 22 + if field == 3 { 12 } else { 16 };
                    u32::MAX - u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
                }
            };
        });
        assert!(words.contains("zip64"), "{field}: {words}");
    }
    assert!(refused(|z| z.entry("logs/app.log").both(|h| h.size = u32::MAX)).contains("zip64"));
    assert!(refused(|z| z.entry("logs/app.log").both(|h| h.packed = u32::MAX)).contains("zip64"));
    let extra = vec![1, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    assert!(
        refused(|z| z.entry("logs/app.log").central.extra = extra.clone()).contains("extra fields")
    );
    assert!(
        refused(|z| z.entry("logs/app.log").local.extra = extra.clone()).contains("extra fields")
    );
}

#[test]
fn too_many_entries_are_refused_before_they_are_read() {
    let mut bytes = honest();
    let at = bytes.len() - 22;
    let many = (crate::packet::MAX_ENTRIES as u16 + 1).to_le_bytes();
    bytes[at + 8..at + 10].copy_from_slice(&many);
    bytes[at + 10..at + 12].copy_from_slice(&many);
    assert!(matches!(
        verdict(&bytes),
        Err(CheckError::TooManyEntries { found: 8001 })
    ));
}

#[test]
fn a_directory_that_is_larger_than_its_entries_is_refused_before_it_is_read() {
    let mut bytes = vec![0; 500_000];
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&500_000u32.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    assert!(
        verdict(&bytes)
            .unwrap_err()
            .to_string()
            .contains("larger than its entries")
    );
}

#[test]
fn a_packet_beyond_its_limits_is_refused() {
    let bytes = honest();
    let small = CheckLimits {
        zip_bytes: bytes.len() as u64 - 1,
        ..LIMITS
    };
    let words = check(&mut Cursor::new(&bytes), &key().public(), small).unwrap_err();
    assert!(matches!(words, CheckError::TooLarge { .. }));
    let narrow = CheckLimits {
        unpacked_bytes: 3000,
        ..LIMITS
    };
    let words = check(&mut Cursor::new(&bytes), &key().public(), narrow).unwrap_err();
    assert!(matches!(words, CheckError::UnpacksTooLarge { .. }));
}
