//! Whether the instrument itself can be trusted, decided in every run: pure functions over growth.
//!
//! Two kinds of control: a *canary* leaks a known number of bytes an event and must be seen, and the *pair* (A/A) is one
//! binary measured twice, between which there must be no difference. A verdict beside a control that failed is none.

use serde::Serialize;

use crate::stats::Growth;

/// How much a canary leaks, against the budget that it is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Canary {
    /// Half the budget: must be flat.
    Half,
    /// The budget itself: must be found, as more than half of it and less than twice.
    Budget,
    /// Twice the budget: must grow.
    Twice,
}

/// What a control shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// As it must be.
    Held,
    /// The interval does not decide.
    CannotTell,
    /// Not as it must be: the instrument is wrong here.
    Failed,
    /// The user stopped it, or it was not reached.
    Stopped,
}

impl Canary {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Half, Self::Budget, Self::Twice];

    /// How many bytes an event it leaks, in whole bytes.
    pub fn leak_bytes(self, budget: f64) -> u64 {
        let times = match self {
            Self::Half => 0.5,
            Self::Budget => 1.0,
            Self::Twice => 2.0,
        };
        (budget * times).round() as u64
    }

    /// Whether it was seen as what it is.
    pub fn judge(self, growth: Option<&Growth>, budget: f64) -> Control {
        let Some(Growth { lower, upper, .. }) = growth.copied() else {
            return Control::CannotTell;
        };
        let (flat, grows) = (upper <= budget, lower > budget);
        let (held, failed) = match self {
            Self::Half => (flat, grows),
            Self::Budget => (
                lower > budget / 2.0 && upper < budget * 2.0,
                upper <= budget / 2.0 || lower >= budget * 2.0,
            ),
            Self::Twice => (grows, flat),
        };
        match (held, failed) {
            (true, _) => Control::Held,
            (_, true) => Control::Failed,
            (false, false) => Control::CannotTell,
        }
    }
}

/// Whether two measurements of one binary differ by more than a budget: `difference` of the two, in the same unit.
pub fn pair(difference: Option<&Growth>, budget: f64) -> Control {
    match difference {
        Some(growth) if growth.lower >= -budget && growth.upper <= budget => Control::Held,
        Some(growth) if growth.lower > budget || growth.upper < -budget => Control::Failed,
        _ => Control::CannotTell,
    }
}

/// The least difference between two sides that this machine could show: how far from zero that of a pair may lie.
pub fn noise_floor(difference: &Growth) -> f64 {
    difference.lower.abs().max(difference.upper.abs())
}

/// What speaks against trusting a run in which these controls ended so.
pub fn worst(controls: impl IntoIterator<Item = Control>) -> Control {
    let rank = |control: &Control| match control {
        Control::Held => 0,
        Control::Stopped => 1,
        Control::CannotTell => 2,
        Control::Failed => 3,
    };
    controls
        .into_iter()
        .max_by_key(rank)
        .unwrap_or(Control::Held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::stats::growth;

    fn between(lower: f64, upper: f64) -> Growth {
        Growth {
            per_event: lower.midpoint(upper),
            lower,
            upper,
            points: 32,
        }
    }

    #[test]
    fn a_canary_is_seen_as_what_it_is_or_the_instrument_is_wrong() {
        use Control::{CannotTell, Failed, Held};
        let judged = |lower, upper| {
            Canary::ALL.map(|canary| canary.judge(Some(&between(lower, upper)), 64.0))
        };
        assert_eq!(judged(31.0, 33.0), [Held, CannotTell, Failed]);
        assert_eq!(judged(62.0, 66.0), [CannotTell, Held, CannotTell]);
        assert_eq!(judged(120.0, 127.0), [Failed, Held, Held]);
        assert_eq!(judged(0.0, 0.0), [Held, Failed, Failed]);
        assert_eq!(Canary::Half.judge(None, 64.0), CannotTell);
        assert_eq!(Canary::ALL.map(|one| one.leak_bytes(64.0)), [32, 64, 128]);
    }

    #[test]
    fn a_pair_differs_by_no_more_than_the_budget_either_way() {
        assert_eq!(pair(Some(&between(-3.0, 2.0)), 8.0), Control::Held);
        assert_eq!(pair(Some(&between(9.0, 12.0)), 8.0), Control::Failed);
        assert_eq!(pair(Some(&between(-12.0, -9.0)), 8.0), Control::Failed);
        assert_eq!(pair(Some(&between(-12.0, 2.0)), 8.0), Control::CannotTell);
        assert_eq!(pair(None, 8.0), Control::CannotTell);
        assert_eq!(noise_floor(&between(-12.0, 2.0)), 12.0);
    }

    #[test]
    fn the_worst_control_counts() {
        use Control::{CannotTell, Failed, Held, Stopped};
        assert_eq!(worst([]), Held);
        assert_eq!(worst([Held, Stopped]), Stopped);
        assert_eq!(worst([CannotTell, Failed, Held]), Failed);
    }

    proptest! {
        /// Noise of up to a hundred events' budget at each of 37 samples, 100 events apart: about what a node makes.
        #[test]
        fn half_the_budget_is_never_growing_and_twice_always(
            noise in prop::collection::vec(-3_200.0..3_200.0f64, 37), budget in 60.0..70.0f64,
        ) {
            let leak = |canary: Canary| -> Vec<_> {
                let bytes = canary.leak_bytes(budget) as f64;
                let at = |(sample, noise): (usize, &f64)| {
                    let events = sample as f64 * 100.0;
                    (events, 5e6 + events * bytes + noise)
                };
                noise.iter().enumerate().map(at).collect()
            };
            for canary in Canary::ALL {
                let found = growth(&leak(canary)).unwrap();
                prop_assert_eq!(canary.judge(Some(&found), budget), Control::Held, "{:?} {:?}", canary, found);
            }
        }
    }
}
