//! The timed rows of group `lww`.

fn main() {
    syncline_benches::measure(&syncline_benches::lww::GROUP);
}
