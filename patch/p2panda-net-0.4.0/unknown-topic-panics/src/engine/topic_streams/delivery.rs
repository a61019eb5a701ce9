// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handing what comes from the network to the streams of a topic.

use std::collections::HashMap;

use anyhow::Result;
use tracing::debug;

use crate::network::FromNetwork;

use super::{TopicStream, TopicStreamId};

/// Hands an event to all of `stream_ids`.
///
/// Which topic an event is for is up to a peer, so there may be no stream: then it is dropped.
pub(super) async fn deliver<T>(
    subscribed: &HashMap<TopicStreamId, TopicStream<T>>,
    stream_ids: Option<&Vec<TopicStreamId>>,
    event: FromNetwork,
) -> Result<()> {
    let Some(stream_ids) = stream_ids else {
        debug!("dropped what a peer sent: nobody here subscribes to its topic");
        return Ok(());
    };
    for (_, from_network_tx) in stream_ids.iter().filter_map(|id| subscribed.get(id)) {
        from_network_tx.send(event.clone()).await?;
    }
    Ok(())
}
