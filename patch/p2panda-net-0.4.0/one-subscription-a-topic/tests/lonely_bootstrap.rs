// SPDX-License-Identifier: MIT OR Apache-2.0

//! A bootstrap node that waits for somebody to come.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use p2panda_net::{Network, NetworkBuilder, TopicId};
use p2panda_sync::TopicQuery;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::sleep;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Topic;

impl TopicQuery for Topic {}

impl TopicId for Topic {
    fn id(&self) -> [u8; 32] {
        [2; 32]
    }
}

/// How often a bootstrap node attempts to join the network.
const JOIN_INTERVAL: Duration = Duration::from_millis(900);

#[tokio::test(start_paused = true)]
async fn a_bootstrap_node_alone_holds_no_more_the_longer_it_waits() {
    let network: Network<Topic> = NetworkBuilder::new([1; 32])
        .bind_ip_v4(Ipv4Addr::LOCALHOST)
        .bind_port_v4(0)
        .bind_ip_v6(Ipv6Addr::LOCALHOST)
        .bind_port_v6(0)
        .bootstrap()
        .build()
        .await
        .unwrap();
    sleep(JOIN_INTERVAL * 10).await;
    let tasks = Handle::current().metrics().num_alive_tasks();

    sleep(JOIN_INTERVAL * 100).await;
    let more = Handle::current().metrics().num_alive_tasks() as i64 - tasks as i64;
    assert!(more < 10, "100 intervals hold {more} more tasks");
    network.shutdown().await.unwrap();
}
