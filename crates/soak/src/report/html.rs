//! The whole run as one page that needs nothing else: `report.html`, readable in light, in dark and on paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::summary::{Build, ScenarioSummary, Summary};
use super::{attach, markdown, notes, table, units};
use crate::host::Host;
use crate::protocol::Side;
use crate::verdict::Verdict;

/// Colours follow the reader's; on paper all is black on white and no plot is cut.
pub(super) const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c1c1c; --dim: #6a6a6a; --line: #d8d8d8; --page: #fff; --good: #1a7a3c; --bad: #b3261e; --open: #8a6100 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --dim: #9d9d9d; --line: #3a3a3a; --page: #161616; --good: #6fce8f; --bad: #ff8a80; --open: #e0b050 }
}
body { margin: 2rem auto; max-width: 68rem; padding: 0 1rem; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% } th, td { padding: .3rem .7rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } .dim { color: var(--dim) }
.fixed { color: var(--good); font-weight: 600 } .grows, .failed { color: var(--bad); font-weight: 600 } .untold { color: var(--open); font-weight: 600 }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere } svg { max-width: 100%; height: auto }
figure { margin: 1rem 0; break-inside: avoid } details { margin: .5rem 0 }
@media print {
  :root { color-scheme: light; --ink: #000; --dim: #444; --line: #999; --page: #fff; --good: #1a7a3c; --bad: #b3261e; --open: #8a6100 }
  body { margin: 0; max-width: none; font-size: 11px } a { color: inherit } .wide { overflow-x: visible }
  h2 { break-after: avoid } tr, section > p { break-inside: avoid } code { font-size: 10px }
}
";

/// Writes the page. `plots`: an SVG for each scenario, in the order of the table.
pub fn html(summary: &Summary, plots: &[String]) -> String {
    let title = format!("cargo soak · {}", summary.run);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Untouched and patched, side by side" }
                p { strong { "Result: " (notes::result(summary)) } }
                p class="dim" {
                    "Plan " (summary.plan) ", seed " (summary.seed) ", " (summary.started) ", "
                    (format!("{:.0} s", summary.seconds))
                }
                h2 { "Live heap: growth per event after the warm-up" }
                (rows(summary))
                @for note in notes::notes(summary) { p { (note) } }
                h2 { "Controls" }
                @for control in notes::controls(summary) { p { (control) } }
                @if let Some(baseline) = &summary.baseline {
                    h2 { "Since " (baseline.run) }
                    @for line in notes::baseline(summary) { p { (line) } }
                }
                @for (row, plot) in summary.scenarios.iter().zip(plots) { (scenario(row, plot)) }
                (defects(summary))
                h2 { "Run it again" }
                p { code { (summary.replay) } }
                (origin(&summary.host, summary.commit.as_deref(), [&summary.upstream, &summary.patched]))
            }
        }
    };
    page.into_string()
}

fn rows(summary: &Summary) -> Markup {
    html! {
        div class="wide" { table {
            thead { tr {
                th { "scenario" } th class="figure" { "events" }
                th class="figure" { "upstream" } th class="figure" { "patched" } th class="figure" { "difference" }
                th { "shape" } th { "verdict" }
            } }
            tbody { @for row in &summary.scenarios { tr {
                td { a href={ "#" (row.name) } { (row.name) } }
                td class="figure" { (units::count(row.events)) }
                td class="figure" { (growth(row, Side::Upstream)) }
                td class="figure" { (growth(row, Side::Patched)) }
                td class="figure" { (markdown::difference(row)) }
                td { (row.patched.as_ref().and_then(|side| side.shape).map_or("", attach::shape)) }
                td class=(class(row.verdict)) { (table::word(row)) }
            } } }
        } }
    }
}

/// A row a defect that is marked fixed; nothing outside a checkout, and where controls alone were measured.
fn defects(summary: &Summary) -> Markup {
    html! {
        @if !summary.defects.is_empty() && !summary.scenarios.is_empty() {
            h2 { "Each defect that is marked fixed, and what shows it" }
            div class="wide" { table {
                thead { tr { th { "defect" } th { "scenarios" } th { "verdict" } th class="figure" { "tests" } th class="figure" { "seen failing" } } }
                tbody { @for row in &summary.defects { tr {
                    td { (row.defect) }
                    td { @for (at, name) in row.scenarios.iter().enumerate() {
                        @if at > 0 { ", " } a href={ "#" (name) } { (name) }
                    } }
                    td class=(row.verdict.map_or("dim", class)) { (table::of_defect(row)) }
                    td class="figure" { (row.tests) }
                    td class="figure" { (row.tests_seen_failing) }
                } } }
            } }
        }
    }
}

fn growth(row: &ScenarioSummary, side: Side) -> Markup {
    html! {
        @if let Some(life) = row.life(side) { (life) br; }
        @match row.of(side).and_then(|side| side.heap_growth) {
            Some(growth) => {
                (units::bytes(growth.per_event)) br;
                span class="dim" { (units::bytes(growth.lower)) " to " (units::bytes(growth.upper)) }
            }
            None => "–",
        }
    }
}

fn scenario(row: &ScenarioSummary, plot: &str) -> Markup {
    html! {
        section id=(row.name) {
            h2 { (row.name) ": " span class=(class(row.verdict)) { (table::word(row)) } }
            figure { (PreEscaped(plot)) }
            @for side in [Side::Upstream, Side::Patched] {
                @if let Some(death) = row.of(side).and_then(|side| side.death.as_ref()) { p { (side) " is " (death) } }
            }
            p class="dim" {
                "An event: " (row.event) ". Budget: " (units::bytes(row.budget_bytes_per_event)) " of live heap, "
                (units::figure(row.budget_counts_per_event)) " descriptors, sockets, threads or tasks each."
                @if !row.defects.is_empty() { " Behind it: " (row.defects.join(", ")) "." }
            }
            details {
                summary { "every figure, per event" }
                div class="wide" { table {
                    thead { tr {
                        th { "figure" } th class="figure" { "upstream" } th class="figure" { "patched" }
                        th class="figure" { "difference" } th { "shape, patched" }
                    } }
                    tbody { @for (name, figure) in &row.figures {
                        @let courses = [&figure.upstream, &figure.patched];
                        tr {
                            td { (name) }
                            @for course in courses { td class="figure" {
                                (markdown::figure(name, course.as_ref().and_then(|course| course.growth).as_ref()))
                            } }
                            td class="figure" { (markdown::figure(name, figure.difference.as_ref())) }
                            td { (figure.patched.as_ref().map_or("", |course| attach::shape(course.shape))) }
                        }
                    } }
                } }
            }
        }
    }
}

/// The machine, and what ran on it: upstream first.
pub(super) fn origin(
    host: &Host,
    commit: Option<&str>,
    [upstream, patched]: [&Build; 2],
) -> Markup {
    let fact = |fact: Option<String>| fact.unwrap_or_else(|| "not known".into());
    let memory = host.memory_kib.map(|kib| units::bytes(kib as f64 * 1024.0));
    let rows = [
        (
            "system",
            format!(
                "{} {}, kernel {}",
                host.os,
                host.arch,
                fact(host.kernel.clone())
            ),
        ),
        ("processor", fact(host.processor.clone())),
        ("cores", fact(host.cores.map(|cores| cores.to_string()))),
        ("memory", fact(memory)),
        (
            "load before",
            fact(host.load_before.map(|load| load.to_string())),
        ),
        ("commit", fact(commit.map(Into::into))),
        ("upstream", build(upstream)),
        ("patched", build(patched)),
    ];
    html! {
        h2 { "Where it ran, and on what" }
        div class="wide" { table { tbody { @for (name, fact) in rows {
            tr { td { (name) } td { code { (fact) } } }
        } } } }
    }
}

fn build(build: &Build) -> String {
    let digest = format!("SHA-256 {}", build.sha256);
    let versions: Vec<_> = build
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    // A workload of one's own need not say what it measures.
    if versions.is_empty() {
        return digest;
    }
    format!("{digest} · {}", versions.join(", "))
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fixed | Verdict::Lives => "fixed",
        Verdict::Grows | Verdict::Dies => "grows",
        Verdict::Failed => "failed",
        Verdict::NotShown | Verdict::CannotTell | Verdict::Stopped => "untold",
        Verdict::Open => "open",
    }
}
