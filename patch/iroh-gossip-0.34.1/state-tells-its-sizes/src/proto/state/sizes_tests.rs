//! What a node tells about its sizes, on two nodes in the simulator.

use n0_future::time::Instant;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::Sizes;
use crate::proto::{
    tests::{Network, TOPIC},
    Command, PeerData, Scope, State,
};

#[test]
fn a_node_tells_how_much_it_keeps_in_all_topics_and_in_one() {
    let mut network = Network::new(Instant::now());
    for node in 0..2 {
        let rng = ChaCha12Rng::seed_from_u64(node);
        let data = PeerData::new(vec![0; 10]);
        network.push(State::new(node, data, Default::default(), rng));
    }
    network.command(0, TOPIC, Command::Join(vec![]));
    network.command(0, [1; 32].into(), Command::Join(vec![]));
    network.command(1, TOPIC, Command::Join(vec![0]));
    network.ticks(10);
    for message in ["one", "two", "three", "four"] {
        let command = Command::Broadcast(message.into(), Scope::Swarm);
        network.command(1, TOPIC, command);
    }
    network.ticks(10);

    let node = network.peer(&0).expect("pushed");
    let sizes = node.sizes();
    let expected = Sizes {
        topics: 2,
        peers: 1,
        peer_topics: 1,
        active_peers: 1,
        peer_data: 1,
        peer_data_bytes: 10,
        eager_peers: 1,
        message_ids: 4,
        payloads: 4,
        payload_bytes: sizes.payload_bytes,
        ..Default::default()
    };
    assert_eq!(sizes, expected);
    assert!(sizes.payload_bytes >= "onetwothreefour".len());

    let expected = Sizes {
        topics: 1,
        peers: 0,
        peer_topics: 0,
        ..expected
    };
    assert_eq!(node.state(&TOPIC).expect("joined").sizes(), expected);
}
