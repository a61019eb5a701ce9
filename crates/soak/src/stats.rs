//! Growth per event from a series of measurements: pure functions over numbers, robust against single outliers.
//!
//! The slope is Theil and Sen's: the median of the slopes between all pairs of points. Up to 29 % of the points may be
//! arbitrarily wrong before it breaks, and neither the first nor the last point counts more than any other.
//!
//! Its 95 % interval comes from a circular block bootstrap of the residuals (Politis and Romano, 1992): what is left
//! when the line is taken away is cut into blocks of neighbours, drawn anew, and laid over the line again, a thousand
//! times. Blocks rather than single points, because neighbours resemble each other: a heap that stands a little high at
//! one sample still does at the next. The draws come from a fixed seed, so the same series has the same interval.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde::{Deserialize, Serialize};

/// Fewer settled points than this give no growth: too few blocks to draw from.
pub const POINTS_MIN: usize = 8;

/// The most points that pairs are made of. More are first brought down by medians of neighbours.
const POINTS_MAX: usize = 96;

/// How often the residuals are drawn anew: enough for a stable quantile at 2.5 %.
const RESAMPLES: usize = 999;

/// The part of the replicates that lies below the interval, and above it.
const TAIL: f64 = 0.025;

/// The two-sided 95 % quantile of the normal distribution.
const Z_95: f64 = 1.959_964;

/// How much a figure grows per event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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

/// A slope, and what it would have been had the noise fallen otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Slope {
    per_event: f64,
    /// Empty where there is no noise at all.
    replicates: Vec<f64>,
    points: usize,
}

/// The course of a figure, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A straight line, level or not, with noise about it.
    Steady,
    /// Level but for a few jumps, as of a table that doubles.
    Stepping,
    /// It rises ever more slowly, as towards a bound.
    LevellingOff,
    /// It climbs and falls back, as of what is cleared from time to time.
    Sawtooth,
}

/// The growth over `points`, each (events, figure), in any order.
///
/// `None` where fewer than [`POINTS_MIN`] are there, or too few of them stand at different events.
pub fn growth(points: &[(f64, f64)]) -> Option<Growth> {
    slope(points).map(|slope| slope.growth())
}

/// The slope over `points`, for a growth or a difference of two. `None` as for [`growth`].
pub fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    if points.len() < POINTS_MIN {
        return None;
    }
    let thinned = thinned(points);
    let pairs = Pairs::of(&thinned)?;
    let figures: Vec<_> = thinned.iter().map(|(_, figure)| *figure).collect();
    let per_event = pairs.median_slope(&figures, &mut Vec::new());
    Some(Slope {
        per_event,
        replicates: replicates(&thinned, &pairs, per_event),
        points: points.len(),
    })
}

impl Slope {
    /// With its interval.
    pub fn growth(&self) -> Growth {
        interval(self.per_event, self.replicates.clone(), self.points)
    }

    /// How much more this one grows than the other: their noise is independent.
    pub fn minus(&self, other: &Self) -> Growth {
        let of = |slope: &Self, draw: usize| {
            let drawn = slope.replicates.get(draw);
            drawn.copied().unwrap_or(slope.per_event)
        };
        // Backwards, as both were drawn from one seed.
        let replicates = (0..RESAMPLES)
            .map(|draw| of(self, draw) - of(other, RESAMPLES - 1 - draw))
            .collect();
        interval(
            self.per_event - other.per_event,
            replicates,
            self.points.min(other.points),
        )
    }
}

/// The course of `points`, each (events, figure), in any order.
pub fn shape(points: &[(f64, f64)]) -> Shape {
    let points = thinned(points);
    let changes: Vec<_> = points.windows(2).map(|two| two[1].1 - two[0].1).collect();
    let (mut rises, mut falls): (Vec<_>, Vec<_>) = changes
        .iter()
        .copied()
        .filter(|change| *change != 0.0)
        .partition(|change| *change > 0.0);
    if rises.is_empty() && falls.is_empty() {
        return Shape::Steady;
    }
    let (climbed, fell) = (sum(&rises), -sum(&falls));
    let net = climbed - fell;
    rises.sort_by(f64::total_cmp);
    falls.sort_by(|a, b| b.total_cmp(a));
    // Gradual climbs, sudden falls: noise has as many of the one as of the other, and as large.
    let sudden = rises.len() >= 2 * falls.len()
        && !falls.is_empty()
        && -median(&falls) >= 2.0 * median(&rises);
    if sudden && fell >= 0.3 * climbed {
        return Shape::Sawtooth;
    }
    if net < 0.5 * climbed {
        return Shape::Steady;
    }
    if levels_off(&points, net) {
        return Shape::LevellingOff;
    }
    // Most of the way in a few jumps.
    let jumps = (changes.len() / 8).max(1);
    let jumped: f64 = rises.iter().rev().take(jumps).sum();
    if changes.len() >= POINTS_MIN && jumped >= 0.8 * climbed {
        Shape::Stepping
    } else {
        Shape::Steady
    }
}

/// Whether each third rises clearly less than the one before, and the last hardly at all.
fn levels_off(points: &[(f64, f64)], net: f64) -> bool {
    let third = points.len() / 3;
    if third < 3 {
        return false;
    }
    let level = |part: &[(f64, f64)]| {
        let mut figures: Vec<_> = part.iter().map(|(_, figure)| *figure).collect();
        figures.sort_by(f64::total_cmp);
        median(&figures)
    };
    let (first, rest) = points.split_at(third);
    let (second, last) = rest.split_at(rest.len() - third);
    let (early, late) = (level(second) - level(first), level(last) - level(second));
    early > 0.1 * net && late.abs() <= 0.4 * early
}

/// At most [`POINTS_MAX`] points in the order of events: medians of as many neighbours each as that takes.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let together = points.len().div_ceil(POINTS_MAX).max(1);
    if together == 1 {
        return points;
    }
    let middle = |chunk: &[(f64, f64)]| {
        let events = chunk.iter().map(|(at, _)| at).sum::<f64>() / chunk.len() as f64;
        let mut figures: Vec<_> = chunk.iter().map(|(_, figure)| *figure).collect();
        figures.sort_by(f64::total_cmp);
        (events, median(&figures))
    };
    points.chunks(together).map(middle).collect()
}

/// The pairs of points at different events, by their indices and the distance between them.
struct Pairs(Vec<(u32, u32, f64)>);

impl Pairs {
    fn of(points: &[(f64, f64)]) -> Option<Self> {
        let mut pairs = Vec::with_capacity(points.len() * points.len() / 2);
        for (at, (x, _)) in points.iter().enumerate() {
            for (other, (x_other, _)) in points.iter().enumerate().skip(at + 1) {
                if x != x_other {
                    pairs.push((at as u32, other as u32, x_other - x));
                }
            }
        }
        // Points that mostly stand at one event say nothing.
        (pairs.len() >= POINTS_MIN * (POINTS_MIN - 1) / 2).then_some(Self(pairs))
    }

    /// `slopes` is room to work in.
    fn median_slope(&self, figures: &[f64], slopes: &mut Vec<f64>) -> f64 {
        slopes.clear();
        slopes.extend(self.0.iter().map(|(at, other, distance)| {
            (figures[*other as usize] - figures[*at as usize]) / distance
        }));
        let middle = slopes.len() / 2;
        let (below, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
        if self.0.len() % 2 == 1 {
            return *median;
        }
        let below = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        below.midpoint(*median)
    }
}

/// The slopes of the line with its residuals drawn anew.
fn replicates(points: &[(f64, f64)], pairs: &Pairs, slope: f64) -> Vec<f64> {
    // From the first point on, so that a high base takes no digits away from small differences.
    let base = points.first().map_or(0.0, |(_, figure)| *figure);
    let residuals: Vec<_> = points
        .iter()
        .map(|(events, figure)| figure - base - slope * events)
        .collect();
    if residuals.iter().all(|one| *one == residuals[0]) {
        return Vec::new();
    }
    let count = residuals.len();
    // Long enough for neighbours that resemble each other, short enough for several to draw from.
    let block = (count as f64).sqrt().ceil() as usize;
    let widened = widened(count, block);
    let mut random = Pcg32::new(0x50a4, 0x1);
    let (mut drawn, mut slopes) = (Vec::with_capacity(count + block), Vec::new());
    let mut draw = || {
        drawn.clear();
        while drawn.len() < count {
            // The high half of the product: even, for counts as small as these.
            let start = ((u64::from(random.next_u32()) * count as u64) >> 32) as usize;
            drawn.extend((start..start + block).map(|at| residuals[at % count]));
        }
        drawn.truncate(count);
        slope + widened * pairs.median_slope(&drawn, &mut slopes)
    };
    (0..RESAMPLES).map(|_| draw()).collect()
}

/// How much too narrow the spread of few blocks is: a line that was fitted to the points lies closer to them than the
/// true one, and so few independent draws know their own spread poorly. The first is mended as for any regression, the
/// second by Student's t with as many degrees of freedom as there are blocks, less two: one each for level and slope.
fn widened(count: usize, block: usize) -> f64 {
    let freedom = (count as f64 / block as f64 - 2.0).max(1.0);
    let z = Z_95;
    // The quantile of t from that of the normal distribution (Fisher and Cornish), within 2 % from three degrees on.
    let t = z
        + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom.powi(2));
    t / z * (count as f64 / (count - 2) as f64).sqrt()
}

/// The interval in which all but the tails of the replicates lie, and in any case the slope itself.
fn interval(per_event: f64, mut replicates: Vec<f64>, points: usize) -> Growth {
    replicates.sort_by(f64::total_cmp);
    let below = (replicates.len() as f64 * TAIL) as usize;
    let ends = replicates
        .get(below)
        .zip(replicates.iter().rev().nth(below));
    let (lower, upper) = ends.map_or((per_event, per_event), |(lower, upper)| (*lower, *upper));
    Growth {
        per_event,
        lower: lower.min(per_event),
        upper: upper.max(per_event),
        points,
    }
}

fn sum(figures: &[f64]) -> f64 {
    figures.iter().sum()
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

    /// Noise whose neighbours resemble each other by `memory`, from 0 (not at all) to 1.
    fn noise(seed: u64, memory: f64, count: usize) -> Vec<f64> {
        let mut random = Pcg32::new(seed, 7);
        let mut uniform = || f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
        let mut last = 0.0;
        (0..count)
            .map(|_| {
                // Nearly normal.
                last = memory * last + (0..12).map(|_| uniform()).sum::<f64>();
                last
            })
            .collect()
    }

    /// In how many of a hundred series the interval holds the true slope.
    fn covered(memory: f64, count: usize) -> usize {
        const SLOPE: f64 = 3.0;
        let holds = |seed: &u64| {
            let mut points = line(count, SLOPE, 1e6);
            for (point, noise) in points.iter_mut().zip(noise(*seed, memory, count)) {
                point.1 += 500.0 * noise;
            }
            let growth = growth(&points).unwrap();
            growth.lower <= SLOPE && SLOPE <= growth.upper
        };
        (0..100).filter(holds).count()
    }

    #[test]
    fn the_interval_holds_the_true_slope_about_as_often_as_it_says() {
        for count in [33, 64] {
            let [loose, close] = [0.0, 0.5].map(|memory| covered(memory, count));
            assert!(loose >= 92, "{count} points, noise without memory: {loose}");
            // With memory every interval from so few points is a little too narrow.
            assert!(close >= 88, "{count} points, noise with memory: {close}");
        }
    }

    #[test]
    fn a_longer_series_with_the_same_noise_has_a_narrower_interval() {
        let width = |count| {
            let mut points = line(count, 0.0, 1e6);
            for (point, noise) in points.iter_mut().zip(noise(11, 0.3, count)) {
                point.1 += noise;
            }
            let growth = growth(&points).unwrap();
            growth.upper - growth.lower
        };
        assert!(width(64) < 0.5 * width(32), "{} {}", width(64), width(32));
        assert!(width(400) < 0.2 * width(64), "{} {}", width(400), width(64));
    }

    #[test]
    fn a_difference_is_that_of_the_slopes_and_no_narrower_than_either_interval() {
        let noisy = |slope, seed| {
            let mut points = line(40, slope, 1e6);
            for (point, noise) in points.iter_mut().zip(noise(seed, 0.3, 40)) {
                point.1 += 100.0 * noise;
            }
            super::slope(&points).unwrap()
        };
        let (leak, flat) = (noisy(5.0, 1), noisy(0.0, 2));
        let width = |growth: Growth| growth.upper - growth.lower;
        let more = leak.minus(&flat);
        assert!(
            more.lower <= 5.0 && 5.0 <= more.upper && more.lower > 4.0,
            "{more:?}"
        );
        assert!(
            width(more) >= width(leak.growth()).max(width(flat.growth())),
            "{more:?}"
        );
        let same = leak.minus(&leak);
        assert!(
            same.per_event == 0.0 && same.lower <= 0.0 && same.upper >= 0.0,
            "{same:?}"
        );
        let exact = super::slope(&line(20, 2.0, 0.0)).unwrap();
        let none = exact.minus(&exact);
        assert_eq!((none.per_event, none.lower, none.upper), (0.0, 0.0, 0.0));
    }

    /// The shape of a course over 48 samples, and of the same with noise of a hundredth of its range.
    fn shapes(course: impl Fn(f64) -> f64) -> [Shape; 2] {
        let clean: Vec<_> = (0..48u32)
            .map(|at| (f64::from(at) * 10.0, course(f64::from(at))))
            .collect();
        let figures = clean.iter().map(|(_, figure)| *figure);
        let range = figures.clone().fold(f64::MIN, f64::max) - figures.fold(f64::MAX, f64::min);
        let noisy: Vec<_> = clean
            .iter()
            .zip(noise(3, 0.0, 48))
            .map(|((at, figure), noise)| (*at, figure + 0.003 * range * noise))
            .collect();
        [shape(&clean), shape(&noisy)]
    }

    #[test]
    fn a_course_is_named_by_its_shape() {
        use Shape::{LevellingOff, Sawtooth, Steady, Stepping};
        assert_eq!(shapes(|at| 1e6 + 20.0 * at), [Steady; 2]);
        assert_eq!(
            shapes(|at| 1e6 * (1.0 - (-at / 9.0).exp())),
            [LevellingOff; 2]
        );
        assert_eq!(shapes(|at| 1e6 * at.min(20.0)), [LevellingOff; 2]);
        assert_eq!(shapes(|at| 1e6 * (at / 16.0).floor()), [Stepping; 2]);
        assert_eq!(shapes(|at| 1e6 * (at % 12.0)), [Sawtooth; 2]);
        assert_eq!(shapes(|at| 1e6 * (at % 12.0) + 2e5 * at), [Sawtooth; 2]);
    }

    #[test]
    fn noise_without_a_course_is_steady() {
        for seed in 0..50 {
            let points: Vec<_> = noise(seed, 0.0, 48)
                .into_iter()
                .enumerate()
                .map(|(at, figure)| (at as f64, figure))
                .collect();
            assert_eq!(shape(&points), Shape::Steady, "seed {seed}");
        }
        assert_eq!(shape(&line(48, 0.0, 5.0)), Shape::Steady);
        assert_eq!(shape(&[]), Shape::Steady);
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
