//! The laws are held against types that are known to be wrong: each mistake is caught and shown in at most five
//! operations of users. (Deliveries and repairs are not counted: they are nobody's edits.) A type without a mistake
//! passes.
#![allow(missing_docs)]

mod bytes_by_insertion;
mod decrement_lost;
mod delta_under_whole_clock;
mod dot_reused_after_restore;
mod duplicate_counted;
mod early_removal_dropped;
mod event_set;
mod gap_taken_for_known;
mod killed_dots_in_clock;
mod loser_dropped;
mod old_values_back;
mod partial_state_deletes;
mod removal_of_the_unseen;
mod removal_without_dot;
mod reset_takes_the_unseen;
mod state_set;
mod tie_by_arrival;

use syncline_crdt::laws::{Law, Laws, Specified, Subject, Trace};

/// The laws of every type that merges catch it, and say so with this one.
fn is_caught<T: Subject>(by: Law) {
    is_caught_by(&Laws::<T>::new(), by);
}

/// It merges well, and does what nobody asked for: only its specification catches it.
fn is_caught_only_by_its_specification<T: Subject + Specified<Operation = <T as Subject>::Operation>>() {
    if let Err(counterexample) = Laws::<T>::new().sweep(0..1_000) {
        panic!("it does not merge:\n{counterexample}");
    }
    is_caught_by(&Laws::<T>::specified(), Law::Specification);
}

fn is_caught_by<T: Subject>(laws: &Laws<T>, by: Law) {
    let counterexample = laws.sweep(0..1_000).expect_err("a mistake that a thousand traces do not show");
    println!("{counterexample}");
    assert_eq!(counterexample.violation.law, by, "{counterexample}");
    assert_eq!(laws.play(&counterexample.trace), Err(counterexample.violation), "it can be played again");
    let mut counterexamples = (0..1_000).filter_map(|seed| laws.hold(Trace::from_seed(seed, 60)).err()).take(20);
    let large = counterexamples.find(|counterexample| counterexample.trace.operation_count() > 5);
    assert!(large.is_none(), "more than five operations:\n{}", large.expect("it is some"));
}

#[test]
fn bytes_by_insertion() {
    is_caught::<bytes_by_insertion::Set>(Law::Commutativity);
}

#[test]
fn decrement_lost() {
    is_caught::<decrement_lost::Counter>(Law::Deltas);
}

#[test]
fn delta_under_whole_clock() {
    is_caught::<delta_under_whole_clock::Economical>(Law::Convergence);
}

#[test]
fn dot_reused_after_restore() {
    is_caught::<dot_reused_after_restore::Reused>(Law::Commutativity);
}

#[test]
fn duplicate_counted() {
    is_caught::<duplicate_counted::Counter>(Law::Duplicates);
}

#[test]
fn early_removal_dropped() {
    is_caught::<early_removal_dropped::Forgetful>(Law::Deltas);
}

#[test]
fn gap_taken_for_known() {
    is_caught::<gap_taken_for_known::Leaping>(Law::Clock);
}

#[test]
fn killed_dots_in_clock() {
    is_caught::<killed_dots_in_clock::Noting>(Law::Clock);
}

#[test]
fn loser_dropped() {
    is_caught::<loser_dropped::Register>(Law::Deltas);
}

#[test]
fn old_values_back() {
    is_caught_only_by_its_specification::<old_values_back::Record>();
}

#[test]
fn partial_state_deletes() {
    is_caught::<partial_state_deletes::Cutting>(Law::Deltas);
}

#[test]
fn removal_of_the_unseen() {
    is_caught::<removal_of_the_unseen::Set>(Law::Duplicates);
}

#[test]
fn removal_without_dot() {
    is_caught::<removal_without_dot::Unnoticed>(Law::Convergence);
}

#[test]
fn reset_takes_the_unseen() {
    is_caught_only_by_its_specification::<reset_takes_the_unseen::Counter>();
}

#[test]
fn tie_by_arrival() {
    is_caught::<tie_by_arrival::Register>(Law::Commutativity);
}

#[test]
fn the_right_set_passes() {
    Laws::<event_set::Set<event_set::Right>>::specified().assert(0..1_000);
}
