//! The page for people: what is bounded and how full it is, what else is counted, and how both went.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::health::Report;
use crate::metric::{Kind, Reading, State};
use crate::snapshot::Snapshot;

/// Seconds after which a browser asks again.
const REFRESH: u64 = 10;

/// The page over the rounds that are kept, the oldest first.
pub(crate) fn page(rounds: &[Arc<Snapshot>]) -> Markup {
    let latest = rounds.last();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(REFRESH);
                title { "Vitals" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Vitals" }
                @match latest {
                    Some(snapshot) => (body(snapshot, &Courses::new(rounds))),
                    None => p { "Nothing was read yet." },
                }
            }
        }
    }
}

fn body(snapshot: &Snapshot, courses: &Courses) -> Markup {
    let report = Report::new(snapshot);
    let (bounded, others): (Vec<&Reading>, Vec<&Reading>) = snapshot
        .readings
        .iter()
        .partition(|reading| reading.limit.is_some());
    let (counters, sizes): (Vec<&Reading>, Vec<&Reading>) = others
        .into_iter()
        .partition(|reading| reading.metric.kind == Kind::Counter);
    html! {
        @if report.healthy {
            p.status.ok { "Healthy." }
        } @else {
            ul.status.past { @for problem in &report.problems { li { (problem) } } }
        }
        h2 { "What is bounded" }
        table {
            thead { tr { th { "what" } th.number { "now" } th.number { "bound" } th { "how full" } th { (courses.span()) } } }
            tbody { @for reading in bounded { (bounded_row(reading, courses)) } }
        }
        h2 { "What is counted" }
        table {
            thead { tr { th { "what" } th.number { "now" } th { (courses.span()) } } }
            tbody { @for reading in sizes { (row(reading, courses)) } }
        }
        h2 { "What has happened since the start" }
        table {
            thead { tr { th { "what" } th.number { "times" } th { (courses.span()) } } }
            tbody { @for reading in counters { (row(reading, courses)) } }
        }
    }
}

fn bounded_row(reading: &Reading, courses: &Courses) -> Markup {
    let limit = reading.limit.unwrap_or_default();
    let share = if limit > 0.0 {
        reading.value / limit
    } else {
        1.0
    };
    let state = reading.state();
    html! {
        tr class=(state.word()) {
            (name(reading))
            td.number { (amount(reading, reading.value)) }
            td.number { (amount(reading, limit)) }
            td { (gauge(share)) " " @if state != State::Ok { (state.word()) } }
            td { (courses.plot(reading)) }
        }
    }
}

fn row(reading: &Reading, courses: &Courses) -> Markup {
    html! {
        tr {
            (name(reading))
            td.number { (amount(reading, reading.value)) }
            td { (courses.plot(reading)) }
        }
    }
}

fn name(reading: &Reading) -> Markup {
    html! {
        td title=(reading.metric.help) {
            (reading.metric.name)
            @if let Some((_, label)) = reading.label { " " i { (label) } }
        }
    }
}

fn gauge(share: f64) -> Markup {
    let percent = (share * 100.0).min(100.0);
    html! {
        span.gauge { span style=(format!("width: {percent:.0}%")) {} }
        " " (format!("{:.0} %", share * 100.0))
    }
}

/// The value as one reads it, by the unit at the end of its name.
fn amount(reading: &Reading, value: f64) -> String {
    let name = reading.metric.name;
    if name.ends_with("_bytes") || name.ends_with(".bytes") {
        bytes(value)
    } else if name.ends_with("_seconds") {
        format!("{value:.1} s")
    } else if name.ends_with("_ratio") {
        format!("{:.1} %", value * 100.0)
    } else {
        format!("{value}")
    }
}

fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

type Key = (&'static str, Option<(&'static str, &'static str)>);

/// How each figure went.
struct Courses {
    values: BTreeMap<Key, Vec<(f64, f64)>>,
    span: Duration,
}

impl Courses {
    fn new(rounds: &[Arc<Snapshot>]) -> Self {
        let first = rounds.first().map_or(SystemTime::UNIX_EPOCH, |it| it.at);
        // A clock that was set back puts what follows at the beginning.
        let since = |at: SystemTime| at.duration_since(first).unwrap_or_default();
        let mut values = BTreeMap::<Key, Vec<(f64, f64)>>::new();
        for round in rounds {
            let at = since(round.at).as_secs_f64();
            for reading in &round.readings {
                let key = (reading.metric.name, reading.label);
                values.entry(key).or_default().push((at, reading.value));
            }
        }
        let span = rounds.last().map_or(Duration::ZERO, |last| since(last.at));
        Self { values, span }
    }

    fn span(&self) -> String {
        let minutes = self.span.as_secs() / 60;
        match minutes {
            0 | 1 => "last minute".into(),
            2..120 => format!("last {minutes} minutes"),
            _ => format!("last {} hours", minutes / 60),
        }
    }

    /// From nothing to the most that was seen, so that the height says how much there is and the slope how it grows.
    fn plot(&self, reading: &Reading) -> Markup {
        const WIDTH: f64 = 120.0;
        const HEIGHT: f64 = 20.0;
        let key = (reading.metric.name, reading.label);
        let Some(values) = self.values.get(&key) else {
            return html! {};
        };
        let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let span = self.span.as_secs_f64();
        let points = values.iter().map(|(at, value)| {
            let x = if span > 0.0 { at / span * WIDTH } else { 0.0 };
            let y = if most > 0.0 {
                HEIGHT - value / most * HEIGHT
            } else {
                HEIGHT
            };
            format!("{x:.1},{y:.1}")
        });
        let points = points.collect::<Vec<_>>().join(" ");
        html! {
            svg width=(WIDTH) height=(HEIGHT) viewBox=(format!("0 -1 {WIDTH} {}", HEIGHT + 2.0)) role="img" {
                title { "at most " (amount(reading, most)) }
                polyline points=(points) {}
            }
        }
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8886;
  --good: light-dark(#2a7d4f, #6fcf97); --warn: light-dark(#8a5300, #ffb74d); --bad: light-dark(#b3261e, #ff8a80) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600 } .number { text-align: right; font-variant-numeric: tabular-nums }
.status { padding: .5rem 1rem; border-left: .3rem solid } ul.status { list-style: none }
.status.ok { border-color: var(--good) } .status.past { border-color: var(--bad) }
tr.near, tr.full { color: var(--warn) } tr.past { color: var(--bad); font-weight: 600 }
.gauge { display: inline-block; width: 6rem; height: .7rem; border: 1px solid var(--line); vertical-align: middle }
.gauge span { display: block; height: 100%; background: currentColor; opacity: .7 }
svg { vertical-align: middle } polyline { fill: none; stroke: currentColor; stroke-width: 1.2 }
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    static LIVE: Metric = Metric::gauge("tracked.live", "What is <open>.");
    static USED: Metric = Metric::gauge("memory.used_bytes", "Memory.");

    fn round(second: u64, used: f64) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            readings: vec![
                Reading::new(&USED, used).limit(4096.0),
                Reading::new(&LIVE, 2.0).label("kind", "<script>"),
            ],
            sources: Vec::new(),
        })
    }

    #[test]
    fn the_page_shows_bounds_and_courses_and_escapes_what_it_was_told() {
        let page = page(&[round(0, 0.0), round(60, 2048.0), round(120, 1024.0)]).into_string();
        for part in [
            "1.0 KiB",
            "4.0 KiB",
            "25 %",
            "last 2 minutes",
            "points=\"0.0,20.0 60.0,0.0 120.0,10.0\"",
            "&lt;script&gt;",
            "What is &lt;open&gt;.",
            "Healthy.",
        ] {
            assert!(page.contains(part), "{part} is missing from {page}");
        }
        assert!(!page.contains("<script"));
    }

    #[test]
    fn the_page_before_the_first_round_says_so() {
        assert!(page(&[]).into_string().contains("Nothing was read yet."));
    }

    #[test]
    fn the_page_says_what_is_wrong() {
        let page = page(&[round(0, 5000.0)]).into_string();
        assert!(page.contains("memory.used_bytes is 5000, past its bound of 4096"));
    }
}
