//! Sums of decimal numbers, for `INCRBYFLOAT`: exact, and written as Redis writes its long doubles, with at most 17
//! digits behind the point and no zeros at the end.
//!
//! Redis adds in binary with 64 bits of mantissa, so its sums differ from these where that rounds, from about the 19th
//! digit on; these are what one computes by hand, on every kind of machine.

use bigdecimal::num_bigint::Sign;
use bigdecimal::{BigDecimal, RoundingMode};

/// The longest text of a number.
const MAX_TEXT: usize = 5 * 1024;
/// Powers of ten that a long double does not reach.
const MAX_EXPONENT: i64 = 4_932;

/// A number, as far as commands take one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Number {
    /// A finite one.
    Finite(BigDecimal),
    /// Positive or negative infinity.
    Infinite,
}

/// Reads a number as C's `strtold` does, but for hexadecimal ones; `None` if it is none.
pub(crate) fn parse(text: &[u8]) -> Option<Number> {
    if text.len() >= MAX_TEXT {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Some(Number::Infinite);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    // The crate also reads underscores, which are no digits to C.
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let exponent: i64 = match exponent {
        Some(exponent) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !are_digits(digits) {
                return None;
            }
            exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 })
        }
        None => 0,
    };
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(Number::Finite(BigDecimal::default()));
    }
    // Checked before any arithmetic: a short text can name a number of astronomical length.
    let magnitude = i64::try_from(significant.len() - fraction.len().min(significant.len())).ok()?;
    let leading = i64::try_from(significant.len()).ok()? - i64::try_from(fraction.len()).ok()? - 1;
    if magnitude > MAX_EXPONENT || leading.saturating_add(exponent).abs() > MAX_EXPONENT {
        return None;
    }
    let sign = if text.starts_with('-') { Sign::Minus } else { Sign::Plus };
    let digits = bigdecimal::num_bigint::BigInt::parse_bytes(significant.as_bytes(), 10)?;
    let digits = if sign == Sign::Minus { -digits } else { digits };
    let scale = i64::try_from(fraction.len()).ok()? - exponent;
    Some(Number::Finite(BigDecimal::new(digits, scale)))
}

/// The sum; `None` if it is none or can not be held.
pub(crate) fn add(one: &Number, other: &Number) -> Option<BigDecimal> {
    let (Number::Finite(one), Number::Finite(other)) = (one, other) else { return None };
    let sum = one + other;
    let is_held = sum.digits().cast_signed() - sum.fractional_digit_count() <= MAX_EXPONENT + 1;
    is_held.then_some(sum)
}

/// The number with at most 17 digits behind the point.
pub(crate) fn format(number: &BigDecimal) -> String {
    let rounded = number.with_scale_round(17, RoundingMode::HalfEven);
    let text = rounded.to_plain_string();
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{Number, add, format, parse};

    #[test]
    fn sums_are_exact_and_short() {
        let cases = [
            ("10.50", "0.1", Some("10.6")),
            ("5.0e3", "2.0e2", Some("5200")),
            ("0.1", "0.2", Some("0.3")),
            ("3", "-3", Some("0")),
            ("-0.0", "-0", Some("0")),
            ("1.", ".5", Some("1.5")),
            ("+1", "1e-17", Some("1.00000000000000001")),
            ("1", "1e-18", Some("1")),
            ("0", "-1e-30", Some("0")),
            ("1e20", "1", Some("100000000000000000001")),
            ("100", "0", Some("100")),
            ("inf", "1", None),
            ("-Infinity", "1", None),
        ];
        for (one, other, sum) in cases {
            let (first, second) = (parse(one.as_bytes()), parse(other.as_bytes()));
            let (Some(first), Some(second)) = (first, second) else { panic!("{one} and {other} are numbers") };
            assert_eq!(add(&first, &second).map(|sum| format(&sum)).as_deref(), sum, "{one} + {other}");
        }
    }

    #[test]
    fn what_is_no_number() {
        let none = [
            "",
            " 1",
            "1 ",
            "a",
            ".",
            "+",
            "1e",
            "1e+",
            "1_0",
            "nan",
            "0x10",
            "1e5000",
            "1e99999999999999999999",
            "--1",
            "1.2.3",
            "١",
        ];
        for text in none {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse("1".repeat(6_000).as_bytes()), None);
        assert_eq!(parse(b"0e999999999999999999999"), Some(Number::Finite(0.into())));
    }
}
