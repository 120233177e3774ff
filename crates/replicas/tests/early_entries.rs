//! What a leader may send before its own flush: entries, under conditions that make their loss harmless.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::time::Duration;

use syncline_clocks::{Dot, WallTime};
use syncline_replicas::{
    BatchNumber, Body, ClientId, Command, Effect, Effects, Epoch, Host, Input, Level, LogMessage, Monotonic, NodeId,
    Now, PartitionId, Request, RequestId, Row, Settings, Strategy, decode_row,
};

mod support;

use support::{Rows, configuration};

const P: PartitionId = PartitionId(0);

/// What one call comes to.
#[derive(Default)]
struct Outcome {
    /// What each append that was sent waits for, and the dots in it.
    appends: Vec<(BatchNumber, Vec<Dot>)>,
    /// What each response waits for.
    responses: Vec<BatchNumber>,
    written: Option<BatchNumber>,
}

fn handle(host: &mut Host, rows: &mut Rows, input: Input) -> Outcome {
    let now = Now { monotonic: Monotonic(1), wall: WallTime::from_nanos(1_000_000_000) };
    let mut effects = Effects::default();
    host.handle(now, input, rows, &mut effects);
    let mut outcome = Outcome::default();
    for effect in effects.drain() {
        match effect {
            Effect::Persist { batch, .. } => {
                outcome.written = Some(batch.number);
                rows.apply(batch);
            }
            Effect::Send { envelope, after, .. } => {
                if let Body::Log(LogMessage::Append { entries, .. }) = envelope.body {
                    let dots = entries.iter().flat_map(|entry| entry.delta.events()).map(|event| event.dot);
                    outcome.appends.push((after, dots.collect()));
                }
            }
            Effect::Respond { after, .. } => outcome.responses.push(after),
            _ => {}
        }
    }
    outcome
}

fn set(sequence: u64) -> Input {
    let client = ClientId(7);
    let request = Request {
        id: RequestId { client, sequence },
        partition: P,
        epoch: Epoch(0),
        key: b"k".to_vec(),
        command: Command::set(vec![1]),
        context: None,
        level: Level { read: 1, write: 1 },
        patience: Duration::from_secs(1),
    };
    Input::Request { from: client, request }
}

fn boot() -> Input {
    Input::Boot { partition: P, incarnation: 1, bootstrap: configuration(Strategy::LeaderFollower, 3) }
}

const AT_ONCE: BatchNumber = BatchNumber(0);

#[test]
fn entries_leave_early_once_the_epoch_began_and_their_dots_are_never_minted_again() {
    let (mut host, mut rows) = (Host::new(NodeId(0), Settings::default()), Rows::default());
    let began = handle(&mut host, &mut rows, boot());
    let too_early = handle(&mut host, &mut rows, set(1));
    for (after, _) in began.appends.iter().chain(&too_early.appends) {
        assert_ne!(*after, AT_ONCE, "a leader that loses its first entry takes up the epoch again");
    }
    let up_to = too_early.written.unwrap();
    handle(&mut host, &mut rows, Input::Flushed { partition: P, up_to });
    let flushed = rows.rows.clone();

    let early = handle(&mut host, &mut rows, set(2));
    assert_eq!(early.appends.len(), 2);
    assert!(early.appends.iter().all(|(after, dots)| *after == AT_ONCE && dots.len() == 1));
    assert_eq!(early.responses, [], "the leader itself has not flushed it");
    let up_to = early.written.unwrap();
    // What is written since does not hold the answer up.
    handle(&mut host, &mut rows, set(3));
    let answered = handle(&mut host, &mut rows, Input::Flushed { partition: P, up_to });
    assert_eq!(answered.responses, [AT_ONCE]);

    // The leader crashes and has lost the entry that its followers have.
    rows.rows = flushed;
    let mut host = Host::new(NodeId(0), Settings::default());
    assert!(handle(&mut host, &mut rows, boot()).appends.is_empty(), "it does not lead before it is elected anew");
    let Ok(Row::Meta(meta)) = decode_row(b"m", &rows.rows[b"m".as_slice()]) else { panic!("no row of the partition") };
    assert!(early.appends[0].1[0].sequence() <= meta.minted, "its dot would be minted again");
}

/// Numbers are set aside before they run out, and one beyond them waits.
#[test]
fn dots_that_are_not_set_aside_on_the_disk_wait_for_it() {
    let (mut host, mut rows) = (Host::new(NodeId(0), Settings::default()), Rows::default());
    let up_to = handle(&mut host, &mut rows, boot()).written.unwrap();
    handle(&mut host, &mut rows, Input::Flushed { partition: P, up_to });
    let mut waited = 0;
    for sequence in 1..6_000 {
        // The disk hangs.
        let shipped = handle(&mut host, &mut rows, set(sequence));
        waited += usize::from(shipped.appends.iter().any(|(after, _)| *after != AT_ONCE));
    }
    assert!((1_000..4_000).contains(&waited), "{waited} waited");
}
