//! A series in a dozen characters, for a cell of the table.

/// The most characters that a sparkline has.
pub const WIDTH: usize = 12;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws `points`, each (events, figure), from 0 to `events` events, as heights above the lowest figure, of which
/// `full` is the whole height. A stretch without a point is a blank.
///
/// Both sides of a scenario share one `full`, so that what is flat beside a leak looks flat.
pub fn line(points: &[(u64, f64)], events: u64, full: f64) -> String {
    let width = WIDTH.min(points.len());
    let lowest = points
        .iter()
        .map(|(_, figure)| *figure)
        .fold(f64::INFINITY, f64::min);
    let cell_of =
        |at: u64| ((at as f64 / events.max(1) as f64 * width as f64) as usize).min(width - 1);
    let cells = (0..width).map(|cell| {
        let inside: Vec<_> = points
            .iter()
            .filter(|(at, _)| cell_of(*at) == cell)
            .map(|(_, figure)| figure - lowest)
            .collect();
        match inside.len() {
            0 => ' ',
            count => level(inside.iter().sum::<f64>() / count as f64, full),
        }
    });
    cells.collect::<String>().trim_end().to_owned()
}

/// From the lowest figure to the highest.
pub fn range(points: &[(u64, f64)]) -> f64 {
    let figures = points.iter().map(|(_, figure)| *figure);
    let (lowest, highest) = figures
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), figure| {
            (low.min(figure), high.max(figure))
        });
    (highest - lowest).max(0.0)
}

fn level(height: f64, full: f64) -> char {
    let top = (LEVELS.len() - 1) as f64;
    let share = if full > 0.0 { height / full } else { 0.0 };
    LEVELS[(share * top).round().clamp(0.0, top) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(figures: impl IntoIterator<Item = f64>) -> Vec<(u64, f64)> {
        (0..).step_by(10).zip(figures).collect()
    }

    #[test]
    fn a_leak_climbs_and_a_flat_line_beside_it_lies_low() {
        let leak = points((0..48).map(|i| 5e6 + f64::from(i) * 1e4));
        let flat = points((0..48).map(|i| 9e6 + f64::from(i % 2) * 1e3));
        let full = range(&leak).max(range(&flat));
        assert_eq!(line(&leak, 480, full), "▁▂▂▃▄▄▅▅▆▇▇█");
        assert_eq!(line(&flat, 480, full), "▁▁▁▁▁▁▁▁▁▁▁▁");
    }

    #[test]
    fn what_was_not_reached_or_not_measured_is_blank_and_not_low() {
        let mut gap = points((0..24).map(f64::from));
        gap.retain(|(at, _)| !(80..120).contains(at));
        assert_eq!(line(&gap, 240, 23.0), "▁▂▂▃  ▅▅▆▇▇█");
    }

    #[test]
    fn few_points_make_a_short_line_and_none_an_empty_one() {
        assert_eq!(line(&points([1.0, 2.0, 3.0]), 30, 2.0), "▁▅█");
        assert_eq!(line(&[], 30, 2.0), "");
        assert_eq!(range(&[]), 0.0);
    }

    #[test]
    fn nothing_above_nothing_is_low() {
        assert_eq!(line(&points([4.0; 12]), 120, 0.0), "▁▁▁▁▁▁▁▁▁▁▁▁");
    }
}
