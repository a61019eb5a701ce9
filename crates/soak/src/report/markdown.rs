//! The run as a comment on a pull request: `summary.md`.

use super::summary::{ScenarioSummary, Summary};
use super::{notes, table, units};
use crate::figures::{HEAP, is_bytes};
use crate::protocol::Side;
use crate::stats::Growth;

/// Writes it.
pub fn markdown(summary: &Summary) -> String {
    let mut text = format!(
        "**cargo soak**: {}\n\nLive heap, growth per event after the warm-up:\n\n\
         | scenario | events | upstream | patched | difference | verdict |\n|---|--:|--:|--:|--:|---|\n",
        notes::result(summary)
    );
    for row in &summary.scenarios {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row.name,
            units::count(row.events),
            growth(row, Side::Upstream),
            growth(row, Side::Patched),
            difference(row),
            table::word(row)
        ));
    }
    text.push('\n');
    let notes = notes::notes(summary).into_iter();
    let baseline = notes::baseline(summary).into_iter();
    let controls = notes::controls(summary)
        .into_iter()
        .map(|control| format!("Control: {control}"));
    for line in notes.chain(baseline).chain(controls) {
        text.push_str(&format!("- {line}\n"));
    }
    text + &format!("\nReplay: `{}`\n", summary.replay)
}

/// "1.2 KiB (1.1 KiB to 1.3 KiB)", or a dash where there is no growth; before it what became of a side, where one died.
fn growth(row: &ScenarioSummary, side: Side) -> String {
    let growth = row.of(side).and_then(|side| side.heap_growth);
    let growth = figure(HEAP, growth.as_ref());
    match row.life(side) {
        Some(life) => format!("{life}; {growth}"),
        None => growth,
    }
}

/// By how much more upstream's live heap grows than the patched side's.
pub fn difference(row: &ScenarioSummary) -> String {
    let heap = row.figures.get(HEAP);
    heap.and_then(|heap| heap.difference).map_or_else(
        || "–".into(),
        |difference| units::bytes(difference.per_event),
    )
}

/// The growth of a figure with its interval, in the figure's own unit.
pub fn figure(name: &str, growth: Option<&Growth>) -> String {
    let unit = if is_bytes(name) {
        units::bytes
    } else {
        units::figure
    };
    match growth {
        Some(growth) if growth.lower == growth.upper => unit(growth.per_event),
        Some(growth) => format!(
            "{} ({} to {})",
            unit(growth.per_event),
            unit(growth.lower),
            unit(growth.upper)
        ),
        None => "–".into(),
    }
}
