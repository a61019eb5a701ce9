//! The one table: a row a scenario, growth of live heap per event on both sides, and what it means.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};

use super::summary::{DefectSummary, ScenarioSummary, SideSummary, Summary};
use super::{spark, units};
use crate::protocol::Side;
use crate::verdict::{Trend, Verdict};

const TITLE: &str = "Live heap: growth per event after the warm-up, and its course over the events";

/// A rule under the header and no other line.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Draws the table. `coloured`: mark the verdicts; they read the same without.
pub fn table(summary: &Summary, coloured: bool) -> String {
    let header = vec![
        Cell::new("scenario"),
        right("events"),
        right("upstream"),
        Cell::new(""),
        right("patched"),
        Cell::new(""),
        Cell::new("verdict"),
    ];
    let rows = summary.scenarios.iter().map(|row| {
        vec![
            Cell::new(&row.name),
            right(units::count(row.events)),
            growth(row, Side::Upstream),
            line(row.upstream.as_ref()),
            growth(row, Side::Patched),
            line(row.patched.as_ref()),
            verdict(row),
        ]
    });
    let mut table = plain(header, rows);
    if coloured {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    format!("{TITLE}\n\n{}", table.trim_fmt())
}

/// A row a defect that is marked fixed: the scenarios it would make grow, and what they say, or that its tests alone show it;
/// and how many of its tests were seen failing without the fix.
pub fn by_defect(summary: &Summary) -> String {
    let header = ["defect", "scenarios", "verdict", "tests", "seen failing"].map(Cell::new);
    let rows = summary.defects.iter().map(|row| {
        vec![
            Cell::new(&row.defect),
            Cell::new(row.scenarios.join(", ")),
            Cell::new(of_defect(row)),
            right(row.tests),
            right(row.tests_seen_failing),
        ]
    });
    format!(
        "Each defect that is marked fixed, and what shows it\n\n{}",
        plain(header.into(), rows).trim_fmt()
    )
}

/// What is to be said of a defect in a word or two.
pub fn of_defect(row: &DefectSummary) -> &'static str {
    match row.verdict {
        None if row.is_exempt => "API or build alone",
        None if row.tests == 0 => "shown by nothing here",
        None => "tests alone",
        Some(Verdict::Open) => "another one is open",
        Some(verdict) => short(verdict),
    }
}

/// A table in the style of all of them.
pub(super) fn plain(header: Vec<Cell>, rows: impl Iterator<Item = Vec<Cell>>) -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// The verdict in a word or two.
pub fn word(row: &ScenarioSummary) -> &'static str {
    let patched = row.patched.as_ref();
    match (row.verdict, patched.map(|side| side.trend)) {
        (Verdict::Open, _) if patched.is_some_and(|side| side.death.is_some()) => "open: dies",
        (Verdict::Open, Some(Trend::Flat)) => "open: flat",
        (Verdict::Open, Some(Trend::Grows)) => "open: grows",
        (Verdict::Open, _) => "open: cannot tell",
        (verdict, _) => short(verdict),
    }
}

fn short(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fixed => "fixed: flat",
        Verdict::Lives => "fixed: lives",
        Verdict::Grows => "GROWS",
        Verdict::Dies => "DIES",
        Verdict::NotShown => "not shown",
        Verdict::CannotTell => "cannot tell",
        Verdict::Open => "open",
        Verdict::Failed => "failed",
        Verdict::Stopped => "stopped",
    }
}

fn verdict(row: &ScenarioSummary) -> Cell {
    let cell = Cell::new(word(row));
    match row.verdict {
        Verdict::Fixed | Verdict::Lives => cell.fg(Color::Green),
        Verdict::Grows | Verdict::Dies => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Verdict::Failed => cell.fg(Color::Red),
        Verdict::NotShown | Verdict::CannotTell | Verdict::Stopped => cell.fg(Color::Yellow),
        Verdict::Open => cell,
    }
}

/// Missing is a dash, never a zero. Of a side that died its death is told, and that the other one lives.
fn growth(row: &ScenarioSummary, side: Side) -> Cell {
    let ran = row.of(side);
    let growth = ran.and_then(|side| side.heap_growth);
    let growth = growth.map(|growth| units::bytes(growth.per_event));
    right(match row.life(side) {
        Some(life) if ran.is_some_and(|side| side.death.is_some()) => life,
        Some(life) => [Some(life), growth]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
        None => growth.unwrap_or_else(|| "–".into()),
    })
}

fn line(side: Option<&SideSummary>) -> Cell {
    // Padded, so that the column keeps its width when every run in it failed.
    let spark = side.map_or("", |side| &side.spark);
    Cell::new(format!("{spark:<width$}", width = spark::WIDTH))
}

pub(super) fn right(text: impl ToString) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}
