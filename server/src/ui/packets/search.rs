//! Looking for words in a packet's text files: as they stream by, within bounds of hits, bytes and time.
use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use boathook_hooks::packet::FileEntry;

use super::{
    Fault, Zip, begin, is_binary,
    rows::{ROW_BYTES, Rows, Spot},
};
use crate::{
    api::packets::Still,
    ui::shown::{Shown, Words},
};

/// What one search may find and read.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub hits_a_file: usize,
    pub hits: usize,
    /// Unpacked.
    pub bytes: u64,
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            hits_a_file: 20,
            hits: 200,
            bytes: 256 << 20,
            time: Duration::from_secs(10),
        }
    }
}

/// Of one row before, that much is looked at again where a long line is several rows.
const OVERLAP: usize = 512;
/// Characters of a line that are shown.
const SHOWN: usize = 240;

#[derive(Debug, Default)]
pub struct Found {
    pub files: Vec<FoundIn>,
    pub hits: usize,
    /// Files that were read to their end, or to their last hit.
    pub searched: usize,
    pub binary: usize,
    /// Why the search did not come to its end, and how many files it did not come to.
    pub stopped: Option<(&'static str, usize)>,
    /// Files that are not what the instance signed, with words.
    pub faults: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct FoundIn {
    pub path: String,
    pub hits: Vec<Hit>,
    /// There are more.
    pub more: bool,
}

#[derive(Debug)]
pub struct Hit {
    pub spot: Spot,
    pub line: Shown,
}

/// What lies in one file.
struct OfFile {
    hits: Vec<Hit>,
    more: bool,
    binary: bool,
    stopped: Option<&'static str>,
}

pub fn search(mut zip: Zip, words: &Words, bounds: Bounds, still: &Still) -> Result<Found, Fault> {
    let open = zip.open()?;
    let files: Vec<&FileEntry> = open.statement().all_files().collect();
    let mut found = Found::default();
    let mut meter = Meter {
        bytes: bounds.bytes,
        until: Instant::now() + bounds.time,
        stopped: None,
    };
    for (n, file) in files.iter().enumerate() {
        let most = bounds.hits_a_file.min(bounds.hits - found.hits);
        if most == 0 {
            found.stopped = Some(("that many hits", files.len() - n));
            break;
        }
        let read = zip.file(&open, &file.path, still, |from| {
            in_file(from, words, most, &mut meter)
        });
        let of_file = match read {
            Ok(of_file) => of_file,
            Err(Fault::Differs(why)) => {
                found.faults.push((file.path.clone(), why));
                continue;
            }
            Err(other) => return Err(other),
        };
        found.hits += of_file.hits.len();
        found.binary += usize::from(of_file.binary);
        if !of_file.hits.is_empty() {
            found.files.push(FoundIn {
                path: file.path.clone(),
                hits: of_file.hits,
                more: of_file.more,
            });
        }
        if let Some(why) = of_file.stopped {
            found.stopped = Some((why, files.len() - n));
            break;
        }
        found.searched += usize::from(!of_file.binary);
    }
    Ok(found)
}

fn in_file(
    from: &mut dyn Read,
    words: &Words,
    most: usize,
    meter: &mut Meter,
) -> io::Result<OfFile> {
    let mut of_file = OfFile {
        hits: Vec::new(),
        more: false,
        binary: false,
        stopped: None,
    };
    let first = begin(from)?;
    if is_binary(&first) {
        of_file.binary = true;
        return Ok(of_file);
    }
    let metered = Metered { from, meter };
    let mut rows = Rows::new(first.as_slice().chain(metered));
    let (mut row, mut room) = (Vec::new(), Vec::with_capacity(ROW_BYTES + OVERLAP));
    while let Some(spot) = rows.advance()? {
        // Words that a long line is broken within.
        let keep = match spot.byte {
            0 => 0,
            _ => row.len().min(OVERLAP),
        };
        row.drain(..row.len() - keep);
        row.extend_from_slice(rows.row());
        if !words.all_in(&row, &mut room) {
            continue;
        }
        if of_file.hits.len() == most {
            of_file.more = true;
            return Ok(of_file);
        }
        of_file.hits.push(Hit {
            spot,
            line: cut(&row, words),
        });
        // A hit in the overlap was told.
        row.clear();
    }
    drop(rows);
    of_file.stopped = meter.stopped;
    Ok(of_file)
}

fn cut(row: &[u8], words: &Words) -> Shown {
    let text = String::from_utf8_lossy(row);
    let (before, part, after) = words.around(&text, SHOWN);
    let part = format!(
        "{}{part}{}",
        if before { "…" } else { "" },
        if after { "…" } else { "" }
    );
    Shown::of_bytes(part.as_bytes(), words)
}

/// What a search may read still.
struct Meter {
    bytes: u64,
    until: Instant,
    stopped: Option<&'static str>,
}

/// Ends early, as if the file did, when the meter is used up.
struct Metered<'m, 'r> {
    from: &'r mut dyn Read,
    meter: &'m mut Meter,
}

impl Read for Metered<'_, '_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let stop = match &self.meter {
            Meter { bytes: 0, .. } => Some("that many bytes"),
            Meter { until, .. } if Instant::now() > *until => Some("that much time"),
            _ => None,
        };
        if stop.is_some() {
            self.meter.stopped = stop;
            return Ok(0);
        }
        let n = self.from.read(to)?;
        self.meter.bytes = self.meter.bytes.saturating_sub(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter {
            bytes: u64::MAX,
            until: Instant::now() + Duration::from_secs(60),
            stopped: None,
        }
    }

    fn hits(text: &[u8], search: &str, most: usize, meter: &mut Meter) -> OfFile {
        in_file(&mut &text[..], &Words::of(search), most, meter).unwrap()
    }

    fn spots(of_file: &OfFile) -> Vec<String> {
        of_file.hits.iter().map(|h| h.spot.to_string()).collect()
    }

    #[test]
    fn hits_have_their_lines_and_a_file_has_so_many() {
        let text = "one\ntwo\nONE more\nnothing\nanother one\n".as_bytes();
        let found = hits(text, "one", 9, &mut meter());
        assert_eq!(spots(&found), ["1", "3", "5"]);
        assert!(!found.more);
        let found = hits(text, "one", 2, &mut meter());
        assert_eq!((spots(&found).len(), found.more), (2, true));
        let found = hits(text, "one", 3, &mut meter());
        assert!(!found.more);
    }

    #[test]
    fn a_word_that_a_long_line_is_broken_within_is_found_once() {
        let mut text = vec![b'x'; ROW_BYTES - 3];
        text.extend_from_slice(b"needle");
        text.extend(vec![b'y'; ROW_BYTES]);
        let found = hits(&text, "needle", 9, &mut meter());
        assert_eq!(spots(&found), ["1.8192"]);
        assert!(found.hits[0].line.plain().contains("needle"));
        assert!(found.hits[0].line.plain().chars().count() <= SHOWN + 2);
        // But no words of two lines.
        assert!(spots(&hits(b"a\nb", "a b", 9, &mut meter())).is_empty());
    }

    #[test]
    fn binary_files_are_passed_over() {
        let found = hits(b"needle\0", "needle", 9, &mut meter());
        assert!(found.binary && found.hits.is_empty());
    }

    #[test]
    fn a_search_ends_with_its_bytes_and_its_time() {
        let text = "needle\n".repeat(100_000).into_bytes();
        let mut few = Meter {
            bytes: 100_000,
            ..meter()
        };
        let found = hits(&text, "nothing", 9, &mut few);
        assert_eq!(found.stopped, Some("that many bytes"));
        let mut late = Meter {
            until: Instant::now() - Duration::from_millis(1),
            ..meter()
        };
        let found = hits(&text, "nothing", 9, &mut late);
        assert_eq!(found.stopped, Some("that much time"));
    }
}
