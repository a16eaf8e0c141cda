//! What is wrong with one entry.
use super::*;

#[test]
fn names_that_leave_their_folder_are_refused_and_named() {
    for (name, words) in [
        ("/etc/passwd", "absolute"),
        ("logs/../../x", "leaves its folder"),
        ("logs/./x", "leaves its folder"),
        ("logs\\x", "backslash"),
        ("logs/a\nb", "control character"),
        ("logs/a\0b", "control character"),
        ("logs//x", "empty part"),
        ("logs/", "empty part"),
        ("", "is empty"),
        ("C:x", "not every system"),
        ("logs/nul.txt", "device"),
    ] {
        let said = refused(|z| z.entry("logs/app.log").both(|h| h.name = name.into()));
        assert!(said.contains(words), "{name:?}: {said}");
    }
    assert!(
        refused(|z| z
            .entry("logs/app.log")
            .both(|h| h.name = b"logs/\xff".to_vec()))
        .contains("UTF-8")
    );
    let said = refused(|z| {
        z.entry("logs/app.log").both(|h| {
            h.name = "logs/ä".into();
            h.flags = 0;
        });
    });
    assert!(said.contains("UTF-8"), "{said}");
    assert!(
        refused(|z| z.entry("logs/app.log").both(|h| h.name = vec![b'a'; 401])).contains("longer")
    );
}

#[test]
fn doubled_names_are_refused_also_where_only_case_differs() {
    assert!(refused(|z| z.entries.push(z.entries[0].clone())).contains("stands twice"));
    assert!(refused(|z| z.entries.push(Entry::new("LOGS/App.log", b"x"))).contains("case"));
    assert!(
        refused(|z| z.entries.push(Entry::new("logs/app.log/x", b"x")))
            .contains("a file and a folder")
    );
    assert!(
        refused(|z| z.entries.push(
            z.entries
                .iter()
                .find(|e| e.central.name == b"packet.json")
                .unwrap()
                .clone()
        ))
        .contains("twice")
    );
}

#[test]
fn links_devices_and_folders_are_refused() {
    for (mode, words) in [
        (0o120_777, "link"),
        (0o020_666, "link or a device"),
        (0o040_755, "link or a device"),
        (0o010_644, "link"),
    ] {
        assert!(refused(|z| z.entry("logs/app.log").attributes = mode << 16).contains(words));
    }
    // Also when the entry says that it was made on another system.
    let said = refused(|z| {
        z.entry("logs/app.log").attributes = 0o120_777 << 16;
        z.entry("logs/app.log").made_by = 20;
    });
    assert!(said.contains("link"));
    assert!(refused(|z| z.entry("logs/app.log").attributes = 0x10).contains("folder"));
}

#[test]
fn encryption_descriptors_and_odd_flags_are_refused() {
    for flag in [1, 1 << 6, 1 << 13] {
        assert!(
            refused(|z| z.entry("logs/app.log").both(|h| h.flags |= flag)).contains("encrypted")
        );
    }
    assert!(
        refused(|z| z.entry("logs/app.log").both(|h| h.flags |= 1 << 3))
            .contains("behind its data")
    );
    assert!(refused(|z| z.entry("logs/app.log").both(|h| h.flags |= 1 << 5)).contains("flags"));
}

#[test]
fn other_methods_than_stored_and_deflate_are_refused() {
    for method in [1, 9, 12, 14, 93, 99] {
        assert!(
            refused(|z| z.entry("logs/app.log").both(|h| h.method = method))
                .contains("another way")
        );
    }
}

#[test]
fn comments_and_parts_of_entries_are_refused() {
    assert!(refused(|z| z.entry("logs/app.log").comment = b"x".to_vec()).contains("comment"));
    assert!(refused(|z| z.entry("logs/app.log").disk = 1).contains("another part"));
}

#[test]
fn a_local_header_that_differs_from_the_directory_is_refused() {
    for (lie, words) in [
        ((|h| h.flags = 0) as fn(&mut Header), "flags"),
        (|h| h.method = 0, "method"),
        (|h| h.date = 0x22, "date"),
        (|h| h.crc ^= 1, "checksum"),
        (|h| h.packed -= 1, "sizes"),
        (|h| h.size += 1, "sizes"),
        (|h| h.name = b"logs/app.exe".to_vec(), "name"),
        (|h| h.name = b"logs/ap".to_vec(), "name"),
    ] {
        let said = refused(|z| lie(&mut z.entry("logs/app.log").local));
        assert!(
            said.contains(words) && said.contains("logs/app.log"),
            "{said}"
        );
    }
}

#[test]
fn entries_that_overlap_or_leave_the_data_are_refused() {
    // Two names for the same bytes.
    let said = refused(|z| {
        let mut twin = z.entries[0].clone();
        twin.central.name = b"logs/twin".to_vec();
        twin.says_at = Some(0);
        z.entries.push(twin);
    });
    assert!(said.contains("overlaps"), "{said}");
    let said = refused(|z| z.entries.last_mut().unwrap().both(|h| h.packed += 1000));
    assert!(said.contains("reaches into the directory"), "{said}");
    let said = refused(|z| z.entries[0].both(|h| h.packed += 10));
    assert!(said.contains("overlaps"), "{said}");
    let said = refused(|z| {
        z.entries[0].says_at = Some(4);
        z.entries[0].gap = vec![0; 4];
    });
    assert!(said.contains("belong to none"), "{said}");
}

#[test]
fn an_entry_without_a_local_header_is_refused() {
    let mut bytes = honest();
    bytes[2] = 9;
    assert!(
        verdict(&bytes)
            .unwrap_err()
            .to_string()
            .contains("no local header")
    );
}

#[test]
fn sizes_that_lie_in_both_headers_are_refused_when_unpacked() {
    // The statement's size guards first; here it is part of the lie.
    let lie = |size: u32, crc: u32| {
        let mut files = files();
        let at = files.iter().position(|f| f.0 == STATEMENT).unwrap();
        let mut parsed = Statement::from_json(&files[at].1).unwrap();
        parsed.sections[0].files[0].bytes = size.into();
        resign(
            &mut files,
            &parsed.to_json().unwrap(),
            &[&key()],
            PACKET_PAYLOAD_TYPE,
        );
        let mut zip = Zip::of(&files);
        zip.entry("logs/app.log").both(|h| {
            h.size = size;
            h.crc ^= crc;
        });
        verdict(&zip.bytes())
    };
    assert!(lie(14, 0).is_ok());
    assert!(
        lie(13, 0)
            .unwrap_err()
            .to_string()
            .contains("more bytes than its header")
    );
    assert!(
        lie(15, 0)
            .unwrap_err()
            .to_string()
            .contains("fewer bytes than its header")
    );
    assert!(lie(14, 1).unwrap_err().to_string().contains("checksum"));
}

#[test]
fn a_ratio_that_deflate_cannot_reach_is_refused_before_unpacking() {
    let said = refused(|z| {
        z.entry("logs/app.log")
            .both(|h| h.size = h.packed * 1032 + 1)
    });
    assert!(said.contains("more than deflate can pack"), "{said}");
    assert!(
        refused(|z| z.entry("logs/app.log").both(|h| h.method = 0)).contains("two different sizes")
    );
}

#[test]
fn a_bomb_that_unpacks_to_more_than_it_says_is_stopped_at_its_size() {
    let zeros = vec![0; 50 << 20];
    let said = refused(|z| {
        let app = z.entry("logs/app.log");
        app.data = deflate(&zeros);
        let packed = app.data.len() as u32;
        app.both(|h| h.packed = packed);
    });
    assert!(said.contains("more bytes than its header"), "{said}");
}

#[test]
fn bytes_behind_an_entrys_packed_data_are_refused() {
    let said = refused(|z| {
        let app = z.entry("logs/app.log");
        app.data.extend_from_slice(b"hidden");
        app.both(|h| h.packed += 6);
    });
    assert!(said.contains("behind its packed data"), "{said}");
    assert!(refused(|z| z.entry("logs/app.log").data[0] = 0xFF).contains("does not unpack"));
}
