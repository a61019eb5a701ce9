// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the gossip actor has to tell the engine, until the engine takes it.
//!
//! The engine waits for room in the gossip actor's inbox, and so does every publisher. The gossip
//! actor waits for the engine as well, but goes on reading its inbox meanwhile: so neither of them
//! waits for good. It takes the next event of an overlay when this here is empty. Until then events
//! stay with iroh-gossip, which keeps 2048 of each overlay, then drops some and says so.

use std::collections::VecDeque;
use std::future::poll_fn;

use anyhow::{Context, Result};
use p2panda_sync::TopicQuery;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use crate::engine::ToEngineActor;

/// Messages to the engine, in their order: one event, and what answers the engine's own messages.
pub struct ToEngine<T> {
    /// Keeps its place among those who wait for room, while the inbox is read in between.
    sender: PollSender<ToEngineActor<T>>,
    messages: VecDeque<ToEngineActor<T>>,
}

impl<T> ToEngine<T>
where
    T: TopicQuery + 'static,
{
    pub fn new(sender: mpsc::Sender<ToEngineActor<T>>) -> Self {
        Self {
            sender: PollSender::new(sender),
            messages: VecDeque::new(),
        }
    }

    pub fn push(&mut self, message: ToEngineActor<T>) {
        self.messages.push_back(message);
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Waits for room in the engine's inbox and moves the first message there, if there is one.
    ///
    /// Fails if the engine has ended. Cancel safe: nothing has moved then.
    pub async fn hand_over(&mut self) -> Result<()> {
        if !self.messages.is_empty() {
            let room = poll_fn(|cx| self.sender.poll_reserve(cx)).await;
            room.ok().context("engine has ended")?;
        }
        if let Some(message) = self.messages.pop_front() {
            self.sender
                .send_item(message)
                .ok()
                .context("engine has ended")?;
        }
        Ok(())
    }
}
