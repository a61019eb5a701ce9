//! The lines that a workload writes, and what makes a transcript of them a valid one.
//!
//! Parsing is strict where a wrong reading would turn into a wrong verdict (order, counts, names) and lenient towards
//! fields it does not know, so that a workload may say more than we read.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of the protocol that this crate reads.
pub const PROTOCOL: u32 = 1;

/// The most samples that one run may write. Slopes are taken over pairs: 2,000 samples are two million of them.
pub const SAMPLES_MAX: usize = 2_000;

/// Which of the two binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Built on the untouched crates.
    Upstream,
    /// Built on the crates under `patched/`.
    Patched,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Upstream => "upstream",
            Side::Patched => "patched",
        })
    }
}

/// One scenario, as `list` describes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Scenario {
    /// Its name: lower-case letters, digits and `-`, as it becomes part of file names.
    pub name: String,
    /// What it does, in one line.
    pub about: String,
    /// What one event is: "peer learnt".
    pub event: String,
    /// Every defect that must be fixed before this scenario can be flat.
    pub defects: Vec<String>,
    /// Its size in a quick run.
    pub quick: Size,
    /// The growth of live heap per event, in bytes, that still counts as flat.
    pub budget_bytes_per_event: f64,
}

/// How large a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Size {
    /// How many events.
    pub events: u64,
    /// How many samples, evenly spread over them.
    pub samples: u64,
    /// How long it takes at most on the slowest machine thought of, in seconds. Time limits derive from it.
    pub seconds_max: f64,
}

/// The first line of a run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    /// Optional, as a workload need not know which side it is; where it is there it must be right.
    pub side: Option<Side>,
    pub scenario: String,
    pub seed: u64,
    pub events: u64,
    /// Samples before this many events are not part of the slope.
    pub warmup_events: u64,
    /// The crates that were measured, by name.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
}

/// One measurement. A figure that could not be taken is missing, never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub elapsed_ms: u64,
    pub events: u64,
    /// Live heap, in bytes: the allocator's own figure.
    pub heap_bytes: Option<u64>,
    pub resident_bytes: Option<u64>,
    pub fds: Option<u64>,
    /// Those of the descriptors that are sockets.
    pub sockets: Option<u64>,
    pub threads: Option<u64>,
    pub tasks: Option<u64>,
    /// What the workload says about its own structures; only the fork can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<serde_json::Value>,
}

/// Reads the answer to `list`.
///
/// # Errors
/// One line that says what was expected and what was found.
pub fn parse_list(text: &str) -> Result<Vec<Scenario>, String> {
    let scenarios: Vec<Scenario> = serde_json::from_str(text.trim()).map_err(|error| {
        format!(
            "expected one JSON array of scenarios, found {} ({error})",
            excerpt(text)
        )
    })?;
    for (at, scenario) in scenarios.iter().enumerate() {
        check(scenario).map_err(|what| format!("scenario `{}`: {what}", scenario.name))?;
        if scenarios[..at]
            .iter()
            .any(|other| other.name == scenario.name)
        {
            return Err(format!("scenario `{}` is listed twice", scenario.name));
        }
    }
    if scenarios.is_empty() {
        return Err("expected at least one scenario, found none".into());
    }
    Ok(scenarios)
}

fn check(scenario: &Scenario) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let Size {
        events,
        samples,
        seconds_max,
    } = scenario.quick;
    if scenario.name.is_empty() || !scenario.name.chars().all(fits) {
        Err("expected a name of lower-case letters, digits and `-`".into())
    } else if events == 0 {
        Err("expected at least one event, found 0".into())
    } else if samples == 0 || samples >= SAMPLES_MAX as u64 {
        Err(format!(
            "expected 1 to {} samples, found {samples}",
            SAMPLES_MAX - 1
        ))
    } else if !(0.01..=86_400.0).contains(&seconds_max) {
        Err(format!(
            "expected seconds_max between 0.01 and 86400, found {seconds_max}"
        ))
    } else if !(0.0..=f64::MAX).contains(&scenario.budget_bytes_per_event) {
        Err(format!(
            "expected a budget of 0 bytes or more, found {}",
            scenario.budget_bytes_per_event
        ))
    } else {
        Ok(())
    }
}

/// What a run was asked for, and its `hello` must therefore say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub side: Side,
    pub scenario: String,
    pub seed: u64,
    pub events: u64,
}

/// A line that should not be there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of its output: expected {expected}, found {found}")]
pub struct Nonsense {
    /// Counted from 1.
    pub line: u64,
    pub expected: String,
    pub found: String,
}

/// The lines of one run so far.
#[derive(Debug)]
pub struct Transcript {
    expected: Expected,
    lines: u64,
    state: State,
    hello: Option<Hello>,
    samples: Vec<Sample>,
}

/// Where in its lines a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing was written yet.
    Silent,
    /// It said hello.
    Running,
    /// It said that it is done.
    Done,
    /// It said that what it measures has died.
    Dead(Death),
    /// It said that it failed, and why.
    Failed(String),
}

/// What was measured serves nobody any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// After how many events.
    pub events: u64,
    /// What shows it, in one line.
    pub what: String,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, what } = self;
        let plural = if *events == 1 { "" } else { "s" };
        write!(f, "dead after {events} event{plural}: {what}")
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Hello(Hello),
    Sample(Sample),
    Done { events: u64 },
    Dead(Death),
    Error { message: String },
}

impl Transcript {
    /// An empty one.
    pub fn new(expected: Expected) -> Self {
        Self {
            expected,
            lines: 0,
            state: State::Silent,
            hello: None,
            samples: Vec::new(),
        }
    }

    /// Takes the next line in. Gives back the sample it holds, if it is one.
    ///
    /// # Errors
    /// Where the line is not one of the protocol, or not one that may stand here. The transcript keeps what it had.
    pub fn line(&mut self, bytes: &[u8]) -> Result<Option<&mut Sample>, Nonsense> {
        self.lines += 1;
        let line = serde_json::from_slice(bytes).map_err(|error| {
            self.nonsense(
                "a line of the protocol",
                format!("{} ({error})", excerpt_of(bytes)),
            )
        })?;
        match (line, &self.state) {
            (Line::Hello(hello), State::Silent) => {
                self.greet(hello)?;
                Ok(None)
            }
            (Line::Sample(sample), State::Running) => self.take(sample).map(Some),
            (Line::Done { events }, State::Running) => {
                self.require("events in `done`", &self.expected.events, &events)?;
                self.state = State::Done;
                Ok(None)
            }
            (Line::Dead(death), State::Running) => {
                self.check_reached(death.events, "death")?;
                self.state = State::Dead(death);
                Ok(None)
            }
            (Line::Error { message }, State::Silent | State::Running) => {
                self.state = State::Failed(message);
                Ok(None)
            }
            (_, State::Silent) => Err(self.nonsense("a `hello` line first", excerpt_of(bytes))),
            (_, State::Running) => {
                Err(self.nonsense("`sample`, `done`, `dead` or `error`", excerpt_of(bytes)))
            }
            (_, State::Done | State::Dead(_) | State::Failed(_)) => {
                Err(self.nonsense("nothing after the last line", excerpt_of(bytes)))
            }
        }
    }

    /// A line that was longer than any of the protocol.
    pub fn overlong(&mut self, bytes_max: usize) -> Nonsense {
        self.lines += 1;
        self.nonsense(
            format!("at most {bytes_max} bytes in a line"),
            "a longer one".into(),
        )
    }

    /// Where the run stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many lines were taken in.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// What was taken in.
    pub fn into_parts(self) -> (Option<Hello>, Vec<Sample>) {
        (self.hello, self.samples)
    }

    fn greet(&mut self, hello: Hello) -> Result<(), Nonsense> {
        self.require("protocol", &PROTOCOL, &hello.protocol)?;
        self.require("scenario", &self.expected.scenario, &hello.scenario)?;
        self.require("seed", &self.expected.seed, &hello.seed)?;
        self.require("events", &self.expected.events, &hello.events)?;
        if let Some(side) = hello.side {
            self.require("side", &self.expected.side, &side)?;
        }
        self.hello = Some(hello);
        self.state = State::Running;
        Ok(())
    }

    fn take(&mut self, sample: Sample) -> Result<&mut Sample, Nonsense> {
        self.check_reached(sample.events, "sample")?;
        if self.samples.len() == SAMPLES_MAX {
            return Err(self.nonsense(format!("at most {SAMPLES_MAX} samples"), "one more".into()));
        }
        Ok(self.samples.push_mut(sample))
    }

    /// That a run which was there last can have come to this many events now.
    fn check_reached(&self, events: u64, what: &str) -> Result<(), Nonsense> {
        let least = self.samples.last().map_or(0, |last| last.events);
        let most = self.expected.events;
        if (least..=most).contains(&events) {
            Ok(())
        } else {
            Err(self.nonsense(
                format!("a {what} at {least} to {most} events"),
                format!("one at {events}"),
            ))
        }
    }

    fn require<T: PartialEq + fmt::Display>(
        &self,
        what: &str,
        expected: &T,
        found: &T,
    ) -> Result<(), Nonsense> {
        if expected == found {
            Ok(())
        } else {
            Err(self.nonsense(format!("{what} {expected}"), found.to_string()))
        }
    }

    fn nonsense(&self, expected: impl Into<String>, found: String) -> Nonsense {
        Nonsense {
            line: self.lines,
            expected: expected.into(),
            found,
        }
    }
}

fn excerpt_of(bytes: &[u8]) -> String {
    excerpt(&String::from_utf8_lossy(bytes))
}

/// The beginning of what was found, quoted and on one line.
fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let text = text.trim_end();
    let start: String = text.chars().take(CHARS_MAX).collect();
    let dots = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{dots}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = r#"{"type":"hello","protocol":1,"side":"patched","scenario":"known-peers","seed":7,"events":100,"event":"peer learnt","warmup_events":20,"settle_ms":0,"versions":{"p2panda-net":"0.4.0"}}"#;
    const SAMPLE: &str = r#"{"type":"sample","elapsed_ms":3,"events":50,"heap_bytes":4096,"resident_bytes":null,"fds":9,"threads":2,"tasks":1}"#;

    fn transcript() -> Transcript {
        Transcript::new(Expected {
            side: Side::Patched,
            scenario: "known-peers".into(),
            seed: 7,
            events: 100,
        })
    }

    fn refused(lines: &[&str]) -> String {
        let mut transcript = transcript();
        let (last, before) = lines.split_last().unwrap();
        for line in before {
            transcript.line(line.as_bytes()).unwrap();
        }
        transcript.line(last.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_run_is_taken_in() {
        let mut transcript = transcript();
        assert_eq!(transcript.line(HELLO.as_bytes()), Ok(None));
        assert_eq!(
            transcript
                .line(SAMPLE.as_bytes())
                .unwrap()
                .unwrap()
                .heap_bytes,
            Some(4096)
        );
        transcript
            .line(br#"{"type":"done","events":100,"elapsed_ms":9}"#)
            .unwrap();
        assert_eq!(transcript.state(), &State::Done);
        let (hello, samples) = transcript.into_parts();
        assert_eq!(hello.unwrap().versions["p2panda-net"], "0.4.0");
        assert_eq!(samples.len(), 1);
    }

    #[test]
    fn a_figure_that_was_not_taken_is_missing_and_not_zero() {
        let mut transcript = transcript();
        transcript.line(HELLO.as_bytes()).unwrap();
        let sample = transcript.line(SAMPLE.as_bytes()).unwrap().unwrap();
        assert_eq!(sample.resident_bytes, None);
        assert_eq!(sample.stats, None);
    }

    #[test]
    fn nonsense_is_named_with_its_line_and_what_was_expected() {
        let said = refused(&[HELLO, SAMPLE, "thread 'main' panicked"]);
        assert!(
            said.starts_with(
                "line 3 of its output: expected a line of the protocol, found \"thread 'main' panicked\""
            ),
            "{said}"
        );
    }

    #[test]
    fn lines_in_the_wrong_place_are_refused() {
        assert!(refused(&[SAMPLE]).contains("expected a `hello` line first"));
        assert!(refused(&[HELLO, HELLO]).contains("expected `sample`, `done`, `dead` or `error`"));
        let done = r#"{"type":"done","events":100}"#;
        assert!(refused(&[HELLO, done, SAMPLE]).contains("expected nothing after the last line"));
    }

    #[test]
    fn a_death_ends_a_run_and_stands_behind_its_samples() {
        let mut transcript = transcript();
        transcript.line(HELLO.as_bytes()).unwrap();
        transcript.line(SAMPLE.as_bytes()).unwrap();
        let dead = br#"{"type":"dead","events":51,"elapsed_ms":9,"what":"nobody answers"}"#;
        transcript.line(dead).unwrap();
        let State::Dead(death) = transcript.state() else {
            panic!("{:?}", transcript.state());
        };
        assert_eq!(death.to_string(), "dead after 51 events: nobody answers");

        let early = r#"{"type":"dead","events":49,"what":"nobody answers"}"#;
        let said = refused(&[HELLO, SAMPLE, early]);
        assert!(
            said.contains("expected a death at 50 to 100 events, found one at 49"),
            "{said}"
        );
        let dead = std::str::from_utf8(dead).unwrap();
        assert!(refused(&[dead]).contains("expected a `hello` line first"));
        assert!(refused(&[HELLO, dead, SAMPLE]).contains("expected nothing after the last line"));
    }

    #[test]
    fn a_hello_for_something_else_is_refused() {
        let other = HELLO.replace("patched", "upstream");
        assert!(refused(&[&other]).contains("expected side patched, found upstream"));
        let other = HELLO.replace("\"seed\":7", "\"seed\":8");
        assert!(refused(&[&other]).contains("expected seed 7, found 8"));
        let other = HELLO.replace("\"protocol\":1", "\"protocol\":2");
        assert!(refused(&[&other]).contains("expected protocol 1, found 2"));
    }

    #[test]
    fn samples_that_run_backwards_or_past_the_end_are_refused() {
        let earlier = SAMPLE.replace("\"events\":50", "\"events\":49");
        assert!(
            refused(&[HELLO, SAMPLE, &earlier])
                .contains("expected a sample at 50 to 100 events, found one at 49")
        );
        let past = SAMPLE.replace("\"events\":50", "\"events\":101");
        assert!(refused(&[HELLO, &past]).contains("found one at 101"));
    }

    #[test]
    fn done_before_all_events_is_refused() {
        let done = r#"{"type":"done","events":60}"#;
        assert!(refused(&[HELLO, done]).contains("expected events in `done` 100, found 60"));
    }

    #[test]
    fn a_negative_or_fractional_figure_is_refused() {
        let negative = SAMPLE.replace("4096", "-1");
        assert!(refused(&[HELLO, &negative]).contains("line 2"));
    }

    const LISTED: &str = r#"[{"name":"known-peers","about":"learn","event":"peer learnt","defects":["address-book-grows"],
        "quick":{"events":100,"samples":10,"warmup_events":20,"settle_ms":0,"seconds_max":12},"budget_bytes_per_event":8.0}]"#;

    #[test]
    fn a_list_is_read() {
        let list = parse_list(LISTED).unwrap();
        assert_eq!(list[0].quick.events, 100);
        assert_eq!(list[0].defects, ["address-book-grows"]);
    }

    #[test]
    fn a_list_that_cannot_be_run_is_refused() {
        for (from, to, said) in [
            ("known-peers", "../peers", "expected a name of"),
            ("\"events\":100", "\"events\":0", "at least one event"),
            ("\"samples\":10", "\"samples\":0", "1 to 1999 samples"),
            (
                "\"seconds_max\":12",
                "\"seconds_max\":-1",
                "seconds_max between",
            ),
            ("8.0", "-8.0", "budget of 0 bytes or more"),
            ("[{", "{{", "expected one JSON array of scenarios"),
        ] {
            let error = parse_list(&LISTED.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        assert!(
            parse_list("[]")
                .unwrap_err()
                .contains("at least one scenario")
        );
        let twice = format!("[{0},{0}]", LISTED.trim_matches(['[', ']']));
        assert!(parse_list(&twice).unwrap_err().contains("listed twice"));
    }
}
