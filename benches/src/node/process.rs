//! Servers as processes: found, started on free ports, waited for, and ended by their own ids.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

/// How long a server may take to start; and to end, before it is killed. `syncline up` gives its nodes 20 s.
const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);

/// Why a system is not up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{program} is not here: apt-get install {package}, or choose others with --only")]
    Missing { program: &'static str, package: &'static str },
    #[error("{}: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("no {0} free ports in a row")]
    Ports(u16),
    #[error("{name} can not be run: {source}")]
    Run { name: String, source: io::Error },
    #[error("{name} {what}: {log}")]
    Failed { name: String, what: String, log: String },
    #[error("{name} said {said:?}, which is not understood")]
    Unexpected { name: String, said: String },
    #[error("there is no user postgres, and PostgreSQL does not run as root: apt-get install postgresql")]
    NoUser,
}

/// A program's path, if it is in one of these directories or else in those of `PATH`.
pub(crate) fn find(
    program: &'static str,
    package: &'static str,
    directories: &[PathBuf],
) -> Result<PathBuf, StartError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let everywhere = directories.iter().cloned().chain(env::split_paths(&path));
    let mut candidates = everywhere.map(|directory| directory.join(program));
    candidates.find(|file| file.is_file()).ok_or(StartError::Missing { program, package })
}

/// What a program says of its version, without how it was built.
pub(crate) fn version(program: &Path) -> Result<String, StartError> {
    let name = program.display().to_string();
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|source| StartError::Run { name, source })?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let words = printed.lines().next().unwrap_or_default().split_ascii_whitespace();
    Ok(words.take(3).collect::<Vec<_>>().join(" "))
}

/// Whether a directory's files never reach a disk.
pub(crate) fn is_in_memory(directory: &Path) -> io::Result<bool> {
    let output = Command::new("stat").args(["--file-system", "--format=%T"]).arg(directory).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(matches!(output.stdout.trim_ascii(), b"tmpfs" | b"ramfs"))
}

/// Lets servers that run as another user reach what is theirs in a directory.
pub(crate) fn open_to_all(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o755))
}

/// A process's user and system time so far, in ticks of 10 ms.
pub(crate) fn ticks(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses and may hold anything, spaces too.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(user + system),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat: {stat}"))),
    }
}

/// Ports that nobody listens on, below those that the system gives to outgoing connections.
pub(crate) struct Ports {
    next: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { next: fastrand::u16(15_000..25_000) }
    }
}

impl Ports {
    const END: u16 = 32_000;

    /// The first of so many free ports in a row.
    pub(crate) fn take(&mut self, count: u16) -> Result<u16, StartError> {
        let mut first = self.next;
        while first + count < Self::END {
            match (first..first + count).find(|port| !is_free(*port)) {
                Some(taken) => first = taken + 1,
                None => {
                    self.next = first + count;
                    return Ok(first);
                }
            }
        }
        Err(StartError::Ports(count))
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(at(port)).is_ok()
}

/// A port on this machine alone.
pub(crate) fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A server, ended when this is dropped.
pub(crate) struct Process {
    pub(crate) name: String,
    child: Child,
    /// Processes that it started and ends itself; killed only if it does not.
    pub(crate) children: Vec<u32>,
    directory: PathBuf,
}

impl Process {
    /// Starts a server that writes what it says into a directory.
    pub(crate) fn start(name: String, directory: &Path, mut command: Command) -> Result<Self, StartError> {
        let directory = directory.to_owned();
        let create = |path: PathBuf| File::create(&path).map_err(|source| StartError::Directory { path, source });
        let (output, log) = (create(output(&directory, &name))?, create(log(&directory, &name))?);
        // A group of its own: Ctrl-C in a terminal is for this program alone, which then ends the servers in order.
        let command = command.stdin(Stdio::null()).stdout(output).stderr(log).process_group(0);
        match command.spawn() {
            Ok(child) => Ok(Self { name, child, children: Vec::new(), directory }),
            Err(source) => Err(StartError::Run { name, source }),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(output(&self.directory, &self.name)).unwrap_or_default()
    }

    fn failed(&self, what: String) -> StartError {
        let log = fs::read_to_string(log(&self.directory, &self.name)).unwrap_or_default() + &self.output();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let log = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        StartError::Failed { name: self.name.clone(), what, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let kill = |signal, pid: u32| {
            // What has ended needs no signal.
            let _ = Command::new("kill").arg(signal).arg(pid.to_string()).stderr(Stdio::null()).status();
        };
        if matches!(self.child.try_wait(), Ok(None)) {
            kill("-INT", self.child.id());
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(POLL);
        }
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.children.iter().for_each(|pid| kill("-KILL", *pid));
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn output(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.out"))
}

fn log(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

/// Runs a program to its end.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<(), StartError> {
    let output = command.stdin(Stdio::null()).process_group(0).output();
    let output = output.map_err(|source| StartError::Run { name: name.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(StartError::Failed { name: name.to_owned(), what: format!("failed ({})", output.status), log })
}

/// Asks again and again until there is an answer, for as long as all of the processes run.
pub(crate) async fn until<T>(
    processes: &mut [Process],
    mut answer: impl AsyncFnMut(&[Process]) -> Option<T>,
) -> Result<T, StartError> {
    let until = Instant::now() + PATIENCE;
    loop {
        // A server may take a connection and not answer yet.
        if let Ok(Some(answer)) = tokio::time::timeout(Duration::from_secs(5), answer(processes)).await {
            return Ok(answer);
        }
        for process in &mut *processes {
            if let Ok(Some(status)) = process.child.try_wait() {
                return Err(process.failed(format!("ended ({status})")));
            }
        }
        if Instant::now() > until {
            let process = processes.first().map(|process| process.failed("is not ready".to_owned()));
            return Err(process.expect("a process is waited for"));
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;

    use super::{Ports, Process, StartError, at, find, ticks};

    #[test]
    fn ports_that_are_taken_are_passed_over() {
        let mut ports = Ports::default();
        let first = ports.take(1).expect("a free port");
        let taken = (first + 1..).find_map(|port| TcpListener::bind(at(port)).ok()).expect("another");
        let taken = taken.local_addr().expect("it listens").port();
        let block = ports.take(3).expect("three free ports");
        assert!(block > first && !(block..block + 3).contains(&taken) || block > taken);
    }

    #[test]
    fn a_missing_program_is_told_with_its_package() {
        let missing = find("no-such-program", "its-package", &[]);
        assert!(matches!(missing, Err(StartError::Missing { package: "its-package", .. })));
    }

    #[test]
    fn a_process_ends_when_it_is_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sleep");
        command.arg("60");
        let process = Process::start("sleep".into(), directory.path(), command).expect("sleep is everywhere");
        let pid = process.child.id();
        assert!(ticks(pid).is_ok());
        drop(process);
        assert!(ticks(pid).is_err());
    }
}
