//! Commands by chance: few keys, so that types clash; arguments at every limit; options that do not go together.

use std::fmt;

/// How the replies of two servers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To the byte.
    Same,
    /// As a set.
    Unordered,
    /// As numbers that differ by no more than this.
    Near(u64),
    /// As numbers with fractions.
    Float,
    /// A cursor, and a set.
    Scanned,
    /// Members were drawn and removed.
    Pop,
    /// Members were drawn.
    Draw,
    /// A key was drawn.
    AnyKey,
}

/// One command.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    pub(crate) arguments: Vec<Vec<u8>>,
}

impl Step {
    pub(crate) fn new(kind: Kind, arguments: &[&[u8]]) -> Self {
        Self { kind, arguments: arguments.iter().map(|argument| argument.to_vec()).collect() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.arguments.iter().map(|argument| {
            let text = argument.escape_ascii().to_string();
            if text.len() > 60 {
                format!("{}... ({} bytes)", &text[..60], argument.len())
            } else {
                format!("\"{text}\"")
            }
        });
        f.write_str(&shown.collect::<Vec<_>>().join(" "))
    }
}

/// What a command takes at a place.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Key,
    Value,
    Member,
    /// A number for `INCRBY`.
    Amount,
    /// One for `INCRBYFLOAT`.
    Fraction,
    /// Seconds or milliseconds from now: far ahead, or past.
    Wait,
    /// Seconds since the epoch, far ahead or past.
    Second,
    Millisecond,
    Count,
    Pattern,
    /// Any of these words, or none.
    Options(&'static [&'static str]),
    SetOptions,
    ScanOptions,
    /// Some of this, none possible.
    Keys,
    Members,
    Pairs,
}

use Slot::*;

const EXPIRE_OPTIONS: Slot = Options(&["NX", "xx", "GT", "Lt", "foo"]);

/// Commands, how often they come, and what they take.
const TEMPLATES: &[(u32, Kind, &str, &[Slot])] = &[
    (10, Kind::Same, "SET", &[Key, Value]),
    (8, Kind::Same, "set", &[Key, Value, SetOptions]),
    (10, Kind::Same, "GET", &[Key]),
    (3, Kind::Same, "SETNX", &[Key, Value]),
    (3, Kind::Same, "SETEX", &[Key, Wait, Value]),
    (3, Kind::Same, "PSETEX", &[Key, Wait, Value]),
    (3, Kind::Same, "GETSET", &[Key, Value]),
    (3, Kind::Same, "GETDEL", &[Key]),
    (6, Kind::Same, "APPEND", &[Key, Value]),
    (3, Kind::Same, "STRLEN", &[Key]),
    (3, Kind::Same, "MGET", &[Key, Keys]),
    (3, Kind::Same, "MSET", &[Key, Value, Pairs]),
    (4, Kind::Same, "DEL", &[Key, Keys]),
    (2, Kind::Same, "UNLINK", &[Key, Keys]),
    (3, Kind::Same, "EXISTS", &[Key, Keys]),
    (4, Kind::Same, "TYPE", &[Key]),
    (4, Kind::Same, "EXPIRE", &[Key, Wait, EXPIRE_OPTIONS]),
    (4, Kind::Same, "PEXPIRE", &[Key, Wait, EXPIRE_OPTIONS, EXPIRE_OPTIONS]),
    (3, Kind::Same, "EXPIREAT", &[Key, Second, EXPIRE_OPTIONS]),
    (3, Kind::Same, "PEXPIREAT", &[Key, Millisecond, EXPIRE_OPTIONS, EXPIRE_OPTIONS]),
    (4, Kind::Near(5), "TTL", &[Key]),
    (3, Kind::Near(5_000), "PTTL", &[Key]),
    (3, Kind::Near(5), "EXPIRETIME", &[Key]),
    (3, Kind::Near(5_000), "PEXPIRETIME", &[Key]),
    (3, Kind::Same, "PERSIST", &[Key]),
    (2, Kind::Unordered, "KEYS", &[Pattern]),
    (8, Kind::Same, "INCR", &[Key]),
    (4, Kind::Same, "DECR", &[Key]),
    (6, Kind::Same, "INCRBY", &[Key, Amount]),
    (5, Kind::Same, "DECRBY", &[Key, Amount]),
    (1, Kind::Same, "DECRBY", &[Key, Options(&["-9223372036854775808"])]),
    (6, Kind::Float, "INCRBYFLOAT", &[Key, Fraction]),
    (10, Kind::Same, "SADD", &[Key, Member, Members]),
    (6, Kind::Same, "SREM", &[Key, Member, Members]),
    (3, Kind::Same, "SISMEMBER", &[Key, Member]),
    (3, Kind::Same, "SMISMEMBER", &[Key, Member, Members]),
    (4, Kind::Unordered, "SMEMBERS", &[Key]),
    (3, Kind::Same, "SCARD", &[Key]),
    (2, Kind::Scanned, "SSCAN", &[Key, Options(&["0"]), ScanOptions]),
    (2, Kind::Unordered, "SUNION", &[Key, Keys]),
    (2, Kind::Unordered, "SINTER", &[Key, Keys]),
    (2, Kind::Unordered, "SDIFF", &[Key, Keys]),
    (2, Kind::Pop, "SPOP", &[Key]),
    (2, Kind::Pop, "SPOP", &[Key, Count]),
    (2, Kind::Draw, "SRANDMEMBER", &[Key]),
    (2, Kind::Draw, "SRANDMEMBER", &[Key, Count]),
    (1, Kind::AnyKey, "RANDOMKEY", &[]),
    (1, Kind::Same, "PING", &[Options(&["", "a\r\nb"])]),
    (1, Kind::Same, "ECHO", &[Value]),
    (1, Kind::Same, "SELECT", &[Options(&["0", "1000", "a", "-1"])]),
    (1, Kind::Same, "no such", &[Key, Keys]),
    (1, Kind::Same, "CLIENT", &[Options(&["nothing", "getname", "setname"]), Options(&["", "a b"])]),
    (1, Kind::Same, "CONFIG", &[Options(&["nothing", "get"])]),
];

const STRANGE_KEYS: [&[u8]; 3] = [b"", b"k\r\n\0\xff", b"k*"];
const PLAIN_KEYS: usize = 12;

fn plain_key(number: usize) -> Vec<u8> {
    format!("k{number}").into_bytes()
}

/// Every key that commands name.
pub(crate) fn all_keys() -> impl Iterator<Item = Vec<u8>> {
    STRANGE_KEYS.into_iter().map(<[u8]>::to_vec).chain((0..PLAIN_KEYS).map(plain_key))
}

/// The source of chance.
pub(crate) struct Generator {
    random: fastrand::Rng,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    /// How many commands go out before a reply is read.
    pub(crate) fn batch(&mut self) -> usize {
        let most = self.pick(&[1, 10, 100, 400]);
        self.random.usize(1..=most)
    }

    pub(crate) fn step(&mut self) -> Step {
        let total: u32 = TEMPLATES.iter().map(|(weight, ..)| weight).sum();
        let mut ticket = self.random.u32(0..total);
        let drawn = TEMPLATES.iter().find(|(weight, ..)| {
            let is_it = ticket < *weight;
            ticket = ticket.saturating_sub(*weight);
            is_it
        });
        let (_, kind, name, slots) = drawn.expect("the ticket is below the sum of the weights");
        let mut arguments = vec![name.as_bytes().to_vec()];
        for slot in *slots {
            self.fill(*slot, &mut arguments);
        }
        let mut step = Step { kind: *kind, arguments };
        self.spoil(&mut step);
        step
    }

    /// Now and then an argument too many or too few. What draws must not draw at both servers, so it is left as it is.
    fn spoil(&mut self, step: &mut Step) {
        if matches!(step.kind, Kind::Pop | Kind::Draw | Kind::AnyKey) || self.random.u32(0..60) > 0 {
            return;
        }
        if self.random.bool() {
            step.arguments.push(b"extra".to_vec());
        } else if step.arguments.len() > 1 {
            step.arguments.pop();
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.usize(0..of.len())]
    }

    fn word(&mut self, of: &[&str]) -> Vec<u8> {
        self.pick(of).as_bytes().to_vec()
    }

    fn fill(&mut self, slot: Slot, into: &mut Vec<Vec<u8>>) {
        let value = match slot {
            Key => self.key(),
            Value => self.value(),
            Member => self.member(),
            Amount => self.amount(),
            Fraction => self.fraction(),
            Wait => self.wait(),
            Second => self.moment(1),
            Millisecond => self.moment(1_000),
            Count => {
                self.word(&["0", "1", "2", "3", "100", "-1", "-3", "-100", "a", "", "1.5", "-9223372036854775808"])
            }
            Pattern => self.word(&["*", "k*", "k?", "k[0-3]", "k[^0-3]", "[", "k\\1", "*1", "", "**", "nothing*", "?"]),
            Options(words) => match self.random.usize(0..=words.len()) {
                0 => return,
                place => words[place - 1].as_bytes().to_vec(),
            },
            SetOptions => return self.set_options(into),
            ScanOptions => return self.scan_options(into),
            Keys => return self.some(Key, into),
            Members => return self.some(Member, into),
            Pairs => {
                for _ in 0..self.random.usize(0..3) {
                    self.fill(Key, into);
                    self.fill(Value, into);
                }
                return;
            }
        };
        into.push(value);
    }

    fn some(&mut self, slot: Slot, into: &mut Vec<Vec<u8>>) {
        for _ in 0..self.random.usize(0..4) {
            self.fill(slot, into);
        }
    }

    fn key(&mut self) -> Vec<u8> {
        match self.random.usize(0..20) {
            strange @ 0..3 => STRANGE_KEYS[strange].to_vec(),
            _ => plain_key(self.random.usize(0..PLAIN_KEYS)),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.random.u32(0..12) {
            0 => b"\0\r\n\xff".to_vec(),
            1 => vec![b'x'; self.random.usize(0..5_000)],
            2 => self.fraction(),
            3..6 => self.amount(),
            6 => self.word(&["", "9223372036854775807", "-9223372036854775808", "9223372036854775000"]),
            7 => self.word(&[" 1", "1 ", "01", "+1", "-0", "1e3", "nan", "inf", "-inf", "1_0", "abc"]),
            _ => self.random.i64(-50..50).to_string().into_bytes(),
        }
    }

    fn member(&mut self) -> Vec<u8> {
        match self.random.u32(0..15) {
            0 => Vec::new(),
            1 => b"m\r\n\0\xff".to_vec(),
            2 => vec![b'm'; 1_000],
            _ => format!("m{}", self.random.u32(0..10)).into_bytes(),
        }
    }

    /// The largest are left to values: a node's running totals of what was added and what was taken are kept apart, and
    /// hold 2^64 each. Adding 0 to what holds nothing leaves it so, unlike at Redis.
    fn amount(&mut self) -> Vec<u8> {
        match self.random.u32(0..4) {
            0 => self.word(&[
                "9223372036854775808",
                "-9223372036854775809",
                "1125899906842624",
                "-1125899906842624",
                "",
                "a",
                "1.0",
                " 1",
                "+1",
                "00",
                "-0",
            ]),
            1 => self.random.i64(-1_000..0).to_string().into_bytes(),
            _ => self.random.i64(1..1_000).to_string().into_bytes(),
        }
    }

    fn fraction(&mut self) -> Vec<u8> {
        match self.random.u32(0..4) {
            0 => self.word(&[
                "1e3", "1e-3", "-1e-20", "1e20", "inf", "-inf", "infinity", "nan", "", "a", " 1", "1 ", ".5", "5.",
                "+2.5", ".", "1e5000", "1e", "--1", "1.5.2", "1e+2",
            ]),
            1 => self.random.i64(-1_000..1_000).to_string().into_bytes(),
            _ => format!("{}.{:03}", self.random.i64(-100..100), self.random.u32(0..1_000)).into_bytes(),
        }
    }

    /// Far from each other, so that which is later does not depend on how fast a server is.
    fn wait(&mut self) -> Vec<u8> {
        match self.random.u32(0..6) {
            0 => self.word(&["0", "-1", "-1000000", "9223372036854775807", "-9223372036854775808", "a", "", "1.5"]),
            _ => (1_000_000 + 30_000 * self.random.u64(0..1_000_000)).to_string().into_bytes(),
        }
    }

    fn moment(&mut self, unit: u64) -> Vec<u8> {
        match self.random.u32(0..6) {
            0 => self.word(&["0", "-1", "1", "9223372036854775807", "-9223372036854775808", "a", "", "1.5"]),
            _ => (unit * (4_000_000_000 + 30_000 * self.random.u64(0..1_000))).to_string().into_bytes(),
        }
    }

    fn set_options(&mut self, into: &mut Vec<Vec<u8>>) {
        for _ in 0..self.random.usize(0..4) {
            match self.random.u32(0..9) {
                0 => into.push(b"NX".to_vec()),
                1 => into.push(b"xx".to_vec()),
                2 | 3 => into.push(b"GET".to_vec()),
                4 => into.push(b"KeepTTL".to_vec()),
                5 => {
                    into.push(self.pick(&[&b"EX"[..], b"px"]).to_vec());
                    self.fill(Wait, into);
                }
                6 => {
                    into.push(b"EXAT".to_vec());
                    self.fill(Second, into);
                }
                7 => {
                    into.push(b"PXAT".to_vec());
                    self.fill(Millisecond, into);
                }
                _ => into.push(self.word(&["EX", "foo", "", "PERSIST"])),
            }
        }
    }

    fn scan_options(&mut self, into: &mut Vec<Vec<u8>>) {
        match self.random.u32(0..6) {
            0 => into.extend([b"MATCH".to_vec(), self.word(&["*", "m1", "m[0-4]", "?"])]),
            1 => into.extend([b"COUNT".to_vec(), self.word(&["10000", "0", "-1", "a"])]),
            2 => into.push(b"MATCH".to_vec()),
            3 => into.extend([b"TYPE".to_vec(), b"set".to_vec()]),
            _ => into.extend([b"count".to_vec(), b"10000".to_vec()]),
        }
    }
}
