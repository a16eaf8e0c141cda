//! What a crash left of a packet: the whole entries of a zip that has no directory yet.
use std::{
    collections::HashMap,
    io::{self, Read, Seek, SeekFrom},
};

use flate2::read::DeflateDecoder;
use sha2::{Digest as _, Sha256};

use super::{FileEntry, MAX_ENTRIES, zip_out::LOCAL};
use crate::ids::Digest;

const HEADER: usize = 30;

/// Finds entries by their local headers, as [`super::PacketWriter`] writes them: one that was not ended has no size.
pub struct Salvage<R> {
    zip: R,
    entries: HashMap<String, Place>,
}

#[derive(Clone, Copy)]
struct Place {
    at: u64,
    packed: u64,
}

impl<R: Read + Seek> Salvage<R> {
    pub fn open(mut zip: R) -> io::Result<Self> {
        let end = zip.seek(SeekFrom::End(0))?;
        let mut entries = HashMap::new();
        let mut at = 0;
        while at + (HEADER as u64) < end && entries.len() < MAX_ENTRIES {
            zip.seek(SeekFrom::Start(at))?;
            let mut header = [0; HEADER];
            zip.read_exact(&mut header)?;
            let two = |n: usize| u64::from(header[n]) | u64::from(header[n + 1]) << 8;
            let four = |n: usize| two(n) | two(n + 2) << 16;
            let (packed, name, extra) = (four(18), two(26), two(28));
            let data = at + HEADER as u64 + name + extra;
            if four(0) != u64::from(LOCAL) || packed == 0 || data + packed > end {
                break;
            }
            let mut bytes = vec![0; usize::try_from(name).map_err(io::Error::other)?];
            zip.read_exact(&mut bytes)?;
            let Ok(name) = String::from_utf8(bytes) else {
                break;
            };
            entries.insert(name, Place { at: data, packed });
            at = data + packed;
        }
        Ok(Self { zip, entries })
    }

    /// Whether the file is there as it is listed, by size and SHA-256.
    pub fn holds(&mut self, file: &FileEntry) -> io::Result<bool> {
        let Some(mut reader) = self.read(&file.path)? else {
            return Ok(false);
        };
        let (mut sha256, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    size += n as u64;
                    sha256.update(&buffer[..n]);
                }
                // What does not unpack is damaged.
                Err(_) => return Ok(false),
            }
            if size > file.bytes {
                return Ok(false);
            }
        }
        Ok(size == file.bytes && Digest(sha256.finalize().into()) == file.sha256)
    }

    pub(super) fn read(&mut self, path: &str) -> io::Result<Option<impl Read + use<'_, R>>> {
        let Some(place) = self.entries.get(path).copied() else {
            return Ok(None);
        };
        self.zip.seek(SeekFrom::Start(place.at))?;
        Ok(Some(DeflateDecoder::new(
            (&mut self.zip).take(place.packed),
        )))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::packet::{
        CheckLimits, Content, Outcome, check_unknown,
        write::tests::{key, section, writer},
    };
    use crate::time::Time;

    /// A packet cut off in its third section, and the sections that were finished.
    fn cut_off() -> (Vec<u8>, Vec<crate::packet::Section>) {
        let mut writer = writer(1 << 20);
        let mut finished = Vec::new();
        for (name, text) in [("one", "password=hunter2\n"), ("two", "plain words\n")] {
            section(&mut writer, name, &[("a.txt", text.as_bytes())]);
            finished.push(writer.last_section().unwrap().clone());
        }
        writer
            .begin_section("three".parse().unwrap(), "file", Time::from_ms(1))
            .unwrap();
        writer.begin_file("b.txt", Content::Text).unwrap();
        writer.write(b"half a li").unwrap();
        (writer.abandon().into_inner(), finished)
    }

    #[test]
    fn what_was_finished_before_a_crash_becomes_a_packet_that_holds() {
        let (left, finished) = cut_off();
        let mut salvage = Salvage::open(Cursor::new(left)).unwrap();
        let mut second = writer(1 << 20);
        for section in finished {
            assert!(section.files.iter().all(|f| salvage.holds(f).unwrap()));
            second.adopt(section, &mut salvage).unwrap();
        }
        let (mut zip, _) = second.finish(Time::from_ms(9), true, &key()).unwrap();
        let checked = check_unknown(&mut zip, CheckLimits::zip_bytes(1 << 20)).unwrap();
        let statement = checked.statement().clone();
        assert!(statement.interrupted);
        let names: Vec<_> = statement
            .sections
            .iter()
            .map(|s| (s.name.as_str(), s.outcome))
            .collect();
        assert_eq!(names, [("one", Outcome::Ok), ("two", Outcome::Ok)]);
        let mut text = String::new();
        checked
            .file(&mut zip, "one/a.txt")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(
            text.starts_with("password=") && !text.contains("hunter2"),
            "{text}"
        );
        assert_eq!(
            statement.sections[0].files[0]
                .redactions
                .values()
                .sum::<u64>(),
            1
        );
    }

    #[test]
    fn a_damaged_or_missing_file_does_not_hold() {
        let (mut left, finished) = cut_off();
        let file = finished[1].files[0].clone();
        let at = left
            .windows(file.path.len())
            .position(|w| w == file.path.as_bytes())
            .unwrap();
        left[at + file.path.len() + 3] ^= 0x40;
        let mut salvage = Salvage::open(Cursor::new(left.clone())).unwrap();
        assert!(salvage.holds(&finished[0].files[0]).unwrap());
        assert!(!salvage.holds(&file).unwrap());
        let mut writer = writer(1 << 20);
        assert!(writer.adopt(finished[1].clone(), &mut salvage).is_err());
        left.truncate(at);
        let mut salvage = Salvage::open(Cursor::new(left)).unwrap();
        assert!(!salvage.holds(&file).unwrap());
    }
}
