//! Who is in the sets that messages and announcements are sent to.

use bytes::Bytes;
use n0_future::time::Instant;
use rand::{rngs::ChaCha12Rng, SeedableRng};

use super::{DeliveryScope, Gossip, Graft, IHave, Message, MessageId, Round, Timer};
use crate::proto::{
    hyparview,
    topic::{self, InEvent, OutEvent},
};

type Topic = topic::State<u64, ChaCha12Rng>;

#[test]
fn no_late_frame_brings_back_a_peer_that_left() {
    for (name, frames) in frames() {
        let mut topic = topic();
        become_neighbor(&mut topic, 1);
        handle(&mut topic, InEvent::PeerDisconnected(1));
        for frame in frames {
            handle(&mut topic, InEvent::RecvMessage(1, frame.into()));
        }
        handle(&mut topic, graft_timer());
        assert_eq!(peers(&topic), 0, "{name}");
    }
}

#[test]
fn strangers_do_not_enter_the_sets() {
    let mut topic = topic();
    become_neighbor(&mut topic, 0);
    for stranger in 1..=1000 {
        let (_, frames) = &frames()[stranger as usize % 4];
        for frame in frames.clone() {
            handle(&mut topic, InEvent::RecvMessage(stranger, frame.into()));
        }
        handle(&mut topic, graft_timer());
    }
    assert_eq!(peers(&topic), 1);
}

#[test]
fn nothing_is_announced_to_a_peer_that_left_meanwhile() {
    let mut topic = topic();
    become_neighbor(&mut topic, 1);
    become_neighbor(&mut topic, 2);
    handle(&mut topic, InEvent::RecvMessage(1, Message::Prune.into()));
    handle(&mut topic, InEvent::RecvMessage(2, gossip().into()));
    assert_eq!(topic.gossip.lazy_push_queue[&1].len(), 1);

    handle(&mut topic, InEvent::PeerDisconnected(1));
    let sent = handle(
        &mut topic,
        InEvent::TimerExpired(Timer::DispatchLazyPush.into()),
    );
    assert_eq!(sent, []);
}

#[test]
fn neighbors_still_move_between_the_sets() {
    let mut topic = topic();
    become_neighbor(&mut topic, 1);
    handle(&mut topic, InEvent::RecvMessage(1, Message::Prune.into()));
    assert_eq!(sets(&topic), (0, 1));
    handle(&mut topic, InEvent::RecvMessage(1, graft().into()));
    assert_eq!(sets(&topic), (1, 0));
    for _ in 0..2 {
        handle(&mut topic, InEvent::RecvMessage(1, gossip().into()));
    }
    assert_eq!(sets(&topic), (0, 1));
}

fn topic() -> Topic {
    Topic::with_rng(99, None, Default::default(), ChaCha12Rng::seed_from_u64(0))
}

fn become_neighbor(topic: &mut Topic, peer: u64) {
    let join = hyparview::Message::Join(None);
    handle(topic, InEvent::RecvMessage(peer, join.into()));
}

fn handle(topic: &mut Topic, event: InEvent<u64>) -> Vec<OutEvent<u64>> {
    topic.handle(event, Instant::now()).collect()
}

/// Every kind of frame that moves its sender from set to set.
fn frames() -> [(&'static str, Vec<Message>); 4] {
    let ihave = IHave {
        id: id(),
        round: Round(0),
    };
    [
        ("a message that is known", vec![gossip(), gossip()]),
        ("prune", vec![Message::Prune]),
        ("graft", vec![graft()]),
        ("ihave", vec![Message::IHave(vec![ihave])]),
    ]
}

fn gossip() -> Message {
    Message::Gossip(Gossip {
        id: MessageId::from_content(b"known"),
        content: Bytes::from_static(b"known"),
        scope: DeliveryScope::Swarm(Round(1)),
    })
}

fn graft() -> Message {
    Message::Graft(Graft {
        id: None,
        round: Round(0),
    })
}

fn id() -> MessageId {
    MessageId::from_content(b"missing")
}

fn graft_timer() -> InEvent<u64> {
    InEvent::TimerExpired(Timer::SendGraft(id()).into())
}

fn sets(topic: &Topic) -> (usize, usize) {
    let gossip = &topic.gossip;
    (gossip.eager_push_peers.len(), gossip.lazy_push_peers.len())
}

fn peers(topic: &Topic) -> usize {
    let (eager, lazy) = sets(topic);
    eager + lazy
}
