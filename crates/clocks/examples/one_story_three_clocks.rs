//! The same few events under three clocks, and what each of them can say about every two.
//!
//! `cargo run -p syncline-clocks --example one_story_three_clocks`

use std::error::Error;

use syncline_clocks::{
    Causality, IntervalTreeClock, LamportClock, LamportTimestamp, ReplicaId, VectorClock, VersionVector,
};

/// One process with a clock of each kind.
struct Process {
    lamport: LamportClock,
    vector: VectorClock,
    tree: IntervalTreeClock,
}

/// What the clocks say of one event.
struct Event {
    what: &'static str,
    lamport: LamportTimestamp,
    vector: VersionVector,
    tree: IntervalTreeClock,
}

impl Process {
    /// Something happens here; if it is a receipt, what came with the message is taken in first.
    fn event(&mut self, what: &'static str, received: Option<&Event>) -> Result<Event, Box<dyn Error>> {
        let (lamport, vector) = match received {
            Some(sent) => {
                self.tree.join(&sent.tree)?;
                (self.lamport.observe(sent.lamport)?, self.vector.receive(&sent.vector)?)
            }
            None => (self.lamport.tick()?, self.vector.tick()?),
        };
        self.tree.event()?;
        Ok(Event { what, lamport, vector, tree: self.tree.peek() })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut seed = IntervalTreeClock::seed();
    let share = seed.fork()?;
    let process = |number, tree| Process {
        lamport: LamportClock::new(ReplicaId::from_u128(number), 1 << 32),
        vector: VectorClock::new(ReplicaId::from_u128(number)),
        tree,
    };
    let (mut ann, mut ben) = (process(1, seed), process(2, share));

    let menu = ann.event("Ann reads the menu", None)?;
    let order = ann.event("Ann orders tea", None)?;
    let lunch = ben.event("Ben has lunch", None)?;
    let walk = ben.event("Ben takes a walk", None)?;
    let receipt = ben.event("Ben receives the order", Some(&order))?;
    let story = [menu, order, lunch, walk, receipt];

    for Event { what, lamport, vector, tree } in &story {
        let counts: Vec<_> = [1, 2].map(|number| vector.get(ReplicaId::from_u128(number)).to_string()).into();
        println!("{what:<24} Lamport {:<4} vector [{}]   tree {tree}", lamport.counter, counts.join(", "));
    }
    println!("\n{:<50} {:<12} {:<12} tree", "", "Lamport", "vector");
    for (at, left) in story.iter().enumerate() {
        for right in &story[at + 1..] {
            let lamport = if left.lamport < right.lamport { "less" } else { "greater" };
            let (vector, tree) = (left.vector.compare(&right.vector), left.tree.compare(&right.tree));
            println!(
                "{:<50} {lamport:<12} {:<12} {tree:?}",
                format!("{} / {}", left.what, right.what),
                format!("{vector:?}")
            );
            assert_eq!(vector, tree);
            assert!(vector != Causality::Before || lamport == "less");
        }
    }
    println!(
        "\nThe vector and the tree know who could have known what. Lamport's numbers put all events in one order that"
    );
    println!("never contradicts them, and can not say which of its answers are facts.");
    Ok(())
}
