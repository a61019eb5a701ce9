// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a registry keeps, and hands out, of the bundles that members publish again and again.
use std::time::{SystemTime, UNIX_EPOCH};

use crate::crypto::Rng;
use crate::crypto::x25519::SecretKey;
use crate::key_bundle::{Lifetime, LongTermKeyBundle, OneTimeKeyBundle};
use crate::key_manager::{KeyManager, KeyManagerState};
use crate::key_registry::{KeyRegistry, KeyRegistryState};
use crate::traits::{IdentityRegistry, KeyBundle, PreKeyManager, PreKeyRegistry};

const ALICE: usize = 0;

#[test]
fn bundles_that_are_published_again_are_kept_once() {
    let rng = Rng::from_seed([1; 32]);
    let (alice, onetime) =
        KeyManager::generate_onetime_bundle(member(Lifetime::default(), &rng), &rng).unwrap();

    let mut registry = KeyRegistry::init();
    for _ in 0..100 {
        registry =
            KeyRegistry::add_longterm_bundle(registry, ALICE, KeyManager::prekey_bundle(&alice));
        registry = KeyRegistry::add_onetime_bundle(registry, ALICE, onetime.clone());
    }

    assert_eq!(registry.longterm_bundles[&ALICE].len(), 1);
    assert_eq!(registry.onetime_bundles[&ALICE].len(), 1);
}

#[test]
fn a_onetime_bundle_that_came_twice_is_handed_out_once() {
    let rng = Rng::from_seed([1; 32]);
    let (_, onetime) =
        KeyManager::generate_onetime_bundle(member(Lifetime::default(), &rng), &rng).unwrap();

    let registry = KeyRegistry::init();
    let registry = KeyRegistry::add_onetime_bundle(registry, ALICE, onetime.clone());
    let registry = KeyRegistry::add_onetime_bundle(registry, ALICE, onetime.clone());

    let (registry, first) = onetime_bundle(registry);
    let (_, second) = onetime_bundle(registry);
    assert_eq!(first, Some(onetime));
    assert_eq!(second, None);
}

#[test]
fn a_longterm_bundle_serves_every_group_until_it_expires() {
    let rng = Rng::from_seed([1; 32]);
    let bundle = KeyManager::prekey_bundle(&member(Lifetime::default(), &rng));

    let registry = KeyRegistry::init();
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, bundle.clone());

    let (registry, first) = longterm_bundle(registry);
    let (_, second) = longterm_bundle(registry);
    assert_eq!(first.as_ref(), Some(&bundle));
    assert_eq!(second, first);
}

#[test]
fn a_rotated_longterm_bundle_is_preferred() {
    let rng = Rng::from_seed([1; 32]);
    let alice = member(Lifetime::default(), &rng);
    let old = KeyManager::prekey_bundle(&alice);
    let alice = KeyManager::rotate_prekey(alice, Lifetime::default(), &rng).unwrap();
    let new = KeyManager::prekey_bundle(&alice);

    let registry = KeyRegistry::init();
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, old.clone());
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, new.clone());
    // The old one is heard once more, as from a peer that was offline for a while.
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, old);

    assert_eq!(longterm_bundle(registry).1, Some(new));
}

#[test]
fn expired_bundles_are_not_handed_out() {
    let rng = Rng::from_seed([1; 32]);
    let (alice, onetime) =
        KeyManager::generate_onetime_bundle(member(expired(), &rng), &rng).unwrap();
    let longterm = KeyManager::prekey_bundle(&alice);

    // Bundles which had expired when they came, and bundles which expired in the meantime.
    let registry = KeyRegistry::init();
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, longterm.clone());
    let mut registry = KeyRegistry::add_onetime_bundle(registry, ALICE, onetime.clone());
    registry
        .longterm_bundles
        .entry(ALICE)
        .or_default()
        .push(longterm);
    registry
        .onetime_bundles
        .entry(ALICE)
        .or_default()
        .push(onetime);

    let (registry, longterm) = longterm_bundle(registry);
    let (registry, onetime) = onetime_bundle(registry);
    assert_eq!(longterm, None);
    assert_eq!(onetime, None);
    assert!(registry.longterm_bundles[&ALICE].is_empty());
    assert!(registry.onetime_bundles[&ALICE].is_empty());
    // Who the member is does not expire.
    assert!(
        KeyRegistry::identity_key(&registry, &ALICE)
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_bundle_that_is_not_valid_yet_waits_for_its_time() {
    let rng = Rng::from_seed([1; 32]);
    let now = now();
    let early = KeyManager::prekey_bundle(&member(
        Lifetime::from_range(now + 3_600, now + 7_200),
        &rng,
    ));

    let registry = KeyRegistry::init();
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, early);

    let (registry, bundle) = longterm_bundle(registry);
    assert_eq!(bundle, None);
    assert_eq!(registry.longterm_bundles[&ALICE].len(), 1);
}

#[test]
fn a_bundle_of_another_identity_is_ignored() {
    let rng = Rng::from_seed([1; 32]);
    let alice = KeyManager::prekey_bundle(&member(Lifetime::default(), &rng));
    let (mallory, onetime) =
        KeyManager::generate_onetime_bundle(member(Lifetime::default(), &rng), &rng).unwrap();

    let registry = KeyRegistry::init();
    let registry = KeyRegistry::add_longterm_bundle(registry, ALICE, alice.clone());
    let registry =
        KeyRegistry::add_longterm_bundle(registry, ALICE, KeyManager::prekey_bundle(&mallory));
    let registry = KeyRegistry::add_onetime_bundle(registry, ALICE, onetime);

    assert_eq!(
        KeyRegistry::identity_key(&registry, &ALICE).unwrap(),
        Some(*alice.identity_key())
    );
    let (registry, longterm) = longterm_bundle(registry);
    assert_eq!(longterm, Some(alice));
    assert_eq!(onetime_bundle(registry).1, None);
}

#[test]
fn a_member_that_publishes_ever_new_bundles_fills_a_bounded_list() {
    let rng = Rng::from_seed([1; 32]);
    let mut alice = member(Lifetime::default(), &rng);
    let mut registry = KeyRegistry::init();
    let mut latest = None;
    for _ in 0..1_010 {
        let (state, bundle) = KeyManager::generate_onetime_bundle(alice, &rng).unwrap();
        alice = state;
        registry = KeyRegistry::add_onetime_bundle(registry, ALICE, bundle.clone());
        latest = Some(bundle);
    }

    assert_eq!(registry.onetime_bundles[&ALICE].len(), 1_000);
    assert_eq!(onetime_bundle(registry).1, latest);
}

fn member(lifetime: Lifetime, rng: &Rng) -> KeyManagerState {
    let identity_secret = SecretKey::from_bytes(rng.random_array().unwrap());
    KeyManager::init(&identity_secret, lifetime, rng).unwrap()
}

fn longterm_bundle(
    registry: KeyRegistryState<usize>,
) -> (KeyRegistryState<usize>, Option<LongTermKeyBundle>) {
    KeyRegistry::key_bundle(registry, &ALICE).unwrap()
}

fn onetime_bundle(
    registry: KeyRegistryState<usize>,
) -> (KeyRegistryState<usize>, Option<OneTimeKeyBundle>) {
    KeyRegistry::key_bundle(registry, &ALICE).unwrap()
}

fn expired() -> Lifetime {
    let now = now();
    Lifetime::from_range(now - 7_200, now - 3_600)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("SystemTime before UNIX EPOCH!")
        .as_secs()
}
