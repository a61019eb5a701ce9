//! What watching a process prints: a row a column that is judged, and what it means.

use comfy_table::Cell;

use super::{table, units};
use crate::attach::{Column, Ended, Observed};
use crate::stats::Shape;
use crate::verdict::Trend;

/// How many of the columns that are not judged are named where they grow.
const TOLD: usize = 10;

/// The table and what is to be said under it.
pub fn attach(observed: &Observed) -> String {
    let header = ["column", "an hour", "between", "shape", "budget", "verdict"].map(Cell::new);
    let judged = observed
        .columns
        .iter()
        .filter(|(_, column)| column.trend.is_some());
    let rows = judged.map(|(name, column)| {
        let [growth, between] = growth(column);
        let budget = match &**name {
            "rss_mb" => observed.budgets.rss_mb,
            _ => observed.budgets.counts,
        };
        vec![
            Cell::new(name),
            table::right(growth),
            table::right(between),
            Cell::new(shape(column.shape)),
            table::right(units::figure(budget)),
            Cell::new(column.trend.map_or("", word)),
        ]
    });
    let table = table::plain(header.into(), rows);
    let mut text = format!(
        "\nProcess {}: growth an hour, over {} samples in {:.0} s\n\n{}\n",
        observed.pid,
        observed.samples,
        observed.seconds,
        table.trim_fmt()
    );
    for note in notes(observed) {
        text.push_str(&format!("\n  {note}"));
    }
    text.push_str(&format!("\nresult: {}\n", result(observed.verdict)));
    text
}

fn notes(observed: &Observed) -> Vec<String> {
    let mut notes = Vec::new();
    match observed.ended {
        Ended::ProcessEnded => {
            notes.push("the process has ended; judged is what it was before".into())
        }
        Ended::Interrupted => {
            notes.push("stopped by you; judged is what was seen until then".into())
        }
        Ended::TimeOver => {}
    }
    if observed.metrics_missed > 0 {
        notes.push(format!(
            "its metrics did not answer for {} of {} samples; those are missing",
            observed.metrics_missed, observed.samples
        ));
    }
    let growing: Vec<_> = observed
        .columns
        .iter()
        .filter(|(_, column)| column.trend.is_none())
        .filter_map(|(name, column)| Some((name, column.growth?)))
        .filter(|(_, growth)| growth.lower > 0.0)
        .map(|(name, growth)| format!("{name} +{}", units::figure(growth.per_event)))
        .collect();
    if !growing.is_empty() {
        let more = growing.len().saturating_sub(TOLD);
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        let named = &growing[..growing.len().min(TOLD)];
        notes.push(format!(
            "also rising, an hour, but not judged: {}{more}",
            named.join(", ")
        ));
    }
    notes
}

fn growth(column: &Column) -> [String; 2] {
    match column.growth {
        Some(growth) => [
            units::figure(growth.per_event),
            format!(
                "{} to {}",
                units::figure(growth.lower),
                units::figure(growth.upper)
            ),
        ],
        None => ["–".into(), "too few samples".into()],
    }
}

fn result(verdict: Trend) -> &'static str {
    match verdict {
        Trend::Flat => "flat",
        Trend::Grows => "it grows",
        Trend::CannotTell => "cannot tell; watch it for longer",
    }
}

/// A trend in a word.
pub fn word(trend: Trend) -> &'static str {
    match trend {
        Trend::Flat => "flat",
        Trend::Grows => "GROWS",
        Trend::CannotTell => "cannot tell",
    }
}

/// A shape in a word or two.
pub fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Steady => "steady",
        Shape::Stepping => "stepping",
        Shape::LevellingOff => "levelling off",
        Shape::Sawtooth => "sawtooth",
    }
}
