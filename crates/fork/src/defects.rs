//! docs/DEFECTS.md as data: which defects there are, and which changes it says fixed them.
//!
//! A row is `| `slug` | what happens | state |`. The state begins with `open`, or with `fixed` and names, in backticks,
//! the changes (`<crate>-<version>/<slug>`) and the tests that show it; or, where a package of ours mends it from outside,
//! that package's test (`crates/<package>/tests/<file>.rs::<function>`). Behind the word `scenario` or `scenarios` stand those that
//! show it.

use std::fs;

use regex::Regex;

use crate::error::IoContext;
use crate::project::Project;
use crate::{Error, Result};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    pub slug: String,
    /// What the table says that `what` is: what happens without a fix, or what must be bounded.
    pub heading: String,
    pub what: String,
    /// Counted from 1, for messages.
    pub line: usize,
    pub state: State,
    /// The scenarios that the state says show it.
    pub scenarios: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Open,
    /// What the state names in backticks: changes, tests, scenarios.
    Fixed(Vec<String>),
}

/// Reads docs/DEFECTS.md.
pub fn read(project: &Project) -> Result<Vec<Defect>> {
    let path = project.root().join("docs/DEFECTS.md");
    let text = fs::read_to_string(&path).on("cannot read", &path)?;
    parse(&text).map_err(|what| Error::malformed(&path, what))
}

fn parse(text: &str) -> Result<Vec<Defect>, String> {
    let shown_by = Regex::new(r"\bscenarios? ((?:`[a-z0-9-]+`(?:, | and )?)+)")
        .expect("a pattern that stands in this file");
    let mut defects: Vec<Defect> = Vec::new();
    let mut heading = "";
    for (at, row) in text.lines().enumerate() {
        if let Some(cells) = row.strip_prefix("| slug |") {
            heading = cells.split('|').next().unwrap_or_default().trim();
        }
        let Some(cells) = row
            .strip_prefix("| `")
            .and_then(|row| row.trim_end().strip_suffix('|'))
        else {
            continue;
        };
        let line = at + 1;
        let slug = cells.split('`').next().unwrap_or_default().to_owned();
        let cell = cells.rsplit('|').next().unwrap_or_default().trim();
        let what = cells
            .split('|')
            .nth(1)
            .unwrap_or_default()
            .trim()
            .to_owned();
        let state = if cell.starts_with("open") {
            State::Open
        } else if cell.starts_with("fixed") {
            State::Fixed(quoted(cell).collect())
        } else {
            return Err(format!(
                "line {line}: the state of {slug} begins with {cell:.20?}; expected `open` or `fixed`"
            ));
        };
        if defects.iter().any(|defect| defect.slug == slug) {
            return Err(format!("line {line}: {slug} has a row already"));
        }
        let shown_by = shown_by.captures(cell);
        let scenarios = shown_by.iter().flat_map(|list| quoted(&list[1]));
        defects.push(Defect {
            slug,
            heading: heading.to_owned(),
            what,
            line,
            state,
            scenarios: scenarios.collect(),
        });
    }
    Ok(defects)
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_tables_are_not() {
        let text = "| slug | what | state |\n|---|---|---|\n| `a-b` | x | open, and `c` |\n| `d` | y | fixed by `n-1.0.0/d`, `t.rs::e` |\n";
        let defects = parse(text).unwrap();
        assert_eq!(defects.len(), 2);
        assert_eq!(
            (defects[0].slug.as_str(), &defects[0].state),
            ("a-b", &State::Open)
        );
        assert_eq!(defects[0].what, "x");
        assert_eq!(
            defects[1].state,
            State::Fixed(vec!["n-1.0.0/d".into(), "t.rs::e".into()])
        );
        assert!(defects[1].scenarios.is_empty());
    }

    #[test]
    fn the_scenarios_of_a_row_are_those_behind_the_word() {
        let scenarios = |state: &str| {
            let defects = parse(&format!("| `a` | x | fixed by `n-1.0.0/a`; {state} |\n"));
            defects.unwrap().remove(0).scenarios
        };
        assert_eq!(scenarios("shown by `t.rs::e`; scenario `one`"), ["one"]);
        assert_eq!(
            scenarios("scenarios `one`, `two` and `three`; see `four`"),
            ["one", "two", "three"]
        );
        assert!(scenarios("no scenario: the build alone, `cargo check`").is_empty());
    }

    #[test]
    fn a_state_is_open_or_fixed() {
        assert!(
            parse("| `a` | x | perhaps |\n")
                .unwrap_err()
                .contains("expected `open` or `fixed`")
        );
        assert!(
            parse("| `a` | x | open |\n| `a` | x | open |\n")
                .unwrap_err()
                .contains("already")
        );
    }
}
