//! A shopping list on a phone, a tablet and a laptop, through lost and doubled messages, a restart, and a phone that falls
//! into the water and comes back from a backup.
//!
//! `cargo run -p syncline-crdt --example shopping_list --features encoding`

use std::error::Error;

use syncline_crdt::{CausalContext, Encoded, Limits, OrSet, Replica, ReplicaId, Saved, Settings, StoredEnd, Update};

type List = Replica<OrSet<String>>;

fn show(when: &str, name: &str, list: &List) {
    let mut items: Vec<&str> = list.iter().map(String::as_str).collect();
    items.sort_unstable();
    println!("{when:<66}{name:<8}{}", items.join(", "));
}

/// What the network carries: bytes.
fn receive(list: &mut List, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    list.join(&Update::decode(bytes, &Limits::default())?)?;
    Ok(())
}

/// One asks, by telling what it knows, and the other answers with what it lacks. Says how many bytes it took.
fn ask(list: &mut List, other: &List) -> Result<usize, Box<dyn Error>> {
    let question = list.clock().encode()?;
    let answer = other.diff(&CausalContext::decode(&question, &Limits::default())?).encode()?;
    receive(list, &answer)?;
    Ok(question.len() + answer.len())
}

fn synchronise(one: &mut List, other: &mut List) -> Result<usize, Box<dyn Error>> {
    Ok(ask(other, one)? + ask(one, other)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    // Each device once takes 16 random bytes for its id.
    let [phone, tablet, laptop, second_phone] = [0xaaaa, 0xbbbb, 0xcccc, 0xdddd].map(ReplicaId::from_u128);
    let (mut phone, mut tablet, mut laptop) = (List::create(phone), List::create(tablet), List::create(laptop));

    let bytes =
        phone.edit(|list| ["milk", "tea", "bread"].into_iter().for_each(|item| list.insert(item.into()))).encode()?;
    receive(&mut tablet, &bytes)?;
    receive(&mut laptop, &bytes)?;
    show("The phone writes a list; one message brings it everywhere.", "all", &laptop);

    let removal = tablet.edit(|list| list.remove("tea")).encode()?;
    let addition = laptop.edit(|list| list.insert("tea".into())).encode()?;
    println!("\nAt the same time the tablet strikes tea off, and the laptop writes tea again.");
    receive(&mut phone, &removal)?;
    show("The phone hears of the removal first,", "phone", &phone);
    receive(&mut phone, &addition)?;
    receive(&mut phone, &addition)?;
    receive(&mut phone, &removal)?;
    show("then of the addition, twice, and of the removal again.", "phone", &phone);
    show("The laptop's message to the tablet is lost.", "tablet", &tablet);
    let bytes = synchronise(&mut tablet, &mut phone)?;
    show("The tablet meets the phone, and their clocks tell what it lacks.", "tablet", &tablet);
    println!("{:<66}({bytes} bytes)", "");

    let stored = tablet.save().encode()?;
    let certain = Saved::decode(&stored, &Limits::NONE)?;
    drop(tablet);
    let mut tablet: List = Replica::resume(certain, StoredEnd::Certain, Settings::default());
    println!(
        "\nThe tablet restarts from {} bytes that were on its disk before it sent anything: it keeps its id.",
        stored.len()
    );
    let bread = tablet.edit(|list| list.remove("bread")).encode()?;
    receive(&mut laptop, &bread)?;
    show("It strikes bread off and tells the laptop.", "laptop", &laptop);

    let backup = phone.save().encode()?;
    println!("\nThe phone makes a backup.");
    let eggs = phone.edit(|list| list.insert("eggs".into())).encode()?;
    receive(&mut laptop, &eggs)?;
    println!("It adds eggs, tells the laptop, and falls into the water.");
    drop(phone);
    let restored = Saved::decode(&backup, &Limits::NONE)?;
    let mut phone: List = Replica::resume(restored, StoredEnd::Uncertain { new_id: second_phone }, Settings::default());
    show("The backup knows nothing of eggs, so it goes on under a new id.", "phone", &phone);
    let honey = phone.edit(|list| list.insert("honey".into())).encode()?;
    receive(&mut tablet, &honey)?;
    println!("It adds honey: under its old id that would have had the name of the eggs, and one of them been lost.");

    synchronise(&mut phone, &mut laptop)?;
    synchronise(&mut laptop, &mut tablet)?;
    println!();
    for (name, list) in [("phone", &phone), ("tablet", &tablet), ("laptop", &laptop)] {
        show("All have met.", name, list);
    }
    assert!(phone.causal() == laptop.causal() && laptop.causal() == tablet.causal());
    let mut items: Vec<&String> = phone.iter().collect();
    items.sort_unstable();
    assert_eq!(items, ["eggs", "honey", "milk", "tea"]);
    let bytes = [&phone, &tablet, &laptop].map(|list| list.causal().state().encode());
    assert!(bytes.iter().all(|of| *of == bytes[0]));
    println!("All three agree, byte for byte.");
    Ok(())
}
