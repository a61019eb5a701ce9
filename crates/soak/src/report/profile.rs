//! What a profiled run tells: on the terminal, in `summary.md`, as data and as a page.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::html::{STYLE, origin};
use super::summary::{Build, Facts};
use super::units;
use crate::host::Host;
use crate::profile::{Holder, Profiled, Scenario, SideProfile};
use crate::protocol::Side;

/// Raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// Why nothing is judged.
const NO_VERDICT: &str = "no verdict: with its profiler on, the allocator's figures are not those of the crates; \
                          run it without --profile for one";

/// A profiled run as data: what its `summary.json` holds.
#[derive(Debug, Clone, Serialize)]
pub struct ProfileSummary {
    pub schema: u32,
    pub run: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub seconds: f64,
    pub seed: u64,
    pub plan: String,
    pub interrupted: bool,
    pub exit_code: u8,
    /// Never one: why it is not there.
    pub no_verdict: &'static str,
    /// The command that repeats it.
    pub replay: String,
    pub commit: Option<String>,
    pub host: Host,
    pub upstream: Build,
    pub patched: Build,
    pub profiles: Vec<Scenario>,
}

impl ProfileSummary {
    /// Puts together what was found and what it was found with.
    pub fn new(run: Profiled, facts: Facts) -> Self {
        let build = |side, sha256| Build {
            sha256,
            versions: run
                .scenarios
                .iter()
                .filter_map(|scenario| scenario.of(side))
                .map(|side| side.versions.clone())
                .find(|versions| !versions.is_empty())
                .unwrap_or_default(),
        };
        Self {
            schema: SCHEMA,
            run: facts.id,
            started: humantime::format_rfc3339_seconds(run.started).to_string(),
            seconds: run.took.as_secs_f64(),
            seed: facts.seed,
            plan: facts.plan,
            interrupted: run.interrupted,
            exit_code: run.exit_code(),
            no_verdict: NO_VERDICT,
            replay: facts.replay,
            commit: facts.commit,
            host: facts.host,
            upstream: build(Side::Upstream, facts.digests.0),
            patched: build(Side::Patched, facts.digests.1),
            profiles: run.scenarios,
        }
    }
}

/// For the terminal.
pub fn text(summary: &ProfileSummary) -> String {
    let mut text =
        String::from("\nWho holds what grows: live heap per event after the warm-up, by stack\n");
    for scenario in &summary.profiles {
        text.push_str(&format!("\n{}\n", head(scenario)));
        for (side, profile) in sides(scenario) {
            match said(profile) {
                Some(said) => text.push_str(&format!("  {side}: {said}\n")),
                None => text.push_str(&format!("  {side}:\n")),
            }
            for holder in holders(profile) {
                let figure = units::bytes(holder.bytes_per_event);
                let frames = frames(holder).join(&format!("\n{:14}< ", ""));
                text.push_str(&format!("    {figure:>8}  {frames}\n"));
            }
        }
    }
    text + &format!("\nresult: {NO_VERDICT}\n")
}

/// As a comment on a pull request.
pub fn markdown(summary: &ProfileSummary) -> String {
    let mut text = format!(
        "**cargo soak --profile**: {NO_VERDICT}\n\nLive heap, growth per event after the warm-up, by stack (innermost function \
         first):\n"
    );
    for scenario in &summary.profiles {
        text.push_str(&format!("\n{}\n\n", head(scenario)));
        for (side, profile) in sides(scenario) {
            if let Some(said) = said(profile) {
                text.push_str(&format!("- {side}: {said}\n"));
            }
            for holder in holders(profile) {
                let frames: Vec<_> = frames(holder)
                    .iter()
                    .map(|one| format!("`{one}`"))
                    .collect();
                let figure = units::bytes(holder.bytes_per_event);
                text.push_str(&format!("- {side}: {figure} by {}\n", frames.join(" < ")));
            }
        }
    }
    text + &format!("\nReplay: `{}`\n", summary.replay)
}

/// As one page that needs nothing else.
pub fn html(summary: &ProfileSummary) -> String {
    let title = format!("cargo soak --profile · {}", summary.run);
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
                h1 { "Who holds what grows" }
                p { strong { "Result: " (NO_VERDICT) } }
                p class="dim" {
                    "Plan " (summary.plan) ", seed " (summary.seed) ", " (summary.started) ", "
                    (format!("{:.0} s", summary.seconds))
                }
                p {
                    "Live heap, growth per event after the warm-up, by stack: the innermost function of the measured crates "
                    "first, then what called it."
                }
                @for scenario in &summary.profiles { (section(scenario)) }
                h2 { "Run it again" }
                p { code { (summary.replay) } }
                (origin(&summary.host, summary.commit.as_deref(), [&summary.upstream, &summary.patched]))
            }
        }
    };
    page.into_string()
}

fn section(scenario: &Scenario) -> Markup {
    html! {
        section id=(scenario.name) {
            h2 { (head(scenario)) }
            div class="wide" { table {
                thead { tr { th { "side" } th class="figure" { "an event" } th { "stack" } } }
                tbody { @for (side, profile) in sides(scenario) {
                    @if let Some(said) = said(profile) {
                        tr { td { (side) } td {} td class="dim" { (said) } }
                    }
                    @for holder in holders(profile) { tr {
                        td { (side) }
                        td class="figure" { (units::bytes(holder.bytes_per_event)) }
                        td { @for (at, frame) in frames(holder).iter().enumerate() {
                            @if at > 0 { br; span class="dim" { "< " } }
                            code { (frame) }
                        } }
                    } }
                } }
            } }
        }
    }
}

fn head(scenario: &Scenario) -> String {
    format!(
        "{}: {} events (an event: {})",
        scenario.name,
        units::count(scenario.events),
        scenario.event
    )
}

fn sides(scenario: &Scenario) -> impl Iterator<Item = (Side, Option<&SideProfile>)> {
    [Side::Upstream, Side::Patched]
        .into_iter()
        .map(|side| (side, scenario.of(side)))
}

/// What is to be said of a side that has no stacks.
fn said(profile: Option<&SideProfile>) -> Option<String> {
    match profile {
        None => Some("not reached".into()),
        Some(profile) => match (&profile.failure, profile.holders.is_empty()) {
            (Some(failure), _) => Some(failure.clone()),
            (None, true) => Some("nothing grew by more than the samples may err".into()),
            (None, false) => None,
        },
    }
}

fn holders(profile: Option<&SideProfile>) -> &[Holder] {
    profile.map_or(&[], |profile| &profile.holders)
}

fn frames(holder: &Holder) -> Vec<&str> {
    if holder.frames.is_empty() {
        return vec!["(no function of the measured crates)"];
    }
    holder.frames.iter().map(String::as_str).collect()
}
