//! Packets forged by hand: each refusal by a packet that would pass without it.
#![allow(clippy::unwrap_used)]
mod entries;
mod reading;
mod statement;
mod whole;

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
