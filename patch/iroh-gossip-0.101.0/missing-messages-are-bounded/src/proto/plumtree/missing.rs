//! Messages that were announced and did not arrive yet, and whom to ask for them.

use std::collections::HashMap;

use super::{IHave, MessageId, Round};
use crate::{proto::PeerIdentity, GossipLimits};

/// Missing messages, by who announced them.
///
/// Each has a timer running that asks for it, from when it is entered to when it arrives or nobody is
/// left to ask: so none stays longer than it takes to ask all who announced it.
#[derive(Debug)]
pub struct MissingMessages<PI> {
    messages: HashMap<MessageId, Vec<Advertiser<PI>>>,
    /// How many announcements are kept of each neighbor, and under `None` of all other peers.
    kept: HashMap<Option<PI>, usize>,
    kept_max: usize,
    advertisers_max: usize,
}

#[derive(Debug)]
struct Advertiser<PI> {
    peer: PI,
    round: Round,
    /// Whether it was a neighbor when it announced the message.
    is_neighbor: bool,
    is_asked: bool,
}

impl<PI: PeerIdentity> MissingMessages<PI> {
    pub fn new(limits: &GossipLimits) -> Self {
        Self {
            messages: HashMap::new(),
            kept: HashMap::new(),
            kept_max: limits.missing_messages_per_peer,
            advertisers_max: limits.advertisers_per_message,
        }
    }

    /// Takes note that a peer has a message, unless it announced too many others already.
    ///
    /// Returns whether nobody had announced it before, so that a timer is to be started for it.
    pub fn announce(&mut self, peer: PI, is_neighbor: bool, ihave: IHave) -> bool {
        let IHave { id, round } = ihave;
        let advertiser = Advertiser {
            peer,
            round,
            is_neighbor,
            is_asked: false,
        };
        let kept = self.kept.get(&advertiser.account()).copied();
        if kept.unwrap_or(0) >= self.kept_max {
            return false;
        }
        let others = self.messages.get(&id).map_or(&[][..], Vec::as_slice);
        let is_first = others.is_empty();
        if others.len() >= self.advertisers_max || others.iter().any(|other| other.peer == peer) {
            return false;
        }
        *self.kept.entry(advertiser.account()).or_default() += 1;
        self.messages.entry(id).or_default().push(advertiser);
        is_first
    }

    /// The next peer to ask for a message, as its timer fired; forgets the message if all were asked.
    pub fn ask_next(&mut self, id: &MessageId) -> Option<(PI, Round)> {
        let advertisers = self.messages.get_mut(id)?;
        if let Some(next) = advertisers.iter_mut().find(|peer| !peer.is_asked) {
            next.is_asked = true;
            return Some((next.peer, next.round));
        }
        self.remove(id);
        None
    }

    /// Forgets a message. Returns who announced it over the fewest hops, of those not asked for it.
    pub fn remove(&mut self, id: &MessageId) -> Option<(PI, Round)> {
        let advertisers = self.messages.remove(id)?;
        for advertiser in &advertisers {
            release(&mut self.kept, advertiser);
        }
        advertisers
            .iter()
            .filter(|advertiser| !advertiser.is_asked)
            .min_by_key(|advertiser| advertiser.round)
            .map(|advertiser| (advertiser.peer, advertiser.round))
    }

    /// Forgets what a peer announced. Costs a look at each missing message.
    pub fn remove_peer(&mut self, peer: &PI) {
        let Self { messages, kept, .. } = self;
        messages.retain(|_, advertisers| {
            advertisers.retain(|advertiser| {
                let stays = advertiser.peer != *peer;
                if !stays {
                    release(kept, advertiser);
                }
                stays
            });
            !advertisers.is_empty()
        });
    }
}

#[cfg(test)]
impl<PI> MissingMessages<PI> {
    pub fn len(&self) -> usize {
        self.messages.len()
    }
}

impl<PI: Copy> Advertiser<PI> {
    /// Whose allowance it counts against.
    fn account(&self) -> Option<PI> {
        self.is_neighbor.then_some(self.peer)
    }
}

/// Gives back the allowance that an announcement took.
fn release<PI: PeerIdentity>(kept: &mut HashMap<Option<PI>, usize>, advertiser: &Advertiser<PI>) {
    let account = advertiser.account();
    match kept.get_mut(&account) {
        Some(kept) if *kept > 1 => *kept -= 1,
        _ => {
            kept.remove(&account);
        }
    }
}
