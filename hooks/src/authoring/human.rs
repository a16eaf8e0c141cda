//! Sizes and durations as people write them: "5 MiB", "90s", "7d".

const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

const SPANS: &[(&str, u64)] = &[
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3_600),
    ("m", 60),
    ("s", 1),
];

/// `bytes` in the greatest binary unit that says it exactly: `5 MiB`, `1500 B`.
pub fn size(bytes: u64) -> String {
    let exact = UNITS
        .iter()
        .filter(|(name, _)| name.ends_with("iB"))
        .find(|(_, n)| bytes >= *n && bytes.is_multiple_of(*n));
    match exact {
        Some((name, n)) => format!("{} {name}", bytes / n),
        None => format!("{bytes} B"),
    }
}

/// `bytes` for reading: exact where [`size`] is short, else in its greatest unit with one decimal, rounded up.
pub fn about(bytes: u64) -> String {
    let exact = size(bytes);
    if exact.ends_with("iB") && exact.len() <= 8 || bytes < 10_000 {
        return exact;
    }
    let binary = UNITS.iter().filter(|(name, _)| name.ends_with("iB"));
    match binary.clone().find(|(_, n)| bytes >= *n) {
        Some((name, n)) => {
            let tenths = (u128::from(bytes) * 10).div_ceil(u128::from(*n));
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => exact,
    }
}

/// Bytes of "5 MiB", "1.5 GiB", "200kB", "4096 B". None when it is no size, or no whole number of bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim_start();
    let factor = if unit.is_empty() {
        1
    } else {
        UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, n)| *n)?
    };
    scaled(number, factor)
}

/// `number` (digits with at most one point) times `factor`, when that is whole.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || part.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let parts: u64 = part.parse().ok()?;
    let scale = 10u64.pow(u32::try_from(part.len()).ok()?);
    let fraction = u128::from(parts) * u128::from(factor);
    if fraction % u128::from(scale) != 0 {
        return None;
    }
    let fraction = u64::try_from(fraction / u128::from(scale)).ok()?;
    whole.checked_mul(factor)?.checked_add(fraction)
}

/// `seconds` in whole units, the greatest first: `1d 12h`, `90s` as `1m 30s`, `0s`.
pub fn duration(seconds: u64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    // Weeks are read but not written: "14d" is what people say of hooks.
    for (name, n) in &SPANS[1..] {
        if rest >= *n {
            parts.push(format!("{}{name}", rest / n));
            rest %= n;
        }
    }
    if parts.is_empty() {
        "0s".into()
    } else {
        parts.join(" ")
    }
}

/// Seconds of "90s", "7d", "1h30m", "1d 12h", "2w". Units once each, the greatest first.
pub fn parse_duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut units = SPANS;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..split].parse().ok()?;
        let unit_end = rest[split..]
            .find(|c: char| !c.is_ascii_alphabetic())
            .map_or(rest.len(), |n| split + n);
        let unit = &rest[split..unit_end];
        let at = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = rest[unit_end..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_size_for_reading_is_short_and_never_too_small() {
        for (bytes, text) in [
            (5 << 20, "5 MiB"),
            (1_500, "1500 B"),
            (873_813, "853.4 KiB"),
            (1_747_626, "1.7 MiB"),
            ((1 << 30) + 1, "1.1 GiB"),
            ((1 << 40) + 1024, "1.1 TiB"),
        ] {
            assert_eq!(about(bytes), text);
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("5 MiB", 5 << 20),
            ("5MiB", 5 << 20),
            ("1.5 GiB", 3 << 29),
            ("200kB", 200_000),
            ("4096 B", 4096),
            ("4096", 4096),
            ("5 mib", 5 << 20),
            ("0.5 KiB", 512),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for bad in [
            "",
            "MiB",
            "5 M",
            "-5 MiB",
            "5 MiB!",
            "1.0000001 B",
            "1..5 MiB",
            ".5 MiB",
            "99999999999 TiB",
            "5 5",
        ] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("7d", 604_800),
            ("1h30m", 5_400),
            ("1d 12h", 129_600),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(seconds), "{text}");
        }
        for bad in [
            "",
            "7",
            "d",
            "7 d ",
            "-7d",
            "7D",
            "1s1h",
            "1h1h",
            "7days",
            "99999999999999999999d",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_size_reads_back(bytes in any::<u64>()) {
            prop_assert_eq!(parse_size(&size(bytes)), Some(bytes));
        }

        #[test]
        fn every_duration_reads_back(seconds in any::<u64>()) {
            prop_assert_eq!(parse_duration(&duration(seconds)), Some(seconds));
        }

        #[test]
        fn round_sizes_read_back(n in 1u64..2000, shift in 0u32..41) {
            prop_assert_eq!(parse_size(&size(n << shift)), Some(n << shift));
        }

        #[test]
        fn any_text_is_a_size_or_a_duration_or_neither_without_panic(text in "\\PC{0,12}") {
            let _ = (parse_size(&text), parse_duration(&text));
        }
    }
}
