//! `Shown`: text that others chose, shown as what it is. Characters that would change how the text around them reads, or
//! would not be seen, stand as escapes such as `⟨U+202E⟩`; askama escapes the rest.
use memchr::memmem;

/// How a piece of text stands on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Plain,
    /// An escape in place of a character.
    Odd,
    /// A word that was searched for.
    Found,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub look: Look,
}

impl Piece {
    pub fn is_odd(&self) -> bool {
        self.look == Look::Odd
    }

    pub fn is_found(&self) -> bool {
        self.look == Look::Found
    }
}

/// Pieces of one text, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown(Vec<Piece>);

impl Shown {
    pub fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes(), &Words::default())
    }

    /// What is no UTF-8 stands byte by byte, such as `⟨FF⟩`; `words` are marked.
    pub fn of_bytes(bytes: &[u8], words: &Words) -> Self {
        let mut shown = Self::default();
        for chunk in bytes.utf8_chunks() {
            shown.text(chunk.valid(), words);
            for byte in chunk.invalid() {
                shown.odd(&format!("⟨{byte:02X}⟩"));
            }
        }
        shown
    }

    /// At most `most` characters; what is left out is said.
    pub fn cut(text: &str, most: usize) -> Self {
        match text.char_indices().nth(most) {
            None => Self::of(text),
            Some((at, _)) => {
                let mut shown = Self::of(&text[..at]);
                let rest = text[at..].chars().count();
                shown.odd(&format!("… {rest} more characters"));
                shown
            }
        }
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// As text alone, for titles.
    pub fn plain(&self) -> String {
        self.0.iter().map(|p| p.text.as_str()).collect()
    }

    fn text(&mut self, text: &str, words: &Words) {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_odd(*c)) {
            self.marked(&rest[..at], words);
            self.odd(&format!("⟨U+{:04X}⟩", u32::from(c)));
            rest = &rest[at + c.len_utf8()..];
        }
        self.marked(rest, words);
    }

    fn marked(&mut self, text: &str, words: &Words) {
        let mut at = 0;
        for hit in words.places(text) {
            self.push(&text[at..hit.start], Look::Plain);
            self.push(&text[hit.clone()], Look::Found);
            at = hit.end;
        }
        self.push(&text[at..], Look::Plain);
    }

    fn odd(&mut self, escape: &str) {
        self.push(escape, Look::Odd);
    }

    /// Neighbours that look alike are one piece.
    fn push(&mut self, text: &str, look: Look) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.look == look && look != Look::Found => last.text.push_str(text),
            _ => self.0.push(Piece {
                text: text.to_owned(),
                look,
            }),
        }
    }
}

/// Controls, marks that turn the direction of text, and what takes no room.
pub fn is_odd(c: char) -> bool {
    match c {
        '\t' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Longest search, in characters.
pub const LONGEST_SEARCH: usize = 300;
const MOST_WORDS: usize = 8;

/// Literal words that are looked for whatever their case: parted by blanks, or held together by `"`.
#[derive(Debug, Default)]
pub struct Words(Vec<Word>);

#[derive(Debug)]
struct Word {
    folded: String,
    finder: memmem::Finder<'static>,
}

impl Words {
    /// The first eight words of the first 300 characters.
    pub fn of(search: &str) -> Self {
        let search: String = search.chars().take(LONGEST_SEARCH).map(folded).collect();
        let quoted = search.split('"').enumerate().flat_map(|(n, part)| {
            let words: Vec<&str> = match n % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            };
            words
        });
        let word = |word: &str| Word {
            finder: memmem::Finder::new(word).into_owned(),
            folded: word.to_owned(),
        };
        Self(
            quoted
                .filter(|w| !w.is_empty())
                .take(MOST_WORDS)
                .map(word)
                .collect(),
        )
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `line` holds all of them. `room` is used again and again.
    pub fn all_in(&self, line: &[u8], room: &mut Vec<u8>) -> bool {
        room.clear();
        if line.is_ascii() {
            room.extend_from_slice(line);
            room.make_ascii_lowercase();
        } else {
            let mut four = [0; 4];
            for c in String::from_utf8_lossy(line).chars() {
                room.extend_from_slice(folded(c).encode_utf8(&mut four).as_bytes());
            }
        }
        self.0.iter().all(|word| word.finder.find(room).is_some())
    }

    /// Where they stand in `text`, in order, none over another.
    fn places(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        if self.is_empty() || text.is_empty() {
            return Vec::new();
        }
        // Folding keeps the number of characters, not that of bytes.
        let mut same = String::with_capacity(text.len());
        let mut begins = Vec::new();
        for (at, c) in text.char_indices() {
            begins.push((same.len(), at));
            same.push(folded(c));
        }
        begins.push((same.len(), text.len()));
        let of_text = |at: usize| match begins.binary_search_by_key(&at, |(folded, _)| *folded) {
            Ok(n) | Err(n) => begins[n.min(begins.len() - 1)].1,
        };
        let mut hits: Vec<_> = self
            .0
            .iter()
            .flat_map(|w| {
                let found = same.match_indices(&w.folded);
                found.map(|(at, w)| of_text(at)..of_text(at + w.len()))
            })
            .collect();
        hits.sort_by_key(|hit| hit.start);
        let mut end = 0;
        hits.retain(|hit| {
            let is_free = hit.start >= end;
            if is_free {
                end = hit.end;
            }
            is_free
        });
        hits
    }

    /// About `room` characters of `text` around the first of them.
    pub fn around<'t>(&self, text: &'t str, room: usize) -> (bool, &'t str, bool) {
        let first = self.places(text).first().map_or(0, |hit| hit.start);
        let from = text[..first]
            .char_indices()
            .rev()
            .nth(room / 3)
            .map_or(0, |(at, _)| at);
        let to = text[from..]
            .char_indices()
            .nth(room)
            .map_or(text.len(), |(at, _)| from + at);
        (from > 0, &text[from..to], to < text.len())
    }
}

/// One character for one, so that places can be told.
fn folded(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(shown: &Shown) -> Vec<(&str, Look)> {
        shown
            .pieces()
            .iter()
            .map(|p| (p.text.as_str(), p.look))
            .collect()
    }

    #[test]
    fn what_would_not_be_seen_or_would_turn_text_around_is_an_escape() {
        for (text, plain) in [
            ("a\tb größe 日本", "a\tb größe 日本"),
            ("x\u{202e}gpj.exe", "x⟨U+202E⟩gpj.exe"),
            ("a\u{200b}\u{2066}b", "a⟨U+200B⟩⟨U+2066⟩b"),
            (
                "\u{1b}[31mred\u{7f}\u{85}",
                "⟨U+001B⟩[31mred⟨U+007F⟩⟨U+0085⟩",
            ),
            ("\u{feff}\u{2028}\u{e0041}", "⟨U+FEFF⟩⟨U+2028⟩⟨U+E0041⟩"),
            ("<b>&", "<b>&"),
        ] {
            assert_eq!(Shown::of(text).plain(), plain);
        }
        let shown = Shown::of("a\0b");
        assert_eq!(
            looks(&shown),
            [
                ("a", Look::Plain),
                ("⟨U+0000⟩", Look::Odd),
                ("b", Look::Plain)
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_text_stand_one_by_one() {
        let shown = Shown::of_bytes(b"caf\xe9 \xff\xfe", &Words::default());
        assert_eq!(shown.plain(), "caf⟨E9⟩ ⟨FF⟩⟨FE⟩");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(Shown::cut("äöü", 3).plain(), "äöü");
        assert_eq!(Shown::cut("äöüß", 2).plain(), "äö… 2 more characters");
    }

    #[test]
    fn words_are_found_whatever_their_case_and_quotes_hold_them_together() {
        let mut room = Vec::new();
        let mut all = |search: &str, line: &[u8]| Words::of(search).all_in(line, &mut room);
        assert!(all("error DB", b"The dB had an Error"));
        assert!(!all("error db", b"an error"));
        assert!(all("\"connection refused\"", b"Connection Refused!"));
        assert!(!all("\"connection refused\"", b"refused connection"));
        assert!(all("GRÖSSE \u{212a}", "größe? Grösse k".as_bytes()));
        assert!(all("\u{fffd}", b"\xff"), "bytes that are no text");
        assert!(Words::of(" \"\" ").is_empty());
        assert_eq!(Words::of("a b c d e f g h i j").0.len(), MOST_WORDS);
    }

    #[test]
    fn found_words_are_marked_where_they_stand() {
        let shown = Shown::of_bytes(
            "İstanbul: ERROR\u{202e}error".as_bytes(),
            &Words::of("error ro"),
        );
        assert_eq!(
            looks(&shown),
            [
                ("İstanbul: ", Look::Plain),
                ("ERROR", Look::Found),
                ("⟨U+202E⟩", Look::Odd),
                ("error", Look::Found)
            ]
        );
    }

    #[test]
    fn a_long_line_is_shown_around_its_hit() {
        let text = format!("{}needle{}", "ä".repeat(500), "z".repeat(500));
        let (before, cut, after) = Words::of("NEEDLE").around(&text, 60);
        assert!(before && after && cut.contains("needle"), "{cut}");
        assert_eq!(cut.chars().count(), 60);
        let (before, cut, after) = Words::of("x").around("ax", 60);
        assert_eq!((before, cut, after), (false, "ax", false));
    }
}
