//! The packets of a packet number space that are neither acknowledged nor lost

use alloc::collections::BTreeMap;
use core::ops::RangeBounds;

use sorted_index_buffer::SortedIndexBuffer;

use super::SentPacket;

/// How many numbers the buffer may span whatever it holds
const SPAN_MIN: u64 = 1024;

/// How many numbers the buffer may span for each packet in it
const SPAN_PER_PACKET: u64 = 4;

/// Sent packets by packet number
///
/// Packet numbers are mostly contiguous, so most packets stand in a buffer that has a place for
/// each number. A packet that waits while most of those after it have left would have that buffer
/// grow with every packet sent, and whoever never acknowledges it decides for how long. Such ones
/// stand in a tree.
#[derive(Debug, Default)]
pub(in crate::connection) struct SentPackets {
    /// All with lower numbers than those in `recent`
    stragglers: BTreeMap<u64, SentPacket>,
    recent: SortedIndexBuffer<SentPacket>,
    recent_len: u64,
}

impl SentPackets {
    /// Add the packet with the highest number yet
    pub(super) fn insert(&mut self, number: u64, packet: SentPacket) {
        self.recent.insert(number, packet);
        self.recent_len += 1;
        while let Some(number) = self.straggler(number) {
            let packet = self.recent.remove(number);
            self.stragglers
                .extend(packet.map(|packet| (number, packet)));
            self.recent_len -= 1;
        }
    }

    /// The first packet of the buffer, if that spans too much for those that it holds
    fn straggler(&self, last: u64) -> Option<u64> {
        let first = self.recent.keys().next()?;
        let span = last - first;
        (span >= SPAN_MIN && span / SPAN_PER_PACKET >= self.recent_len).then_some(first)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<SentPacket> {
        let recent = self.recent.remove(number);
        self.recent_len -= u64::from(recent.is_some());
        recent.or_else(|| self.stragglers.remove(&number))
    }

    pub(in crate::connection) fn get(&self, number: u64) -> Option<&SentPacket> {
        let recent = self.recent.get(number);
        recent.or_else(|| self.stragglers.get(&number))
    }

    pub(in crate::connection) fn iter(&self) -> impl Iterator<Item = (u64, &SentPacket)> {
        self.iter_range(..)
    }

    /// The packets with numbers in a range that does not end before it starts, in their order
    pub(in crate::connection) fn iter_range<R: RangeBounds<u64> + Clone>(
        &self,
        range: R,
    ) -> impl Iterator<Item = (u64, &SentPacket)> {
        let stragglers = self.stragglers.range(range.clone());
        let stragglers = stragglers.map(|(&number, packet)| (number, packet));
        stragglers.chain(self.recent.iter_range(range))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &SentPacket> {
        self.stragglers.values().chain(self.recent.values())
    }

    pub(in crate::connection) fn values_mut(&mut self) -> impl Iterator<Item = &mut SentPacket> {
        self.stragglers.values_mut().chain(self.recent.values_mut())
    }

    pub(in crate::connection) fn into_values(self) -> impl Iterator<Item = SentPacket> {
        let recent = self.recent.into_iter().map(|(_, packet)| packet);
        self.stragglers.into_values().chain(recent)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::connection::spaces::unacknowledged_tests::packet;

    #[test]
    fn packets_are_found_wherever_they_stand() {
        let mut packets = SentPackets::default();
        let mut left = Vec::new();
        for number in 0..10_000 {
            packets.insert(number, packet(true));
            if number % 1000 == 7 {
                left.push(number);
            } else if number % 3 != 0 {
                assert!(packets.remove(number).is_some());
            }
        }
        for number in (0..10_000).filter(|number| number % 3 == 0 && number % 1000 != 7) {
            assert!(packets.remove(number).is_some(), "{number} is not there");
            assert!(packets.get(number).is_none());
        }
        packets.insert(20_000, packet(true));
        left.push(20_000);
        assert!(
            packets.stragglers.len() > 5,
            "{:?}",
            packets.stragglers.keys()
        );
        let keys = |packets: &SentPackets| packets.iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(&packets), left);
        let some = packets.iter_range(1007..5007).map(|(key, _)| key);
        assert_eq!(some.collect::<Vec<_>>(), [1007, 2007, 3007, 4007]);
        assert_eq!(packets.values().count(), left.len());
        assert_eq!(packets.values_mut().count(), left.len());
        assert_eq!(packets.into_values().count(), left.len());
    }

    #[test]
    fn packets_that_leave_in_their_order_never_become_stragglers() {
        let mut packets = SentPackets::default();
        for number in 0..10_000 {
            packets.insert(number, packet(true));
            if let Some(acknowledged) = u64::checked_sub(number, 5000) {
                assert!(packets.remove(acknowledged).is_some());
            }
            assert!(packets.stragglers.is_empty());
        }
    }
}
