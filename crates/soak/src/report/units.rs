//! Numbers as people read them: bytes in binary units, counts in groups of three.

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// Bytes with three significant digits: `0 B`, `7.9 B`, `2.10 KiB`, `285 KiB`.
pub fn bytes(bytes: f64) -> String {
    let (mut figure, mut at) = (bytes, 0);
    // 999.5 and more would round to four digits.
    while figure.abs() >= 999.5 && at + 1 < UNITS.len() {
        figure /= 1024.0;
        at += 1;
    }
    let decimals = match figure.abs() {
        small if at == 0 && small < 0.05 => return "0 B".into(),
        below_ten if below_ten < 9.95 && at == 0 => 1,
        below_ten if below_ten < 9.995 => 2,
        below_hundred if below_hundred < 99.95 && at > 0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$} {}", UNITS[at])
}

/// A figure that is no number of bytes, with three significant digits: `0`, `0.012`, `3.40`, `1250`.
pub fn figure(figure: f64) -> String {
    let decimals = match figure.abs() {
        nothing if nothing < 0.0005 => return "0".into(),
        below_one if below_one < 0.9995 => 3,
        below_ten if below_ten < 9.995 => 2,
        below_hundred if below_hundred < 99.95 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}

/// The unit in which figures up to `most` are best drawn, and how many bytes it is.
pub fn scale(most: f64) -> (&'static str, f64) {
    let mut at = 0;
    let mut size = 1.0;
    while most / size >= 2048.0 && at + 1 < UNITS.len() {
        size *= 1024.0;
        at += 1;
    }
    (UNITS[at], size)
}

/// A count with a comma every three digits: `12,000`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        for (figure, text) in [
            (0.0, "0 B"),
            (0.01, "0 B"),
            (7.94, "7.9 B"),
            (-12.4, "-12 B"),
            (999.0, "999 B"),
            (1000.0, "0.98 KiB"),
            (2150.0, "2.10 KiB"),
            (291_840.0, "285 KiB"),
            (1_073_741_824.0, "1.00 GiB"),
        ] {
            assert_eq!(bytes(figure), text);
        }
    }

    #[test]
    fn figures_have_three_digits() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0001, "0"),
            (0.0123, "0.012"),
            (3.4, "3.40"),
            (-12.34, "-12.3"),
            (1250.4, "1250"),
        ] {
            assert_eq!(figure(number), text);
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(12_000), "12,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn an_axis_keeps_numbers_short() {
        assert_eq!(scale(900.0), ("B", 1.0));
        assert_eq!(scale(3e6).0, "MiB");
    }
}
