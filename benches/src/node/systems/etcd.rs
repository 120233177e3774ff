//! etcd: three members, and the one call of its gRPC interface that is measured, over a connection for each client.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Cluster, Node, System};
use crate::load::{AskError, Request};
use crate::process::{self, Ports, Process, StartError, at};

pub(super) async fn start(program: &Path, directory: &Path, ports: &mut Ports) -> Result<Cluster, StartError> {
    let first = ports.take(6)?;
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let members: Vec<String> = (0..3).map(|member| format!("etcd-{member}={}", url(first + 3 + member))).collect();
    let (mut processes, mut nodes) = (Vec::new(), Vec::new());
    for member in 0..3 {
        let name = format!("etcd-{member}");
        let (clients, peers) = (url(first + member), url(first + 3 + member));
        let mut command = Command::new(program);
        command.args(["--name", &name, "--logger", "zap", "--log-level", "error"]);
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.args(["--initial-cluster", &members.join(","), "--data-dir"]).arg(directory.join(&name));
        let process = Process::start(name.clone(), directory, command)?;
        nodes.push(Node { name, pid: process.pid(), address: at(first + member) });
        processes.push(process);
    }
    let addresses = || nodes.iter().map(|node| node.address);
    process::until(&mut processes, async |_| leader(addresses()).await.ok()).await?;
    let version = process::version(program)?;
    Ok(Cluster { system: System::Etcd, version, nodes, _processes: processes })
}

/// A connection to the leader.
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    path: String,
}

pub(super) async fn connect(members: impl Iterator<Item = SocketAddr>) -> Result<Connection, AskError> {
    let address = leader(members).await?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (requests, connection) = h2::client::handshake(stream).await.map_err(broken)?;
    // It ends with the client; what breaks it, the client's next request tells.
    tokio::spawn(connection);
    Ok(Connection { requests, path: format!("http://{address}/etcdserverpb.KV/Put") })
}

impl Connection {
    pub(crate) async fn put(&mut self, request: &Request) -> Result<(), AskError> {
        let head = http::Request::post(&self.path).header("content-type", "application/grpc").header("te", "trailers");
        let head = head.body(()).map_err(AskError::unexpected)?;
        let mut requests = self.requests.clone().ready().await.map_err(broken)?;
        let (response, mut body) = requests.send_request(head, false).map_err(broken)?;
        body.send_data(put_request(request.key.as_bytes(), &request.value), true).map_err(broken)?;
        let (head, mut body) = response.await.map_err(broken)?.into_parts();
        while let Some(data) = body.data().await {
            let length = data.map_err(broken)?.len();
            body.flow_control().release_capacity(length).map_err(broken)?;
        }
        // A refusal comes in the head alone.
        let trailers = body.trailers().await.map_err(broken)?.unwrap_or(head.headers);
        outcome(&trailers)
    }
}

fn outcome(trailers: &HeaderMap) -> Result<(), AskError> {
    match trailers.get("grpc-status") {
        Some(status) if status == "0" => Ok(()),
        Some(status) => Err(AskError::Refused(format!("status {status:?}, {:?}", trailers.get("grpc-message")))),
        None => Err(AskError::unexpected(trailers)),
    }
}

/// A `PutRequest` of the key and the value, fields 1 and 2, in gRPC's frame: not compressed, length, message.
fn put_request(key: &[u8], value: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(16 + key.len() + value.len());
    for (field, content) in [(1, key), (2, value)] {
        // The field's number and its type, bytes; then their length, which is a single byte below 128.
        message.put_u8(field << 3 | 2);
        message.put_u8(u8::try_from(content.len()).ok().filter(u8::is_ascii).expect("keys and values are short"));
        message.put_slice(content);
    }
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("keys and values are short"));
    frame.put(message);
    frame.freeze()
}

fn broken(error: h2::Error) -> AskError {
    AskError::Broken(std::io::Error::other(error))
}

/// The member that says of itself that it leads.
async fn leader(members: impl Iterator<Item = SocketAddr>) -> Result<SocketAddr, AskError> {
    for member in members {
        let mut stream = TcpStream::connect(member).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut metrics = String::new();
        stream.read_to_string(&mut metrics).await?;
        if metrics.contains("\netcd_server_is_leader 1\n") {
            return Ok(member);
        }
    }
    Err(AskError::Refused("no member leads".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::put_request;

    #[test]
    fn a_put_is_framed() {
        assert_eq!(&put_request(b"k", b"vw")[..], b"\0\0\0\0\x07\x0a\x01k\x12\x02vw");
    }
}
