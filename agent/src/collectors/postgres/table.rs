//! Rows as CSV (RFC 4180), NULL as an empty field.
use tokio_postgres::SimpleQueryRow;

use super::secret;

/// Longest value, in bytes; a longer one is left out whole, as half a secret looks like none.
const LONGEST: usize = 16 << 10;
/// Stands for a setting's value that may be a secret.
const HIDDEN: &str = "[left out]";

/// The line of names.
pub fn head(columns: &[String], line: &mut String) {
    line.clear();
    for (n, column) in columns.iter().enumerate() {
        field(n, column, line);
    }
    line.push('\n');
}

/// A line of values. With `settings` those are left out whose first column names something secret; true when one was.
pub fn row(columns: &[String], row: &SimpleQueryRow, settings: bool, line: &mut String) -> bool {
    let values: Vec<Option<&str>> = (0..row.len()).map(|n| row.get(n)).collect();
    write(columns, &values, settings, line)
}

fn write(names: &[String], values: &[Option<&str>], settings: bool, line: &mut String) -> bool {
    line.clear();
    let secret = settings
        && values
            .first()
            .copied()
            .flatten()
            .is_none_or(secret::is_secret);
    let mut hidden = false;
    for (n, value) in values.iter().enumerate() {
        let value = value.unwrap_or_default();
        let holds = names.get(n).is_some_and(|name| {
            matches!(
                name.as_str(),
                "setting" | "boot_val" | "reset_val" | "value"
            )
        });
        if secret && holds && !value.is_empty() {
            hidden = true;
            field(n, HIDDEN, line);
        } else {
            field(n, value, line);
        }
    }
    line.push('\n');
    hidden
}

fn field(n: usize, value: &str, line: &mut String) {
    if n > 0 {
        line.push(',');
    }
    if value.len() > LONGEST {
        line.push_str(&format!("[left out: {} bytes]", value.len()));
        return;
    }
    let kept = value;
    let quote =
        kept.contains(['"', ',', '\n', '\r']) || kept.starts_with(' ') || kept.ends_with(' ');
    if !quote {
        line.push_str(kept);
        return;
    }
    line.push('"');
    line.push_str(&kept.replace('"', "\"\""));
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(names: &[&str], values: &[Option<&str>], settings: bool) -> (String, bool) {
        let mut line = String::new();
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let hidden = write(&names, values, settings, &mut line);
        (line, hidden)
    }

    #[test]
    fn values_are_quoted_where_they_must_be() {
        let values = [
            Some("plain"),
            None,
            Some("a,b"),
            Some("say \"x\""),
            Some("two\nlines"),
        ];
        assert_eq!(
            csv(&["a"; 5], &values, false).0,
            "plain,,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n"
        );
    }

    #[test]
    fn a_long_value_is_left_out_whole() {
        let long = "x".repeat(LONGEST + 1);
        let (line, _) = csv(&["a", "b"], &[Some(&long), Some("c")], false);
        assert_eq!(line, format!("[left out: {} bytes],c\n", long.len()));
    }

    #[test]
    fn the_values_of_secret_settings_are_left_out_and_said() {
        let names = ["name", "setting", "source", "boot_val", "reset_val"];
        let secret = [
            Some("primary_conninfo"),
            Some("host=a password=b"),
            Some("file"),
            None,
            Some("host=a password=b"),
        ];
        assert_eq!(
            csv(&names, &secret, true),
            (
                "primary_conninfo,[left out],file,,[left out]\n".into(),
                true
            )
        );
        let open = [
            Some("work_mem"),
            Some("4096"),
            Some("default"),
            Some("4096"),
            Some("4096"),
        ];
        assert_eq!(
            csv(&names, &open, true),
            ("work_mem,4096,default,4096,4096\n".into(), false)
        );
    }
}
