//! Packets forged by hand: each refusal by a packet that would pass without it.
#![allow(clippy::unwrap_used)]
use std::io::{Cursor, Write as _};

use flate2::{Compression, Crc, write::DeflateEncoder};
use proptest::prelude::*;

use super::*;
use crate::{
    keys::SecretKey,
    packet::{
        Section,
        write::tests::{finish, key, noise, section, writer},
    },
};

const LIMITS: CheckLimits = CheckLimits {
    zip_bytes: 1 << 20,
    unpacked_bytes: 10 << 20,
};

/// The fields that both headers of an entry have.
#[derive(Clone)]
struct Header {
    flags: u16,
    method: u16,
    date: u16,
    crc: u32,
    packed: u32,
    size: u32,
    name: Vec<u8>,
    extra: Vec<u8>,
}

#[derive(Clone)]
struct Entry {
    local: Header,
    central: Header,
    made_by: u16,
    attributes: u32,
    disk: u16,
    comment: Vec<u8>,
    /// Bytes before the local header, which no entry has.
    gap: Vec<u8>,
    /// Where the directory says the entry begins, if not where it does.
    says_at: Option<u32>,
    data: Vec<u8>,
}

/// A zip of which every field can be a lie.
#[derive(Clone)]
struct Zip {
    entries: Vec<Entry>,
    junk_before_directory: Vec<u8>,
    junk_in_directory: Vec<u8>,
    comment: Vec<u8>,
    behind: Vec<u8>,
    /// Added to the numbers of the end record: disk, entries here, entries in all, bytes, offset.
    end: [u32; 5],
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut e = DeflateEncoder::new(Vec::new(), Compression::default());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

impl Entry {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let data = deflate(bytes);
        let mut crc = Crc::new();
        crc.update(bytes);
        let header = Header {
            flags: 0x800,
            method: 8,
            date: 0x21,
            crc: crc.sum(),
            packed: data.len() as u32,
            size: bytes.len() as u32,
            name: name.into(),
            extra: vec![],
        };
        Self {
            local: header.clone(),
            central: header,
            made_by: 3 << 8 | 20,
            attributes: 0o100_644 << 16,
            disk: 0,
            comment: vec![],
            gap: vec![],
            says_at: None,
            data,
        }
    }

    /// Both headers, changed alike: the lie is consistent.
    fn both(&mut self, change: impl Fn(&mut Header)) {
        change(&mut self.local);
        change(&mut self.central);
    }
}

impl Header {
    fn put(&self, out: &mut Vec<u8>) {
        for field in [self.flags, self.method, 0, self.date] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.crc, self.packed, self.size] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.extra.len() as u16).to_le_bytes());
    }
}

impl Zip {
    fn of(files: &[(String, Vec<u8>)]) -> Self {
        Self {
            entries: files
                .iter()
                .map(|(name, bytes)| Entry::new(name, bytes))
                .collect(),
            junk_before_directory: vec![],
            junk_in_directory: vec![],
            comment: vec![],
            behind: vec![],
            end: [0; 5],
        }
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        self.entries
            .iter_mut()
            .find(|e| e.central.name == name.as_bytes())
            .unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        for e in &self.entries {
            out.extend_from_slice(&e.gap);
            let at = e.says_at.unwrap_or(out.len() as u32);
            out.extend_from_slice(b"PK\x03\x04\x14\0");
            e.local.put(&mut out);
            out.extend_from_slice(&e.local.name);
            out.extend_from_slice(&e.local.extra);
            out.extend_from_slice(&e.data);
            directory.extend_from_slice(b"PK\x01\x02");
            directory.extend_from_slice(&e.made_by.to_le_bytes());
            directory.extend_from_slice(b"\x14\0");
            e.central.put(&mut directory);
            directory.extend_from_slice(&(e.comment.len() as u16).to_le_bytes());
            directory.extend_from_slice(&e.disk.to_le_bytes());
            directory.extend_from_slice(&[0; 2]);
            directory.extend_from_slice(&e.attributes.to_le_bytes());
            directory.extend_from_slice(&at.to_le_bytes());
            directory.extend_from_slice(&e.central.name);
            directory.extend_from_slice(&e.central.extra);
            directory.extend_from_slice(&e.comment);
        }
        out.extend_from_slice(&self.junk_before_directory);
        let at = out.len() as u32;
        directory.extend_from_slice(&self.junk_in_directory);
        out.extend_from_slice(&directory);
        out.extend_from_slice(b"PK\x05\x06");
        let n = self.entries.len() as u32;
        let put16 = |out: &mut Vec<u8>, n: u32| out.extend_from_slice(&(n as u16).to_le_bytes());
        put16(&mut out, self.end[0]);
        put16(&mut out, 0);
        put16(&mut out, n.wrapping_add(self.end[1]));
        put16(&mut out, n.wrapping_add(self.end[2]));
        out.extend_from_slice(
            &(directory.len() as u32)
                .wrapping_add(self.end[3])
                .to_le_bytes(),
        );
        out.extend_from_slice(&at.wrapping_add(self.end[4]).to_le_bytes());
        put16(&mut out, self.comment.len() as u32);
        out.extend_from_slice(&self.comment);
        out.extend_from_slice(&self.behind);
        out
    }
}

/// A packet as our writer makes it.
fn honest() -> Vec<u8> {
    let mut w = writer(1 << 20);
    section(
        &mut w,
        "logs",
        &[
            ("app.log", b"one\ntwo\nthree\n"),
            ("other.log", &noise(3000, 5)),
        ],
    );
    section(&mut w, "host", &[("host.json", b"{}\n")]);
    finish(w).0
}

/// Its files, in order.
fn files() -> Vec<(String, Vec<u8>)> {
    let bytes = honest();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|i| {
            let mut file = zip.by_index(i).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn verdict(bytes: &[u8]) -> Result<CheckedPacket, CheckError> {
    check(&mut Cursor::new(bytes), &key().public(), LIMITS)
}

/// The words of the refusal of a zip with one lie.
fn refused(lie: impl FnOnce(&mut Zip)) -> String {
    let mut zip = Zip::of(&files());
    assert!(
        verdict(&zip.bytes()).is_ok(),
        "without the lie the packet passes"
    );
    lie(&mut zip);
    verdict(&zip.bytes())
        .expect_err("the lie must be refused")
        .to_string()
}

/// The words of the refusal of a packet with another statement, signed by the instance itself.
fn refused_statement(lie: impl FnOnce(&mut Statement, &mut Vec<(String, Vec<u8>)>)) -> String {
    let mut files = files();
    let statement = files.iter().position(|f| f.0 == STATEMENT).unwrap();
    let mut parsed = Statement::from_json(&files[statement].1).unwrap();
    lie(&mut parsed, &mut files);
    resign(
        &mut files,
        &parsed.to_json().unwrap(),
        &[&key()],
        PACKET_PAYLOAD_TYPE,
    );
    verdict(&Zip::of(&files).bytes())
        .expect_err("the lie must be refused")
        .to_string()
}

fn resign(
    files: &mut [(String, Vec<u8>)],
    payload: &[u8],
    keys: &[&SecretKey],
    payload_type: &str,
) {
    for (name, bytes) in files {
        match name.as_str() {
            STATEMENT => *bytes = payload.to_vec(),
            ENVELOPE => {
                *bytes = Envelope::sign(payload_type, payload.to_vec(), keys)
                    .to_json()
                    .into_bytes()
            }
            _ => {}
        }
    }
}

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

#[test]
fn contents_that_differ_from_the_statement_are_refused() {
    let said =
        refused(|z| *z.entry("logs/app.log") = Entry::new("logs/app.log", b"one\ntwo\nTHREE\n"));
    assert!(
        said.contains("SHA-256") && said.contains("logs/app.log"),
        "{said}"
    );
    let said = refused(|z| *z.entry("logs/app.log") = Entry::new("logs/app.log", b"one\n"));
    assert!(said.contains("has 4 bytes; expected 14"), "{said}");
    let said = refused(|z| *z.entry("redactions.json") = Entry::new("redactions.json", b"{}"));
    assert!(said.contains("redactions.json"), "{said}");
}

#[test]
fn unlisted_and_missing_entries_are_refused() {
    assert!(
        refused(|z| z.entries.push(Entry::new("logs/more", b"x")))
            .contains("\"logs/more\" is not listed")
    );
    assert!(refused(|z| z.entries.push(Entry::new("more", b""))).contains("not listed"));
    for name in ["logs/app.log", REDACTIONS, STATEMENT, ENVELOPE] {
        let said = refused(|z| z.entries.retain(|e| e.central.name != name.as_bytes()));
        assert!(said.contains(&format!("no entry {name:?}")), "{said}");
    }
}

#[test]
fn a_statement_that_lists_a_file_twice_or_in_another_folder_is_refused() {
    let said = refused_statement(|s, _| {
        let twin = s.sections[0].files[0].clone();
        s.sections[0].files.push(twin);
    });
    assert!(said.contains("lists \"logs/app.log\" twice"), "{said}");
    let said = refused_statement(|s, _| {
        let file = s.sections[0].files.remove(0);
        s.sections[1].files.push(file);
    });
    assert!(said.contains("not in the folder of its section"), "{said}");
    let said = refused_statement(|s, _| {
        let file = s.sections[0].files.remove(0);
        s.files.push(file);
    });
    assert!(said.contains("folder"), "{said}");
    let said = refused_statement(|s, _| {
        let twin = Section {
            files: vec![],
            ..s.sections[0].clone()
        };
        s.sections.push(twin);
    });
    assert!(said.contains("section \"logs\" twice"), "{said}");
}

#[test]
fn a_statement_of_another_key_or_with_other_bytes_is_refused() {
    let other = SecretKey::from_seed(&[9; 32]);
    let statement =
        |files: &[(String, Vec<u8>)]| files.iter().find(|f| f.0 == STATEMENT).unwrap().1.clone();
    let mut forged = files();
    let payload = statement(&forged);

    resign(&mut forged, &payload, &[&other], PACKET_PAYLOAD_TYPE);
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Signature { .. })
    ));
    assert!(matches!(
        check_unknown(&mut Cursor::new(Zip::of(&forged).bytes()), LIMITS),
        Err(CheckError::Signature { .. })
    ));

    resign(&mut forged, &payload, &[], PACKET_PAYLOAD_TYPE);
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Signatures(0))
    ));
    resign(
        &mut forged,
        &payload,
        &[&key(), &other],
        PACKET_PAYLOAD_TYPE,
    );
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Signatures(2))
    ));

    resign(
        &mut forged,
        &payload,
        &[&key()],
        "application/vnd.boathook.receipt.v1+bson",
    );
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Envelope(EnvelopeError::OtherType { .. }))
    ));

    // The envelope signs one statement, the zip shows another.
    let mut shown = files();
    shown
        .iter_mut()
        .filter(|f| f.0 == STATEMENT)
        .for_each(|f| f.1.push(b' '));
    assert!(matches!(
        verdict(&Zip::of(&shown).bytes()),
        Err(CheckError::OtherPayload)
    ));

    // Signed by the right key, naming another.
    let said = refused_statement(|s, _| s.instance_key = other.public());
    assert!(said.contains("names another key"), "{said}");
}

#[test]
fn a_statement_with_unknown_fields_is_refused() {
    let mut forged = files();
    let payload = forged.iter().find(|f| f.0 == STATEMENT).unwrap().1.clone();
    let more = String::from_utf8(payload)
        .unwrap()
        .replacen('{', "{\"extra\":1,", 1);
    resign(&mut forged, more.as_bytes(), &[&key()], PACKET_PAYLOAD_TYPE);
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Statement(_))
    ));
}

#[test]
fn a_statement_that_is_too_large_is_refused_before_it_is_unpacked() {
    let mut forged = files();
    let mut payload = forged.iter().find(|f| f.0 == STATEMENT).unwrap().1.clone();
    payload.extend(std::iter::repeat_n(b' ', MAX_STATEMENT));
    resign(&mut forged, &payload, &[&key()], PACKET_PAYLOAD_TYPE);
    let said = verdict(&Zip::of(&forged).bytes()).unwrap_err().to_string();
    assert!(
        said.contains("\"packet.json\" is larger than a statement can be"),
        "{said}"
    );
}

#[test]
fn a_packet_of_another_hook_claim_instance_or_customer_is_refused() {
    let packet = verdict(&honest()).unwrap();
    let statement = packet.statement().clone();
    let (hook, claim) = (statement.hook.unwrap().digest, statement.claim.unwrap());
    let (instance, customer) = (statement.instance.unwrap(), statement.customer.unwrap());
    let right = Expected {
        hook: &hook,
        claim: &claim,
        instance: &instance,
        customer: &customer,
    };
    packet.expect(&right).unwrap();
    let other_claim = ClaimId {
        reservation: 2,
        ..claim.clone()
    };
    let (other_hook, other_instance, other_customer) = (
        Digest::of(b"x"),
        "i-2".parse().unwrap(),
        "other".parse().unwrap(),
    );
    for (what, wrong) in [
        (
            "hook",
            Expected {
                hook: &other_hook,
                ..right.clone()
            },
        ),
        (
            "claim",
            Expected {
                claim: &other_claim,
                ..right.clone()
            },
        ),
        (
            "instance",
            Expected {
                instance: &other_instance,
                ..right.clone()
            },
        ),
        (
            "customer",
            Expected {
                customer: &other_customer,
                ..right.clone()
            },
        ),
    ] {
        let said = packet.expect(&wrong).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("the packet is of another {what}")),
            "{said}"
        );
    }
}

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
