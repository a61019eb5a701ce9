// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registry keeps of the key bundles it is given: each pre-key once, none that has
//! expired, and a bounded number a member.
use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::crypto::x25519::PublicKey;
use crate::key_bundle::{LongTermKeyBundle, OneTimeKeyBundle, PreKey};
use crate::key_registry::{KeyRegistry, KeyRegistryState};
use crate::traits::{IdentityHandle, KeyBundle};

/// Number of bundles of one kind which are kept for a member; the oldest makes room for the next.
///
/// Bundles come from the network. A member publishes one long-term bundle a lifetime, and a
/// one-time bundle for each group that others want to establish with it, so this is far above what
/// an honest one has valid at a time.
pub const MAX_BUNDLES_PER_MEMBER: usize = 1_000;

#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRegistryError {
    /// Somebody else made this bundle, or the members got mixed up.
    #[error("key bundle has another identity key than the one we know of this member")]
    IdentityMismatch,
}

impl<ID> KeyRegistry<ID>
where
    ID: IdentityHandle + Serialize + for<'a> Deserialize<'a>,
{
    /// Adds long-term pre-key bundle to the registry.
    ///
    /// Nothing is added when the pre-key is already known or has expired. See
    /// [`MAX_BUNDLES_PER_MEMBER`] for how many are kept.
    ///
    /// Throws an error when another identity key is known of this member already, the state is then
    /// unchanged.
    pub fn try_add_longterm_bundle(
        y: &mut KeyRegistryState<ID>,
        id: ID,
        key_bundle: LongTermKeyBundle,
    ) -> Result<(), KeyRegistryError> {
        register_identity(y, id, key_bundle.identity_key())?;
        insert(y.longterm_bundles.entry(id).or_default(), key_bundle);
        Ok(())
    }

    /// Adds one-time pre-key bundle to the registry.
    ///
    /// Nothing is added when the pre-keys are already known or have expired. See
    /// [`MAX_BUNDLES_PER_MEMBER`] for how many are kept.
    ///
    /// Throws an error when another identity key is known of this member already, the state is then
    /// unchanged.
    pub fn try_add_onetime_bundle(
        y: &mut KeyRegistryState<ID>,
        id: ID,
        key_bundle: OneTimeKeyBundle,
    ) -> Result<(), KeyRegistryError> {
        register_identity(y, id, key_bundle.identity_key())?;
        insert(y.onetime_bundles.entry(id).or_default(), key_bundle);
        Ok(())
    }
}

/// Returns the position of the latest bundle which can be used now.
///
/// Bundles which have expired since they were added are removed on the way. One that is not valid
/// yet stays: it will be.
pub(super) fn latest_valid<KB>(bundles: &mut Vec<KB>) -> Option<usize>
where
    KB: AsRef<PreKey>,
{
    remove_expired(bundles);
    bundles
        .iter()
        .rposition(|bundle| bundle.as_ref().verify_lifetime().is_ok())
}

/// The first identity key that we learn of a member is the one it keeps.
fn register_identity<ID>(
    y: &mut KeyRegistryState<ID>,
    id: ID,
    identity_key: &PublicKey,
) -> Result<(), KeyRegistryError>
where
    ID: IdentityHandle,
{
    if y.identities.entry(id).or_insert(*identity_key) == identity_key {
        Ok(())
    } else {
        Err(KeyRegistryError::IdentityMismatch)
    }
}

fn insert<KB>(bundles: &mut Vec<KB>, bundle: KB)
where
    KB: KeyBundle + AsRef<PreKey>,
{
    remove_expired(bundles);

    // Keys and not whole bundles are compared: the same pre-keys can be signed more than once.
    let is_known = bundles.iter().any(|known| {
        known.signed_prekey() == bundle.signed_prekey()
            && known.onetime_prekey() == bundle.onetime_prekey()
    });
    if is_known || bundle.as_ref().has_expired() {
        return;
    }

    if bundles.len() >= MAX_BUNDLES_PER_MEMBER {
        bundles.remove(0);
    }
    bundles.push(bundle);
}

fn remove_expired<KB>(bundles: &mut Vec<KB>)
where
    KB: AsRef<PreKey>,
{
    bundles.retain(|bundle| !bundle.as_ref().has_expired());
}

#[cfg(test)]
mod tests {
    use crate::crypto::Rng;
    use crate::crypto::x25519::SecretKey;
    use crate::key_bundle::Lifetime;
    use crate::key_manager::KeyManager;
    use crate::key_registry::KeyRegistry;
    use crate::traits::PreKeyManager;

    use super::KeyRegistryError;

    #[test]
    fn a_bundle_of_another_identity_is_an_error_which_changes_nothing() {
        let rng = Rng::from_seed([1; 32]);
        let [alice, mallory] = [(); 2].map(|()| {
            let identity_secret = SecretKey::from_bytes(rng.random_array().unwrap());
            KeyManager::init(&identity_secret, Lifetime::default(), &rng).unwrap()
        });
        let (_, mallory_onetime) =
            KeyManager::generate_onetime_bundle(mallory.clone(), &rng).unwrap();

        let mut registry = KeyRegistry::init();
        KeyRegistry::try_add_longterm_bundle(&mut registry, 0, KeyManager::prekey_bundle(&alice))
            .unwrap();
        let before = registry.clone();

        assert_eq!(
            KeyRegistry::try_add_longterm_bundle(
                &mut registry,
                0,
                KeyManager::prekey_bundle(&mallory)
            ),
            Err(KeyRegistryError::IdentityMismatch)
        );
        assert_eq!(
            KeyRegistry::try_add_onetime_bundle(&mut registry, 0, mallory_onetime),
            Err(KeyRegistryError::IdentityMismatch)
        );
        assert_eq!(registry, before);
    }
}
