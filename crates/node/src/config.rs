//! A node's configuration: one TOML file, the same for all nodes but for three lines.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_clocks::ReplicaId;
use syncline_replicas::{
    Configuration, DatacenterId, Epoch, Level, Member, NodeId, Policies, RegisterPolicy, Settings, Strategy,
};

/// Everything that a node has to be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster's name.
    pub cluster: String,
    /// Which of `nodes` this is, by name.
    pub node: String,
    /// Where the data is.
    pub directory: PathBuf,
    /// Where Redis clients connect.
    pub redis: SocketAddr,
    /// Where `/health`, `/ready` and `/metrics` are.
    pub http: SocketAddr,
    /// How partitions are replicated.
    pub strategy: StrategyName,
    /// Into how many partitions keys are dealt; fixed when the cluster is created.
    #[serde(default = "default_partitions")]
    pub partitions: u32,
    /// Threads that handle partitions; 0 for one a core.
    #[serde(default)]
    pub threads: usize,
    /// How registers are read.
    #[serde(default)]
    pub registers: Registers,
    /// What requests ask for until a connection says otherwise.
    #[serde(default)]
    pub level: LevelConfig,
    /// How long a request waits for replicas, in milliseconds.
    #[serde(default = "default_patience")]
    pub patience_ms: u64,
    /// A password that clients have to give.
    #[serde(default)]
    pub password: Option<String>,
    /// The most clients at a time.
    #[serde(default = "default_clients")]
    pub max_clients: usize,
    /// What becomes of writes.
    #[serde(default)]
    pub storage: StorageKind,
    /// The replicators' intervals.
    #[serde(default)]
    pub timing: Timing,
    /// All nodes of the cluster, in an order that never changes.
    pub nodes: Vec<NodeConfig>,
}

/// One node of the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub datacenter: String,
    /// Where the other nodes connect.
    pub peer: SocketAddr,
}

/// How partitions are replicated, as a configuration and the command line name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyName {
    /// One leader orders all writes.
    LeaderFollower,
    /// A leader in each datacenter.
    MultiLeader,
    /// Every node takes writes and asks the others.
    Leaderless,
}

/// How registers are read, by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registers {
    /// Where no prefix matches.
    #[serde(default)]
    pub policy: PolicyName,
    /// Prefixes of keys; the longest that matches decides.
    #[serde(default)]
    pub prefixes: Vec<PrefixPolicy>,
}

/// A prefix of keys and its policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixPolicy {
    /// The prefix.
    pub prefix: String,
    /// How its registers are read.
    pub policy: PolicyName,
}

/// A policy, as a configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// The latest of the concurrent versions.
    #[default]
    LastWriterWins,
    /// All of them.
    KeepSiblings,
}

/// R and W; where they are left out, what the strategy suggests.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// Replicas that answer a read.
    #[serde(default)]
    pub read: Option<u8>,
    /// Replicas that flush a write.
    #[serde(default)]
    pub write: Option<u8>,
}

/// Where writes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// To the disk.
    #[default]
    Disk,
    /// To the process's memory until they are flushed: for tests, in which `kill -9` stands for a power cut.
    PowerCut,
    /// As `power-cut`, with a disk that lies: nothing is ever flushed. A control that has to lose data.
    PowerCutWithoutFlush,
}

/// Intervals in milliseconds; see [`Settings`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// How often a leader says that it lives.
    pub heartbeat_ms: u64,
    /// How long a follower hears nothing before it stands for leader.
    pub detection_ms: u64,
    /// How much longer each further follower waits.
    pub stagger_ms: u64,
    /// How often replicas compare clocks.
    pub anti_entropy_ms: u64,
    /// How far ahead of the local clock a timestamp may be.
    pub max_drift_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat_ms: 100, detection_ms: 1_000, stagger_ms: 300, anti_entropy_ms: 500, max_drift_ms: 1_000 }
    }
}

fn default_partitions() -> u32 {
    4
}

fn default_patience() -> u64 {
    5_000
}

fn default_clients() -> usize {
    10_000
}

/// Why a configuration can not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What the file says is no configuration, or can not be used.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        message: String,
    },
    /// The parts of a configuration do not fit together.
    #[error("{0}")]
    Unusable(String),
}

impl Config {
    /// Reads a file and checks what it says.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let malformed = |message: String| ConfigError::Malformed { path: path.into(), message };
        let config: Self = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        config.check().map_err(|error| malformed(error.to_string()))?;
        Ok(config)
    }

    /// Whether its parts fit together.
    ///
    /// # Errors
    /// The first thing that is wrong, and what to do.
    pub fn check(&self) -> Result<(), ConfigError> {
        let unusable = |message: String| Err(ConfigError::Unusable(message));
        if self.cluster.is_empty() || self.cluster.len() > 200 {
            return unusable("`cluster` needs a name of 1 to 200 bytes".into());
        }
        let names: BTreeSet<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        if names.len() != self.nodes.len() {
            return unusable("two of `nodes` have the same name".into());
        }
        if self.index().is_none() {
            return unusable(format!("`node = {:?}` is none of `nodes`: {names:?}", self.node));
        }
        for NodeConfig { name, datacenter, .. } in &self.nodes {
            if [name, datacenter].iter().any(|word| word.is_empty() || word.len() > 100) {
                return unusable(format!("`name` and `datacenter` of {name:?} in `nodes` need 1 to 100 bytes each"));
            }
        }
        self.check_addresses()?;
        if self.partitions == 0 || self.partitions > 1_024 {
            return unusable(format!("`partitions` has to be between 1 and 1024, not {}", self.partitions));
        }
        if self.patience_ms == 0 {
            return unusable("`patience_ms` has to be 1 or more".into());
        }
        if let Err(error) = self.bootstrap().check() {
            return unusable(match error {
                syncline_replicas::ConfigurationError::Datacenters => {
                    "multi-leader has one leader in each datacenter: give each of `nodes` a `datacenter` of its own"
                        .into()
                }
                error => format!("`nodes`: {error}"),
            });
        }
        let level = self.level();
        let most = if self.strategy == StrategyName::MultiLeader { 1 } else { self.size() };
        if level.read == 0 || level.write == 0 || level.read > most || level.write > most {
            return unusable(format!(
                "`level`: read = {} and write = {} can not be reached: both have to be between 1 and {most}",
                level.read, level.write
            ));
        }
        Ok(())
    }

    /// Nobody can listen where another does.
    fn check_addresses(&self) -> Result<(), ConfigError> {
        let mut listed = vec![("`redis`".to_owned(), self.redis, true), ("`http`".to_owned(), self.http, true)];
        let peers = self.nodes.iter();
        listed.extend(peers.map(|node| (format!("`peer` of {:?}", node.name), node.peer, node.name == self.node)));
        for (place, (name, address, is_here)) in listed.iter().enumerate() {
            let clashes = |(_, other, other_is_here): &&(String, SocketAddr, bool)| {
                let is_for_all =
                    *is_here && *other_is_here && (address.ip().is_unspecified() || other.ip().is_unspecified());
                // Port 0 is one that the system chooses.
                address.port() != 0 && address.port() == other.port() && (address.ip() == other.ip() || is_for_all)
            };
            if let Some((other, other_address, _)) = listed[..place].iter().find(clashes) {
                return Err(ConfigError::Unusable(format!(
                    "{other} is {other_address} and {name} is {address}: give each an address of its own"
                )));
            }
        }
        Ok(())
    }

    /// This node's place among `nodes`.
    #[must_use]
    pub fn index(&self) -> Option<u32> {
        let place = self.nodes.iter().position(|node| node.name == self.node)?;
        u32::try_from(place).ok()
    }

    /// From how many other nodes a lost one is rebuilt: so many that one of them has whatever W of them acknowledged.
    #[must_use]
    pub fn rebuild_from(&self) -> usize {
        let others = self.nodes.len().saturating_sub(1);
        (self.nodes.len() + 1).saturating_sub(usize::from(self.level().write)).min(others)
    }

    fn size(&self) -> u8 {
        u8::try_from(self.nodes.len()).unwrap_or(u8::MAX)
    }

    /// The configuration with which a partition begins.
    #[must_use]
    pub fn bootstrap(&self) -> Configuration {
        let datacenters: Vec<&str> = self.nodes.iter().map(|node| node.datacenter.as_str()).collect();
        let place = |name: &str| datacenters.iter().position(|datacenter| *datacenter == name).unwrap_or(0);
        let members = self.nodes.iter().zip(0u32..).map(|(node, index)| Member {
            node: NodeId(index),
            datacenter: DatacenterId(u16::try_from(place(&node.datacenter)).unwrap_or(u16::MAX)),
            replica: ReplicaId::from_u128(u128::from(index) + 1),
        });
        let leads = self.strategy == StrategyName::LeaderFollower;
        Configuration {
            epoch: Epoch(1),
            strategy: self.strategy.into(),
            members: members.collect(),
            leader: leads.then_some(NodeId(0)),
            policies: self.policies(),
        }
    }

    /// How registers are read.
    #[must_use]
    pub fn policies(&self) -> Policies {
        let by_prefix = self.registers.prefixes.iter();
        Policies {
            default: self.registers.policy.into(),
            by_prefix: by_prefix.map(|held| (held.prefix.clone().into_bytes(), held.policy.into())).collect(),
        }
    }

    /// What requests ask for: a majority's writes, and reads that see them, where the strategy has such a thing.
    #[must_use]
    pub fn level(&self) -> Level {
        let majority = self.size() / 2 + 1;
        let (read, write) = match self.strategy {
            StrategyName::LeaderFollower => (1, majority),
            StrategyName::MultiLeader => (1, 1),
            StrategyName::Leaderless => (majority, majority),
        };
        Level { read: self.level.read.unwrap_or(read), write: self.level.write.unwrap_or(write) }
    }

    /// The replicators' intervals and limits.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let ms = Duration::from_millis;
        let timing = self.timing;
        Settings {
            heartbeat: ms(timing.heartbeat_ms),
            detection: ms(timing.detection_ms),
            stagger: ms(timing.stagger_ms),
            anti_entropy: ms(timing.anti_entropy_ms),
            max_drift: ms(timing.max_drift_ms),
            ..Settings::default()
        }
    }

    /// An example with comments, which [`load`](Self::load) takes.
    #[must_use]
    pub fn example() -> &'static str {
        include_str!("config/example.toml")
    }
}

impl std::fmt::Display for StrategyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LeaderFollower => "leader-follower",
            Self::MultiLeader => "multi-leader",
            Self::Leaderless => "leaderless",
        })
    }
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::LeaderFollower => Self::LeaderFollower,
            StrategyName::MultiLeader => Self::MultiLeader,
            StrategyName::Leaderless => Self::Leaderless,
        }
    }
}

impl From<PolicyName> for RegisterPolicy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::LastWriterWins => Self::LastWriterWins,
            PolicyName::KeepSiblings => Self::KeepSiblings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn the_example_is_a_configuration() {
        let config: Config = toml::from_str(Config::example()).expect("the example is well formed");
        config.check().expect("the example can be used");
    }
}
