// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a node that has ended says of it.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};

use common::{builder, in_time};
use p2panda_net::{Network, NetworkBuilder, NetworkEnded, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};

#[tokio::test]
async fn after_a_shutdown_every_call_says_so() {
    let network = builder().build().await.unwrap();
    assert_eq!(network.ended(), None);
    in_time(network.clone().shutdown()).await.unwrap();

    assert_eq!(network.ended(), Some(NetworkEnded::Shutdown));
    let errors = [
        in_time(network.known_peers()).await.err(),
        in_time(network.stats()).await.err(),
        in_time(network.peer_count()).await.err(),
        in_time(network.events()).await.err(),
        in_time(network.subscribe(common::Topic)).await.err(),
        in_time(network.subscribe_guarded(common::Topic))
            .await
            .err(),
        in_time(network.add_peer(common::stranger())).await.err(),
    ];
    for error in errors {
        let error = error.expect("it was answered");
        assert_eq!(error.downcast_ref(), Some(&NetworkEnded::Shutdown));
    }
    in_time(network.shutdown()).await.unwrap();
}

/// A topic of an application that panics when it is asked for its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Panics;

impl TopicQuery for Panics {}

impl TopicId for Panics {
    fn id(&self) -> [u8; 32] {
        panic!("as an application may")
    }
}

#[tokio::test]
async fn after_a_failure_every_call_names_what_has_failed() {
    let network: Network<Panics> = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .build()
        .await
        .unwrap();
    let _ended = in_time(network.subscribe(Panics)).await;

    let error = in_time(async {
        loop {
            if let Err(error) = network.known_peers().await {
                break error;
            }
        }
    });
    let failed = NetworkEnded::Failed {
        reason: "engine panicked".into(),
    };
    assert_eq!(error.await.downcast_ref(), Some(&failed));
    assert_eq!(network.ended(), Some(failed));
    in_time(network.shutdown()).await.unwrap();
}
