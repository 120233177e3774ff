//! A shopping cart in a store of two servers, kept under last writer wins and under a dotted version vector set.
//!
//! `cargo run -p syncline-clocks --example shopping_cart`

use syncline_clocks::{DottedVersionVectorSet, ReplicaId, UpdateError, VersionVector};

type Cart = DottedVersionVectorSet<&'static str>;

fn show(when: &str, cart: &Cart) {
    println!("{when:<52}{}", cart.values().copied().collect::<Vec<_>>().join("   and   "));
}

fn main() -> Result<(), UpdateError> {
    let [paris, tokyo] = [1, 2].map(ReplicaId::from_u128);
    let (mut at_paris, mut at_tokyo) = (Cart::new(), Cart::new());

    at_paris.update(&VersionVector::new(), paris, "milk")?;
    show("Paris, after the first write:", &at_paris);

    // The servers exchange what they hold, whenever they like.
    at_tokyo.sync(at_paris.clone());
    show("Tokyo, synchronised:", &at_tokyo);

    // Alice and Bob read the cart, each at another server, and write what they want to have in it.
    let (alice_read, bob_read) = (at_paris.context(), at_tokyo.context());
    at_paris.update(&alice_read, paris, "milk, eggs")?;
    at_tokyo.update(&bob_read, tokyo, "milk, bread")?;
    // Carol has not looked for long: she read what Alice read, and writes through Alice's server.
    at_paris.update(&alice_read, paris, "milk, honey")?;
    show("Paris, after Alice and Carol:", &at_paris);

    at_paris.sync(at_tokyo.clone());
    at_tokyo.sync(at_paris.clone());
    show("Both, synchronised: three wrote at the same time:", &at_paris);
    assert_eq!(at_paris, at_tokyo);

    let winner = at_paris.lww(|cart| cart.len()).unwrap_or(&"nothing");
    println!("{:<52}{winner}   (and two customers are surprised)", "Last writer wins would show only:");

    // Dave reads all three, and merges them: his write replaces exactly what he has read.
    at_tokyo.update(&at_tokyo.context(), tokyo, "milk, eggs, bread, honey")?;
    at_paris.sync(at_tokyo);
    show("Both, after Dave read and merged them:", &at_paris);
    let context = at_paris.context();
    let entries: Vec<String> =
        context.iter().map(|(server, count)| format!("{count} writes through {server:?}")).collect();
    println!("\nThe clock behind it: {}.", entries.join(", "));
    println!("It has an entry for each server, and none for the four clients.");
    Ok(())
}
