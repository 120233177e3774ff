//! Traces as `MONITOR` prints them, and as it never would.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use syncline_sim::{MonitorTrace, Step, TraceCommand, TraceError};

fn fresh_path() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("monitor-{}-{number}", std::process::id()))
}

/// Opens a trace of these bytes. The file is gone afterwards; the open handle still reads it.
fn open(bytes: &[u8]) -> Result<MonitorTrace, TraceError> {
    let path = fresh_path();
    fs::write(&path, bytes).unwrap();
    let trace = MonitorTrace::open(&path);
    fs::remove_file(path).unwrap();
    trace
}

fn steps(trace: &MonitorTrace, connection: usize) -> Vec<Step> {
    let mut cursor = trace.cursor(connection).unwrap();
    std::iter::from_fn(|| cursor.next().unwrap()).collect()
}

/// The command of a trace that holds only this one, by its quoted words.
fn command(words: &str) -> TraceCommand {
    let trace = open(format!("1.000000 [0 127.0.0.1:1] {words}\n").as_bytes()).unwrap();
    steps(&trace, 0).remove(0).command
}

fn bytes(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

const MIXED: &str = concat!(
    "OK\n",
    "1339518083.107412 [0 127.0.0.1:60866] \"set\" \"key\" \"val\\x00\\\"ue\"\n",
    "1339518083.107500 [0 [::1]:60867] \"SADD\" \"cart\" \"a b\" \"\"\n",
    "1339518083.107600 [0 127.0.0.1:60866] \"eval\" \"return 1\" \"0\"\n",
    "1339518083.107600 [0 lua] \"set\" \"key\" \"from a script\"\n",
    "1339518083.107700 [3 unix:/tmp/a socket] \"INCR\" \"hits\"\n",
    "1339518083.107800 [0 127.0.0.1:9] \"PING\"\n",
    "1339518083.107900 [0 127.0.0.1:60866] \"GET\" \"key\"\n",
);

#[test]
fn each_cursor_sees_its_own_lines_in_order() {
    let trace = open(MIXED.as_bytes()).unwrap();
    assert_eq!(trace.connections(), 3);
    let key = b"key".to_vec();
    let set = TraceCommand::Set { key: key.clone(), value: b"val\0\"ue".to_vec() };
    let get = TraceCommand::Get { key };
    assert_eq!(steps(&trace, 0), [Step { at_nanos: 0, command: set }, Step { at_nanos: 488_000, command: get }]);
    let add = TraceCommand::Add { key: b"cart".to_vec(), members: bytes(&["a b", ""]) };
    assert_eq!(steps(&trace, 1), [Step { at_nanos: 88_000, command: add }]);
    let increment = TraceCommand::Increment { key: b"hits".to_vec(), amount: 1 };
    assert_eq!(steps(&trace, 2), [Step { at_nanos: 288_000, command: increment }]);
    assert!(trace.cursor(3).is_err());
}

#[test]
fn every_line_is_counted_once() {
    let trace = open(MIXED.as_bytes()).unwrap();
    assert_eq!((trace.lines(), trace.script_lines()), (8, 1));
    let replayed: Vec<_> = trace.commands().iter().map(|(kind, count)| (*kind, *count)).collect();
    assert_eq!(replayed, [("add", 1), ("get", 1), ("increment", 1), ("set", 1)]);
    let skipped: Vec<_> = trace.skipped().iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(skipped, [("EVAL", 1), ("PING", 1)]);
}

#[test]
fn each_command_becomes_what_it_does() {
    use TraceCommand::*;
    let key = || b"k".to_vec();
    let set = || Set { key: key(), value: b"v".to_vec() };
    for words in [
        r#""SET" "k" "v""#,
        r#""set" "k" "v" "EX" "10" "NX""#,
        r#""SETNX" "k" "v""#,
        r#""GETSET" "k" "v""#,
        r#""SETEX" "k" "10" "v""#,
        r#""PSETEX" "k" "10" "v""#,
    ] {
        assert_eq!(command(words), set(), "{words}");
    }
    assert_eq!(command(r#""Get" "k""#), Get { key: key() });
    let amounts =
        [(r#""INCR" "k""#, 1), (r#""DECR" "k""#, -1), (r#""INCRBY" "k" "-7""#, -7), (r#""DECRBY" "k" "7""#, -7)];
    for (words, amount) in amounts {
        assert_eq!(command(words), Increment { key: key(), amount }, "{words}");
    }
    assert_eq!(command(r#""INCRBY" "k" "-9223372036854775808""#), Increment { key: key(), amount: i64::MIN });
    assert_eq!(command(r#""SADD" "k" "a" "b""#), Add { key: key(), members: bytes(&["a", "b"]) });
    assert_eq!(command(r#""SREM" "k" "a""#), Remove { key: key(), members: bytes(&["a"]) });
    assert_eq!(command(r#""DEL" "k""#), Delete { keys: bytes(&["k"]) });
    assert_eq!(command(r#""UNLINK" "k" "l""#), Delete { keys: bytes(&["k", "l"]) });
    for words in [r#""SMEMBERS" "k""#, r#""SISMEMBER" "k" "a""#, r#""SCARD" "k""#] {
        assert_eq!(command(words), Members { key: key() }, "{words}");
    }
}

/// What Redis's `sdscatrepr` makes of a word.
fn quoted(word: &[u8]) -> String {
    let escaped: String = word
        .iter()
        .map(|byte| match byte {
            b'\\' | b'"' => format!("\\{}", char::from(*byte)),
            b'\n' => "\\n".into(),
            b'\r' => "\\r".into(),
            b'\t' => "\\t".into(),
            0x07 => "\\a".into(),
            0x08 => "\\b".into(),
            b' '..=b'~' => char::from(*byte).into(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[test]
fn every_byte_comes_back_from_its_escape() {
    for byte in 0..=u8::MAX {
        assert_eq!(command(&format!(r#""GET" {}"#, quoted(&[byte]))), TraceCommand::Get { key: vec![byte] });
    }
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(command(&format!(r#""GET" {}"#, quoted(&all))), TraceCommand::Get { key: all });
    assert_eq!(command(r#""GET" "\xAf\\x41""#), TraceCommand::Get { key: b"\xaf\\x41".to_vec() });
}

#[test]
fn a_malformed_line_is_named_by_its_number() {
    for (line, word) in [
        ("", "timestamp"),
        ("OK", "timestamp"),
        ("1339518083 [0 a:1] \"PING\"", "timestamp"),
        ("1339518083.1 [0 a:1] \"PING\"", "timestamp"),
        ("-339518083.107412 [0 a:1] \"PING\"", "timestamp"),
        ("99999999999.000000 [0 a:1] \"PING\"", "timestamp"),
        ("9999999999.000000 [0 a:1] \"PING\"", "within a year"),
        ("2.000000 0 a:1 \"PING\"", "client"),
        ("2.000000 [x a:1] \"PING\"", "client"),
        ("2.000000 [0 a:1 \"PING\"", "client"),
        ("2.000000 [0 ] \"PING\"", "client"),
        ("2.000000 [0 a:1] ", "double quotes"),
        ("2.000000 [0 a:1] PING", "double quotes"),
        ("2.000000 [0 a:1] \"PING", "closing"),
        ("2.000000 [0 a:1] \"PING\"\"x\"", "space"),
        ("2.000000 [0 a:1] \"PING\" ", "double quotes"),
        ("2.000000 [0 a:1] \"PING\"\r", "space"),
        ("2.000000 [0 a:1] \"\\q\"", "escapes"),
        ("2.000000 [0 a:1] \"\\", "escapes"),
        ("2.000000 [0 a:1] \"\\x4", "escapes"),
        ("2.000000 [0 a:1] \"\\x4g\"", "hexadecimal"),
        ("2.000000 [0 lua] \"\\q\"", "escapes"),
        ("2.000000 [0 a:1] \"GET\"", "one key"),
        ("2.000000 [0 a:1] \"GET\" \"k\" \"l\"", "one key"),
        ("2.000000 [0 a:1] \"SET\" \"k\"", "a value"),
        ("2.000000 [0 a:1] \"SETEX\" \"k\" \"v\"", "time to live"),
        ("2.000000 [0 a:1] \"SADD\" \"k\"", "one member"),
        ("2.000000 [0 a:1] \"DEL\"", "one key"),
    ] {
        let good = "1.000000 [0 a:1] \"GET\" \"k\"\n";
        match open(format!("OK\n{good}{good}{line}\n{good}").as_bytes()) {
            Err(error @ TraceError::Malformed { line: 4, expected, .. }) => {
                assert!(expected.contains(word), "{line}: {error}");
                assert!(error.to_string().contains(":4: expected "), "{error}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    let long = format!("1.000000 [0 {}] \"PING\"\n", "a".repeat(257));
    assert!(matches!(open(long.as_bytes()), Err(TraceError::Malformed { line: 1, .. })));
    let many = format!("1.000000 [0 a:1] \"PING\"{}\n", " \"\"".repeat((1 << 20) + 1));
    assert!(matches!(open(many.as_bytes()), Err(TraceError::Malformed { line: 1, .. })));
}

#[test]
fn other_errors_name_the_file() {
    let path = fresh_path();
    let error = MonitorTrace::open(&path).unwrap_err();
    assert!(matches!(error, TraceError::Read { .. }) && error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert!(matches!(MonitorTrace::open(env!("CARGO_TARGET_TMPDIR")), Err(TraceError::Read { .. })));
    for nothing in ["", "OK\n", "OK\n1.000000 [0 a:1] \"PING\"\n1.000000 [0 lua] \"GET\" \"k\"\n"] {
        assert!(matches!(open(nothing.as_bytes()), Err(TraceError::Empty { .. })), "{nothing}");
    }
}

#[test]
fn an_endless_line_is_refused_before_it_is_held() {
    let path = fresh_path();
    fs::write(&path, "1.000000 [0 a:1] \"GET\" \"k\"\n1.000000 [0 a:1] \"SET\" \"k\" \"").unwrap();
    File::options().write(true).open(&path).unwrap().set_len(1 << 32).unwrap();
    let trace = MonitorTrace::open(&path);
    fs::remove_file(path).unwrap();
    assert!(matches!(trace, Err(TraceError::LineTooLong { line: 2, .. })));
}

#[test]
fn a_file_that_changes_underneath_is_noticed() {
    let path = fresh_path();
    fs::write(&path, MIXED).unwrap();
    let trace = MonitorTrace::open(&path).unwrap();
    fs::write(&path, MIXED.replace("\"set\"", "\"xxx\"")).unwrap();
    assert!(matches!(trace.cursor(0).unwrap().next(), Err(TraceError::Changed { offset: 3, .. })));
    fs::write(&path, "").unwrap();
    assert!(matches!(trace.cursor(1).unwrap().next(), Err(TraceError::Changed { .. })));
    fs::remove_file(path).unwrap();
}

#[test]
fn a_clock_that_steps_back_stands_still() {
    let stamps = ["5.000000", "7.000001", "6.000000", "0.000000", "7.000002"];
    let text: String =
        stamps.iter().enumerate().map(|(i, at)| format!("{at} [0 a:{}] \"GET\" \"k\"\n", i % 2)).collect();
    let trace = open(text.as_bytes()).unwrap();
    let times = |connection| steps(&trace, connection).iter().map(|step| step.at_nanos).collect::<Vec<_>>();
    assert_eq!(times(0), [0, 2_000_001_000, 2_000_002_000]);
    assert_eq!(times(1), [2_000_001_000, 2_000_001_000]);
}

#[test]
fn long_lines_and_a_missing_last_end_are_read_whole() {
    let lengths = [1, 4060, 4070, 4096, 70_000, 3, 1 << 20, 5];
    let lines = lengths.map(|length| format!("1.000000 [0 a:1] \"SET\" \"k\" \"{}\"", "v".repeat(length)));
    let trace = open(lines.join("\n").as_bytes()).unwrap();
    let sizes = steps(&trace, 0).into_iter().map(|step| match step.command {
        TraceCommand::Set { value, .. } => value.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(sizes.collect::<Vec<_>>(), lengths);
}

/// Marsaglia's xorshift: random enough to look for panics.
fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as usize
}

#[test]
fn no_bytes_make_it_panic_and_what_it_accepts_it_replays() {
    const SPICE: &[u8] = b"\"\\ \n[]x09.:-OK\xff\0";
    let (mut state, mut accepted) = (0x9e37_79b9_7f4a_7c15, 0);
    for round in 0..4000 {
        let mut text = MIXED.as_bytes().to_vec();
        if round % 8 == 0 {
            text = (0..xorshift(&mut state) % 200).map(|_| xorshift(&mut state) as u8).collect();
        }
        for _ in 0..=xorshift(&mut state) % 3 {
            let at = xorshift(&mut state) % (text.len() + 1);
            let spice = SPICE[xorshift(&mut state) % SPICE.len()];
            match xorshift(&mut state) % 5 {
                0 => text.truncate(at),
                1 => text.insert(at, spice),
                2 => text.extend_from_within(at..),
                3 if at < text.len() => drop(text.remove(at)),
                _ if at < text.len() => text[at] = spice,
                _ => {}
            }
        }
        if let Ok(trace) = open(&text) {
            accepted += 1;
            let replayed: usize = (0..trace.connections()).map(|connection| steps(&trace, connection).len()).sum();
            assert_eq!(replayed as u64, trace.commands().values().sum::<u64>());
            let others = trace.skipped().values().sum::<u64>() + trace.script_lines();
            assert!(trace.lines() - replayed as u64 - others <= 1, "only a first line OK is neither");
        }
    }
    assert!(accepted > 200, "only {accepted} mutants were accepted: the test would show little");
}

#[test]
fn the_shipped_trace_is_whole() {
    let trace = MonitorTrace::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../workloads/mixed.monitor")).unwrap();
    assert_eq!((trace.lines(), trace.connections()), (20_001, 12));
    assert_eq!(trace.commands().values().sum::<u64>(), 20_000);
    let last = (0..12).flat_map(|connection| steps(&trace, connection).pop()).map(|step| step.at_nanos).max().unwrap();
    assert!((10_000_000_000..120_000_000_000).contains(&last), "{last}");
}
