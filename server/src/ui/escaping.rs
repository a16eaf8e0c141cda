//! How every value of every page is escaped: as HTML, and what would not be seen, or would turn the text around it, by its
//! number. A ticket's title or an instance's name can lie so as well as a collected line.
use std::fmt;

use askama::filters::{Escaper, Html};

use crate::ui::shown::is_odd;

#[derive(Clone, Copy, Debug)]
pub struct Careful;

impl Escaper for Careful {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unseen(*c)) {
            Html.write_escaped_str(&mut dest, &rest[..at])?;
            write!(dest, "⟨U+{:04X}⟩", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        Html.write_escaped_str(dest, rest)
    }
}

/// Texts of several lines stay so.
fn is_unseen(c: char) -> bool {
    !matches!(c, '\n' | '\r') && is_odd(c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use askama::Template;

    use super::*;

    #[derive(Template)]
    #[template(source = "<a title=\"{{ text }}\">{{ text }}</a>", ext = "html")]
    struct Both<'a> {
        text: &'a str,
    }

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        Careful.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn what_hides_or_turns_text_is_shown_and_lines_stay() {
        assert_eq!(escaped("a<b> &\"'"), "a&#60;b&#62; &#38;&#34;&#39;");
        assert_eq!(escaped("one\r\n\ttwo größer 表"), "one\r\n\ttwo größer 表");
        assert_eq!(
            escaped("x\u{202e}\u{1b}[31m\0\u{200b}<"),
            "x⟨U+202E⟩⟨U+001B⟩[31m⟨U+0000⟩⟨U+200B⟩&#60;"
        );
    }

    #[test]
    fn templates_escape_so_in_text_and_in_attributes() {
        let page = Both { text: "\"\u{202e}" }.render().unwrap();
        assert_eq!(page, "<a title=\"&#34;⟨U+202E⟩\">&#34;⟨U+202E⟩</a>");
    }
}
