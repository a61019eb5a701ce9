// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeps what goes wrong on one connection away from the node.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tracing::error;

/// Serves a connection until its handler ends. When the handler panics, what it held is dropped, which
/// closes the connection, and the node goes on.
///
/// Nothing of a handler is used again after it panicked, hence the assertion of unwind safety; what
/// it shares with other connections is its own concern, as in any task.
pub(super) async fn contain(connection: impl Future<Output = ()>) {
    if AssertUnwindSafe(connection).catch_unwind().await.is_err() {
        error!("connection ended: its protocol handler panicked");
    }
}
