//! What is counted, and not timed, is the same on every machine and can be tested. This test has a process of its own,
//! because another one's use of the heap would be counted with it.

use syncline_benches::{Figure, GROUPS, Heap, Row};

#[global_allocator]
static HEAP: Heap = Heap;

#[test]
fn counted_rows_are_within_their_reach_and_the_same_each_time() {
    let count = |row: &Row| row.count().expect("a reference that loses updates");
    let rows: Vec<Row> = GROUPS.iter().flat_map(|group| (group.rows)()).collect();
    let figures: Vec<Figure> = rows.iter().filter_map(count).collect();
    let missed: Vec<&Figure> = figures.iter().filter(|figure| !figure.is_met()).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert_eq!(figures, rows.iter().filter_map(count).collect::<Vec<_>>());
}
