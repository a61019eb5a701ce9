//! The mapped addresses that were given out, and how long each stands for what it does.
//!
//! Whoever sends us a datagram gets an entry, and nothing says when the last packet for it was
//! sent. So the entries of remotes that a `RemoteStateActor` runs for are held as long as it
//! does. Of all others the most recently used ones are kept.

use std::{collections::BTreeMap, fmt, hash::Hash};

use iroh_base::{CustomAddr, EndpointId, RelayUrl};
use rustc_hash::{FxHashMap, FxHashSet};
use tracing::trace;

use super::MappedAddr;

/// How many entries of remotes that no actor runs for are kept in a map.
///
/// An actor starts once a connection is established. Until then the entry must not go, so this is
/// many times what arrives during a handshake, at about 300 bytes each.
const UNHELD_MAX: usize = 4096;

/// What a [`MappedAddr`] stands for.
pub(in crate::socket) trait AddrKey: Eq + Hash + Clone + fmt::Debug {
    /// The remote whose actor holds the entry, if it is known from the key.
    fn remote(&self) -> Option<EndpointId>;
}

impl AddrKey for EndpointId {
    fn remote(&self) -> Option<EndpointId> {
        Some(*self)
    }
}

impl AddrKey for (RelayUrl, EndpointId) {
    fn remote(&self) -> Option<EndpointId> {
        Some(self.1)
    }
}

impl AddrKey for CustomAddr {
    fn remote(&self) -> Option<EndpointId> {
        None
    }
}

/// What an [`AddrMap`](super::AddrMap) knows.
#[derive(Debug)]
pub(super) struct AddrTable<K, V> {
    entries: FxHashMap<K, Entry<V>>,
    lookup: FxHashMap<V, K>,
    /// The keys of each remote, which are as many as the relays it is met through.
    by_remote: FxHashMap<EndpointId, Vec<K>>,
    held: FxHashSet<EndpointId>,
    /// The entries that are not held, in the order of their last use.
    unheld: BTreeMap<u64, K>,
    /// Greater than any key of `unheld`.
    next_use: u64,
}

#[derive(Debug)]
struct Entry<V> {
    addr: V,
    /// Its key in `unheld`, if it is not held.
    last_use: Option<u64>,
}

impl<K, V> Default for AddrTable<K, V> {
    fn default() -> Self {
        Self {
            entries: FxHashMap::default(),
            lookup: FxHashMap::default(),
            by_remote: FxHashMap::default(),
            held: FxHashSet::default(),
            unheld: BTreeMap::new(),
            next_use: 0,
        }
    }
}

impl<K, V> AddrTable<K, V>
where
    K: AddrKey,
    V: MappedAddr + Eq + Hash + Copy + fmt::Debug,
{
    /// The address that stands for a key, a new one if there is none.
    pub(super) fn get(&mut self, key: &K) -> V {
        let Some(entry) = self.entries.get(key) else {
            return self.insert(key.clone());
        };
        let addr = entry.addr;
        self.used(key);
        addr
    }

    /// What an address stands for.
    pub(super) fn lookup(&mut self, addr: &V) -> Option<K> {
        let key = self.lookup.get(addr)?.clone();
        self.used(&key);
        Some(key)
    }

    pub(super) fn hold(&mut self, remote: EndpointId) {
        self.held.insert(remote);
        for key in self.keys_of(&remote) {
            self.unqueue(&key);
        }
    }

    pub(super) fn release(&mut self, remote: EndpointId) {
        if self.held.remove(&remote) {
            for key in self.keys_of(&remote) {
                self.enqueue(key);
            }
            self.evict();
        }
    }

    fn insert(&mut self, key: K) -> V {
        let mut addr = V::generate();
        while self.lookup.contains_key(&addr) {
            addr = V::generate();
        }
        trace!(?addr, ?key, "generated new addr");
        let last_use = None;
        self.entries.insert(key.clone(), Entry { addr, last_use });
        self.lookup.insert(addr, key.clone());
        let remote = key.remote();
        if let Some(remote) = remote {
            self.by_remote.entry(remote).or_default().push(key.clone());
        }
        if remote.is_none_or(|remote| !self.held.contains(&remote)) {
            self.enqueue(key);
            self.evict();
        }
        addr
    }

    /// Takes note of a use, unless the entry is held.
    fn used(&mut self, key: &K) {
        if self.unqueue(key) {
            self.enqueue(key.clone());
        }
    }

    fn enqueue(&mut self, key: K) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.last_use = Some(self.next_use);
        self.unheld.insert(self.next_use, key);
        self.next_use += 1;
    }

    fn unqueue(&mut self, key: &K) -> bool {
        let entry = self.entries.get_mut(key);
        let last_use = entry.and_then(|entry| entry.last_use.take());
        last_use.is_some_and(|at| self.unheld.remove(&at).is_some())
    }

    fn evict(&mut self) {
        while self.unheld.len() > UNHELD_MAX {
            let Some((_, key)) = self.unheld.pop_first() else {
                return;
            };
            trace!(?key, "dropping the least recently used addr");
            if let Some(entry) = self.entries.remove(&key) {
                self.lookup.remove(&entry.addr);
            }
            if let Some(remote) = key.remote() {
                self.forget_key(&remote, &key);
            }
        }
    }

    fn forget_key(&mut self, remote: &EndpointId, key: &K) {
        if let Some(keys) = self.by_remote.get_mut(remote) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.by_remote.remove(remote);
            }
        }
    }

    fn keys_of(&self, remote: &EndpointId) -> Vec<K> {
        self.by_remote.get(remote).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use iroh_base::SecretKey;

    use super::*;
    use crate::socket::mapped_addrs::{EndpointIdMappedAddr, RelayMappedAddr};

    #[test]
    fn a_held_remote_keeps_its_addresses_through_a_flood_and_while_it_is_known() {
        let mut map = AddrTable::<(RelayUrl, EndpointId), RelayMappedAddr>::default();
        let (before, after) = (
            relayed(0, "https://a.invalid"),
            relayed(0, "https://b.invalid"),
        );
        let first = map.get(&before);
        map.hold(before.1);
        let second = map.get(&after);
        flood(&mut map);
        assert_eq!((map.get(&before), map.get(&after)), (first, second));

        map.release(before.1);
        assert_eq!(map.lookup(&first), Some(before));
        flood(&mut map);
        assert_eq!((map.lookup(&first), map.lookup(&second)), (None, None));
        let (entries, lookup) = (map.entries.len(), map.lookup.len());
        assert_eq!((entries, lookup), (UNHELD_MAX, UNHELD_MAX));
        let (by_remote, unheld) = (map.by_remote.len(), map.unheld.len());
        assert_eq!((by_remote, unheld), (UNHELD_MAX, UNHELD_MAX));
        assert!(map.held.is_empty());
    }

    #[test]
    fn holding_and_releasing_twice_is_harmless() {
        let mut map = AddrTable::<EndpointId, EndpointIdMappedAddr>::default();
        let remote = relayed(0, "https://a.invalid").1;
        map.release(remote);
        let addr = map.get(&remote);
        for _ in 0..2 {
            map.hold(remote);
        }
        for _ in 0..2 {
            map.release(remote);
        }
        assert_eq!(map.get(&remote), addr);
        assert_eq!(map.unheld.len(), 1);
    }

    fn flood(map: &mut AddrTable<(RelayUrl, EndpointId), RelayMappedAddr>) {
        for number in 0..UNHELD_MAX {
            map.get(&relayed(number + 1, "https://a.invalid"));
        }
    }

    fn relayed(number: usize, url: &str) -> (RelayUrl, EndpointId) {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        let remote = SecretKey::from_bytes(&secret).public();
        (url.parse().unwrap(), remote)
    }
}
