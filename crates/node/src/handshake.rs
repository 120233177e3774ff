//! The first words on a connection between two nodes: who dials, and whether both mean the same cluster.
//!
//! The dialler says [`Hello`] and [`Shape`], and the acceptor answers with a [`Welcome`]. Both are postcard behind their
//! length in two bytes. `Hello` stands first and does not change from version to version, so that a node of another version
//! is told so. Nobody is authenticated.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::{Config, StrategyName};

/// The version of the handshake and of the frames.
const VERSION: u8 = 2;
const PROTOCOL: &str = "syncline";

/// Who dials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hello {
    protocol: String,
    version: u8,
    cluster: String,
    node: u32,
}

/// What all nodes of a cluster have to be told alike: otherwise they would look for keys at different places, or change them
/// in ways that do not come together. Not the addresses: one node may reach another by another way than a third does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    strategy: StrategyName,
    partitions: u32,
    /// Names and datacenters, in their order.
    nodes: Vec<(String, String)>,
}

/// The acceptor's answer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Welcome {
    Come,
    /// Why not.
    Go(String),
}

/// Why two nodes do not talk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The connection failed, or what came over it is no handshake.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The acceptor refuses the dialler.
    #[error("{0}")]
    Refused(String),
    /// It does because they were not told the same of the cluster.
    #[error("{0}")]
    Mismatch(String),
}

/// What a node says of itself, and holds against what others say. Cheap enough to clone for each link.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    hello: Hello,
    shape: Shape,
}

impl Handshake {
    pub(crate) fn new(config: &Config, node: u32) -> Self {
        let nodes = config.nodes.iter().map(|node| (node.name.clone(), node.datacenter.clone())).collect();
        Self {
            hello: Hello { protocol: PROTOCOL.into(), version: VERSION, cluster: config.cluster.clone(), node },
            shape: Shape { strategy: config.strategy, partitions: config.partitions, nodes },
        }
    }

    /// The dialler's part.
    pub(crate) async fn dial(&self, stream: &mut TcpStream) -> Result<(), HandshakeError> {
        write(stream, &(&self.hello, &self.shape)).await?;
        match decode(&read(stream).await?)?.0 {
            Welcome::Come => Ok(()),
            Welcome::Go(reason) => Err(HandshakeError::Refused(reason)),
        }
    }

    /// The acceptor's part; returns which node dialled.
    pub(crate) async fn accept(&self, stream: &mut TcpStream) -> Result<u32, HandshakeError> {
        let bytes = read(stream).await?;
        let judged = decode(&bytes).map_err(HandshakeError::Io).and_then(|(hello, rest)| self.judge(&hello, rest));
        if let Err(HandshakeError::Refused(reason) | HandshakeError::Mismatch(reason)) = &judged {
            write(stream, &Welcome::Go(reason.clone())).await?;
        }
        let node = judged?;
        write(stream, &Welcome::Come).await?;
        Ok(node)
    }

    fn judge(&self, hello: &Hello, rest: &[u8]) -> Result<u32, HandshakeError> {
        let refused = |reason| Err(HandshakeError::Refused(reason));
        if hello.protocol != PROTOCOL || hello.version != VERSION {
            return refused(format!("it speaks version {VERSION} of the protocol, not {}", hello.version));
        }
        if hello.cluster != self.hello.cluster {
            return refused(format!("it belongs to the cluster {:?}, not {:?}", self.hello.cluster, hello.cluster));
        }
        let (shape, _): (Shape, _) = decode(rest)?;
        if let Some(difference) = self.shape.difference(self.hello.node, &shape, hello.node) {
            return Err(HandshakeError::Mismatch(difference));
        }
        if hello.node == self.hello.node || hello.node as usize >= self.shape.nodes.len() {
            let (own, other) = (self.hello.node, hello.node);
            return refused(format!("its configuration has no other node {other} than itself, which is {own}"));
        }
        Ok(hello.node)
    }
}

impl Shape {
    /// In what two nodes differ, with what either was told.
    fn difference(&self, node: u32, other: &Self, other_node: u32) -> Option<String> {
        let name = |shape: &Self, node: u32| {
            shape.nodes.get(node as usize).map_or_else(|| format!("node {node}"), |(name, _)| name.clone())
        };
        let (here, there) = (name(self, node), name(other, other_node));
        let mut differences = Vec::new();
        let mut compare = |key: &str, of_here: String, of_there: String| {
            if of_here != of_there {
                differences.push(format!("`{key}` is {of_here} at {here} and {of_there} at {there}"));
            }
        };
        compare("strategy", self.strategy.to_string(), other.strategy.to_string());
        compare("partitions", self.partitions.to_string(), other.partitions.to_string());
        let described = |shape: &Self, place: usize| match shape.nodes.get(place) {
            Some((name, datacenter)) => format!("{name:?} in datacenter {datacenter:?}"),
            None => "missing".into(),
        };
        let most = self.nodes.len().max(other.nodes.len());
        // One is enough: where an element is missing, all that follow differ.
        if let Some(place) = (0..most).find(|place| self.nodes.get(*place) != other.nodes.get(*place)) {
            compare(&format!("nodes[{place}]"), described(self, place), described(other, place));
        }
        let differences = differences.join("; ");
        (!differences.is_empty()).then(|| format!("{differences}: all nodes of a cluster have to be told the same"))
    }
}

async fn write(stream: &mut TcpStream, message: &impl Serialize) -> std::io::Result<()> {
    let bytes = postcard::to_allocvec(message).map_err(std::io::Error::other)?;
    let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
    stream.write_u16(length).await?;
    stream.write_all(&bytes).await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> std::io::Result<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::{Handshake, HandshakeError, Hello, PROTOCOL, Shape, VERSION};
    use crate::config::StrategyName;

    fn node(node: u32) -> Handshake {
        let nodes = (0..3).map(|node| (format!("n{node}"), format!("d{node}"))).collect();
        Handshake {
            hello: Hello { protocol: PROTOCOL.into(), version: VERSION, cluster: "shop".into(), node },
            shape: Shape { strategy: StrategyName::Leaderless, partitions: 4, nodes },
        }
    }

    fn judged(change: impl FnOnce(&mut Handshake)) -> Result<u32, HandshakeError> {
        let mut dialler = node(1);
        change(&mut dialler);
        node(0).judge(&dialler.hello, &postcard::to_allocvec(&dialler.shape).expect("memory takes it"))
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        assert_eq!(judged(|_| ()).ok(), Some(1));
        let says = |change: fn(&mut Handshake), text: &str| match judged(change) {
            Err(HandshakeError::Mismatch(reason)) => assert!(reason.starts_with(text), "{reason}"),
            other => panic!("{other:?} instead of {text}"),
        };
        says(
            |it| it.shape.strategy = StrategyName::MultiLeader,
            "`strategy` is leaderless at n0 and multi-leader at n1: ",
        );
        says(
            |it| {
                it.shape.partitions = 5;
                it.shape.nodes[2].1 = "d1".into();
            },
            "`partitions` is 4 at n0 and 5 at n1; `nodes[2]` is \"n2\" in datacenter \"d2\" at n0 and \"n2\" in datacenter \
             \"d1\" at n1: ",
        );
        says(|it| it.shape.nodes.truncate(2), "`nodes[2]` is \"n2\" in datacenter \"d2\" at n0 and missing at n1");
        // In another order they would call one another by wrong numbers.
        says(|it| it.shape.nodes.swap(0, 1), "`nodes[0]` is \"n0\" in datacenter \"d0\" at n0 and \"n1\"");
    }

    #[test]
    fn another_version_is_told_so_whatever_follows_its_hello() {
        let hello = Hello { version: 1, ..node(1).hello };
        let said = node(0).judge(&hello, &[]).expect_err("another version").to_string();
        assert_eq!(said, format!("it speaks version {VERSION} of the protocol, not 1"));
    }
}
