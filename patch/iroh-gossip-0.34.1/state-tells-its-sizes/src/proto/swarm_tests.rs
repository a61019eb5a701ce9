//! Simulated swarms of 20 to 1,000 nodes: whether every message arrives, how often, and over how many hops.
//!
//! They run on the simulator of this crate's own tests, and look at nothing that the published crate does not have, so
//! that the same file measures both. The figures are printed:
//!
//! ```text
//! cargo test --lib figures_of_simulated_swarms -- --ignored --nocapture
//! ```

use std::collections::HashSet;

use bytes::Bytes;
use n0_future::time::Instant;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::{
    tests::{Network, SimulatorConfig, TOPIC},
    topic, Command, Config, Event, Scope, State,
};

/// Messages that one swarm is asked to deliver.
const ROUNDS: usize = 20;
/// Ticks in which a swarm shuffles once, and in which it recovers from losing nodes.
const MINUTE: usize = 6100;

#[test]
fn every_message_reaches_every_node_of_20_and_of_100() {
    for nodes in [20, 100] {
        assert_eq!(measure(nodes, Swarm::Grown, 1).missed, 0);
    }
}

#[test]
fn every_message_reaches_those_that_stay_when_a_fifth_of_the_nodes_leaves() {
    for nodes in [20, 100] {
        assert_eq!(measure(nodes, Swarm::Thinned, 1).missed, 0);
    }
}

#[test]
#[ignore = "prints figures to compare by hand, and takes minutes"]
fn figures_of_simulated_swarms() {
    for swarm in [Swarm::Grown, Swarm::Thinned] {
        for (nodes, seeds) in [(20, 100), (100, 50), (1000, 10)] {
            let figures: Vec<Figures> = (1..=seeds)
                .map(|seed| measure(nodes, swarm, seed))
                .collect();
            println!(
                "{swarm:?}, {nodes} nodes, {seeds} seeds, {ROUNDS} messages each: \
                 missed {}, redundancy {}, last hop {}, ticks {}, neighbors {}",
                figures.iter().map(|figures| figures.missed).sum::<usize>(),
                mean(&figures, |figures| figures.redundancy),
                mean(&figures, |figures| figures.last_hop),
                mean(&figures, |figures| figures.ticks),
                mean(&figures, |figures| figures.neighbors),
            );
        }
    }
}

/// The mean of a figure, and its standard error.
fn mean(figures: &[Figures], of: fn(&Figures) -> f64) -> String {
    let count = figures.len() as f64;
    let mean = figures.iter().map(of).sum::<f64>() / count;
    let squares = figures.iter().map(|figures| (of(figures) - mean).powi(2));
    let error = (squares.sum::<f64>() / (count - 1.) / count).sqrt();
    format!("{mean:.3} ± {error:.3}")
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Swarm {
    /// All nodes have joined.
    Grown,
    /// Every fifth node has left again.
    Thinned,
}

/// What became of the messages of one swarm.
#[derive(Debug, Default)]
struct Figures {
    /// Deliveries that did not happen in time.
    missed: usize,
    /// Payloads received beyond the one that each node needs, per node that needs one; mean over the messages.
    redundancy: f64,
    /// Hops to the node that is reached last, mean over the messages.
    last_hop: f64,
    /// Ticks of the simulator until the last node was reached, mean over the messages.
    ticks: f64,
    /// Neighbors of a node.
    neighbors: f64,
}

/// Lets a swarm form as the simulator does, and broadcasts from changing nodes.
fn measure(nodes: usize, swarm: Swarm, seed: u64) -> Figures {
    let config = SimulatorConfig {
        peers_count: nodes,
        ..Default::default()
    };
    let mut network = grow(&config, seed);
    if swarm == Swarm::Thinned {
        network.ticks(MINUTE);
        for node in (0..nodes).skip(4).step_by(5) {
            network.command(node, TOPIC, Command::Quit);
        }
        network.ticks(MINUTE);
    }
    let members: Vec<usize> = (0..nodes)
        .filter(|node| topic(&network, *node).is_some())
        .collect();

    let mut figures = Figures::default();
    for round in 0..ROUNDS {
        reset_stats(&mut network);
        let from = members[round * members.len() / ROUNDS];
        let message: Bytes = format!("{round}").into();
        let command = Command::Broadcast(message.clone(), Scope::Swarm);
        network.command(from, TOPIC, command);
        let mut waiting: HashSet<usize> = members.iter().copied().collect();
        waiting.remove(&from);
        let mut ticks = 0;
        while !waiting.is_empty() && ticks < config.round_max_ticks {
            network.tick();
            ticks += 1;
            for (node, _, event) in network.events() {
                if matches!(event, Event::Received(event) if event.content == message) {
                    waiting.remove(&node);
                }
            }
        }
        figures.missed += waiting.len();
        figures.ticks += ticks as f64;
        // What is still under way is redundant.
        network.ticks(20);
        let topics = members.iter().filter_map(|node| topic(&network, *node));
        let stats: Vec<_> = topics.map(|topic| topic.gossip_stats()).collect();
        let received = stats.iter().map(|stats| stats.payload_messages_received);
        let last_hop = stats.iter().map(|stats| stats.max_last_delivery_hop).max();
        figures.redundancy += received.sum::<u64>() as f64 / (members.len() - 1) as f64 - 1.;
        figures.last_hop += last_hop.unwrap_or_default() as f64;
    }

    let topics = members.iter().filter_map(|node| topic(&network, *node));
    let neighbors = topics.map(|topic| topic.swarm.active_view.len());
    figures.neighbors = neighbors.sum::<usize>() as f64 / members.len() as f64;
    figures.redundancy /= ROUNDS as f64;
    figures.last_hop /= ROUNDS as f64;
    figures.ticks /= ROUNDS as f64;
    figures
}

type Nodes = Network<usize, ChaCha12Rng>;

fn grow(config: &SimulatorConfig, seed: u64) -> Nodes {
    let mut network = Network::new(Instant::now());
    for node in 0..config.peers_count {
        let rng = ChaCha12Rng::seed_from_u64(seed << 32 | node as u64);
        let state = State::new(node, Default::default(), Config::default(), rng);
        network.push(state);
    }
    network.command(0, TOPIC, Command::Join(vec![]));
    for node in 1..config.bootstrap_count {
        network.command(node, TOPIC, Command::Join(vec![0]));
    }
    network.ticks(config.bootstrap_ticks);
    for node in config.bootstrap_count..config.peers_count {
        let contact = node % config.bootstrap_count;
        network.command(node, TOPIC, Command::Join(vec![contact]));
        network.ticks(config.join_ticks);
    }
    network.ticks(config.warmup_ticks);
    let _ = network.events();
    network
}

fn topic(network: &Nodes, node: usize) -> Option<&topic::State<usize, ChaCha12Rng>> {
    network.peer(&node)?.state(&TOPIC)
}

fn reset_stats(network: &mut Nodes) {
    for state in &mut network.peers {
        if let Some(topic) = state.state_mut(&TOPIC) {
            topic.gossip.stats = Default::default();
        }
    }
}
