// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handlers that are given a connection after its handshake.

use std::fmt::Debug;
use std::sync::Arc;

use anyhow::Result;
use futures_lite::future::Boxed as BoxedFuture;
use iroh::endpoint::Connection;
use iroh_gossip::net::Gossip;

/// Handles the connections of a protocol once their handshake is complete.
///
/// What such a handler serves, the node knows by its peer: the whole of the handshake has a deadline,
/// and a connection that is idle is closed. See [`Limits`](crate::Limits) for both.
pub trait ConnectionHandler: Debug + Send + Sync + 'static {
    /// Handles a connection until it has served its purpose.
    ///
    /// The connection counts as inbound until the returned future ends. It is dropped, wherever it
    /// waits, when the connection was idle or has to make room for another; the connection has then
    /// been closed.
    fn serve(self: Arc<Self>, connection: Connection) -> BoxedFuture<Result<()>>;
}

impl ConnectionHandler for Gossip {
    fn serve(self: Arc<Self>, connection: Connection) -> BoxedFuture<Result<()>> {
        Box::pin(async move {
            self.handle_connection(connection.clone()).await?;
            // It is in the hands of gossip now, which closes it when it has no more use for it.
            connection.closed().await;
            Ok(())
        })
    }
}
