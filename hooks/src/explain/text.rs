//! Text that others wrote, made safe to show in a terminal or a page.

/// `text` with every character that could move the cursor, colour, reorder or hide other text written as `\u{…}`.
/// A line break is one of them: what is shown stays on its line.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// As [`printable`], cut to `chars` characters with an ellipsis.
pub fn short(text: &str, chars: usize) -> String {
    let safe = printable(text);
    if safe.chars().count() <= chars {
        return safe;
    }
    let mut cut: String = safe.chars().take(chars.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Controls (C0, DEL, C1), bidirectional marks, zero-width and other invisible characters, line and paragraph
/// separators, variation selectors, tags, and what Unicode leaves without a character.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_bidi_marks_are_escaped() {
        assert_eq!(printable("a\x1b[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(
            printable("a\u{200b}b\u{2066}\u{9b}\r\n"),
            "a\\u{200b}b\\u{2066}\\u{9b}\\u{d}\\u{a}"
        );
    }

    #[test]
    fn letters_of_all_scripts_stay() {
        for text in ["Grüße", "日本語", "שלום", "naïve — “quoted”", "✓ 5 MiB"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn short_text_is_cut_with_an_ellipsis() {
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("abcd", 4), "abcd");
    }
}
