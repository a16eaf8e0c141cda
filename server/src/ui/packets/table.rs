//! The begin of a CSV file as a table (RFC 4180: quotes hold commas and line ends).
use crate::ui::shown::{Shown, Words};

/// Bytes of the file that are read for it.
pub const TABLE_BYTES: u64 = 256 * 1024;
const MOST_ROWS: usize = 500;
const MOST_COLUMNS: usize = 60;
/// Bytes of one cell.
const LONGEST: usize = 1_000;

#[derive(Debug, Default)]
pub struct Table {
    pub head: Vec<Shown>,
    pub rows: Vec<Vec<Shown>>,
    /// Rows, columns or cells are left out.
    pub is_cut: bool,
}

impl Table {
    /// `is_whole` is whether the file ends where `bytes` end: else its last row may be half a row.
    pub fn of(bytes: &[u8], is_whole: bool, words: &Words) -> Self {
        let mut table = Self {
            is_cut: !is_whole,
            ..Self::default()
        };
        let mut rest = bytes;
        let mut records = Vec::new();
        while !rest.is_empty() {
            if records.len() > MOST_ROWS {
                table.is_cut = true;
                break;
            }
            let (record, is_ended) = record(&mut rest);
            if is_ended || is_whole || records.is_empty() {
                records.push(record);
            }
        }
        let mut shown = records.into_iter().map(|record| {
            table.is_cut |= record.len() > MOST_COLUMNS;
            let cell = |mut cell: Vec<u8>| {
                table.is_cut |= cell.len() > LONGEST;
                cell.truncate(LONGEST);
                Shown::of_bytes(&cell, words)
            };
            record.into_iter().take(MOST_COLUMNS).map(cell).collect()
        });
        table.head = shown.next().unwrap_or_default();
        table.rows = shown.collect();
        table
    }
}

/// The cells of the next record, and whether its line ended.
fn record(rest: &mut &[u8]) -> (Vec<Vec<u8>>, bool) {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), false);
    while let Some((&byte, after)) = rest.split_first() {
        *rest = after;
        match byte {
            b'"' if quoted && after.first() == Some(&b'"') => {
                cell.push(b'"');
                *rest = &after[1..];
            }
            b'"' if quoted => quoted = false,
            b'"' if cell.is_empty() => quoted = true,
            b',' if !quoted => cells.push(std::mem::take(&mut cell)),
            b'\n' if !quoted => {
                if cell.last() == Some(&b'\r') {
                    cell.pop();
                }
                cells.push(cell);
                return (cells, true);
            }
            other => cell.push(other),
        }
    }
    cells.push(cell);
    (cells, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, is_whole: bool) -> (Vec<String>, Vec<Vec<String>>, bool) {
        let table = Table::of(text.as_bytes(), is_whole, &Words::default());
        let plain = |row: &Vec<Shown>| row.iter().map(Shown::plain).collect();
        (
            plain(&table.head),
            table.rows.iter().map(plain).collect(),
            table.is_cut,
        )
    }

    #[test]
    fn quotes_hold_what_would_end_a_cell() {
        let (head, rows, is_cut) = table(
            "name,setting\r\n\"a,b\",\"say \"\"hi\"\"\nthere\"\n=1+1,\n",
            true,
        );
        assert_eq!(head, ["name", "setting"]);
        assert_eq!(
            rows,
            [vec!["a,b", "say \"hi\"⟨U+000A⟩there"], vec!["=1+1", ""]]
        );
        assert!(!is_cut);
    }

    #[test]
    fn half_a_row_is_no_row_and_much_is_cut() {
        let (_, rows, is_cut) = table("a,b\n1,2\n3,", false);
        assert_eq!(rows, [["1", "2"]]);
        assert!(is_cut);
        let (_, rows, is_cut) = table(&"1,2\n".repeat(5_000), true);
        assert_eq!((rows.len(), is_cut), (MOST_ROWS, true));
        let (head, _, is_cut) = table(&"x,".repeat(5_000), true);
        assert_eq!((head.len(), is_cut), (MOST_COLUMNS, true));
        let (head, _, is_cut) = table(&"x".repeat(5_000), true);
        assert_eq!((head[0].len(), is_cut), (LONGEST, true));
        assert!(table("", true).0.is_empty());
    }
}
