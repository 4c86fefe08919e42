//! The reasons to drop what comes to a gateway.

use crate::amt::message;
use crate::membership::Malformed;

/// Why a datagram is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Discard {
    /// No AMT message.
    #[error(transparent)]
    Malformed(#[from] message::Malformed),
    /// A message that only relays read (5.2.3.2).
    #[error("AMT message not meant for a gateway")]
    NotForGateway,
    /// Nothing of this kind is awaited; also the second answer to one question.
    #[error("unexpected AMT message")]
    NotAwaited,
    /// Not from the address and port that were asked, or that data is due from.
    #[error("AMT message not from the relay")]
    WrongSender,
    /// Not the answer to what was asked.
    #[error("AMT message with the wrong nonce")]
    WrongNonce,
    /// The address in the Advertisement is of another version of IP, cannot be a relay's, or is this host's own.
    #[error("Relay Advertisement with an unusable address")]
    RelayAddress,
    /// The packet in a Membership Query is not the General Query it should be.
    #[error("Membership Query: {0}")]
    Query(#[from] Malformed),
    /// Multicast Data without an active membership.
    #[error("Multicast Data without an active membership")]
    NotJoined,
    /// What a Multicast Data message carries is no IP packet.
    #[error("Multicast Data without an IP packet")]
    NotIp,
    /// The inner packet has no multicast destination (5.2.3.3).
    #[error("Multicast Data with a unicast packet")]
    NotMulticast,
    /// The inner packet is of another group or source than was joined.
    #[error("Multicast Data for another channel")]
    OtherChannel,
}
