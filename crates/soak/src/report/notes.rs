//! Under the table: what a row means in a sentence, where it does not speak for itself.

use super::summary::{CanarySummary, ControlsSummary, ScenarioSummary, SideSummary, Summary};
use super::units;
use crate::baseline::Change;
use crate::controls::Control;
use crate::figures::HEAP;
use crate::protocol::Side;
use crate::stats::Growth;
use crate::verdict::{Trend, Verdict};

/// A sentence for each row that needs one, in the order of the table.
pub fn notes(summary: &Summary) -> Vec<String> {
    let rows = summary.scenarios.iter();
    let mut notes: Vec<_> = rows
        .flat_map(|row| [of_scenario(row), extended(row)].concat())
        .collect();
    if summary.interrupted {
        notes.push(
            "interrupted: what was measured until then is kept; the rest is not judged".into(),
        );
    }
    notes
}

/// What the controls showed: a line for the canaries, where there are any, and one for the pair.
pub fn controls(summary: &Summary) -> Vec<String> {
    let ControlsSummary { canaries, pair, .. } = &summary.controls;
    let seen: Vec<_> = canaries.iter().map(canary).collect();
    let first = if seen.is_empty() {
        "the workload has no canary: that a leak would be seen is not shown".to_owned()
    } else {
        format!("canary, an event: {}", seen.join("; "))
    };
    let second = match (&pair.difference, &pair.failure) {
        (_, Some(failure)) => format!("{} twice on the patched side: {failure}", pair.scenario),
        (None, None) => format!(
            "{} twice on the patched side: {}",
            pair.scenario,
            word(pair.verdict)
        ),
        (Some(difference), None) => format!(
            "{} twice on the patched side: {} (they differ by {}; the budget is {})",
            pair.scenario,
            word(pair.verdict),
            span(difference),
            units::bytes(pair.budget_bytes_per_event)
        ),
    };
    vec![first, second]
}

fn canary(canary: &CanarySummary) -> String {
    let leak = units::bytes(canary.leak_bytes_per_event.unwrap_or_default() as f64);
    match (&canary.heap_growth, &canary.failure) {
        (_, Some(failure)) => format!("{leak} {failure}"),
        (None, None) => format!("{leak} {}", word(canary.verdict)),
        (Some(growth), None) => {
            format!("{leak} seen as {}, {}", span(growth), word(canary.verdict))
        }
    }
}

fn word(control: Control) -> &'static str {
    match control {
        Control::Held => "as it must be",
        Control::CannotTell => "CANNOT BE TOLD",
        Control::Failed => "WRONG",
        Control::Stopped => "not reached",
    }
}

fn span(growth: &Growth) -> String {
    format!(
        "{} to {}",
        units::bytes(growth.lower),
        units::bytes(growth.upper)
    )
}

/// A line for each scenario whose patched side has changed since the baseline, and one for the rest.
pub fn baseline(summary: &Summary) -> Vec<String> {
    let Some(baseline) = &summary.baseline else {
        return Vec::new();
    };
    let (same, other): (Vec<_>, Vec<_>) = baseline
        .scenarios
        .iter()
        .partition(|compared| compared.change == Change::None);
    let mut lines: Vec<_> = other
        .into_iter()
        .map(|compared| {
            let how = match compared.change {
                Change::More => "more",
                Change::Less | Change::None => "less",
            };
            format!(
                "{} grows {how} than in {} on the patched side: {} an event then, {} now",
                compared.scenario,
                baseline.run,
                span(&compared.before),
                span(&compared.now)
            )
        })
        .collect();
    lines.push(format!(
        "{} of {} scenarios as in {}",
        same.len(),
        summary.scenarios.len(),
        baseline.run
    ));
    lines
}

/// What the run as a whole says, in one line.
pub fn result(summary: &Summary) -> &'static str {
    let claimed = summary
        .scenarios
        .iter()
        .any(|row| row.verdict != Verdict::Open);
    if matches!(
        summary.controls.verdict,
        Control::Failed | Control::CannotTell
    ) {
        return "cannot tell: a control did not hold, so the table above is not to be trusted";
    }
    let alone = summary.scenarios.is_empty();
    let dies = summary
        .scenarios
        .iter()
        .any(|row| row.verdict == Verdict::Dies);
    match summary.exit_code {
        0 if alone => "the controls are as they must be: the instrument can be trusted here",
        0 if claimed => "every scenario whose defects the changes claim fixed is flat",
        0 => "no scenario here is claimed fixed, so there was nothing to judge",
        1 if dies => "a scenario whose defects the changes claim fixed dies",
        1 => "a scenario whose defects the changes claim fixed grows",
        130 => "interrupted",
        _ => "cannot tell",
    }
}

fn of_scenario(row: &ScenarioSummary) -> Vec<String> {
    let name = &row.name;
    match row.verdict {
        Verdict::Fixed | Verdict::Lives | Verdict::Stopped => vec![],
        Verdict::Dies => vec![format!(
            "{name} is {} on the patched side, though {} fixed",
            dead(row).unwrap_or_default(),
            are(&row.defects, "said to be")
        )],
        Verdict::Grows => vec![format!(
            "{name} grows on the patched side by {}, though {} fixed",
            growing(row),
            are(&row.defects, "said to be")
        )],
        Verdict::NotShown => vec![format!(
            "{name} neither dies nor clearly grows on the untouched side ({}): this run does not show that {} fixed",
            interval(row.upstream.as_ref(), row),
            are(&row.defects, "")
        )],
        Verdict::CannotTell => vec![format!(
            "{name}: cannot tell whether the patched side grows ({})",
            interval(row.patched.as_ref(), row)
        )],
        Verdict::Open => vec![open(row)],
        Verdict::Failed => [Side::Upstream, Side::Patched]
            .into_iter()
            .filter_map(|side| Some((side, row.of(side)?.failure.as_ref()?)))
            .map(|(side, failure)| format!("{name} on {side} {failure}"))
            .collect(),
    }
}

/// Which sides were measured more than once, and what the shorter looks had left open.
fn extended(row: &ScenarioSummary) -> Vec<String> {
    [Side::Upstream, Side::Patched]
        .into_iter()
        .filter_map(|side| Some((side, row.of(side)?)))
        .filter_map(|(side, ran)| Some((side, ran, ran.inconclusive.last()?)))
        .map(|(side, ran, last)| {
            let span = last.heap_growth.map_or("too few samples".into(), |growth| {
                format!(
                    "{} to {} an event",
                    units::bytes(growth.lower),
                    units::bytes(growth.upper)
                )
            });
            format!(
                "{} on {side} could not be told with {} events ({span}), so it was measured again; only the run with {} counts",
                row.name,
                units::count(last.events),
                units::count(ran.events)
            )
        })
        .collect()
}

fn open(row: &ScenarioSummary) -> String {
    let trends = [&row.upstream, &row.patched]
        .map(|side| side.as_ref().map_or(Trend::CannotTell, |side| side.trend));
    let how = match trends {
        _ if dead(row).is_some() => "dies on the patched side",
        [Trend::Grows, Trend::Grows] => "grows on both sides",
        [_, Trend::Grows] => "grows on the patched side only",
        [Trend::Grows, Trend::Flat] => {
            "grows on the untouched side only, though the patched one is not said to be"
        }
        [Trend::Flat, Trend::Flat] => "grows on neither side at this size",
        [_, Trend::Flat] => "is flat on the patched side",
        [_, Trend::CannotTell] => "may grow on the patched side",
    };
    if row.defects.is_empty() {
        return format!(
            "{} {how}: it names no defect, so it counts neither way",
            row.name
        );
    }
    format!(
        "{} {how}: {} open (docs/DEFECTS.md)",
        row.name,
        are(&row.open, "")
    )
}

/// How the patched side died.
fn dead(row: &ScenarioSummary) -> Option<String> {
    let death = row.patched.as_ref()?.death.as_ref();
    death.map(ToString::to_string)
}

/// "6.0 B to 12 B an event, over 30 samples; the budget is 8.0 B".
fn interval(side: Option<&SideSummary>, row: &ScenarioSummary) -> String {
    let budget = units::bytes(row.budget_bytes_per_event);
    match side.and_then(|side| side.heap_growth) {
        Some(growth) => format!(
            "{} to {} an event over {} samples; the budget is {budget}",
            units::bytes(growth.lower),
            units::bytes(growth.upper),
            growth.points
        ),
        None => format!(
            "fewer than {} samples after the warm-up; the budget is {budget}",
            crate::stats::POINTS_MIN
        ),
    }
}

/// What grows on the patched side, and by how much.
fn growing(row: &ScenarioSummary) -> String {
    let names = row.patched.as_ref().map_or(&[][..], |side| &side.grows);
    let spans = names.iter().filter_map(|name| {
        if name == HEAP {
            return Some(interval(row.patched.as_ref(), row));
        }
        let growth = row.figures.get(name)?.patched.as_ref()?.growth?;
        let span = [growth.lower, growth.upper].map(units::figure);
        Some(format!(
            "{} to {} {name} an event; the budget is {}",
            span[0],
            span[1],
            units::figure(row.budget_counts_per_event)
        ))
    });
    spans.collect::<Vec<_>>().join(" and by ")
}

/// "a is", "a and b are", with what follows the verb.
fn are(slugs: &[String], then: &str) -> String {
    let verb = if slugs.len() == 1 { "is" } else { "are" };
    let names = match slugs {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        _ => slugs.concat(),
    };
    format!("{names} {verb} {then}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_defects_are_named_as_one_would() {
        let slugs = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(are(&slugs(&["a"]), ""), "a is");
        assert_eq!(
            are(&slugs(&["a", "b"]), "said to be"),
            "a and b are said to be"
        );
        assert_eq!(are(&slugs(&["a", "b", "c"]), ""), "a, b and c are");
    }
}
