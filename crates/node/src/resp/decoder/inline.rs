//! A request that a person typed: words and quoted strings, as Redis's `sdssplitargs` reads them.

use bytes::Bytes;

/// The words of a line; `None` if a quote is not closed, or something stands right behind one that is.
pub(super) fn split(line: &[u8]) -> Option<Vec<Bytes>> {
    // Redis reads the line as a string of C.
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut rest = line.trim_ascii_start();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, behind) = take_word(rest)?;
        words.push(Bytes::from(word));
        rest = behind.trim_ascii_start();
    }
    Some(words)
}

/// A word may begin plain and go on with a quoted part, which ends it.
fn take_word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] => return Some((word, rest)),
            [byte, ..] if byte.is_ascii_whitespace() => return Some((word, rest)),
            [quote @ (b'"' | b'\''), behind @ ..] => {
                let behind = take_quoted(*quote, behind, &mut word)?;
                let is_end = behind.first().is_none_or(u8::is_ascii_whitespace);
                return is_end.then_some((word, behind));
            }
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

/// Takes everything up to the closing quote.
fn take_quoted<'l>(quote: u8, mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    let is_double = quote == b'"';
    loop {
        rest = match rest {
            [] => return None,
            [byte, behind @ ..] if *byte == quote => return Some(behind),
            [b'\\', b'x', high, low, behind @ ..]
                if is_double && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(digit(*high) << 4 | digit(*low));
                behind
            }
            [b'\\', escaped, behind @ ..] if is_double => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                behind
            }
            [b'\\', b'\'', behind @ ..] if !is_double => {
                word.push(b'\'');
                behind
            }
            [byte, behind @ ..] => {
                word.push(*byte);
                behind
            }
        };
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => hex.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_and_quotes() {
        let cases: [(&str, Option<&[&[u8]]>); 9] = [
            ("set  a\tb", Some(&[b"set", b"a", b"b"])),
            (r#"set a "b c""#, Some(&[b"set", b"a", b"b c"])),
            (r#""\x41\n\q\"" 'it\'s'"#, Some(&[b"A\nq\"", b"it's"])),
            (r#"a"b""#, Some(&[b"ab"])),
            (r#""" ''"#, Some(&[b"", b""])),
            (r#""a"b"#, None),
            (r#""a"#, None),
            ("'a", None),
            ("get a\0 b", Some(&[b"get", b"a"])),
        ];
        for (line, words) in cases {
            let found = split(line.as_bytes());
            let found = found.as_ref().map(|words| words.iter().map(|word| word.as_ref()).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), words, "{line}");
        }
    }
}
