//! Network namespaces of the test's own, one for each node, on a bridge: links between nodes can be cut for real.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The namespaces and the bridge; both go when this is dropped.
pub struct Network {
    namespaces: Vec<String>,
    bridge: String,
    third: u8,
}

fn run(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{} can not be run ({error}): install iproute2 and nftables (./test does), and run as root", words[0])
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}; network namespaces need root");
}

impl Network {
    pub fn new(nodes: usize) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let unique = (std::process::id() * 4 + MADE.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let third = u8::try_from(unique % 250).expect("below 250");
        let bridge = format!("slb{unique}");
        let namespaces: Vec<String> = (0..nodes).map(|node| format!("sl{unique}n{node}")).collect();
        let network = Self { namespaces, bridge, third };
        let bridge = network.bridge.as_str();
        run(&["ip", "link", "add", bridge, "type", "bridge"]);
        run(&["ip", "addr", "add", &format!("{}/24", network.address_of(253)), "dev", bridge]);
        run(&["ip", "link", "set", bridge, "up"]);
        for (node, namespace) in network.namespaces.iter().enumerate() {
            let (outer, inner) = (format!("{namespace}o"), format!("{namespace}i"));
            run(&["ip", "netns", "add", namespace]);
            run(&["ip", "link", "add", &outer, "type", "veth", "peer", "name", &inner]);
            run(&["ip", "link", "set", &outer, "master", bridge, "up"]);
            run(&["ip", "link", "set", &inner, "netns", namespace]);
            let inside = |words: &[&str]| {
                let words: Vec<&str> = ["ip", "netns", "exec", namespace].iter().chain(words).copied().collect();
                run(&words);
            };
            inside(&["ip", "addr", "add", &format!("{}/24", network.address(node)), "dev", &inner]);
            inside(&["ip", "link", "set", &inner, "up"]);
            inside(&["ip", "link", "set", "lo", "up"]);
        }
        network
    }

    fn address_of(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.third, last)
    }

    /// A node's address.
    pub fn address(&self, node: usize) -> Ipv4Addr {
        self.address_of(u8::try_from(node + 1).expect("few nodes"))
    }

    /// What runs a program where a node is.
    pub fn command(&self, node: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespaces[node], program]);
        command
    }

    /// From now on a node hears nothing of these others, and they nothing of it. The test still reaches all of them.
    pub fn cut(&self, node: usize, others: &[usize]) {
        for (from, to) in others.iter().flat_map(|other| [(node, *other), (*other, node)]) {
            let rules = format!(
                "add table inet cut\nadd chain inet cut in {{ type filter hook input priority 0; }}\n\
                 add rule inet cut in ip saddr {} drop\n",
                self.address(from)
            );
            self.nft(to, &rules);
        }
    }

    /// All links work again.
    pub fn heal(&self) {
        (0..self.namespaces.len()).for_each(|node| self.nft(node, "add table inet cut\ndelete table inet cut\n"));
    }

    fn nft(&self, node: usize, rules: &str) {
        use std::io::Write;
        let mut command = self.command(node, "nft");
        let mut child =
            command.args(["-f", "-"]).stdin(std::process::Stdio::piped()).spawn().expect("nft is installed");
        child.stdin.take().expect("it is piped").write_all(rules.as_bytes()).expect("nft reads");
        assert!(child.wait().expect("it was started").success(), "nft refuses:\n{rules}");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
        let _ = Command::new("ip").args(["link", "del", &self.bridge]).status();
    }
}
