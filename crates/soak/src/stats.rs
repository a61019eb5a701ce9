//! Growth per event from a series of measurements: pure functions over numbers, robust against single outliers.
//!
//! The slope is Theil and Sen's: the median of the slopes between all pairs of points. Up to 29 % of the points may be
//! arbitrarily wrong before it breaks, and neither the first nor the last point counts more than any other. Its
//! interval is Sen's (1968), from the variance of Kendall's S, at 95 %.

use serde::Serialize;

/// Fewer settled points than this give no growth: the interval would span every pair.
pub const POINTS_MIN: usize = 8;

/// The two-sided 95 % quantile of the normal distribution, which Kendall's S follows closely from eight points on.
const Z_95: f64 = 1.959_964;

/// How much a figure grows per event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Growth {
    /// The median slope, in the figure's unit per event.
    pub per_event: f64,
    /// The lower end of the 95 % interval.
    pub lower: f64,
    /// The upper end of the 95 % interval.
    pub upper: f64,
    /// How many points it rests on.
    pub points: usize,
}

/// The growth over `points`, each (events, figure), in any order.
///
/// `None` where fewer than [`POINTS_MIN`] are there, or too few of them stand at different events. Takes time and
/// memory quadratic in the number of points.
pub fn growth(points: &[(f64, f64)]) -> Option<Growth> {
    if points.len() < POINTS_MIN {
        return None;
    }
    let slopes = pairwise_slopes(points);
    let half_width = Z_95 * kendall_variance(points.len()).sqrt() / 2.0;
    let middle = slopes.len() as f64 / 2.0;
    if half_width >= middle {
        return None;
    }
    // Ranks rounded outwards, so that the interval is never too narrow.
    let lower = (middle - half_width).floor() as usize;
    let upper = (middle + half_width).ceil() as usize;
    Some(Growth {
        per_event: median(&slopes),
        lower: slopes[lower.saturating_sub(1)],
        upper: slopes[upper.min(slopes.len() - 1)],
        points: points.len(),
    })
}

/// The slopes between all pairs at different events, in order of size.
fn pairwise_slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (at, (x, y)) in points.iter().enumerate() {
        for (x_other, y_other) in &points[at + 1..] {
            if x != x_other {
                slopes.push((y_other - y) / (x_other - x));
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes
}

/// The variance of Kendall's S over `n` points. Ties would make it smaller; leaving them out errs towards a wider
/// interval.
fn kendall_variance(n: usize) -> f64 {
    let n = n as f64;
    n * (n - 1.0) * (2.0 * n + 5.0) / 18.0
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        sorted[middle - 1].midpoint(sorted[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(count: usize, slope: f64, base: f64) -> Vec<(f64, f64)> {
        (0..count)
            .map(|i| (i as f64 * 100.0, base + slope * i as f64 * 100.0))
            .collect()
    }

    #[test]
    fn seven_points_are_too_few_and_eight_are_enough() {
        assert_eq!(growth(&line(7, 2.0, 0.0)), None);
        assert_eq!(growth(&line(8, 2.0, 0.0)).unwrap().points, 8);
    }

    #[test]
    fn points_that_all_stand_at_one_event_say_nothing() {
        assert_eq!(growth(&[(5.0, 1.0); 20]), None);
    }

    #[test]
    fn a_spike_at_the_end_is_not_growth() {
        let mut points = line(40, 0.0, 1e6);
        points[39].1 = 1e9;
        let growth = growth(&points).unwrap();
        assert_eq!((growth.per_event, growth.upper), (0.0, 0.0));
    }

    #[test]
    fn a_table_that_doubles_once_is_not_growth_and_one_that_doubles_again_and_again_is() {
        let once: Vec<_> = (0..48)
            .map(|i| (f64::from(i) * 250.0, if i < 40 { 1e6 } else { 1.1e6 }))
            .collect();
        assert_eq!(growth(&once).unwrap().per_event, 0.0);
        let doubling: Vec<_> = (1..48u32)
            .map(|i| (f64::from(i) * 250.0, f64::from(i.next_power_of_two()) * 1e4))
            .collect();
        assert!(growth(&doubling).unwrap().per_event > 30.0);
    }

    #[test]
    fn a_sawtooth_that_always_falls_back_is_flat() {
        let points: Vec<_> = (0..48)
            .map(|i| (f64::from(i) * 250.0, f64::from(i % 4) * 1000.0))
            .collect();
        let growth = growth(&points).unwrap();
        assert!(growth.lower <= 0.0 && growth.upper >= 0.0, "{growth:?}");
        assert!(growth.upper < 0.5, "{growth:?}");
    }

    proptest! {
        #[test]
        fn a_straight_line_has_its_own_slope(
            slope in -1e4..1e4f64, base in 0.0..1e9f64, count in POINTS_MIN..80,
        ) {
            let growth = growth(&line(count, slope, base)).unwrap();
            let close = |found: f64| (found - slope).abs() < 1e-4;
            prop_assert!(close(growth.per_event) && close(growth.lower) && close(growth.upper), "{growth:?}");
        }

        #[test]
        fn a_constant_grows_by_exactly_nothing(figure in 0u64..1 << 50, count in POINTS_MIN..80) {
            let points: Vec<_> = (0..count).map(|i| (i as f64, figure as f64)).collect();
            let growth = growth(&points).unwrap();
            prop_assert_eq!((growth.per_event, growth.lower, growth.upper), (0.0, 0.0, 0.0));
        }

        #[test]
        fn the_slope_lies_within_its_interval(figures in prop::collection::vec(0u64..1 << 40, POINTS_MIN..80)) {
            let points: Vec<_> = figures.iter().enumerate().map(|(i, y)| (i as f64, *y as f64)).collect();
            let growth = growth(&points).unwrap();
            prop_assert!(growth.lower <= growth.per_event && growth.per_event <= growth.upper, "{growth:?}");
        }

        #[test]
        fn noise_moves_the_slope_by_no_more_than_its_size(
            slope in 0.0..1e3f64, noise in prop::collection::vec(-1e3..1e3f64, 32..80),
        ) {
            let mut points = line(noise.len(), slope, 1e7);
            for (point, noise) in points.iter_mut().zip(&noise) {
                point.1 += noise;
            }
            let growth = growth(&points).unwrap();
            // Half of all pairs lie at least a quarter of the width apart, and differ by at most twice the noise.
            let tolerance = 2.0 * 1e3 / (noise.len() as f64 * 100.0 / 4.0);
            prop_assert!((growth.per_event - slope).abs() <= tolerance, "{growth:?}");
        }

        #[test]
        fn one_wild_point_in_eight_does_not_turn_flat_into_growth(
            wild in prop::collection::btree_map(0usize..48, 0.0..1e12f64, 0..=6),
        ) {
            let mut points = line(48, 0.0, 1e6);
            for (at, figure) in wild {
                points[at].1 = figure;
            }
            prop_assert_eq!(growth(&points).unwrap().per_event, 0.0);
        }

        #[test]
        fn order_and_base_do_not_matter(
            figures in prop::collection::vec(0u64..1 << 30, POINTS_MIN..40), base in 0u64..1 << 40,
        ) {
            let points: Vec<_> = figures.iter().enumerate().map(|(i, y)| (i as f64, *y as f64)).collect();
            let moved: Vec<_> = points.iter().rev().map(|(x, y)| (*x, y + base as f64)).collect();
            prop_assert_eq!(growth(&points), growth(&moved));
        }
    }
}
