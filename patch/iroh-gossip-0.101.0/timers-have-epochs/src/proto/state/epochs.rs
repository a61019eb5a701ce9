//! Timers end with the topic they were scheduled for, however soon it is joined again.

use super::{InEvent, State};

impl<PI, R> State<PI, R> {
    /// Whether an event is a timer from before its topic was last joined, or of one that was left.
    pub(super) fn is_stale(&self, event: &InEvent<PI>) -> bool {
        let InEvent::TimerExpired(timer) = event else {
            return false;
        };
        let topic = self.states.get(&timer.topic);
        !matches!(topic, Some(topic) if topic.epoch == timer.epoch)
    }
}
