//! Reading what was checked, and packets changed at random.
use super::*;

#[test]
fn a_file_that_changed_after_the_check_does_not_read_to_its_end() {
    let files = files();
    let bytes = Zip::of(&files).bytes();
    let packet = verdict(&bytes).unwrap();
    let mut zip = Zip::of(&files);
    let mut changed = Entry::new("logs/app.log", b"one\ntwo\nTHREE\n");
    // The same headers, so that only the statement can tell.
    let original = zip.entry("logs/app.log").clone();
    changed.local = original.local;
    changed.central = original.central;
    *zip.entry("logs/app.log") = changed;
    let bytes = zip.bytes();
    let mut content = Vec::new();
    assert!(
        packet
            .file(&mut Cursor::new(&bytes), "logs/app.log")
            .unwrap()
            .read_to_end(&mut content)
            .is_err()
    );
}

fn all_contents(packet: &CheckedPacket, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    packet
        .statement()
        .all_files()
        .map(|f| {
            let mut content = Vec::new();
            packet
                .file(&mut Cursor::new(bytes), &f.path)
                .unwrap()
                .read_to_end(&mut content)
                .unwrap();
            (f.path.clone(), content)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_zip_never_panics_and_never_passes_with_other_contents(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
        tail in any::<bool>(),
    ) {
        let original = honest();
        let mut bytes = original.clone();
        for (at, to) in changes {
            // Half of the changes hit the directory, where the structure is.
            let from = if tail { bytes.len() - 600 } else { 0 };
            let at = from + at.index(bytes.len() - from);
            bytes[at] = to;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(packet) = verdict(&bytes) {
            let before = verdict(&original).unwrap();
            prop_assert_eq!(packet.statement(), before.statement());
            prop_assert_eq!(all_contents(&packet, &bytes), all_contents(&before, &original));
        }
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), end in any::<bool>()) {
        let mut bytes = bytes;
        if end {
            bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
            let n = bytes.len() as u32 - 12;
            bytes.extend_from_slice(&n.to_le_bytes());
            bytes.extend_from_slice(&[0; 6]);
        }
        prop_assert!(verdict(&bytes).is_err());
    }
}

#[test]
fn a_packet_that_was_packed_well_within_a_larger_limit_is_read_by_its_own_size() {
    let mut writer = writer(2 << 20);
    let log = "all is well, as it was a moment ago\n".repeat(500_000);
    section(&mut writer, "one", &[("a.log", log.as_bytes())]);
    let (zip, _) = finish(writer);
    let size = zip.len() as u64;
    assert!(size * 100 < log.len() as u64, "{size}");
    let check = |limits| check_unknown(&mut Cursor::new(&zip), limits);
    assert!(check(CheckLimits::zip_bytes(2 << 20)).is_ok());
    assert!(check(CheckLimits::zip_bytes(size)).is_err());
    assert!(check(CheckLimits::of_size(size)).is_ok());
}
