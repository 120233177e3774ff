//! Patterns of keys, as Redis matches them: `*`, `?`, `[a-z]`, `[^x]`, and `\` before what stands for itself.
//!
//! No crate was found that matches bytes in this way; those for paths treat `/` and `{` apart. The time is bounded by
//! the product of the lengths, whatever the pattern: only the last `*` is ever tried again, since a longer match of an
//! earlier one could only leave less to the rest.

/// Whether the pattern matches all of the text.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Redis lets nothing but an empty pattern match an empty text, except by this short cut.
    if pattern == b"*" {
        return true;
    }
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            star = Some((at, place));
            continue;
        }
        match take(&pattern[at..], text[place]) {
            Some(length) => {
                at += length;
                place += 1;
            }
            None => match star {
                // The last star takes one byte more.
                Some((behind, from)) => {
                    star = Some((behind, from + 1));
                    (at, place) = (behind, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// How much of the pattern's beginning, which is no star, matches this byte; `None` if it does not.
fn take(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => {
            let (is_member, length) = class_takes(class, byte);
            is_member.then_some(1 + length)
        }
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

/// Whether a class takes a byte, and how long it is with its closing bracket. One that is not closed ends with the
/// pattern.
fn class_takes(class: &[u8], byte: u8) -> (bool, usize) {
    let is_negated = class.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut is_member = false;
    loop {
        at += match &class[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                is_member |= *escaped == byte;
                2
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                is_member |= (*from.min(to)..=*from.max(to)).contains(&byte);
                3
            }
            [literal, ..] => {
                is_member |= *literal == byte;
                1
            }
        };
    }
    (is_member != is_negated, at)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn what_redis_says() {
        let cases = [
            ("*", "", true),
            ("**", "", false),
            ("", "", true),
            ("", "a", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h*llo", "hllo", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h[a-b]llo", "hcllo", false),
            ("h[a\\]]llo", "h]llo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hello", false),
            ("a\\", "a\\", true),
            ("[", "a", false),
            ("[a", "a", true),
            ("[^", "a", true),
            ("[]", "a", false),
            ("[a-", "-", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("a*", "a", true),
            ("a**", "a", true),
            ("*[b-c]", "aac", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(1_000) + "b";
        let text = "a".repeat(10_000);
        assert!(!matches(pattern.as_bytes(), text.as_bytes()));
    }
}
