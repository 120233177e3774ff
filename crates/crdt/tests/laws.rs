//! The laws on traces from quickcheck and from any bytes, and that the harness itself does what it says.
#![allow(missing_docs)]

use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult, Testable};
use syncline_clocks::ReplicaId;
use syncline_crdt::laws::{
    Execution, Grown, Laws, Reached, SetOperation, Situation, Specified, Step, Subject, Trace, Visible,
};
use syncline_crdt::{
    EnableWinsFlag, GCounter, GSet, LwwRegister, MaxRegister, MinRegister, MvRegister, OrSet, PnCounter, Replica,
    ResettableCounter,
};

/// A property on the values of one seed.
fn check(property: impl Testable) {
    QuickCheck::new().rng(Gen::from_size_and_seed(100, 1)).quickcheck(property);
}

/// As any user of quickcheck may write it.
fn check_traces<T: Subject + Specified<Operation = <T as Subject>::Operation>>() {
    fn holds<T: Subject + Specified<Operation = <T as Subject>::Operation>>(
        trace: Trace<<T as Subject>::Operation>,
    ) -> TestResult {
        match Laws::<T>::specified().hold(trace) {
            Ok(_) => TestResult::passed(),
            Err(counterexample) => TestResult::error(counterexample.to_string()),
        }
    }
    check(holds::<T> as fn(_) -> _);
}

#[test]
fn stores_on_the_traces_of_quickcheck() {
    check_traces::<Replica<OrSet<String>>>();
    check_traces::<Replica<LwwRegister<u8>>>();
    check_traces::<Replica<MvRegister<u8>>>();
    check_traces::<Replica<EnableWinsFlag>>();
    check_traces::<Replica<ResettableCounter>>();
}

#[test]
fn lattices_on_the_traces_of_quickcheck() {
    check_traces::<Grown<GCounter>>();
    check_traces::<Grown<PnCounter>>();
    check_traces::<Grown<GSet<String>>>();
    check_traces::<Grown<MaxRegister<u8>>>();
    check_traces::<Grown<MinRegister<u8>>>();
}

/// What a fuzz target does.
#[test]
fn any_bytes_are_a_trace() {
    fn holds(bytes: Vec<u8>) -> bool {
        Laws::<Replica<OrSet<u8>>>::specified().hold(Trace::from_bytes(&bytes)).is_ok()
    }
    check(holds as fn(_) -> _);
}

/// A trace that nobody generated may refer to edits and repairs that are not there.
#[test]
fn a_trace_that_refers_to_nothing_does_nothing() {
    fn holds(edit: u8, repair: u8, replicas: u8) -> bool {
        let steps = vec![Step::Deliver { edit, part: 7, to: 200 }, Step::Again { repair }, Step::Restore { at: 255 }];
        Laws::<Replica<OrSet<u8>>>::specified().hold(Trace { replicas, steps }).is_ok()
    }
    check(holds as fn(_, _, _) -> _);
}

#[test]
fn shrinking_adds_nothing() {
    fn holds(trace: Trace<i8>) -> bool {
        trace.shrink().take(200).all(|smaller| {
            smaller != trace
                && smaller.steps.len() <= trace.steps.len()
                && smaller.operation_count() <= trace.operation_count()
                && smaller.replicas <= trace.replicas
        })
    }
    check(holds as fn(_) -> _);
}

/// Long histories, long enough that events and paths fall out of the shorter memories.
#[test]
fn long_traces() {
    Laws::<Replica<OrSet<u8>>>::specified().with_size(120).assert(0..200);
    Laws::<Replica<ResettableCounter>>::specified().with_size(120).assert(0..200);
}

#[test]
fn many_bytes_are_read_as_far_as_a_trace_goes() {
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| ((number * 7) >> 3) as u8).collect();
    let trace = Trace::<u8>::from_bytes(&bytes);
    assert!(trace.steps.len() <= 120 && trace.operation_count() <= Visible::CAPACITY, "{trace}");
}

#[test]
fn a_trace_reads_well() {
    let trace = Trace {
        replicas: 3,
        steps: vec![
            Step::Edit { at: 0, operations: vec![SetOperation::Insert(1), SetOperation::Remove(2)] },
            Step::Deliver { edit: 0, part: 0, to: 1 },
            Step::Deliver { edit: 0, part: 1, to: 2 },
            Step::Repair { from: 1, to: 2, keep: Some(3), lost: true },
            Step::Again { repair: 0 },
            Step::BackUp { at: 1 },
            Step::Restart { at: 2 },
            Step::Restore { at: 1 },
        ],
    };
    let expected = "  \
  1. edit 0: A performs [Insert(1), Remove(2)]
  2. B receives edit 0
  3. C receives edit 0, part 1
  4. repair 0: B sends C what it lacks, cut short after 3 parts, and it is lost
  5. repair 0 arrives again
  6. B is backed up
  7. C restarts
  8. B is restored from its last backup, under a new id
";
    assert_eq!(trace.to_string(), expected);
}

/// What is left out takes along what refers to it, and what comes behind it is named anew.
#[test]
fn a_shrunk_trace_refers_to_what_it_referred_to() {
    let edit = |operation: i8| Step::Edit { at: 0, operations: vec![operation] };
    let deliver = |edit| Step::Deliver { edit, part: 0, to: 1 };
    let trace = Trace { replicas: 2, steps: vec![edit(0), deliver(0), edit(1), deliver(1)] };
    let without_the_first = Trace { replicas: 2, steps: vec![edit(1), deliver(0)] };
    assert!(trace.shrink().any(|smaller| smaller == without_the_first));
}

#[test]
#[should_panic(expected = "hardly came up")]
fn a_sweep_that_meets_nothing_is_no_success() {
    Laws::<Replica<OrSet<u8>>>::specified().with_size(1).assert(0..200);
}

#[test]
fn a_seed_means_one_trace() {
    let laws = Laws::<Replica<OrSet<u8>>>::specified();
    assert_eq!(Trace::<u8>::from_seed(5, 60), Trace::from_seed(5, 60));
    let (one, other): (Reached, Reached) = (laws.sweep(5..9).expect("it holds"), laws.sweep(5..9).expect("it holds"));
    assert_eq!(one, other);
    assert!(one.times(Situation::Concurrent) > 0);
}

/// An operation that replaces names what stood where it was made: where the one between is not visible, the first
/// stands (schedule 3 of the design).
#[test]
fn a_view_with_a_hole_shows_what_was_replaced_by_what_it_lacks() {
    let writer = ReplicaId::from_u128(1);
    let mut execution = Execution::default();
    let mut seen = Visible::default();
    for operation in ["add", "add again", "remove"] {
        let index = execution.perform(operation, writer, seen, |_, _| true);
        seen.insert(index);
    }
    let standing = |visible: &[usize]| {
        let mut view = Visible::default();
        visible.iter().for_each(|index| view.insert(*index));
        let context = execution.context(view);
        (context.is_causal(), context.standing().map(|performed| performed.operation).collect::<Vec<_>>())
    };
    assert_eq!(standing(&[0, 1, 2]), (true, vec!["remove"]));
    assert_eq!(standing(&[0, 1]), (true, vec!["add again"]));
    assert_eq!(standing(&[0, 2]), (false, vec!["add", "remove"]));
}
