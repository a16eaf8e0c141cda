//! Reading the structure of a zip that somebody else made. Central directory and local headers are both read and must
//! say the same; every byte of the file belongs to exactly one of them. What our writer never makes is refused.
use std::{
    collections::{HashMap, HashSet},
    io::{self, Read, Seek, SeekFrom},
};

use super::{
    LONGEST_NAME, MAX_ENTRIES,
    check::CheckError,
    entry::{folded, name_fault},
};

const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END_BYTES: u64 = 22;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
/// How hard the compressor tried: says nothing about the contents.
const EFFORT: u16 = 0b110;

/// Deflate cannot do better than 1,032 to 1; what claims more lies.
const MOST_RATIO: u64 = 1_032;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ZipEntry {
    pub name: String,
    pub method: Method,
    pub crc: u32,
    /// Bytes in the zip, from `data_at` on.
    pub packed: u64,
    /// Bytes when unpacked, as the headers say.
    pub size: u64,
    pub data_at: u64,
    header_at: u64,
    /// Flags, method, time and date, as they must stand in the local header too.
    common: [u8; 10],
}

/// The entries in the order of the directory. `zip_bytes` and `unpacked_bytes` bound the file and all that it unpacks to.
pub(super) fn read<R: Read + Seek>(
    zip: &mut R,
    zip_bytes: u64,
    unpacked_bytes: u64,
) -> Result<Vec<ZipEntry>, CheckError> {
    let length = zip.seek(SeekFrom::End(0))?;
    if length > zip_bytes {
        return Err(CheckError::TooLarge {
            found: length,
            limit: zip_bytes,
        });
    }
    let (directory_at, directory_bytes, count) = end_record(zip, length)?;
    let mut directory = vec![0; directory_bytes];
    zip.seek(SeekFrom::Start(directory_at))?;
    zip.read_exact(&mut directory)?;
    let mut entries = Vec::with_capacity(count);
    let mut rest = directory.as_slice();
    for number in 1..=count {
        entries.push(central(&mut rest, number)?);
    }
    if !rest.is_empty() {
        return Err(CheckError::Directory("has bytes behind its last entry"));
    }
    let total = entries.iter().map(|e| e.size).fold(0, u64::saturating_add);
    if total > unpacked_bytes {
        return Err(CheckError::UnpacksTooLarge {
            found: total,
            limit: unpacked_bytes,
        });
    }
    names(&entries)?;
    locals(zip, &mut entries, directory_at)?;
    Ok(entries)
}

/// Where the directory begins, its bytes, and how many entries it has.
fn end_record<R: Read + Seek>(zip: &mut R, length: u64) -> Result<(u64, usize, usize), CheckError> {
    let Some(at) = length.checked_sub(END_BYTES) else {
        return Err(CheckError::NotAZip);
    };
    let mut record = [0; END_BYTES as usize];
    zip.seek(SeekFrom::Start(at))?;
    zip.read_exact(&mut record)?;
    if !record.starts_with(END) {
        return Err(if ends_earlier(zip, length)? {
            CheckError::BehindEnd
        } else {
            CheckError::NotAZip
        });
    }
    if u16_at(&record, 20) != 0 {
        return Err(CheckError::Comment);
    }
    if u16_at(&record, 4) != 0 || u16_at(&record, 6) != 0 {
        return Err(CheckError::Directory("says that the zip has several parts"));
    }
    let (here, all) = (u16_at(&record, 8), u16_at(&record, 10));
    let (bytes, from) = (u32_at(&record, 12), u32_at(&record, 16));
    if here == u16::MAX || all == u16::MAX || bytes == u32::MAX || from == u32::MAX {
        return Err(CheckError::Zip64);
    }
    if here != all {
        return Err(CheckError::Directory(
            "gives two different numbers of entries",
        ));
    }
    if usize::from(all) > MAX_ENTRIES {
        return Err(CheckError::TooManyEntries { found: all.into() });
    }
    if u64::from(from) + u64::from(bytes) != at {
        return Err(CheckError::Directory(
            "does not end where the end record begins",
        ));
    }
    if bytes as usize > usize::from(all) * (CENTRAL_BYTES + LONGEST_NAME) {
        return Err(CheckError::Directory("is larger than its entries can be"));
    }
    Ok((from.into(), bytes as usize, all.into()))
}

/// Whether an end record stands before the file's end: a comment or bytes behind it.
fn ends_earlier<R: Read + Seek>(zip: &mut R, length: u64) -> Result<bool, CheckError> {
    let from = length.saturating_sub(END_BYTES + u64::from(u16::MAX));
    let mut tail = Vec::new();
    zip.seek(SeekFrom::Start(from))?;
    zip.take(length - from).read_to_end(&mut tail)?;
    Ok(memchr::memmem::rfind(&tail, END).is_some())
}

fn central(rest: &mut &[u8], number: usize) -> Result<ZipEntry, CheckError> {
    let Some((head, after)) = rest.split_at_checked(CENTRAL_BYTES) else {
        return Err(CheckError::Directory("ends within an entry"));
    };
    if !head.starts_with(CENTRAL) {
        return Err(CheckError::Directory("holds something that is no entry"));
    }
    let name_bytes = usize::from(u16_at(head, 28));
    let Some((name, after)) = after.split_at_checked(name_bytes) else {
        return Err(CheckError::Directory("ends within a name"));
    };
    let flags = u16_at(head, 8);
    let name = name_of(name, flags, number)?;
    let refuse = |what| {
        Err(CheckError::Entry {
            name: name.clone(),
            what,
        })
    };
    if flags & ENCRYPTED != 0 {
        return refuse("is encrypted");
    }
    if flags & DESCRIPTOR != 0 {
        return refuse(
            "gives its sizes behind its data, where they could differ; expected them in its header",
        );
    }
    if flags & !(UTF8 | EFFORT) != 0 {
        return refuse("has flags that packets do not use");
    }
    let method = match u16_at(head, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        _ => return refuse("is compressed in another way than deflate"),
    };
    let (crc, packed, size) = (u32_at(head, 16), u32_at(head, 20), u32_at(head, 24));
    let header_at = u32_at(head, 42);
    if packed == u32::MAX || size == u32::MAX || header_at == u32::MAX {
        return Err(CheckError::Zip64);
    }
    if u16_at(head, 30) != 0 {
        return refuse("has extra fields (zip64 or others); expected none");
    }
    if u16_at(head, 32) != 0 {
        return refuse("has a comment; expected none");
    }
    if u16_at(head, 34) != 0 {
        return refuse("stands in another part of the zip");
    }
    let attributes = u32_at(head, 38);
    // Whatever system is named, the high half is a Unix mode where there is one.
    if !matches!(attributes >> 16 & 0o170_000, 0 | 0o100_000) {
        return refuse("is a link or a device; expected a regular file");
    }
    if attributes & 0x10 != 0 {
        return refuse("is a folder; expected a regular file");
    }
    if method == Method::Stored && packed != size {
        return refuse("is stored and has two different sizes");
    }
    if u64::from(size) > u64::from(packed) * MOST_RATIO {
        return refuse("claims to unpack to more than deflate can pack");
    }
    *rest = after;
    let mut common = [0; 10];
    common.copy_from_slice(&head[6..16]);
    Ok(ZipEntry {
        name,
        method,
        crc,
        packed: packed.into(),
        size: size.into(),
        data_at: 0,
        header_at: header_at.into(),
        common,
    })
}

fn name_of(bytes: &[u8], flags: u16, number: usize) -> Result<String, CheckError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() || flags & UTF8 != 0 => text,
        _ => {
            return Err(CheckError::Name {
                name: format!("number {number}"),
                what: "is not marked UTF-8 text",
            });
        }
    };
    match name_fault(text) {
        None => Ok(text.to_owned()),
        Some(what) => Err(CheckError::Name {
            name: text.chars().take(100).collect(),
            what,
        }),
    }
}

/// No name twice, also where case does not count, and none that is another's folder.
fn names(entries: &[ZipEntry]) -> Result<(), CheckError> {
    let mut seen: HashMap<String, &str> = HashMap::with_capacity(entries.len());
    let mut folders = HashSet::new();
    for entry in entries {
        let name = folded(&entry.name);
        for (at, _) in name.match_indices('/') {
            folders.insert(name[..at].to_owned());
        }
        if let Some(other) = seen.insert(name, &entry.name) {
            let what = if other == entry.name {
                "stands twice"
            } else {
                "stands twice where case does not count"
            };
            return Err(CheckError::Name {
                name: entry.name.clone(),
                what,
            });
        }
    }
    match entries.iter().find(|e| folders.contains(&folded(&e.name))) {
        Some(entry) => Err(CheckError::Name {
            name: entry.name.clone(),
            what: "is a file and a folder",
        }),
        None => Ok(()),
    }
}

/// The local headers say what the directory says, and with their data fill the file from its begin to the directory.
fn locals<R: Read + Seek>(
    zip: &mut R,
    entries: &mut [ZipEntry],
    directory_at: u64,
) -> Result<(), CheckError> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|i| entries[*i].header_at);
    let mut expected = 0;
    for i in order {
        let entry = &mut entries[i];
        let refuse = |what| {
            Err(CheckError::Entry {
                name: entry.name.clone(),
                what,
            })
        };
        if entry.header_at < expected {
            return refuse("overlaps the entry before it");
        }
        if entry.header_at > expected {
            return refuse(
                "does not begin where the entry before it ends: bytes stand between that belong to none",
            );
        }
        let end = entry.header_at + LOCAL_BYTES as u64 + entry.name.len() as u64 + entry.packed;
        if end > directory_at {
            return refuse("reaches into the directory");
        }
        let mut header = vec![0; LOCAL_BYTES + entry.name.len()];
        zip.seek(SeekFrom::Start(entry.header_at))?;
        zip.read_exact(&mut header)?;
        if !header.starts_with(LOCAL) {
            return refuse("has no local header where the directory says");
        }
        if header[4..14] != entry.common {
            return refuse(
                "has another version, flags, method or date in its local header than in the directory",
            );
        }
        if u32_at(&header, 14) != entry.crc {
            return refuse("has another checksum in its local header than in the directory");
        }
        if u64::from(u32_at(&header, 18)) != entry.packed
            || u64::from(u32_at(&header, 22)) != entry.size
        {
            return refuse("has other sizes in its local header than in the directory");
        }
        if usize::from(u16_at(&header, 26)) != entry.name.len()
            || &header[LOCAL_BYTES..] != entry.name.as_bytes()
        {
            return refuse("has another name in its local header than in the directory");
        }
        if u16_at(&header, 28) != 0 {
            return refuse("has extra fields (zip64 or others) in its local header; expected none");
        }
        entry.data_at = end - entry.packed;
        expected = end;
    }
    if expected == directory_at {
        Ok(())
    } else {
        Err(CheckError::Directory(
            "does not begin where the last entry ends",
        ))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
