//! The difference between two texts, line by line, with some lines around each change.
use similar::{ChangeTag, TextDiff};

/// Unchanged lines around a change.
const AROUND: usize = 3;

#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: &'static str,
    pub sign: &'static str,
    /// For whoever does not see the sign.
    pub said: &'static str,
    pub text: String,
}

/// Empty when both are the same. Between groups of changes stands a line of kind `gap`.
pub fn lines(old: &str, new: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(old, new);
    let mut out = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        if !out.is_empty() {
            out.push(Line {
                kind: "gap",
                sign: "⋯",
                said: "unchanged lines left out",
                text: String::new(),
            });
        }
        for op in group {
            for change in diff.iter_changes(&op) {
                let (kind, sign, said) = match change.tag() {
                    ChangeTag::Delete => ("gone", "-", "removed: "),
                    ChangeTag::Insert => ("new", "+", "added: "),
                    ChangeTag::Equal => ("same", " ", ""),
                };
                out.push(Line {
                    kind,
                    sign,
                    said,
                    text: change.value().trim_end_matches('\n').to_owned(),
                });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_one_gone_and_one_new_among_its_neighbours() {
        let found = lines("a\nb\nc\n", "a\nB\nc\n");
        let kinds: Vec<_> = found.iter().map(|l| (l.kind, l.text.as_str())).collect();
        assert_eq!(
            kinds,
            [("same", "a"), ("gone", "b"), ("new", "B"), ("same", "c")]
        );
        assert!(lines("a\n", "a\n").is_empty());
    }
}
