//! What the growth of a scenario's two sides means, and the exit code that follows: pure functions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::controls::Control;
use crate::stats::Growth;

/// One side's growth against its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// The whole interval lies within the budget.
    Flat,
    /// The whole interval lies above the budget.
    Grows,
    /// The budget lies within the interval, or there is no interval.
    CannotTell,
}

/// The trend of `growth` against a budget in the same unit per event.
pub fn trend(growth: Option<&Growth>, budget: f64) -> Trend {
    match growth {
        Some(growth) if growth.upper <= budget => Trend::Flat,
        Some(growth) if growth.lower > budget => Trend::Grows,
        _ => Trend::CannotTell,
    }
}

/// The trend of a side as a whole: live heap decides, and whatever else is clearly above its own budget. What else cannot
/// be told is no doubt about the heap.
pub fn overall(heap: Trend, others: impl IntoIterator<Item = Trend>) -> Trend {
    if others.into_iter().any(|trend| trend == Trend::Grows) {
        Trend::Grows
    } else {
        heap
    }
}

/// How one side of a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It ran to its end, and grew like this.
    Whole(Trend),
    /// It told that what it measures serves nobody any more.
    Dead,
    /// It crashed, hung or wrote nonsense.
    Failed,
    /// The user stopped it, or it was not reached.
    Stopped,
}

/// What a scenario shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Said to be fixed; the untouched side grows and the patched side is flat.
    Fixed,
    /// Said to be fixed; the untouched side dies and the patched side lives and is flat.
    Lives,
    /// Said to be fixed, and the patched side grows.
    Grows,
    /// Said to be fixed, and the patched side dies.
    Dies,
    /// Said to be fixed, and the patched side is flat; but the untouched side neither grows nor dies, so that this run
    /// does not show the fix.
    NotShown,
    /// Said to be fixed, and the patched side's interval does not decide.
    CannotTell,
    /// A defect behind it is open: its growth is reported and counts neither way.
    Open,
    /// A side crashed, hung or wrote nonsense.
    Failed,
    /// The user stopped the run before both sides were through.
    Stopped,
}

/// Which sides, upstream first, keep a scenario from being told, so that more events on them may help. None where the
/// verdict stands whatever they show.
pub fn untold(upstream: Ended, patched: Ended) -> [bool; 2] {
    let doubtful = Ended::Whole(Trend::CannotTell);
    match (upstream, patched) {
        (Ended::Whole(_), Ended::Whole(trend)) => [
            upstream == doubtful && trend != Trend::Grows,
            patched == doubtful,
        ],
        (Ended::Dead, Ended::Whole(_)) => [false, patched == doubtful],
        _ => [false, false],
    }
}

/// Judges one scenario. `claimed`: the changes say that every defect behind it is fixed.
pub fn judge(claimed: bool, upstream: Ended, patched: Ended) -> Verdict {
    match (upstream, patched) {
        (Ended::Failed, _) | (_, Ended::Failed) => Verdict::Failed,
        (Ended::Stopped, _) | (_, Ended::Stopped) => Verdict::Stopped,
        _ if !claimed => Verdict::Open,
        (_, Ended::Dead) => Verdict::Dies,
        (_, Ended::Whole(Trend::Grows)) => Verdict::Grows,
        (_, Ended::Whole(Trend::CannotTell)) => Verdict::CannotTell,
        (Ended::Dead, Ended::Whole(Trend::Flat)) => Verdict::Lives,
        (Ended::Whole(Trend::Grows), Ended::Whole(Trend::Flat)) => Verdict::Fixed,
        (Ended::Whole(_), Ended::Whole(Trend::Flat)) => Verdict::NotShown,
    }
}

/// Whether the changes claim every one of a scenario's defects fixed. One that names none is claimed by nobody.
pub fn is_claimed(defects: &[String], fixed: &BTreeSet<String>) -> bool {
    !defects.is_empty() && defects.iter().all(|defect| fixed.contains(defect))
}

/// The exit code of a run with these verdicts: 2 where a control did not hold, whatever was found; else 1 where a scenario
/// that is claimed fixed grows or dies, else 130 where the user stopped the run, else 2 where something could not be told, else 0.
pub fn exit_code(verdicts: &[Verdict], controls: Control, interrupted: bool) -> u8 {
    let untold = [
        Verdict::NotShown,
        Verdict::CannotTell,
        Verdict::Failed,
        Verdict::Stopped,
    ];
    if matches!(controls, Control::Failed | Control::CannotTell) {
        2
    } else if verdicts.contains(&Verdict::Grows) || verdicts.contains(&Verdict::Dies) {
        1
    } else if interrupted {
        130
    } else if verdicts.iter().any(|verdict| untold.contains(verdict)) {
        2
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ended::{Dead, Failed, Stopped, Whole};
    use Trend::{CannotTell, Flat, Grows};

    fn between(lower: f64, upper: f64) -> Growth {
        Growth {
            per_event: lower.midpoint(upper),
            lower,
            upper,
            points: 32,
        }
    }

    #[test]
    fn the_whole_interval_decides_against_the_budget() {
        assert_eq!(trend(Some(&between(-1.0, 8.0)), 8.0), Flat);
        assert_eq!(trend(Some(&between(-90.0, -80.0)), 8.0), Flat);
        assert_eq!(trend(Some(&between(8.1, 9.0)), 8.0), Grows);
        assert_eq!(trend(Some(&between(8.0, 9.0)), 8.0), CannotTell);
        assert_eq!(trend(Some(&between(0.0, 80.0)), 8.0), CannotTell);
        assert_eq!(trend(None, 8.0), CannotTell);
    }

    #[test]
    fn a_descriptor_that_leaks_makes_a_side_grow_whose_heap_is_flat() {
        assert_eq!(overall(Flat, [Flat, Grows]), Grows);
        assert_eq!(overall(CannotTell, [Grows]), Grows);
        assert_eq!(overall(Flat, [Flat, CannotTell]), Flat);
        assert_eq!(overall(CannotTell, [Flat]), CannotTell);
        assert_eq!(overall(Grows, []), Grows);
    }

    #[test]
    fn a_fix_is_shown_only_where_the_untouched_side_grows() {
        assert_eq!(judge(true, Whole(Grows), Whole(Flat)), Verdict::Fixed);
        assert_eq!(judge(true, Whole(Flat), Whole(Flat)), Verdict::NotShown);
        assert_eq!(
            judge(true, Whole(CannotTell), Whole(Flat)),
            Verdict::NotShown
        );
    }

    #[test]
    fn growth_on_the_patched_side_decides_whatever_the_untouched_side_does() {
        for upstream in [Flat, Grows, CannotTell] {
            assert_eq!(judge(true, Whole(upstream), Whole(Grows)), Verdict::Grows);
        }
    }

    #[test]
    fn a_fix_is_shown_where_the_untouched_side_dies_and_the_patched_one_lives_and_is_flat() {
        assert_eq!(judge(true, Dead, Whole(Flat)), Verdict::Lives);
        assert_eq!(judge(true, Dead, Whole(Grows)), Verdict::Grows);
        assert_eq!(judge(true, Dead, Whole(CannotTell)), Verdict::CannotTell);
        assert_eq!(judge(true, Dead, Failed), Verdict::Failed);
        assert_eq!(judge(true, Dead, Stopped), Verdict::Stopped);
        assert_eq!(exit_code(&[Verdict::Lives], Control::Held, false), 0);
    }

    #[test]
    fn a_patched_side_that_dies_decides_whatever_the_untouched_side_does() {
        for upstream in [Dead, Whole(Flat), Whole(Grows), Whole(CannotTell)] {
            assert_eq!(judge(true, upstream, Dead), Verdict::Dies);
            assert_eq!(judge(false, upstream, Dead), Verdict::Open);
        }
        assert_eq!(exit_code(&[Verdict::Dies], Control::Held, false), 1);
    }

    #[test]
    fn only_the_sides_that_keep_a_scenario_from_being_told_are_untold() {
        assert_eq!(untold(Whole(Grows), Whole(CannotTell)), [false, true]);
        assert_eq!(untold(Whole(CannotTell), Whole(CannotTell)), [true, true]);
        assert_eq!(untold(Whole(CannotTell), Whole(Flat)), [true, false]);
        assert_eq!(untold(Whole(CannotTell), Whole(Grows)), [false, false]);
        assert_eq!(untold(Whole(Grows), Whole(Flat)), [false, false]);
        assert_eq!(untold(Dead, Whole(CannotTell)), [false, true]);
        assert_eq!(untold(Whole(CannotTell), Dead), [false, false]);
        assert_eq!(untold(Failed, Whole(CannotTell)), [false, false]);
        assert_eq!(untold(Whole(CannotTell), Stopped), [false, false]);
    }

    #[test]
    fn an_open_defect_counts_neither_way() {
        for patched in [Flat, Grows, CannotTell] {
            let verdict = judge(false, Whole(Grows), Whole(patched));
            assert_eq!(verdict, Verdict::Open);
            assert_eq!(exit_code(&[verdict], Control::Held, false), 0);
        }
    }

    #[test]
    fn a_failed_side_is_never_a_verdict_about_growth() {
        for claimed in [true, false] {
            assert_eq!(judge(claimed, Failed, Whole(Flat)), Verdict::Failed);
            assert_eq!(judge(claimed, Whole(Grows), Failed), Verdict::Failed);
            assert_eq!(judge(claimed, Whole(Grows), Stopped), Verdict::Stopped);
        }
    }

    #[test]
    fn a_scenario_is_claimed_when_all_its_defects_are() {
        let fixed = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let defects = |slugs: &[&str]| {
            slugs
                .iter()
                .map(|slug| (*slug).to_owned())
                .collect::<Vec<_>>()
        };
        assert!(is_claimed(&defects(&["a", "b"]), &fixed));
        assert!(!is_claimed(&defects(&["a", "c"]), &fixed));
        assert!(!is_claimed(&[], &fixed));
    }

    #[test]
    fn a_control_that_does_not_hold_leaves_no_verdict() {
        for control in [Control::Failed, Control::CannotTell] {
            assert_eq!(exit_code(&[Verdict::Fixed], control, false), 2);
            assert_eq!(exit_code(&[Verdict::Grows], control, false), 2);
        }
    }

    #[test]
    fn growth_outranks_doubt_and_doubt_outranks_success() {
        assert_eq!(
            exit_code(&[Verdict::Fixed, Verdict::Open], Control::Held, false),
            0
        );
        assert_eq!(
            exit_code(&[Verdict::Fixed, Verdict::NotShown], Control::Held, false),
            2
        );
        assert_eq!(
            exit_code(&[Verdict::Failed, Verdict::Grows], Control::Held, false),
            1
        );
        assert_eq!(
            exit_code(&[Verdict::Fixed, Verdict::Stopped], Control::Held, true),
            130
        );
        assert_eq!(
            exit_code(&[Verdict::Grows, Verdict::Stopped], Control::Held, true),
            1
        );
        assert_eq!(exit_code(&[Verdict::Stopped], Control::Stopped, true), 130);
    }
}
