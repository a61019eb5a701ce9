//! What a peer costs that never acknowledges a packet.

use alloc::format;

use rand::{SeedableRng, rngs::StdRng};

use super::*;

const ACKS: u64 = 10_000;

#[test]
fn acks_sent_after_an_unacknowledged_packet_leave_no_places_behind() {
    let rng = &mut StdRng::from_seed([0; 32]);
    let mut space = PacketNumberSpace::new(Instant::now(), SpaceId::Initial, rng);
    space.sent(0, packet(true));
    let mut kept = 1;
    for number in 1..=ACKS {
        kept += 1 - usize::from(space.sent(number, packet(false)).is_some());
    }
    assert_eq!(space.sent_packets.values().count(), kept);
    let empty = format!("{:?}", space.sent_packets)
        .matches(", None")
        .count();
    assert!(empty < 8 * kept, "{empty} empty places for {kept} packets");
}

pub(super) fn packet(ack_eliciting: bool) -> SentPacket {
    SentPacket {
        path_generation: 0,
        time_sent: Instant::now(),
        size: 0,
        ack_eliciting,
        largest_acked: FxHashMap::default(),
        retransmits: ThinRetransmits::default(),
        path_retransmits: PathRetransmits::default(),
        stream_frames: frame::StreamMetaVec::default(),
    }
}
