// SPDX-License-Identifier: MIT OR Apache-2.0

//! The memory store against a naive model: whatever the order of insertions and deletions, over
//! logs that share operations, both answer alike.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use p2panda_core::{Body, Hash, Header, PublicKey};
use p2panda_store::{LogStore, MemoryStore, OperationStore};
use proptest::prelude::*;

const AUTHORS: u8 = 2;
const LOGS: u64 = 2;
const SEQ_NUMS: u64 = 4;
/// Two, so that logs fork.
const BODIES: [&[u8]; 2] = [b"one", b"another"];

#[derive(Clone, Debug)]
enum Action {
    Insert(Id, u64),
    DeleteOperation(Id),
    DeletePayload(Id),
    DeleteOperations(PublicKey, u64, u64),
    DeletePayloads(PublicKey, u64, u64, u64),
}

/// Author, sequence number and body of an operation.
type Id = (u8, u64, usize);

/// The same as a list that is searched from end to end.
#[derive(Default)]
struct Model {
    places: Vec<(Id, u64)>,
    with_payload: BTreeSet<Id>,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_insertions_and_deletions_ends_as_in_a_naive_model(
        actions in prop::collection::vec(any_action(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut store = MemoryStore::default();
            let mut model = Model::default();
            for action in actions {
                let changed = apply(&mut store, &action).await;
                prop_assert_eq!(changed, model.apply(&action), "{:?}", action);
                compare(&store, &model).await?;
            }
            Ok(())
        })?;
    }
}

async fn apply(store: &mut MemoryStore<u64>, action: &Action) -> bool {
    match *action {
        Action::Insert(id, log_id) => {
            let (hash, header, body) = operation(id);
            store
                .insert_operation(*hash, header, Some(body), &header.to_bytes(), &log_id)
                .await
        }
        Action::DeleteOperation(id) => store.delete_operation(hash_of(id)).await,
        Action::DeletePayload(id) => store.delete_payload(hash_of(id)).await,
        Action::DeleteOperations(author, log_id, before) => {
            store.delete_operations(&author, &log_id, before).await
        }
        Action::DeletePayloads(author, log_id, from, to) => {
            store.delete_payloads(&author, &log_id, from, to).await
        }
    }
    .expect("infallible")
}

impl Model {
    fn apply(&mut self, action: &Action) -> bool {
        match *action {
            Action::Insert(id, log_id) => {
                let new = !self.places.contains(&(id, log_id));
                if new {
                    self.places.push((id, log_id));
                    self.with_payload.insert(id);
                }
                new
            }
            Action::DeleteOperation(id) => self.delete(|(there, _)| *there == id),
            Action::DeletePayload(id) => {
                self.with_payload.remove(&id);
                self.has(id)
            }
            Action::DeleteOperations(of, log_id, before) => {
                self.delete(|(id, there)| author(id.0) == of && *there == log_id && id.1 < before)
            }
            Action::DeletePayloads(of, log_id, from, to) => {
                let mut ids = self.log(of, log_id);
                ids.retain(|id| (from..to).contains(&id.1));
                for id in &ids {
                    self.with_payload.remove(id);
                }
                !ids.is_empty()
            }
        }
    }

    fn delete(&mut self, doomed: impl Fn(&(Id, u64)) -> bool) -> bool {
        let before = self.places.len();
        self.places.retain(|place| !doomed(place));
        let places = &self.places;
        self.with_payload
            .retain(|id| places.iter().any(|(there, _)| there == id));
        self.places.len() < before
    }

    fn has(&self, id: Id) -> bool {
        self.places.iter().any(|(there, _)| *there == id)
    }

    /// A log in the order of the store: by sequence number, time (here the same), and hash.
    fn log(&self, of: PublicKey, log_id: u64) -> Vec<Id> {
        let in_log = |(id, there): &&(Id, u64)| author(id.0) == of && *there == log_id;
        let mut ids: Vec<_> = self
            .places
            .iter()
            .filter(in_log)
            .map(|(id, _)| *id)
            .collect();
        ids.sort_by_key(|id| (id.1, hash_of(*id)));
        ids
    }
}

async fn compare(store: &MemoryStore<u64>, model: &Model) -> Result<(), TestCaseError> {
    for id in ids() {
        let hash = hash_of(id);
        prop_assert_eq!(store.has_operation(hash).await, Ok(model.has(id)));
        let there = model.has(id).then(|| expected(model, id));
        prop_assert_eq!(store.get_operation(hash).await, Ok(there));
    }
    for log_id in 0..LOGS {
        let mut heights = BTreeMap::new();
        for author in (0..AUTHORS).map(author) {
            let ids = model.log(author, log_id);
            for from in [None, Some(0), Some(SEQ_NUMS / 2), Some(SEQ_NUMS)] {
                let rest = ids.iter().filter(|id| id.1 >= from.unwrap_or(0));
                let rest: Vec<_> = rest.map(|id| expected(model, *id)).collect();
                let log = store.get_log(&author, &log_id, from).await;
                prop_assert_eq!(log, Ok((!ids.is_empty()).then_some(rest)));
            }
            let latest = ids.last().map(|id| expected(model, *id));
            prop_assert_eq!(store.latest_operation(&author, &log_id).await, Ok(latest));
            heights.extend(ids.last().map(|id| (author.to_hex(), id.1)));
        }
        let there = store.get_log_heights(&log_id).await.unwrap();
        let there: BTreeMap<_, _> = there.into_iter().map(|(a, h)| (a.to_hex(), h)).collect();
        prop_assert_eq!(there, heights);
    }
    Ok(())
}

fn expected(model: &Model, id: Id) -> (Header, Option<Body>) {
    let (_, header, body) = operation(id);
    let there = model.with_payload.contains(&id);
    (header.clone(), there.then(|| body.clone()))
}

fn hash_of(id: Id) -> Hash {
    operation(id).0
}

fn author(n: u8) -> PublicKey {
    static KEYS: LazyLock<Vec<PublicKey>> =
        LazyLock::new(|| (0..AUTHORS).map(common::author).collect());
    KEYS[usize::from(n)]
}

fn operation(id: Id) -> &'static (Hash, Header, Body) {
    static OPERATIONS: LazyLock<HashMap<Id, (Hash, Header, Body)>> = LazyLock::new(|| {
        let made = |(of, seq_num, body)| common::operation(author(of), seq_num, BODIES[body]);
        ids().map(|id| (id, made(id))).collect()
    });
    &OPERATIONS[&id]
}

fn ids() -> impl Iterator<Item = Id> {
    (0..AUTHORS).flat_map(|author| {
        (0..SEQ_NUMS).flat_map(move |seq_num| (0..BODIES.len()).map(move |b| (author, seq_num, b)))
    })
}

fn any_action() -> impl Strategy<Value = Action> {
    let id = || (0..AUTHORS, 0..SEQ_NUMS, 0..BODIES.len());
    let log = || ((0..AUTHORS).prop_map(author), 0..LOGS);
    let seq_num = || 0..=SEQ_NUMS;
    prop_oneof![
        6 => (id(), 0..LOGS).prop_map(|(id, log_id)| Action::Insert(id, log_id)),
        1 => id().prop_map(Action::DeleteOperation),
        1 => id().prop_map(Action::DeletePayload),
        2 => (log(), seq_num())
            .prop_map(|((author, log_id), before)| Action::DeleteOperations(author, log_id, before)),
        2 => (log(), seq_num(), seq_num())
            .prop_map(|((author, log_id), from, to)| Action::DeletePayloads(author, log_id, from, to)),
    ]
}
