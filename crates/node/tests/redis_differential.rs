//! The front against a real Redis 7.0: the same commands, the same replies.
//!
//! A seed gives the commands, hostile arguments among them. They go to both servers in pipelines; whatever a reply may
//! depend on beside them (the order of a set, the time that passed, what was drawn by chance) is compared as far as it
//! is determined, and what a random command did at the node is done at Redis too, so that both hold the same all the
//! time.
//!
//! `SYNCLINE_DIFFERENTIAL_COMMANDS` says how many commands (100,000 if it is not set), `SYNCLINE_DIFFERENTIAL_SEED`
//! which.

use std::collections::VecDeque;

use redis::{ConnectionLike, Value};

use compare::{is_same, sorted};
use generate::{Generator, Kind, Step};
use real_redis::RealRedis;

#[path = "redis_differential/compare.rs"]
mod compare;
#[path = "redis_differential/generate.rs"]
mod generate;
#[path = "redis_differential/real_redis.rs"]
mod real_redis;
mod support;

/// How many commands are shown before the one whose replies differ.
const SHOWN: usize = 40;
/// After so many commands everything is compared, and both begin anew.
const ROUND: u64 = 2_000;

/// Both servers.
struct Pair {
    ours: redis::Connection,
    theirs: redis::Connection,
    seed: u64,
    /// What was asked of both last.
    recent: VecDeque<String>,
}

fn connect(address: std::net::SocketAddr) -> redis::Connection {
    let client = redis::Client::open(format!("redis://{address}/")).expect("it is an address");
    client.get_connection().expect("the server listens")
}

fn packed(steps: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let commands = steps.iter().map(|arguments| {
        let mut command = redis::Cmd::new();
        for argument in arguments {
            command.arg(&argument[..]);
        }
        command.get_packed_command()
    });
    commands.flatten().collect()
}

fn ask(server: &mut redis::Connection, requests: &[Vec<Vec<u8>>]) -> Vec<Value> {
    if requests.is_empty() {
        return Vec::new();
    }
    server.req_packed_commands(&packed(requests), 0, requests.len()).expect("the server answers")
}

fn request(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}

impl Pair {
    fn theirs(&mut self, words: &[&[u8]]) -> Value {
        ask(&mut self.theirs, &[request(words)]).remove(0)
    }

    fn remember(&mut self, step: &Step) {
        self.recent.push_back(step.to_string());
        if self.recent.len() > SHOWN {
            self.recent.pop_front();
        }
    }

    fn fail(&self, step: &Step, ours: &Value, theirs: &Value) -> ! {
        let before: Vec<&str> = self.recent.iter().map(String::as_str).collect();
        panic!(
            "with SYNCLINE_DIFFERENTIAL_SEED={}, after\n  {}\nthe replies differ to\n  {step}\nours:   {ours:?}\nRedis's: {theirs:?}",
            self.seed,
            before.join("\n  ")
        );
    }

    /// Asks the same of both, in one pipeline each.
    fn all_same(&mut self, steps: &[Step]) {
        let requests: Vec<_> = steps.iter().map(|step| step.arguments.clone()).collect();
        let (ours, theirs) = (ask(&mut self.ours, &requests), ask(&mut self.theirs, &requests));
        let mut mended = Vec::new();
        for ((step, ours), theirs) in steps.iter().zip(ours).zip(theirs) {
            if !is_same(step.kind, &ours, &theirs) {
                self.fail(step, &ours, &theirs);
            }
            if step.kind == Kind::Float
                && ours != theirs
                && let Value::BulkString(sum) = ours
            {
                // A sum that Redis rounds elsewhere must not make what follows differ.
                mended.push(request(&[b"SET", &step.arguments[1], &sum, b"KEEPTTL"]));
            }
            self.remember(step);
        }
        if !mended.is_empty() {
            ask(&mut self.theirs, &mended);
        }
    }

    /// A command whose effect or reply is drawn: what the node drew is checked, and done at Redis.
    fn drawn(&mut self, step: &Step) {
        let ours = ask(&mut self.ours, std::slice::from_ref(&step.arguments)).remove(0);
        self.remember(step);
        if matches!(ours, Value::ServerError(_) | Value::Nil) || ours == Value::Array(Vec::new()) {
            let theirs = ask(&mut self.theirs, std::slice::from_ref(&step.arguments)).remove(0);
            if ours != theirs {
                self.fail(step, &ours, &theirs);
            }
            return;
        }
        let key = step.arguments.get(1).cloned().unwrap_or_default();
        let drawn: Vec<Vec<u8>> = match &ours {
            Value::BulkString(one) => vec![one.clone()],
            Value::Array(some) | Value::Set(some) => some.iter().filter_map(bulk).collect(),
            other => panic!("{step} replies {other:?}"),
        };
        let held = match step.kind {
            Kind::AnyKey => self.theirs(&[b"KEYS", b"*"]),
            _ => self.theirs(&[b"SMEMBERS", &key]),
        };
        let Value::Array(members) = &held else { self.fail(step, &ours, &held) };
        let members: Vec<Vec<u8>> = members.iter().filter_map(bulk).collect();
        let count = step.arguments.get(2).and_then(|count| std::str::from_utf8(count).ok()?.parse::<i64>().ok());
        let expected = match count {
            Some(count) if count < 0 => usize::try_from(-count).expect("small"),
            Some(count) => members.len().min(usize::try_from(count).expect("positive")),
            None => 1,
        };
        let mut distinct = drawn.clone();
        distinct.sort();
        distinct.dedup();
        let is_repeating = count.is_some_and(|count| count < 0);
        let is_well_drawn = drawn.len() == expected
            && (is_repeating || distinct.len() == drawn.len())
            && drawn.iter().all(|member| members.contains(member));
        if !is_well_drawn {
            self.fail(step, &ours, &held);
        }
        if step.kind == Kind::Pop {
            let mut removal = request(&[b"SREM", &key]);
            removal.extend(drawn);
            ask(&mut self.theirs, &[removal]);
        }
    }

    /// Both hold the same, by whatever command it is looked at; then they are emptied.
    fn end_round(&mut self) {
        let names = self.theirs(&[b"KEYS", b"*"]);
        let Value::Array(names) = names else { panic!("KEYS replies {names:?}") };
        let mut steps = vec![Step::new(Kind::Unordered, &[b"KEYS", b"*"])];
        // Redis counts what has expired until it is looked at, so all is looked at.
        for name in generate::all_keys() {
            let looks: [(Kind, &[u8]); 5] = [
                (Kind::Same, b"TYPE"),
                (Kind::Near(5_000), b"PTTL"),
                (Kind::Same, b"GET"),
                (Kind::Unordered, b"SMEMBERS"),
                (Kind::Same, b"EXISTS"),
            ];
            steps.extend(looks.map(|(kind, look)| Step::new(kind, &[look, &name])));
        }
        steps.push(Step::new(Kind::Same, &[b"DBSIZE"]));
        self.all_same(&steps);
        assert_eq!(scan_all(&mut self.ours), sorted(names.iter().filter_map(bulk)), "SCAN finds what KEYS finds");
        self.all_same(&[Step::new(Kind::Same, &[b"FLUSHALL"]), Step::new(Kind::Same, &[b"DBSIZE"])]);
        self.recent.clear();
    }
}

fn bulk(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn scan_all(server: &mut redis::Connection) -> Vec<Vec<u8>> {
    let (mut cursor, mut found) = (b"0".to_vec(), Vec::new());
    loop {
        let page = ask(server, &[request(&[b"SCAN", &cursor, b"COUNT", b"3"])]).remove(0);
        let Value::Array(parts) = page else { panic!("SCAN replies {page:?}") };
        let [Value::BulkString(next), Value::Array(keys)] = &parts[..] else { panic!("SCAN replies {parts:?}") };
        found.extend(keys.iter().filter_map(bulk));
        cursor.clone_from(next);
        if cursor == b"0" {
            return sorted(found.into_iter());
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")),
        Err(_) => default,
    }
}

#[test]
fn replies_are_those_of_redis() {
    let real = RealRedis::start();
    let node = support::start_node();
    let seed = setting("SYNCLINE_DIFFERENTIAL_SEED", 1);
    let count = setting("SYNCLINE_DIFFERENTIAL_COMMANDS", 100_000);
    println!("{count} commands from SYNCLINE_DIFFERENTIAL_SEED={seed}");
    let (ours, theirs) = (connect(node.redis), connect(real.address));
    let mut pair = Pair { ours, theirs, seed, recent: VecDeque::new() };
    let mut generator = Generator::new(seed);
    let (mut batch, mut length) = (Vec::new(), 1);
    for number in 1..=count {
        let step = generator.step();
        let is_drawn = matches!(step.kind, Kind::Pop | Kind::Draw | Kind::AnyKey);
        if is_drawn || batch.len() >= length || number % ROUND == 0 {
            pair.all_same(&std::mem::take(&mut batch));
            length = generator.batch();
        }
        // What follows a sum must see what it was mended to.
        let ends_batch = step.kind == Kind::Float;
        if is_drawn {
            pair.drawn(&step);
        } else {
            batch.push(step);
        }
        if ends_batch {
            pair.all_same(&std::mem::take(&mut batch));
        }
        if number % ROUND == 0 {
            pair.all_same(&std::mem::take(&mut batch));
            pair.end_round();
        }
    }
    pair.all_same(&batch);
    pair.end_round();
}

/// The table of commands says of each what Redis says.
#[test]
fn commands_are_described_as_redis_describes_them() {
    let real = RealRedis::start();
    let node = support::start_node();
    let (mut ours, mut theirs) = (connect(node.redis), connect(real.address));
    let Value::Array(names) = ask(&mut ours, &[request(&[b"COMMAND", b"LIST"])]).remove(0) else {
        panic!("COMMAND LIST replies an array");
    };
    let names: Vec<Vec<u8>> = names.iter().filter_map(bulk).filter(|name| !name.starts_with(b"syncline.")).collect();
    assert!(names.len() > 50);
    for name in names {
        let asked = request(&[b"COMMAND", b"INFO", &name]);
        let of = |server| describe(&ask(server, std::slice::from_ref(&asked)).remove(0));
        assert_eq!(of(&mut ours), of(&mut theirs));
    }
}

/// Name, arity, flags, keys.
fn describe(reply: &Value) -> Vec<Value> {
    let Value::Array(commands) = reply else { panic!("{reply:?} describes no command") };
    let [Value::Array(parts)] = &commands[..] else { panic!("{commands:?} describes no command") };
    parts[..6].to_vec()
}
