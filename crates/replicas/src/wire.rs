//! What peers say to one another, and its bytes: postcard inside a versioned envelope, with a limit.

use serde::{Deserialize, Serialize};
use syncline_clocks::CausalContext;

use crate::anti_entropy::AntiEntropyMessage;
use crate::configuration_register::RegisterMessage;
use crate::leader_follower::LogMessage;
use crate::leaderless::QuorumMessage;
use crate::{Configuration, Epoch, PartitionId};

/// The version of the envelope and of everything in it.
const VERSION: u8 = 1;

/// The largest message that is sent or decoded, in bytes.
pub const MAX_MESSAGE: usize = 64 << 20;

/// What one replica says to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Envelope {
    /// The partition that it concerns.
    pub partition: PartitionId,
    /// The sender's configuration.
    pub epoch: Epoch,
    /// The message.
    pub body: Body,
}

/// The message proper.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Body {
    /// "You are behind: this is the configuration."
    Configuration(Configuration),
    /// "I am behind: what is the configuration?"
    ConfigurationWanted,
    /// Of the register that decides configurations.
    Register(RegisterMessage),
    /// Comparing clocks and repairing.
    AntiEntropy(AntiEntropyMessage),
    /// A leaderless read or write.
    Quorum(QuorumMessage),
    /// Of the leader's log.
    Log(LogMessage),
}

impl Body {
    /// Whether the message means the same in every epoch: what spreads configurations can not be fenced by them.
    pub(crate) fn crosses_epochs(&self) -> bool {
        match self {
            Self::Configuration(_) | Self::ConfigurationWanted | Self::Register(_) => true,
            Self::Log(message) => matches!(message, LogMessage::Seal { .. }),
            Self::AntiEntropy(_) | Self::Quorum(_) => false,
        }
    }

    /// The clock that the message reports, if it reports one: what must be durable before it leaves.
    #[must_use]
    pub fn reported_clock(&self) -> Option<&CausalContext> {
        match self {
            Self::AntiEntropy(AntiEntropyMessage::Clock { clock, .. }) => Some(clock),
            Self::Quorum(QuorumMessage::Read { since, .. }) => Some(since),
            _ => None,
        }
    }
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// It is longer than [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is longer than {MAX_MESSAGE}")]
    TooLong(usize),
    /// It has a version that this code does not speak.
    #[error("version {0:?} of the protocol is not spoken here")]
    Version(Option<u8>),
    /// It does not decode, or not to its end.
    #[error("the message does not decode")]
    Malformed,
}

/// The bytes of a message.
#[must_use]
pub fn encode(envelope: &Envelope) -> Vec<u8> {
    postcard::to_extend(envelope, vec![VERSION]).expect("memory takes whatever is written to it")
}

/// The message of bytes from a peer. Allocates no more than a small multiple of their length, never panics.
///
/// # Errors
/// See [`WireError`].
pub fn decode(bytes: &[u8]) -> Result<Envelope, WireError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(WireError::TooLong(bytes.len()));
    }
    let Some((&VERSION, message)) = bytes.split_first() else {
        return Err(WireError::Version(bytes.first().copied()));
    };
    match postcard::take_from_bytes(message) {
        Ok((envelope, [])) => Ok(envelope),
        _ => Err(WireError::Malformed),
    }
}
