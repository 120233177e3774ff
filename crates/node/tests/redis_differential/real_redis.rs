//! A Redis of the test's own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `redis-server`; it ends when this is dropped.
pub(crate) struct RealRedis {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl RealRedis {
    /// Starts it on a free port, without persistence.
    pub(crate) fn start() -> Self {
        // Below the ports that the system gives to those who do not care, so that none of these takes it meanwhile.
        let ports = std::iter::repeat_with(|| fastrand::u16(20_000..30_000)).take(10);
        let mut started = ports.filter_map(Self::start_on);
        started.next().expect("redis-server listens on one of ten ports")
    }

    /// Nothing if the port is taken.
    fn start_on(port: u16) -> Option<Self> {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir", "/tmp"])
            .stdout(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "redis-server can not be started ({error}). This test compares replies with a real Redis 7.0: install \
                 it, for example with `apt-get install redis-server`"
            )
        });
        let mut started = Self { address: (Ipv4Addr::LOCALHOST, port).into(), child };
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if !matches!(started.child.try_wait(), Ok(None)) {
                return None;
            }
            if started.answers() {
                return Some(started);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("redis-server does not answer on {}", started.address);
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return false };
        let mut reply = [0; 7];
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut reply).is_ok() && reply == *b"+PONG\r\n"
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
