//! Printing: lines for people, or one JSON value for programs.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the commands' one place that prints
use std::process::ExitCode;

use serde::Serialize;

pub struct Out {
    pub json: bool,
}

impl Out {
    /// `value` as JSON with `--json`, else the lines that `text` makes of it.
    pub fn show<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{}", text(value).trim_end());
        }
        Ok(())
    }

    /// Raw lines, such as an export.
    pub fn raw(&self, bytes: &[u8]) -> anyhow::Result<()> {
        use std::io::Write as _;
        Ok(std::io::stdout().lock().write_all(bytes)?)
    }
}

/// The terminal's line, written anew.
pub fn progress(text: &str) {
    use std::io::Write as _;
    eprint!("\r\x1b[K{text}");
    // A terminal that is gone changes nothing about the work.
    drop(std::io::stderr().flush());
}

/// The error with its causes, on stderr.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("boathook-server: {error:#}");
    ExitCode::FAILURE
}

/// Rows in columns.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut all: Vec<Vec<String>> = vec![head.iter().map(|h| (*h).to_owned()).collect()];
    all.extend(rows);
    let width = |column: usize| {
        all.iter()
            .map(|r| r.get(column).map_or(0, |c| c.chars().count()))
            .max()
    };
    let widths: Vec<usize> = (0..head.len()).map(|c| width(c).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, w)| format!("{cell:w$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}
