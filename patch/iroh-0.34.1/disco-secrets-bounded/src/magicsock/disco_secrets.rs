//! Seals and opens disco messages, and remembers the secrets shared with the nodes they are
//! exchanged with.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use iroh_base::{NodeId, PublicKey};
use iroh_metrics::{inc, inc_by};
use n0_future::time::{Duration, Instant};

use super::{DiscoBoxError, MagicsockMetrics};
use crate::{
    disco,
    key::{public_ed_box, SharedSecret},
};

/// How many secrets are remembered at most: about 100 KB.
///
/// To forget one that is needed again costs the key agreement that made it, some 50
/// microseconds, so there is little to choose and no setting.
const MAX_SECRETS: usize = 1024;

/// For how long a generation takes in secrets, unless it is full before: many heartbeats.
const GENERATION: Duration = Duration::from_secs(60);

/// The secrets shared with other nodes, each for as long as it is among the recently used.
#[derive(Debug, Default)]
pub(super) struct DiscoSecrets(Mutex<Recent>);

/// The recently used secrets, in two generations.
///
/// What is used is in, or comes into, the younger one. Once that is a minute old, or holds half of
/// what there is room for, it becomes the older one, and what has not been used since the last
/// time is forgotten.
#[derive(Debug, Default)]
struct Recent {
    /// When the younger generation began.
    since: Option<Instant>,
    younger: HashMap<PublicKey, Arc<SharedSecret>>,
    older: HashMap<PublicKey, Arc<SharedSecret>>,
}

impl DiscoSecrets {
    /// Seals a message from us to another node.
    pub(super) fn encode_and_seal(
        &self,
        ours: &crypto_box::SecretKey,
        from: NodeId,
        to: NodeId,
        msg: &disco::Message,
    ) -> Bytes {
        let secret = self.known(&to).unwrap_or_else(|| {
            let agreed = Arc::new(agree(ours, &to));
            self.remember(to, agreed.clone());
            agreed
        });
        let mut sealed = msg.as_bytes();
        secret.seal(&mut sealed);
        disco::encode_message(&from, sealed).into()
    }

    /// Opens a message to us that claims to be from a node.
    pub(super) fn unseal_and_decode(
        &self,
        ours: &crypto_box::SecretKey,
        claimed: NodeId,
        mut sealed_box: Vec<u8>,
    ) -> Result<disco::Message, DiscoBoxError> {
        if let Some(secret) = self.known(&claimed) {
            secret.open(&mut sealed_box)?;
        } else {
            let agreed = agree(ours, &claimed);
            agreed.open(&mut sealed_box)?;
            // Only now: until its box is open, a message may be from anybody.
            self.remember(claimed, Arc::new(agreed));
        }
        disco::Message::from_bytes(&sealed_box).map_err(DiscoBoxError::Parse)
    }

    fn known(&self, node_id: &PublicKey) -> Option<Arc<SharedSecret>> {
        let mut recent = self.0.lock().expect("poisoned");
        if let Some(secret) = recent.younger.get(node_id) {
            return Some(secret.clone());
        }
        let secret = recent.older.remove(node_id)?;
        recent.insert(*node_id, secret.clone());
        Some(secret)
    }

    fn remember(&self, node_id: PublicKey, secret: Arc<SharedSecret>) {
        let mut recent = self.0.lock().expect("poisoned");
        if recent.insert(node_id, secret).is_none() {
            inc!(MagicsockMetrics, disco_secrets_added);
        }
    }
}

impl Recent {
    fn insert(
        &mut self,
        node_id: PublicKey,
        secret: Arc<SharedSecret>,
    ) -> Option<Arc<SharedSecret>> {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if self.younger.len() >= MAX_SECRETS / 2 || now - since >= GENERATION {
            self.since = Some(now);
            let older = mem::take(&mut self.younger);
            let forgotten = mem::replace(&mut self.older, older).len();
            inc_by!(MagicsockMetrics, disco_secrets_removed, forgotten as _);
        }
        self.younger.insert(node_id, secret)
    }
}

fn agree(ours: &crypto_box::SecretKey, theirs: &NodeId) -> SharedSecret {
    SharedSecret::new(ours, &public_ed_box(&theirs.public()))
}
