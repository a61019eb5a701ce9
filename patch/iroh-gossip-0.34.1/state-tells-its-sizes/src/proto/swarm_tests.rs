//! Simulated swarms of 20 to 1,000 nodes: whether every message arrives, how often, and over how many hops.
//!
//! They run on the simulator of this crate's own tests, and look at nothing that the published crate does not have, so
//! that the same file measures both. The figures are printed:
//!
//! ```text
//! cargo test --release --lib simulated_swarms -- --ignored --nocapture
//! ```

use std::collections::HashSet;

use bytes::Bytes;
use n0_future::time::Instant;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::{
    tests::{Network, SimulatorConfig, TOPIC},
    Command, Config, Event, Scope, State,
};

/// Messages that one swarm is asked to deliver.
const ROUNDS: usize = 20;

#[test]
fn a_swarm_of_20_nodes_delivers_every_message_to_every_node() {
    let figures = measure(20, 1);
    assert_eq!(figures.missed, 0, "{figures:?}");
}

#[test]
fn a_swarm_of_100_nodes_delivers_every_message_to_every_node() {
    let figures = measure(100, 1);
    assert_eq!(figures.missed, 0, "{figures:?}");
}

#[test]
#[ignore = "prints figures to compare by hand, and takes minutes"]
fn figures_of_simulated_swarms() {
    for (nodes, seeds) in [(20, 20), (100, 10), (1000, 5)] {
        let figures: Vec<Figures> = (1..=seeds).map(|seed| measure(nodes, seed)).collect();
        let mean = |of: fn(&Figures) -> f64| figures.iter().map(of).sum::<f64>() / seeds as f64;
        println!(
            "{nodes} nodes, {seeds} seeds, {ROUNDS} messages each: missed {}, redundancy {:.3}, last hop {:.2}, ticks {:.2}",
            figures.iter().map(|figures| figures.missed).sum::<usize>(),
            mean(|figures| figures.redundancy),
            mean(|figures| figures.last_hop),
            mean(|figures| figures.ticks),
        );
    }
}

/// What became of the messages of one swarm.
#[derive(Debug)]
struct Figures {
    /// Deliveries that did not happen in time.
    missed: usize,
    /// Payloads received beyond the one that each node needs, per node that needs one; mean over the messages.
    redundancy: f64,
    /// Hops to the node that is reached last, mean over the messages.
    last_hop: f64,
    /// Ticks of the simulator until the last node was reached, mean over the messages.
    ticks: f64,
}

/// Lets a swarm form as the simulator does, and broadcasts from changing nodes.
fn measure(nodes: usize, seed: u64) -> Figures {
    let config = SimulatorConfig {
        peers_count: nodes,
        ..Default::default()
    };
    let mut network = form(&config, seed);
    let mut figures = Figures {
        missed: 0,
        redundancy: 0.,
        last_hop: 0.,
        ticks: 0.,
    };
    for round in 0..ROUNDS {
        reset_stats(&mut network);
        let from = round * nodes / ROUNDS;
        let message: Bytes = format!("{round}").into();
        let command = Command::Broadcast(message.clone(), Scope::Swarm);
        network.command(from, TOPIC, command);
        let mut waiting: HashSet<usize> = (0..nodes).filter(|node| *node != from).collect();
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
        figures.redundancy += payloads_received(&network) as f64 / (nodes - 1) as f64 - 1.;
        figures.last_hop += last_hop(&network) as f64;
    }
    let rounds = ROUNDS as f64;
    figures.redundancy /= rounds;
    figures.last_hop /= rounds;
    figures.ticks /= rounds;
    figures
}

type Swarm = Network<usize, ChaCha12Rng>;

fn form(config: &SimulatorConfig, seed: u64) -> Swarm {
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

fn reset_stats(network: &mut Swarm) {
    for state in &mut network.peers {
        let topic = state.state_mut(&TOPIC).expect("joined");
        topic.gossip.stats = Default::default();
    }
}

fn payloads_received(network: &Swarm) -> u64 {
    let of = |state: &State<_, _>| {
        state
            .state(&TOPIC)
            .map(|topic| topic.gossip_stats().payload_messages_received)
    };
    network.peers.iter().filter_map(of).sum()
}

fn last_hop(network: &Swarm) -> u16 {
    let of = |state: &State<_, _>| {
        state
            .state(&TOPIC)
            .map(|topic| topic.gossip_stats().max_last_delivery_hop)
    };
    network
        .peers
        .iter()
        .filter_map(of)
        .max()
        .unwrap_or_default()
}
