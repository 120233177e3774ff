//! Reading arguments of commands.

use super::error::CommandError;

/// The integer that bytes spell canonically: no sign but `-`, no leading zero, no space.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let is_canonical = matches!(text, [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..]);
    if !is_canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The same, for a command that needs one.
pub(crate) fn number(text: &[u8]) -> Result<i64, CommandError> {
    integer(text).ok_or(CommandError::NotAnInteger)
}

/// Whether an argument is this word, in capitals or not.
pub(crate) fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// Bytes as they are shown to people.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn only_canonical_integers() {
        let numbers = [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)];
        for (text, number) in numbers {
            assert_eq!(integer(text.as_bytes()), Some(number));
        }
        for text in ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "1a", "\u{661}"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }
}
