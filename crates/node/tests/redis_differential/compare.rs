//! When two replies say the same.

use redis::Value;

use crate::generate::Kind;

/// Whether both servers said the same, as far as this kind of command determines it.
pub(crate) fn is_same(kind: Kind, ours: &Value, theirs: &Value) -> bool {
    match (kind, ours, theirs) {
        (Kind::Unordered, Value::Array(ours), Value::Array(theirs)) => {
            sorted(ours.iter().map(|value| format!("{value:?}")))
                == sorted(theirs.iter().map(|value| format!("{value:?}")))
        }
        (Kind::Scanned, Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == 2
                && theirs.len() == 2
                && ours[0] == theirs[0]
                && is_same(Kind::Unordered, &ours[1], &theirs[1])
        }
        // Below zero is no time but that there is none.
        (Kind::Near(tolerance), Value::Int(ours), Value::Int(theirs)) if *ours >= 0 && *theirs >= 0 => {
            ours.abs_diff(*theirs) <= tolerance
        }
        (Kind::Float, Value::BulkString(ours), Value::BulkString(theirs)) => {
            ours == theirs || is_near(ours, theirs).unwrap_or(false)
        }
        _ => ours == theirs,
    }
}

/// Redis adds long doubles, which differ from exact sums at the 19th digit; what is compared here has fewer.
fn is_near(ours: &[u8], theirs: &[u8]) -> Option<bool> {
    let number = |text| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    let (one, other) = (number(ours)?, number(theirs)?);
    if one.is_infinite() && one == other {
        // Beyond the range of an f64, where 999... and 1000... may be neighbours.
        let whole = |text: &[u8]| text.split(|byte| *byte == b'.').next().map_or(0, <[u8]>::len);
        return Some(whole(ours).abs_diff(whole(theirs)) <= 1);
    }
    let (ours, theirs) = (one, other);
    Some((ours - theirs).abs() <= 1e-15 * ours.abs().max(1.0))
}

/// In order.
pub(crate) fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}
