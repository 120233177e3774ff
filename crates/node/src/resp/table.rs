//! The table of commands: from it follow their dispatch, the check of their arguments' number, and what `COMMAND`
//! tells.

use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use syncline_replicas::{Command, Reply};

use super::arguments::shown;
use super::commands::{conditional, connection, consistency, expiry, introspection, keys, scans, sets, strings};
use super::error::CommandError;
use super::frame::Frame;
use super::session::{Session, check_names};

/// What a command comes to.
pub(crate) type Outcome = Result<Frame, CommandError>;
/// A command of several steps, being performed.
pub(crate) type Steps<'s> = Pin<Box<dyn Future<Output = Outcome> + Send + 's>>;
/// How an answer is told to the client.
pub(crate) type Interpret = Box<dyn FnOnce(Reply) -> Outcome + Send>;

/// A command that asks one thing of one key.
pub(crate) struct One {
    pub(crate) key: Vec<u8>,
    pub(crate) command: Command,
    pub(crate) interpret: Interpret,
}

impl One {
    /// Asks this of the key, and tells the answer so. A function that captures nothing is boxed without being
    /// allocated.
    pub(crate) fn new(
        key: &[u8],
        command: Command,
        interpret: impl FnOnce(Reply) -> Outcome + Send + 'static,
    ) -> Result<Self, CommandError> {
        check_names(key, &command)?;
        Ok(Self { key: key.to_vec(), command, interpret: Box::new(interpret) })
    }
}

/// How a command is performed.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// From what the session knows, at once.
    AtOnce(fn(&mut Session, &[Bytes]) -> Outcome),
    /// The same, after all before it have ended: it tells of them, or changes how replies are encoded.
    Alone(fn(&mut Session, &[Bytes]) -> Outcome),
    /// With one request to a partition.
    One(fn(&mut Session, &[Bytes]) -> Result<One, CommandError>),
    /// With one request if there are no more than `width` arguments behind the name, else in several steps.
    Each {
        width: usize,
        one: fn(&mut Session, &[Bytes]) -> Result<One, CommandError>,
        many: for<'s> fn(&'s mut Session, Vec<Bytes>) -> Steps<'s>,
    },
    /// In several steps, after all before it have ended.
    Steps(for<'s> fn(&'s mut Session, Vec<Bytes>) -> Steps<'s>),
}

/// One command, described as `COMMAND` describes it.
pub(crate) struct Spec {
    /// Its name; a subcommand's begins with its command's and a bar.
    pub(crate) name: &'static str,
    /// How many arguments it takes with its name: so many, or at least so many if that is negative.
    pub(crate) arity: i64,
    /// Words separated by spaces.
    pub(crate) flags: &'static str,
    /// The first key's place, the last one's, and the step between.
    pub(crate) keys: (i64, i64, i64),
    /// How it is performed.
    pub(crate) run: Run,
    /// Its subcommands, by name. If there are any, one has to be named.
    pub(crate) subcommands: &'static [Spec],
}

const NO_KEY: (i64, i64, i64) = (0, 0, 0);
const ONE_KEY: (i64, i64, i64) = (1, 1, 1);
const ALL_KEYS: (i64, i64, i64) = (1, -1, 1);

/// A key and so many members as one request changes.
const MEMBERS: usize = 1 + sets::MOST_AT_ONCE;

const READ: &str = "readonly fast";
const SLOW_READ: &str = "readonly";
const WRITE: &str = "write denyoom fast";
const SLOW_WRITE: &str = "write denyoom";
const REMOVAL: &str = "write fast";
const ANY_TIME: &str = "loading stale";
const ALWAYS: &str = "noscript loading stale fast no_auth allow_busy";
const SUB: &str = "noscript loading stale";
const ADMIN: &str = "admin noscript loading stale";

const fn spec(name: &'static str, arity: i64, flags: &'static str, keys: (i64, i64, i64), run: Run) -> Spec {
    Spec { name, arity, flags, keys, run, subcommands: &[] }
}

const fn sub(name: &'static str, arity: i64, flags: &'static str, run: Run) -> Spec {
    spec(name, arity, flags, NO_KEY, run)
}

const fn container(
    name: &'static str,
    arity: i64,
    flags: &'static str,
    run: Run,
    subcommands: &'static [Spec],
) -> Spec {
    Spec { name, arity, flags, keys: NO_KEY, run, subcommands }
}

/// All commands, by name.
pub(crate) static COMMANDS: &[Spec] = &[
    spec("append", 3, WRITE, ONE_KEY, Run::Steps(conditional::append)),
    spec("auth", -2, ALWAYS, NO_KEY, Run::Alone(connection::auth)),
    container("client", -2, "", Run::AtOnce(connection::no_subcommand), CLIENT),
    container("command", -1, ANY_TIME, Run::AtOnce(introspection::command), COMMAND),
    container("config", -2, "", Run::AtOnce(connection::no_subcommand), CONFIG),
    spec("dbsize", 1, READ, NO_KEY, Run::Steps(scans::dbsize)),
    spec("decr", 2, WRITE, ONE_KEY, Run::One(strings::decr)),
    spec("decrby", 3, WRITE, ONE_KEY, Run::One(strings::decrby)),
    spec("del", -2, "write", ALL_KEYS, Run::Each { width: 1, one: keys::del, many: keys::del_many }),
    spec("echo", 2, "loading stale fast", NO_KEY, Run::AtOnce(connection::echo)),
    spec("exists", -2, READ, ALL_KEYS, Run::Each { width: 1, one: keys::exists, many: keys::exists_many }),
    spec("expire", -3, REMOVAL, ONE_KEY, Run::Each { width: 2, one: expiry::expire, many: expiry::expire_if }),
    spec("expireat", -3, REMOVAL, ONE_KEY, Run::Each { width: 2, one: expiry::expireat, many: expiry::expireat_if }),
    spec("expiretime", 2, READ, ONE_KEY, Run::One(expiry::expiretime)),
    spec("flushall", -1, "write", NO_KEY, Run::Steps(scans::flushall)),
    spec("flushdb", -1, "write", NO_KEY, Run::Steps(scans::flushall)),
    spec("get", 2, READ, ONE_KEY, Run::One(strings::get)),
    spec("getdel", 2, REMOVAL, ONE_KEY, Run::One(strings::getdel)),
    spec("getset", 3, WRITE, ONE_KEY, Run::One(strings::getset)),
    spec("hello", -1, ALWAYS, NO_KEY, Run::Alone(connection::hello)),
    spec("incr", 2, WRITE, ONE_KEY, Run::One(strings::incr)),
    spec("incrby", 3, WRITE, ONE_KEY, Run::One(strings::incrby)),
    spec("incrbyfloat", 3, WRITE, ONE_KEY, Run::Steps(conditional::incrbyfloat)),
    spec("info", -1, ANY_TIME, NO_KEY, Run::AtOnce(introspection::info)),
    spec("keys", 2, SLOW_READ, NO_KEY, Run::Steps(scans::keys)),
    spec("mget", -2, READ, ALL_KEYS, Run::Each { width: 1, one: strings::mget_one, many: strings::mget }),
    spec("mset", -3, SLOW_WRITE, (1, -1, 2), Run::Each { width: 2, one: strings::mset_one, many: strings::mset }),
    spec("persist", 2, REMOVAL, ONE_KEY, Run::One(expiry::persist)),
    spec("pexpire", -3, REMOVAL, ONE_KEY, Run::Each { width: 2, one: expiry::pexpire, many: expiry::pexpire_if }),
    spec("pexpireat", -3, REMOVAL, ONE_KEY, Run::Each { width: 2, one: expiry::pexpireat, many: expiry::pexpireat_if }),
    spec("pexpiretime", 2, READ, ONE_KEY, Run::One(expiry::pexpiretime)),
    spec("ping", -1, "fast", NO_KEY, Run::AtOnce(connection::ping)),
    spec("psetex", 4, SLOW_WRITE, ONE_KEY, Run::One(strings::psetex)),
    spec("pttl", 2, READ, ONE_KEY, Run::One(expiry::pttl)),
    spec("quit", -1, ALWAYS, NO_KEY, Run::AtOnce(connection::quit)),
    spec("randomkey", 1, SLOW_READ, NO_KEY, Run::Steps(scans::randomkey)),
    spec("reset", 1, ALWAYS, NO_KEY, Run::Alone(connection::reset)),
    spec("sadd", -3, WRITE, ONE_KEY, Run::Each { width: MEMBERS, one: sets::sadd, many: sets::sadd_many }),
    spec("scan", -2, SLOW_READ, NO_KEY, Run::Steps(scans::scan)),
    spec("scard", 2, READ, ONE_KEY, Run::One(sets::scard)),
    spec("sdiff", -2, SLOW_READ, ALL_KEYS, Run::Steps(sets::sdiff)),
    spec("select", 2, "loading stale fast", NO_KEY, Run::AtOnce(connection::select)),
    spec("set", -3, SLOW_WRITE, ONE_KEY, Run::One(strings::set)),
    spec("setex", 4, SLOW_WRITE, ONE_KEY, Run::One(strings::setex)),
    spec("setnx", 3, WRITE, ONE_KEY, Run::One(strings::setnx)),
    spec("sinter", -2, SLOW_READ, ALL_KEYS, Run::Steps(sets::sinter)),
    spec("sismember", 3, READ, ONE_KEY, Run::One(sets::sismember)),
    spec("smembers", 2, SLOW_READ, ONE_KEY, Run::One(sets::smembers)),
    spec("smismember", -3, READ, ONE_KEY, Run::One(sets::smismember)),
    spec("spop", -2, REMOVAL, ONE_KEY, Run::Steps(conditional::spop)),
    spec("srandmember", -2, SLOW_READ, ONE_KEY, Run::One(sets::srandmember)),
    spec("srem", -3, REMOVAL, ONE_KEY, Run::Each { width: MEMBERS, one: sets::srem, many: sets::srem_many }),
    spec("sscan", -3, SLOW_READ, ONE_KEY, Run::One(sets::sscan)),
    spec("strlen", 2, READ, ONE_KEY, Run::One(strings::strlen)),
    spec("sunion", -2, SLOW_READ, ALL_KEYS, Run::Steps(sets::sunion)),
    spec("syncline.ack", 1, "fast", NO_KEY, Run::Alone(consistency::ack)),
    spec("syncline.level", -1, "fast", NO_KEY, Run::AtOnce(consistency::level)),
    spec("syncline.siblings", 2, READ, ONE_KEY, Run::One(consistency::siblings)),
    spec("ttl", 2, READ, ONE_KEY, Run::One(expiry::ttl)),
    spec("type", 2, READ, ONE_KEY, Run::One(keys::kind)),
    spec("unlink", -2, REMOVAL, ALL_KEYS, Run::Each { width: 1, one: keys::del, many: keys::del_many }),
    spec("wait", 3, "noscript", NO_KEY, Run::Steps(consistency::wait)),
];

static CLIENT: &[Spec] = &[
    sub("client|getname", 2, SUB, Run::AtOnce(connection::client_getname)),
    sub("client|id", 2, SUB, Run::AtOnce(connection::client_id)),
    sub("client|info", 2, SUB, Run::AtOnce(connection::client_info)),
    sub("client|list", -2, ADMIN, Run::AtOnce(connection::client_info)),
    sub("client|no-evict", 3, ADMIN, Run::AtOnce(connection::client_switch)),
    sub("client|no-touch", 3, SUB, Run::AtOnce(connection::client_switch)),
    sub("client|setinfo", 4, SUB, Run::AtOnce(connection::client_setinfo)),
    sub("client|setname", 3, SUB, Run::AtOnce(connection::client_setname)),
];

static COMMAND: &[Spec] = &[
    sub("command|count", 2, ANY_TIME, Run::AtOnce(introspection::command_count)),
    sub("command|docs", -2, ANY_TIME, Run::AtOnce(introspection::command_docs)),
    sub("command|info", -2, ANY_TIME, Run::AtOnce(introspection::command_info)),
    sub("command|list", -2, ANY_TIME, Run::AtOnce(introspection::command_list)),
];

static CONFIG: &[Spec] = &[
    sub("config|get", -3, ADMIN, Run::AtOnce(introspection::config_get)),
    sub("config|resetstat", 2, ADMIN, Run::AtOnce(introspection::config_fixed)),
    sub("config|rewrite", 2, ADMIN, Run::AtOnce(introspection::config_fixed)),
    sub("config|set", -4, ADMIN, Run::AtOnce(introspection::config_fixed)),
];

/// The command that a request names.
///
/// There is none of this name, or it does not take so many arguments.
pub(crate) fn find(request: &[Bytes]) -> Result<&'static Spec, CommandError> {
    let command = by_name(&request[0]).ok_or_else(|| CommandError::unknown_command(request))?;
    let named = request.get(1).filter(|_| !command.subcommands.is_empty());
    let spec = match named {
        None => command,
        Some(name) => {
            let found = find_in(command.subcommands, name, command.name.len() + 1);
            found.ok_or_else(|| CommandError::UnknownSubcommand {
                command: command.name.to_ascii_uppercase(),
                subcommand: shown(&name[..name.len().min(128)]),
            })?
        }
    };
    if !spec.takes(request.len()) {
        return Err(CommandError::Arity(spec.name.to_string()));
    }
    Ok(spec)
}

/// The command of this name, in capitals or not.
pub(crate) fn by_name(name: &[u8]) -> Option<&'static Spec> {
    find_in(COMMANDS, name, 0)
}

fn find_in(table: &'static [Spec], name: &[u8], prefix: usize) -> Option<&'static Spec> {
    let order = |spec: &Spec| {
        let held = spec.name.as_bytes()[prefix..].iter().copied();
        held.cmp(name.iter().map(u8::to_ascii_lowercase))
    };
    table.binary_search_by(order).ok().map(|place| &table[place])
}

impl Spec {
    fn takes(&self, count: usize) -> bool {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match self.arity.cmp(&0) {
            Ordering::Less => count >= -self.arity,
            _ => count == self.arity,
        }
    }

    /// Whether a client may use it before it has given its password.
    pub(crate) fn is_for_strangers(&self) -> bool {
        self.flags.split(' ').any(|flag| flag == "no_auth")
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENT, COMMAND, COMMANDS, CONFIG, find};

    fn found(request: &str) -> Result<&'static str, String> {
        let request: Vec<bytes::Bytes> = request.split(' ').map(|part| part.to_string().into()).collect();
        find(&request).map(|spec| spec.name).map_err(|error| error.to_string())
    }

    #[test]
    fn every_table_is_in_order() {
        for table in [COMMANDS, CLIENT, COMMAND, CONFIG] {
            assert!(table.is_sorted_by(|one, next| one.name < next.name));
        }
        for spec in COMMANDS {
            let arguments = vec!["a"; usize::try_from(spec.arity.abs()).unwrap_or(0).saturating_sub(1)];
            if spec.subcommands.is_empty() {
                let request = format!("{} {}", spec.name, arguments.join(" "));
                assert_eq!(found(request.trim_end()), Ok(spec.name));
            }
        }
    }

    #[test]
    fn names_and_numbers_of_arguments() {
        assert_eq!(found("GeT a"), Ok("get"));
        assert_eq!(found("get"), Err("ERR wrong number of arguments for 'get' command".into()));
        assert_eq!(found("client SETNAME a"), Ok("client|setname"));
        assert_eq!(found("client setname"), Err("ERR wrong number of arguments for 'client|setname' command".into()));
        assert_eq!(found("client"), Err("ERR wrong number of arguments for 'client' command".into()));
        assert_eq!(found("client fOO"), Err("ERR unknown subcommand 'fOO'. Try CLIENT HELP.".into()));
        assert_eq!(found("command"), Ok("command"));
        assert_eq!(found("ge a"), Err("ERR unknown command 'ge', with args beginning with: 'a' ".into()));
    }
}
