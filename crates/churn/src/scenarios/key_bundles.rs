//! A member that publishes its key bundles again and again, as members do.

use anyhow::Result;
use p2panda_encryption::Rng;
use p2panda_encryption::crypto::x25519::SecretKey;
use p2panda_encryption::key_bundle::Lifetime;
use p2panda_encryption::key_manager::KeyManager;
use p2panda_encryption::key_registry::KeyRegistry;
use p2panda_encryption::traits::{IdentityHandle, PreKeyManager};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AT_REST, Quick, Scenario};
use crate::run::Run;

pub const SCENARIO: Scenario = Scenario {
    name: "key-bundles",
    about: "A member publishes one long-term and one one-time bundle of keys, and others who have them are given them again",
    event: "both bundles published again",
    defects: &["key-registry-duplicates"],
    quick: Quick {
        events: 4_800,
        warmup_events: 480,
        ..AT_REST
    },
    budget_bytes_per_event: 1.0,
    run: |run| Box::pin(publish_again(run)),
};

/// What a member is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Member(u64);

impl IdentityHandle for Member {}

async fn publish_again(run: &mut Run) -> Result<()> {
    let rng = Rng::default();
    let secret: SecretKey = serde_json::from_value(json!(run.random::<32>()))?;
    let manager = KeyManager::init(&secret, Lifetime::default(), &rng)?;
    let (manager, one_time) = KeyManager::generate_onetime_bundle(manager, &rng)?;
    let long_term = KeyManager::prekey_bundle(&manager);
    let mut registry = KeyRegistry::init();
    while run.next().await?.is_some() {
        registry = KeyRegistry::add_longterm_bundle(registry, Member(1), long_term.clone());
        registry = KeyRegistry::add_onetime_bundle(registry, Member(1), one_time.clone());
    }
    Ok(())
}
