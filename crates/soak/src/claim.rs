//! What docs/DEFECTS.md and the changes say of the defects that are marked fixed: which tests show that.

use std::collections::BTreeSet;

use fork::change;
use fork::defects::{self, State};
use fork::project::Project;

use crate::Result;

/// A defect that is marked fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub defect: String,
    /// The tests of the changes that claim it, and those that its row names beside them.
    pub tests: BTreeSet<String>,
}

/// Those of a checkout, in the order of docs/DEFECTS.md.
///
/// # Errors
/// [`Error::Fork`](crate::Error::Fork) where a change or the page cannot be read.
pub fn read(project: &Project) -> Result<Vec<Claim>> {
    let changes = change::all(project)?;
    let defects = defects::read(project)?.into_iter();
    let fixed = defects.filter_map(|defect| match defect.state {
        State::Open => None,
        State::Fixed(named) => Some((defect.slug, named)),
    });
    let claim = |(defect, named): (String, Vec<String>)| {
        let claimed = changes.iter().filter(|change| {
            let mut defects = change.facts.defects.iter();
            defects.any(|claimed| *claimed == defect)
        });
        let tests = claimed.flat_map(|change| {
            let tests = change.facts.tests.iter();
            tests.map(|test| format!("{}/{test}", change.krate))
        });
        let mut tests: BTreeSet<_> = tests.collect();
        // Of packages of ours, which no change is about.
        tests.extend(
            named
                .into_iter()
                .filter(|name| name.starts_with("crates/") && name.contains("::")),
        );
        Claim { defect, tests }
    };
    Ok(fixed.map(claim).collect())
}
