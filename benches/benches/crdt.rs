//! The timed rows of group `crdt`.

fn main() {
    syncline_benches::measure(&syncline_benches::crdt::GROUP);
}
