//! A Redis of the test's own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
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
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a port is free");
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir", "/tmp"])
            .stdout(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "redis-server can not be started ({error}). This test compares replies with a real Redis 7.0: install it, \
                 for example with `apt-get install redis-server`"
            )
        });
        let mut started = Self { address, child };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = started.child.try_wait() {
                panic!("redis-server ended at once: {status}");
            }
            assert!(began.elapsed() < Duration::from_secs(30), "redis-server does not listen on {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
        started
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
