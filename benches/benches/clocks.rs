//! The timed rows of group `clocks`.

fn main() {
    syncline_benches::measure(&syncline_benches::clocks::GROUP);
}
