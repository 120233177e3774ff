//! Timestamps: their order, in bytes and in text too, and what it says about true time.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(all(feature = "serde", feature = "quickcheck-1"))]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use quickcheck::quickcheck;
use support::{encodings_round_trip, id, order_laws, text_round_trips};
use syncline_clocks::{HighWaterMark, HybridTimestamp, Uncertainty, WallTime};

quickcheck! {
    fn bytes_and_text_keep_the_order(a: HybridTimestamp, b: HybridTimestamp, c: HybridTimestamp) -> bool {
        order_laws([a, b, c])
            && a.cmp(&b) == a.to_bytes().cmp(&b.to_bytes())
            && a.cmp(&b) == a.to_string().cmp(&b.to_string())
    }

    fn encodings_round_trip_(a: HybridTimestamp, mark: HighWaterMark, time: WallTime) -> bool {
        HybridTimestamp::from_bytes(a.to_bytes()) == a
            && text_round_trips(&a)
            && encodings_round_trip(&a)
            && encodings_round_trip(&mark)
            && encodings_round_trip(&time)
            && encodings_round_trip(&BTreeMap::from([(a, mark)]))
    }

    fn an_order_is_certain_exactly_if_no_true_times_contradict_it(a: HybridTimestamp, b: HybridTimestamp, good_to: u8) -> bool {
        let good_to = Duration::from_nanos(good_to.into());
        let (x, y) = (a.uncertainty(good_to), b.uncertainty(good_to));
        let order = a.order_in_time(b, good_to);
        let apart = x.latest < y.earliest || y.latest < x.earliest;
        order == b.order_in_time(a, good_to).map(|order| order.reverse())
            && if a.replica == b.replica { order == Some(a.cmp(&b)) } else { order.is_some() == (apart && a.epoch == b.epoch) }
    }

    fn uncertainty_saturates_and_holds_its_time(interval: Uncertainty) -> bool {
        interval.earliest <= interval.latest && !interval.is_certainly_before(interval)
    }
}

#[test]
fn a_timestamp_has_one_text() {
    let text = "0000000001:00000000000000000002+0000000003@00000000-0000-0000-0000-000000000004";
    let stamp = HybridTimestamp { epoch: 1, time: WallTime::from_nanos(2), counter: 3, replica: id(4) };
    assert_eq!((text.parse(), text), (Ok(stamp), stamp.to_string().as_str()));
    let broken =
        [text.replace("0000000001:", "1:"), text.replace("0000000001:", "+000000001:"), text.replace('@', "+")];
    for wrong in broken.iter().map(String::as_str).chain([
        "",
        ":+@",
        "9999999999:00000000000000000002+0000000003@00000000-0000-0000-0000-000000000004",
    ]) {
        assert!(wrong.parse::<HybridTimestamp>().is_err(), "{wrong}");
    }
}
