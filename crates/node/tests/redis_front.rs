//! The front as clients meet it: pipelines, both versions of the protocol, limits, and what Redis has no words for.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use syncline_node::config::{Config, NodeConfig, PolicyName, StrategyName};

mod support;

/// A client that says and expects bytes.
struct Client(TcpStream);

impl Client {
    fn connect(node: &support::Running) -> Self {
        let stream = TcpStream::connect(node.redis).expect("the node listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it can be set");
        Self(stream)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the node reads");
    }

    /// Exactly these bytes come next.
    fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let expected = bytes.as_ref();
        let mut found = vec![0; expected.len()];
        let mut length = 0;
        while length < found.len() && expected[..length] == found[..length] {
            match self.0.read(&mut found[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) => panic!("after {}: {error}", found[..length].escape_ascii()),
            }
        }
        let (found, expected) = (found[..length].escape_ascii(), expected.escape_ascii());
        assert_eq!(found.to_string(), expected.to_string());
    }

    fn ask(&mut self, line: &str, reply: &str) {
        self.send(format!("{line}\r\n"));
        self.expect(reply);
    }

    /// Until the node has found the others, it can not reach the level that is asked for.
    fn wait_for_peers(&mut self) {
        for _ in 0..100 {
            self.send("GET a\r\n");
            let mut reply = [0; 100];
            let length = self.0.read(&mut reply).expect("the node answers");
            if reply[..length] == *b"$-1\r\n" {
                return;
            }
        }
        panic!("the nodes do not find each other");
    }

    /// Nothing more comes: the node has closed.
    fn expect_end(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest, []),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn replies_of_a_pipeline_come_in_order() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    let (mut sent, mut expected) = (String::new(), String::new());
    for number in 0..200 {
        // A read and a write of the same key, a command of several steps, one that is answered at once, and an error.
        sent.push_str(&format!(
            "SET k {number}\r\nGET k\r\nSET k x\r\nAPPEND k y\r\nECHO {number}\r\nINCR k\r\nMGET k k\r\nINCR n\r\n"
        ));
        let digits = number.to_string().len();
        expected.push_str(&format!(
            "+OK\r\n${digits}\r\n{number}\r\n+OK\r\n:2\r\n${digits}\r\n{number}\r\n\
             -ERR value is not an integer or out of range\r\n*2\r\n$2\r\nxy\r\n$2\r\nxy\r\n:{}\r\n",
            number + 1
        ));
    }
    let mut writer = Client(client.0.try_clone().expect("a socket can be shared"));
    let writing = std::thread::spawn(move || writer.send(sent));
    client.expect(expected);
    writing.join().expect("everything was sent");
    client.send("QUIT\r\nGET k\r\n");
    client.expect("+OK\r\n");
    client.expect_end();
}

#[test]
fn a_request_may_arrive_in_any_pieces() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\n\r\n\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n" {
        client.send([*byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    client.expect("+OK\r\n$4\r\n\r\n\r\n\r\n");
    let large = vec![b'x'; 10 * 1024 * 1024];
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n", large.len()));
    client.send(&large);
    client.send("\r\nSTRLEN a\r\n");
    client.expect(format!("+OK\r\n:{}\r\n", large.len()));
    // What has been asked before the client ended is answered.
    client.send("STRLEN a\r\n");
    client.0.shutdown(std::net::Shutdown::Write).expect("half of it can be closed");
    client.expect(format!(":{}\r\n", large.len()));
    client.expect_end();
}

#[test]
fn who_breaks_the_protocol_is_told_and_left() {
    let node = support::start_node();
    let cases = [
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*2000000\r\n", "invalid multibulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("SET \"a\r\n", "unbalanced quotes in request"),
    ];
    // What a web page may have made a browser send is not answered at all.
    for request in ["POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n", "Host: localhost\r\nSET a 1\r\n"] {
        let mut client = Client::connect(&node);
        client.send(request);
        client.expect_end();
    }
    Client::connect(&node).ask("EXISTS a", ":0\r\n");
    for (bytes, error) in cases {
        let mut client = Client::connect(&node);
        client.send(format!("PING\r\n{bytes}"));
        client.expect(format!("+PONG\r\n-ERR Protocol error: {error}\r\n"));
        client.expect_end();
    }
}

#[test]
fn the_third_version_has_maps_sets_and_null() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    client.ask("SADD s b a", ":2\r\n");
    client.ask("GET none", "$-1\r\n");
    client.ask("SYNCLINE.LEVEL", "*4\r\n$1\r\nW\r\n:1\r\n$1\r\nR\r\n:1\r\n");
    client.ask("HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    client.send("SMEMBERS s\r\nHELLO 3 SETNAME me\r\nSMEMBERS s\r\n");
    client.expect("*2\r\n$1\r\na\r\n$1\r\nb\r\n%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n");
    client.expect(
        "$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
    );
    client.expect("$7\r\nmodules\r\n*0\r\n~2\r\n$1\r\na\r\n$1\r\nb\r\n");
    client.ask("GET none", "_\r\n");
    client.ask("SPOP s 2", "~2\r\n");
    client.expect("$1\r\n");
    let mut rest = [0; 3 + 7];
    client.0.read_exact(&mut rest).expect("two members were popped");
    client.ask("SYNCLINE.LEVEL", "%2\r\n$1\r\nW\r\n:1\r\n$1\r\nR\r\n:1\r\n");
    client.ask("CLIENT GETNAME", "$2\r\nme\r\n");
    client.ask("RESET", "+RESET\r\n");
    client.ask("CLIENT GETNAME", "$-1\r\n");
}

#[test]
fn a_password_is_asked_for() {
    let node = support::start_node_with(|config| config.password = Some("secret".into()));
    let mut client = Client::connect(&node);
    client.ask("GET a", "-NOAUTH Authentication required.\r\n");
    client.ask("GET", "-ERR wrong number of arguments for 'get' command\r\n");
    client.ask("AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    client.ask("AUTH other secret", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    client.send("HELLO 3\r\n");
    client.expect("-NOAUTH HELLO must be called with the client already authenticated");
    let mut other = Client::connect(&node);
    other.ask("AUTH secret", "+OK\r\n");
    other.ask("GET a", "$-1\r\n");
    other.ask("RESET", "+RESET\r\n");
    other.ask("GET a", "-NOAUTH Authentication required.\r\n");
    other.ask("AUTH default secret", "+OK\r\n");
    other.send("*11\r\n$4\r\nMGET\r\n");
    let mut stranger = Client::connect(&node);
    stranger.ask("*11", "-ERR Protocol error: unauthenticated multibulk length\r\n");
    let open = support::start_node();
    let mut client = Client::connect(&open);
    client.send("AUTH secret\r\n");
    client.expect("-ERR AUTH <password> called without any password configured for the default user. Are you sure");
}

#[test]
fn no_more_clients_than_allowed() {
    let node = support::start_node_with(|config| config.max_clients = 2);
    let mut clients = [Client::connect(&node), Client::connect(&node)];
    clients.iter_mut().for_each(|client| client.ask("PING", "+PONG\r\n"));
    let mut third = Client::connect(&node);
    third.expect("-ERR max number of clients reached\r\n");
    third.expect_end();
    let [first, _second] = clients;
    drop(first);
    for _ in 0..100 {
        let mut again = Client::connect(&node);
        again.0.write_all(b"PING\r\n").unwrap_or_default();
        let mut reply = [0; 1];
        if again.0.read_exact(&mut reply).is_ok() && reply == *b"+" {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("a client that has left makes no room");
}

/// What the store has no room for is refused, and harms nothing.
#[test]
fn names_and_values_have_limits() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    let (long, half, key) = ("x".repeat(100_000), "x".repeat(16 * 1024 + 1), "x".repeat(32 * 1024));
    let refusal =
        "-ERR the write is too large: a key with a member takes 32 KiB at the most, the events of a write 16 MiB\r\n";
    for command in ["GET {}", "INCR {}", "APPEND {} a", "MSET a 1 {} 2", "SISMEMBER s {}", "SREM s {}", "DEL a {}"] {
        client.send(bulks(&command.replace("{}", &long)));
        client.expect(refusal);
    }
    client.send(bulks(&format!("SADD {half} a {half}")));
    client.expect(refusal);
    client.send(bulks(&format!("INCR {key}")) + &bulks(&format!("SET {key} 5")) + &bulks(&format!("INCR {key}")));
    client.expect(":1\r\n+OK\r\n:6\r\n");
    let value = "x".repeat(17 * 1024 * 1024);
    client.send(bulks(&format!("SET a {value}")));
    client.expect(refusal);
    client.ask("SET a 1", "+OK\r\n");
}

/// A request of these words.
fn bulks(words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{bulks}", words.len())
}

/// A client that never reads is not read from for ever, and what is kept for it is bounded in bytes; when it reads, it gets
/// every reply.
#[test]
fn replies_that_are_not_read_hold_requests_up() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    let value = vec![b'x'; 1024 * 1024];
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n", value.len()));
    client.send(&value);
    client.send("\r\n");
    client.expect("+OK\r\n");
    client.0.set_write_timeout(Some(Duration::from_millis(500))).expect("it can be set");
    let (request, mut sent) = (b"GET a\r\n".repeat(10_000), 0);
    let limit = 64 * 1024 * 1024;
    while sent < limit {
        match client.0.write(&request[sent % request.len()..]) {
            Ok(more) => sent += more,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                break;
            }
        }
    }
    assert!(sent < limit, "the node never stops reading");
    let performed = info(&node, "total_commands_processed");
    assert!((2..60).contains(&performed), "{performed} replies of 1 MiB are kept or were sent");
    let reply = [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
    for _ in 0..100 {
        client.expect(&reply);
    }
}

/// A number that `INFO` tells.
fn info(node: &support::Running, name: &str) -> u64 {
    let mut client = Client::connect(node);
    client.send("INFO\r\nQUIT\r\n");
    let mut told = String::new();
    client.0.read_to_string(&mut told).expect("the node answers");
    let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.parse().ok()).expect("INFO tells it")
}

/// A set with more members than one write takes out is removed piece by piece; what the client asks next comes after that,
/// and others are served in between.
#[test]
fn a_large_set_is_removed_in_pieces() {
    for strategy in [StrategyName::LeaderFollower, StrategyName::MultiLeader, StrategyName::Leaderless] {
        let node = support::start_node_with(|config| config.strategy = strategy);
        let mut client = Client::connect(&node);
        let members: String = (0..5_000).map(|member| format!(" member-{member}")).collect();
        let fill = bulks(&format!("SADD s{members}"));
        let refill = |client: &mut Client, before: usize| {
            client.send(&fill);
            client.expect(format!(":{}\r\n", 5_000 - before));
        };
        refill(&mut client, 0);
        client.send("EXISTS s\r\nDEL s\r\nSADD s x\r\nDEL s\r\nEXISTS s\r\nSADD s x y\r\nSCARD s\r\n");
        client.expect(":1\r\n:1\r\n:1\r\n:1\r\n:0\r\n:2\r\n:2\r\n");
        refill(&mut client, 0);
        client.send("SET s v NX\r\nSCARD s\r\nSET s v XX\r\nGET s\r\nDEL s\r\nTYPE s\r\n");
        client.expect("$-1\r\n:5002\r\n+OK\r\n$1\r\nv\r\n:1\r\n+none\r\n");
        refill(&mut client, 0);
        client.send("PEXPIRE s 1\r\n");
        client.expect(":1\r\n");
        std::thread::sleep(Duration::from_millis(3));
        client.send("SADD s z\r\nSMEMBERS s\r\nTTL s\r\n");
        client.expect(":1\r\n*1\r\n$1\r\nz\r\n:-1\r\n");
        let removals = bulks(&format!("SREM s{members} z"));
        refill(&mut client, 0);
        client.send(removals);
        client.expect(":5001\r\n");

        // Nobody writes to it any more: what has expired goes by itself.
        refill(&mut client, 0);
        client.ask("PEXPIRE s 1", ":1\r\n");
        client.ask("DBSIZE", ":0\r\n");
    }
}

#[test]
fn keys_expire() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    client.ask("SET a 1 PX 80", "+OK\r\n");
    client.ask("INCR a", ":2\r\n");
    client.ask("SADD s x", ":1\r\n");
    client.ask("PEXPIRE s 80", ":1\r\n");
    std::thread::sleep(Duration::from_millis(120));
    client.ask("GET a", "$-1\r\n");
    client.ask("TTL a", ":-2\r\n");
    client.ask("DBSIZE", ":0\r\n");
    client.ask("APPEND a x", ":1\r\n");
    client.ask("TTL a", ":-1\r\n");
    client.ask("SADD s y", ":1\r\n");
    client.ask("SMEMBERS s", "*1\r\n$1\r\ny\r\n");
    client.ask("TTL s", ":-1\r\n");
}

/// Where siblings are kept, a connection's write replaces what that connection has read, and nothing else.
#[test]
fn a_write_replaces_what_was_read() {
    let node = support::start_node_with(|config| config.registers.policy = PolicyName::KeepSiblings);
    let (mut one, mut other) = (Client::connect(&node), Client::connect(&node));
    one.ask("SET a 1", "+OK\r\n");
    other.ask("SET a 2", "+OK\r\n");
    other.ask("SYNCLINE.SIBLINGS a", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    one.ask("SET a 3", "+OK\r\n");
    other.ask("SET a 4", "+OK\r\n");
    one.ask("SYNCLINE.SIBLINGS a", "*2\r\n$1\r\n3\r\n$1\r\n4\r\n");
    // In one pipeline too, the write carries what the read before it read.
    one.send("GET a\r\nSET a 5\r\n");
    one.expect("$1\r\n4\r\n+OK\r\n");
    one.ask("SYNCLINE.SIBLINGS a", "*1\r\n$1\r\n5\r\n");
    one.ask("SYNCLINE.SIBLINGS none", "*0\r\n");
    one.ask("SADD s x", ":1\r\n");
    one.send("SYNCLINE.SIBLINGS s\r\n");
    one.expect("-WRONGTYPE");
}

#[test]
fn levels_and_acknowledgements() {
    let node = support::start_node();
    let mut client = Client::connect(&node);
    client.ask("SYNCLINE.ACK", "$-1\r\n");
    client.ask("WAIT 0 0", ":0\r\n");
    client.ask("SET a 1", "+OK\r\n");
    client.ask("SYNCLINE.ACK", "*4\r\n$6\r\ncopies\r\n:1\r\n$11\r\ndatacenters\r\n:1\r\n");
    client.send("SET a 2\r\nSADD b x\r\nWAIT 1 100\r\nGET a\r\n");
    client.expect("+OK\r\n:1\r\n:0\r\n$1\r\n2\r\n");
    client.ask("SYNCLINE.LEVEL W=2", "-ERR a level of 2 is not between 1 and the partition's 1 replicas\r\n");
    client.ask("SYNCLINE.LEVEL quorum", "+OK\r\n");
    client.ask("WAIT 1", "-ERR wrong number of arguments for 'wait' command\r\n");
    client.ask("WAIT 1 -1", "-ERR timeout is negative\r\n");
    client.ask("WAIT 1 a", "-ERR timeout is not an integer or out of range\r\n");
    client.ask("SCAN 77", "-ERR invalid cursor\r\n");
}

/// A change that makes a node the `index`-th of a cluster of three.
fn one_of_three(index: usize, peers: &[std::net::SocketAddr; 3]) -> impl FnOnce(&mut Config) {
    let nodes = std::iter::zip(["a", "b", "c"], peers).map(|(name, peer)| NodeConfig {
        name: name.into(),
        datacenter: name.into(),
        peer: *peer,
    });
    let nodes: Vec<_> = nodes.collect();
    move |config| {
        config.node.clone_from(&nodes[index].name);
        config.nodes = nodes;
        config.patience_ms = 500;
    }
}

#[test]
fn wait_counts_the_other_replicas() {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let peers = [(); 3].map(|()| free().expect("a port is free"));
    let first = support::start_node_with(one_of_three(0, &peers));
    let second = support::start_node_with(one_of_three(1, &peers));
    let third = support::start_node_with(one_of_three(2, &peers));
    let mut client = Client::connect(&first);
    client.ask("SYNCLINE.LEVEL ALL", "+OK\r\n");
    client.wait_for_peers();
    client.ask("SET a 1", "+OK\r\n");
    client.ask("SYNCLINE.ACK", "*4\r\n$6\r\ncopies\r\n:3\r\n$11\r\ndatacenters\r\n:3\r\n");
    client.ask("SYNCLINE.LEVEL ONE", "+OK\r\n");
    client.send("SET a 2\r\nINCR b\r\nINCR c\r\nWAIT 2 10000\r\nSYNCLINE.ACK\r\n");
    client.expect("+OK\r\n:1\r\n:1\r\n:2\r\n*4\r\n$6\r\ncopies\r\n:3\r\n$11\r\ndatacenters\r\n:3\r\n");
    drop(third);
    client.ask("SYNCLINE.LEVEL W=2", "+OK\r\n");
    client.ask("INCR b", ":2\r\n");
    client.ask("WAIT 2 300", ":1\r\n");
    drop(second);
    client.ask("SYNCLINE.LEVEL W=1", "+OK\r\n");
    client.ask("INCR b", ":3\r\n");
    client.ask("WAIT 1 300", ":0\r\n");
    client.ask("SYNCLINE.LEVEL QUORUM", "+OK\r\n");
    client.ask("GET b", "-NOQUORUM 1 of 2 replicas answered in time\r\n");
    client.send("INCR b\r\n");
    client.expect("-NOQUORUM 1 of 2 replicas answered in time; the write may or may not take effect\r\n");
    client.ask("SYNCLINE.LEVEL ONE", "+OK\r\n");
    client.ask("GET b", "$1\r\n4\r\n");
    // Waiting for a write, however often, does not repeat it.
    client.ask("WAIT 1 100", ":0\r\n");
    client.ask("GET b", "$1\r\n4\r\n");
}
