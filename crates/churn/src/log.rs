//! An append-only log of one author, and the sync protocol over it.

use std::collections::HashMap;

use anyhow::Result;
use async_trait::async_trait;
use p2panda_core::{Body, Hash, Header, PrivateKey, PublicKey};
use p2panda_store::{MemoryStore, OperationStore};
use p2panda_sync::log_sync::{LogSyncProtocol, TopicLogMap};

use crate::node::Topic;

/// The only log anybody writes.
pub const LOG: u64 = 0;

/// The sync protocol of a node that offers nothing but its own log.
pub type OneLog = LogSyncProtocol<OwnLog, u64, (), MemoryStore<u64>>;

/// A log, kept in memory, and the key that signs it.
pub struct Log {
    key: PrivateKey,
    store: MemoryStore<u64>,
    operations: u64,
    latest: Option<Hash>,
}

impl Log {
    /// An empty log.
    pub fn new(key: PrivateKey) -> Self {
        Self {
            key,
            store: MemoryStore::new(),
            operations: 0,
            latest: None,
        }
    }

    /// The protocol over this log, also over what is appended later.
    pub fn protocol(&self) -> OneLog {
        LogSyncProtocol::new(OwnLog(self.key.public_key()), self.store.clone())
    }

    /// Appends one operation.
    ///
    /// # Errors
    ///
    /// When the store refuses it.
    pub async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let body = Body::new(bytes);
        let mut header = Header {
            version: 1,
            seq_num: self.operations,
            timestamp: 0,
            public_key: self.key.public_key(),
            payload_hash: Some(body.hash()),
            payload_size: body.size(),
            backlink: self.latest,
            signature: None,
            previous: Vec::new(),
            extensions: None,
        };
        header.sign(&self.key);
        let hash = header.hash();
        self.store
            .insert_operation(hash, &header, Some(&body), &header.to_bytes(), &LOG)
            .await?;
        self.operations += 1;
        self.latest = Some(hash);
        Ok(())
    }
}

/// An author's own log as the whole of every topic.
#[derive(Clone, Debug)]
pub struct OwnLog(PublicKey);

#[async_trait]
impl TopicLogMap<Topic, u64> for OwnLog {
    async fn get(&self, _topic: &Topic) -> Option<HashMap<PublicKey, Vec<u64>>> {
        Some(HashMap::from([(self.0, vec![LOG])]))
    }
}
