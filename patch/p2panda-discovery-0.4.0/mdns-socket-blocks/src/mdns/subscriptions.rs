// SPDX-License-Identifier: MIT OR Apache-2.0

//! What local discovery knows, and what it answers: who subscribed, who was heard, who we are.
//!
//! Whoever is on the same link can send any name, as often as it likes. So there is a bound on
//! everything that is heard, counted in rounds: one is from a query of ours to the next.
use std::collections::{BTreeSet, HashMap};

use flume::{Receiver, TrySendError};
use hickory_proto::op::Message;
use iroh::{NodeAddr, NodeId};

use crate::DiscoveryEvent;
use crate::mdns::dns::{MulticastDNSMessage, make_query, make_response};
use crate::mdns::{MDNS_PROVENANCE, ServiceName, SubscribeSender};

/// Rounds after which a peer that was not heard any more is forgotten. An answer gets lost now and
/// then, ten in a row do not.
const ROUNDS_REMEMBERED: u8 = 10;

/// Bounds on what is heard, for each network that is subscribed to.
///
/// ```
/// # use p2panda_discovery::mdns::MdnsLimits;
/// let mut limits = MdnsLimits::default();
/// limits.peers = 1_000;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MdnsLimits {
    /// Peers whose answers are passed on. Default: 256, the addresses of a usual local network.
    ///
    /// Further ones have to wait until one of these was not heard for ten seconds.
    pub peers: usize,

    /// Peers a second which were not heard before. Default: 32.
    pub new_peers_per_second: usize,

    /// Socket addresses which are passed on of one answer of a peer. Default: 32.
    pub addresses_per_peer: usize,

    /// Events which wait for a subscriber to read them. Default: 256.
    ///
    /// What comes on top is dropped, peers are heard again in the next second.
    pub events_per_subscriber: usize,
}

impl Default for MdnsLimits {
    fn default() -> Self {
        Self {
            peers: 256,
            new_peers_per_second: 32,
            addresses_per_peer: 32,
            events_per_subscriber: 256,
        }
    }
}

/// Figures of local discovery. The counters start with it and never go back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MdnsStats {
    /// Why there is no socket at the moment. It is tried again every five seconds.
    pub socket_error: Option<String>,

    /// Subscribers which are held. One that was dropped goes with the next query, in a second.
    pub subscribers: usize,

    /// Peers which were heard in the last ten seconds.
    pub peers: usize,

    /// Answers of peers which were ignored as there are too many peers, or too many new ones.
    pub peers_refused: u64,

    /// Answers of peers which were ignored as these had answered already in the same second.
    pub answers_repeated: u64,

    /// Events which were dropped as a subscriber did not read them.
    pub events_dropped: u64,

    /// Queries which were not answered as we had answered already in the same second.
    pub queries_repeated: u64,
}

#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    limits: MdnsLimits,
    services: HashMap<ServiceName, Service>,
    my_node_addr: Option<NodeAddr>,
    stats: MdnsStats,
}

#[derive(Debug, Default)]
struct Service {
    subscribers: Vec<SubscribeSender>,
    /// Number of rounds since each peer was heard. Zero says: in this round.
    heard: HashMap<NodeId, u8>,
    heard_first_in_this_round: usize,
    answered_in_this_round: bool,
}

impl Subscriptions {
    pub fn with_limits(limits: MdnsLimits) -> Self {
        Self {
            limits,
            ..Default::default()
        }
    }

    pub fn subscribe(
        &mut self,
        service_name: ServiceName,
    ) -> Receiver<anyhow::Result<DiscoveryEvent>> {
        let (subscribe_tx, subscribe_rx) = flume::bounded(self.limits.events_per_subscriber);
        self.services
            .entry(service_name)
            .or_default()
            .subscribers
            .push(subscribe_tx);
        subscribe_rx
    }

    pub fn update_local_address(&mut self, addr: NodeAddr) {
        self.my_node_addr = Some(addr);
        // Others should not wait for what is new.
        for service in self.services.values_mut() {
            service.answered_in_this_round = false;
        }
    }

    /// Remembers why there is no socket, or that there is one.
    pub fn set_socket_error(&mut self, error: Option<String>) {
        self.stats.socket_error = error;
    }

    /// Begins a round, and returns the queries to begin it with.
    pub fn next_round(&mut self) -> Vec<Message> {
        self.services.retain(|_, service| {
            service
                .subscribers
                .retain(|subscriber| !subscriber.is_disconnected());
            !service.subscribers.is_empty()
        });
        for service in self.services.values_mut() {
            service.next_round();
        }
        self.services.keys().map(make_query).collect()
    }

    /// Passes on what was received, and returns the answer if there is one to give.
    pub fn on_message(&mut self, msg: MulticastDNSMessage) -> Option<Message> {
        let my_node_addr = self.my_node_addr.as_ref()?;
        match msg {
            MulticastDNSMessage::Query(service_name) => {
                let service = self.services.get_mut(&service_name)?;
                if std::mem::replace(&mut service.answered_in_this_round, true) {
                    self.stats.queries_repeated += 1;
                    return None;
                }
                // Answers go to everybody on the link, so one serves all who asked in this round.
                Some(make_response(&service_name, my_node_addr))
            }
            MulticastDNSMessage::Response(service_name, node_addrs) => {
                let service = self.services.get_mut(&service_name)?;
                for node_addr in node_addrs {
                    if node_addr.node_id != my_node_addr.node_id {
                        service.on_peer(node_addr, &self.limits, &mut self.stats);
                    }
                }
                None
            }
        }
    }

    pub fn stats(&self) -> MdnsStats {
        MdnsStats {
            subscribers: self.services.values().map(|s| s.subscribers.len()).sum(),
            peers: self.services.values().map(|s| s.heard.len()).sum(),
            ..self.stats.clone()
        }
    }
}

impl Service {
    fn next_round(&mut self) {
        self.heard_first_in_this_round = 0;
        self.answered_in_this_round = false;
        self.heard.retain(|_, rounds| {
            *rounds += 1;
            *rounds <= ROUNDS_REMEMBERED
        });
    }

    fn on_peer(&mut self, mut node_addr: NodeAddr, limits: &MdnsLimits, stats: &mut MdnsStats) {
        match self.heard.get_mut(&node_addr.node_id) {
            Some(0) => {
                stats.answers_repeated += 1;
                return;
            }
            Some(rounds) => *rounds = 0,
            None => {
                if self.heard.len() >= limits.peers
                    || self.heard_first_in_this_round >= limits.new_peers_per_second
                {
                    stats.peers_refused += 1;
                    return;
                }
                self.heard_first_in_this_round += 1;
                self.heard.insert(node_addr.node_id, 0);
            }
        }

        if node_addr.direct_addresses.len() > limits.addresses_per_peer {
            let addresses = std::mem::take(&mut node_addr.direct_addresses).into_iter();
            node_addr.direct_addresses =
                BTreeSet::from_iter(addresses.take(limits.addresses_per_peer));
        }
        for subscriber in &self.subscribers {
            let event = DiscoveryEvent {
                provenance: MDNS_PROVENANCE,
                node_addr: node_addr.clone(),
            };
            // A subscriber which does not read holds up nobody else.
            if let Err(TrySendError::Full(_)) = subscriber.try_send(Ok(event)) {
                stats.events_dropped += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::str::FromStr;

    use iroh::{NodeAddr, SecretKey};

    use super::{MdnsLimits, Subscriptions};
    use crate::mdns::ServiceName;
    use crate::mdns::dns::MulticastDNSMessage;

    #[test]
    fn a_flood_of_forged_names_stays_within_the_bound() {
        let limits = MdnsLimits::default();
        let mut subscriptions = Subscriptions::with_limits(limits.clone());
        subscriptions.update_local_address(peer(0));
        let events = subscriptions.subscribe(service("a"));

        let names = 10_000;
        for name in 0..names {
            if name % 1_000 == 0 {
                subscriptions.next_round();
            }
            hear(&mut subscriptions, "a", 1 + name);
        }

        let stats = subscriptions.stats();
        assert_eq!(stats.peers, limits.peers);
        assert_eq!(events.len(), limits.peers);
        assert_eq!(stats.peers_refused, names - limits.peers as u64);

        // Who was heard before the flood is heard during it, and the flood is forgotten after it.
        while events.try_recv().is_ok() {}
        subscriptions.next_round();
        hear(&mut subscriptions, "a", 1);
        assert_eq!(events.len(), 1);
        for _ in 0..11 {
            subscriptions.next_round();
        }
        assert_eq!(subscriptions.stats().peers, 0);
        hear(&mut subscriptions, "a", names);
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn new_peers_are_let_in_at_a_limited_rate() {
        let limits = MdnsLimits::default();
        let mut subscriptions = Subscriptions::with_limits(limits.clone());
        subscriptions.update_local_address(peer(0));
        let events = subscriptions.subscribe(service("a"));

        for round in 1..=3 {
            subscriptions.next_round();
            for name in 0..100 {
                hear(&mut subscriptions, "a", round * 1_000 + name);
            }
            assert_eq!(events.len(), round as usize * limits.new_peers_per_second);
        }
    }

    #[test]
    fn a_peer_is_passed_on_once_a_round_with_a_bounded_number_of_addresses() {
        let limits = MdnsLimits::default();
        let mut subscriptions = Subscriptions::with_limits(limits.clone());
        subscriptions.update_local_address(peer(0));
        let events = subscriptions.subscribe(service("a"));

        let addresses = (0..1_000).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let peer = peer(1).with_direct_addresses(addresses);
        for _ in 0..100 {
            let msg = MulticastDNSMessage::Response(service("a"), vec![peer.clone()]);
            assert!(subscriptions.on_message(msg).is_none());
        }

        let event = events.try_recv().unwrap().unwrap();
        assert_eq!(
            event.node_addr.direct_addresses.len(),
            limits.addresses_per_peer
        );
        assert!(events.is_empty());
        assert_eq!(subscriptions.stats().answers_repeated, 99);
    }

    #[test]
    fn queries_are_answered_once_a_round_and_again_with_a_new_address() {
        let mut subscriptions = Subscriptions::default();
        let _events = subscriptions.subscribe(service("a"));
        let query = |subscriptions: &mut Subscriptions, name| {
            subscriptions
                .on_message(MulticastDNSMessage::Query(service(name)))
                .is_some()
        };

        // Nothing to tell yet.
        assert!(!query(&mut subscriptions, "a"));

        subscriptions.update_local_address(peer(0));
        assert!(query(&mut subscriptions, "a"));
        assert!(!query(&mut subscriptions, "a"));
        assert_eq!(subscriptions.stats().queries_repeated, 1);
        // Networks which we are not in are none of our business.
        assert!(!query(&mut subscriptions, "b"));

        subscriptions.update_local_address(peer(0));
        assert!(query(&mut subscriptions, "a"));

        subscriptions.next_round();
        assert!(query(&mut subscriptions, "a"));
    }

    #[test]
    fn dropped_subscribers_go_and_their_networks_with_the_last() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.update_local_address(peer(0));
        let stays = subscriptions.subscribe(service("a"));
        for _ in 0..1_000 {
            subscriptions.subscribe(service("a"));
            subscriptions.subscribe(service("b"));
        }
        assert_eq!(subscriptions.stats().subscribers, 2_001);

        assert_eq!(subscriptions.next_round().len(), 1);
        assert_eq!(subscriptions.stats().subscribers, 1);

        hear(&mut subscriptions, "a", 1);
        hear(&mut subscriptions, "b", 1);
        assert_eq!(stays.len(), 1);
        assert_eq!(subscriptions.stats().peers, 1);

        drop(stays);
        assert!(subscriptions.next_round().is_empty());
        assert_eq!(subscriptions.stats().peers, 0);
    }

    #[test]
    fn a_subscriber_that_does_not_read_loses_events_and_others_do_not() {
        let limits = MdnsLimits {
            events_per_subscriber: 10,
            ..Default::default()
        };
        let mut subscriptions = Subscriptions::with_limits(limits);
        subscriptions.update_local_address(peer(0));
        let idle = subscriptions.subscribe(service("a"));
        let reads = subscriptions.subscribe(service("a"));

        for name in 1..=20 {
            hear(&mut subscriptions, "a", name);
            assert!(reads.try_recv().is_ok());
        }
        assert_eq!(idle.len(), 10);
        assert_eq!(subscriptions.stats().events_dropped, 10);
    }

    fn hear(subscriptions: &mut Subscriptions, name: &str, seed: u64) {
        let msg = MulticastDNSMessage::Response(service(name), vec![peer(seed)]);
        assert!(subscriptions.on_message(msg).is_none());
    }

    fn service(name: &str) -> ServiceName {
        ServiceName::from_str(&format!("_{name}._udp.local.")).unwrap()
    }

    fn peer(seed: u64) -> NodeAddr {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        NodeAddr::new(SecretKey::from_bytes(&secret).public())
    }
}
