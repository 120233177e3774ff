//! What is removed in pieces: sets with more members than one write takes out, and what has expired.
//!
//! A write that would remove more is refused by the replicators, and nothing was done. Its shard takes out some of the members
//! by requests of its own, at the write's level, and asks again. Others are served between the pieces, and see the set
//! shrink. What the same client asks meanwhile waits, so that a client's requests take effect in its order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use syncline_replicas::{ClientId, Command, Epoch, Input, Level, PartitionId, Request, RequestId, Response};

use super::Shard;
use super::requests::Origin;

/// How long a replica waits for others when it removes what has expired: nobody waits for that.
const EXPIRY_PATIENCE: Duration = Duration::from_secs(1);

/// Requests that wait for the shard's own ones.
#[derive(Default)]
pub(super) struct Pieces {
    /// How many requests the shard has made: their numbers.
    made: u64,
    on_their_way: BTreeMap<RequestId, Purpose>,
    aside: BTreeMap<ClientId, Aside>,
    /// What is to be done once the host can be asked again.
    next: VecDeque<Next>,
}

/// What one of the shard's own requests is for.
enum Purpose {
    /// Before this request of a client.
    Client(RequestId),
    /// The key has expired.
    Expiry(PartitionId, Vec<u8>),
}

/// A client whose request was set aside.
struct Aside {
    request: RequestId,
    behind: VecDeque<(Request, Origin)>,
}

enum Next {
    /// A piece for this request, of what has expired alone or not.
    RemoveSome(RequestId, bool),
    RemoveExpired(PartitionId, Vec<u8>),
    AskAgain(RequestId),
    /// What waits behind this client's request, which was answered.
    Follow(ClientId),
}

impl Shard {
    /// The host refused a request before it has taken out some members.
    pub(super) fn set_aside(&mut self, id: RequestId, expired: bool) {
        self.pieces.aside.entry(id.client).or_insert_with(|| Aside { request: id, behind: VecDeque::new() });
        self.pieces.next.push_back(Next::RemoveSome(id, expired));
    }

    /// Keeps what a client asks while a request of it is set aside; gives back what does not have to wait.
    pub(super) fn keep_behind(&mut self, request: Request, origin: Origin) -> Option<(Request, Origin)> {
        let Some(Aside { request: first, behind }) = self.pieces.aside.get_mut(&request.id.client) else {
            return Some((request, origin));
        };
        let is_known = *first == request.id || behind.iter().any(|(held, _)| held.id == request.id);
        // What a peer passes on twice is answered once.
        if !(is_known && matches!(origin, Origin::Peer(_))) {
            behind.push_back((request, origin));
        }
        None
    }

    /// A request was answered: if it had been set aside, those behind it follow.
    pub(super) fn let_follow(&mut self, id: RequestId) {
        if self.pieces.aside.get(&id.client).is_some_and(|aside| aside.request == id) {
            self.pieces.next.push_back(Next::Follow(id.client));
        }
    }

    /// Removes what is there of a key that has expired, as far as this node's replica may.
    pub(super) fn remove_expired(&mut self, partition: PartitionId, key: Vec<u8>) {
        let level = Level { read: 1, write: 1 };
        let purpose = Purpose::Expiry(partition, key.clone());
        self.remove_some(partition, key, true, level, EXPIRY_PATIENCE, purpose);
    }

    fn remove_some(
        &mut self,
        partition: PartitionId,
        key: Vec<u8>,
        expired: bool,
        level: Level,
        patience: Duration,
        purpose: Purpose,
    ) {
        self.pieces.made += 1;
        let client = self.parts.client;
        let id = RequestId { client, sequence: self.pieces.made };
        self.pieces.on_their_way.insert(id, purpose);
        let command = Command::RemoveSome { expired };
        let request = Request { id, partition, epoch: Epoch(0), key, command, context: None, level, patience };
        self.handle(Input::Request { from: client, request });
    }

    /// One of the shard's own requests was answered.
    pub(super) fn own_answered(&mut self, response: Response) {
        match (self.pieces.on_their_way.remove(&response.id), response.outcome) {
            (Some(Purpose::Client(id)), Ok(_)) => self.pieces.next.push_back(Next::AskAgain(id)),
            // What keeps the piece from being removed keeps the whole from it.
            (Some(Purpose::Client(id)), Err(refusal)) => {
                self.respond(Response { id, outcome: Err(refusal), ..response });
            }
            (Some(Purpose::Expiry(partition, key)), Ok(reply)) if reply.changed > 0 => {
                self.pieces.next.push_back(Next::RemoveExpired(partition, key));
            }
            // Nothing is left, or another node sees to it.
            (Some(Purpose::Expiry(..)) | None, _) => {}
        }
    }

    /// Makes the requests that became due while the host was busy.
    pub(super) fn go_on(&mut self) {
        while let Some(next) = self.pieces.next.pop_front() {
            match next {
                Next::RemoveSome(id, expired) => {
                    let Some(waiting) = self.waiting.get(&id) else { continue };
                    let Request { partition, ref key, level, patience, .. } = waiting.request;
                    self.remove_some(partition, key.clone(), expired, level, patience, Purpose::Client(id));
                }
                Next::RemoveExpired(partition, key) => self.remove_expired(partition, key),
                Next::AskAgain(id) => self.ask_once_more(id),
                Next::Follow(client) => {
                    let behind = self.pieces.aside.remove(&client).map(|aside| aside.behind);
                    // If one of them is set aside too, the rest waits behind it.
                    behind.into_iter().flatten().for_each(|(request, origin)| self.ask(request, origin));
                }
            }
        }
    }
}
