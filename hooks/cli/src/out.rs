//! `Out`: what a command says. Text for people, with everything that others wrote made harmless, or one JSON value.
use std::io::{self, IsTerminal as _, Write};

use boathook_hooks::explain::printable;
use serde::Serialize;

use crate::error::{Error, Result};

/// Where a command's words go.
pub struct Out {
    json: bool,
    sink: Box<dyn Write + Send>,
    /// A person is watching: progress bars and questions make sense.
    terminal: bool,
}

impl Out {
    pub fn stdout(json: bool) -> Self {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            json,
            sink: Box::new(io::stdout()),
            terminal,
        }
    }

    /// For tests, and for whoever runs commands inside another program.
    pub fn to(sink: Box<dyn Write + Send>, json: bool) -> Self {
        Self {
            json,
            sink,
            terminal: false,
        }
    }

    pub const fn is_json(&self) -> bool {
        self.json
    }

    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// One line of text; nothing with `--json`. Controls and marks that reorder text are escaped.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<()> {
        if self.json {
            return Ok(());
        }
        self.write(&printable(text.as_ref()))
    }

    /// Several lines, each made harmless.
    pub fn lines(&mut self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// The one JSON value of this command; nothing without `--json`.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::Answer {
            what: e.to_string(),
        })?;
        self.write(&ascii_controls(&text))
    }

    /// Columns that line up, with a heading; nothing with `--json`.
    pub fn table(&mut self, heading: &[&str], rows: &[Vec<String>]) -> Result<()> {
        if self.json {
            return Ok(());
        }
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|r| r.iter().map(|c| printable(c)).collect())
            .collect();
        let width = |at: usize| {
            let cells = rows
                .iter()
                .filter_map(|r| r.get(at))
                .map(|c| c.chars().count());
            cells
                .chain([heading[at].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        let join = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (cell, width) in cells.zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(
                    ' ',
                    width + 2 - cell.chars().count().min(width + 2),
                ));
            }
            line.trim_end().to_owned()
        };
        let head = join(&mut heading.iter().copied());
        self.write(&head)?;
        for row in &rows {
            let line = join(&mut row.iter().map(String::as_str));
            self.write(&line)?;
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<()> {
        writeln!(self.sink, "{text}").map_err(Error::Output)
    }

    /// Raw bytes, for documents that are asked for on stdout.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink
            .write_all(bytes)
            .and_then(|()| self.sink.flush())
            .map_err(Error::Output)
    }
}

/// JSON may hold marks that a terminal would obey: they become `\u` escapes, which mean the same to a program.
fn ascii_controls(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || printable(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A sink that a test can read.
    #[derive(Clone, Default)]
    pub struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Heard {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
        pub fn out(&self, json: bool) -> Out {
            Out::to(Box::new(self.clone()), json)
        }
    }

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn hostile_text_cannot_move_the_cursor_or_reorder_a_line() {
        let heard = Heard::default();
        heard
            .out(false)
            .line("title: \x1b[2Jgone \u{202e}txt")
            .unwrap();
        heard
            .out(false)
            .table(&["a"], &[vec!["x\r\ny".into()]])
            .unwrap();
        assert_eq!(
            heard.text(),
            "title: \\u{1b}[2Jgone \\u{202e}txt\na\nx\\u{d}\\u{a}y\n"
        );
    }

    #[test]
    fn json_keeps_its_meaning_and_loses_its_marks() {
        let heard = Heard::default();
        heard
            .out(true)
            .json(&serde_json::json!({"t": "a\u{202e}b\u{e0041}\u{1b}"}))
            .unwrap();
        let text = heard.text();
        assert!(text.is_ascii(), "{text}");
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["t"], "a\u{202e}b\u{e0041}\u{1b}");
    }

    #[test]
    fn with_json_there_is_only_the_value() {
        let heard = Heard::default();
        let mut out = heard.out(true);
        out.line("for people").unwrap();
        out.table(&["a"], &[vec!["b".into()]]).unwrap();
        out.json(&1).unwrap();
        assert_eq!(heard.text(), "1\n");
    }

    #[test]
    fn columns_line_up() {
        let heard = Heard::default();
        heard
            .out(false)
            .table(&["id", "state"], &[vec!["long-id".into(), "x".into()]])
            .unwrap();
        assert_eq!(heard.text(), "id       state\nlong-id  x\n");
    }
}
