//! What docs/DEFECTS.md and the changes say of the defects that are marked fixed: which tests show that.

use std::collections::BTreeSet;

use fork::change::{self, Change};
use fork::defects::{self, State};
use fork::project::{Line, Project};

use crate::{Result, mutate};

/// A defect that is marked fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub defect: String,
    /// The tests of the changes that claim it, and those that its row names beside them.
    pub tests: BTreeSet<String>,
    /// No test can fail without the changes, as each of them says: they add API, or mend what does not compile.
    pub is_exempt: bool,
    /// How many of them `cargo soak mutate` has seen fail without the changes.
    pub seen_failing: usize,
}

impl Claim {
    /// Whether a package of ours mends it from outside, and no change of a crate.
    fn is_by_a_package(&self) -> bool {
        !self.tests.is_empty() && self.tests.iter().all(|test| test.starts_with(PACKAGES))
    }
}

/// The defects that count as fixed: those that the changes claim, and those that a package of ours mends from outside.
///
/// # Errors
/// [`Error::Fork`](crate::Error::Fork) where a change cannot be read.
pub fn fixed(project: &Project, claims: &[Claim]) -> Result<BTreeSet<String>> {
    let mut fixed = change::claimed_defects(project)?;
    let outside = claims.iter().filter(|claim| claim.is_by_a_package());
    fixed.extend(outside.map(|claim| claim.defect.clone()));
    Ok(fixed)
}

/// What the paths of our packages begin with, and those of changed crates' tests do not.
const PACKAGES: &str = "crates/";

/// Those of the lines that are meant, in the order of docs/DEFECTS.md: what their changes claim. What no change of any line
/// claims, since a package of ours mends it from outside, counts to the first line.
///
/// # Errors
/// [`Error::Fork`](crate::Error::Fork) where a change or the page cannot be read.
pub fn read(project: &Project) -> Result<Vec<Claim>> {
    let every = change::all(&project.whole())?;
    let seen_failing = mutate::seen_failing(project, &every)?;
    let crates = project.crates()?;
    let is_meant = |change: &&Change| crates.contains(&change.krate);
    let changes: Vec<_> = every.iter().filter(is_meant).collect();
    let has_first = project.lines().iter().any(Line::is_first);
    let claims = |change: &Change, defect: &str| {
        let mut defects = change.facts.defects.iter();
        defects.any(|claimed| claimed == defect)
    };
    let defects = defects::read(project)?.into_iter();
    let fixed = defects.filter_map(|defect| match defect.state {
        State::Open => None,
        State::Fixed(named) => Some((defect.slug, named)),
    });
    let of_line = |(defect, _): &(String, Vec<String>)| {
        changes.iter().any(|change| claims(change, defect))
            || has_first && !every.iter().any(|change| claims(change, defect))
    };
    let claim = |(defect, named): (String, Vec<String>)| {
        let claiming: Vec<_> = changes
            .iter()
            .copied()
            .filter(|change| claims(change, &defect))
            .collect();
        let is_exempt = |change: &&Change| change.facts.exempt.is_some();
        let is_exempt = !claiming.is_empty() && claiming.iter().all(is_exempt);
        let tests = claiming.into_iter().flat_map(|change| {
            let tests = change.facts.tests.iter();
            tests.map(|test| format!("{}/{test}", change.krate))
        });
        let mut tests: BTreeSet<_> = tests.collect();
        // Of packages of ours, which no change is about.
        tests.extend(
            named
                .into_iter()
                .filter(|name| name.starts_with(PACKAGES) && name.contains("::")),
        );
        Claim {
            defect,
            is_exempt,
            seen_failing: tests.intersection(&seen_failing).count(),
            tests,
        }
    };
    Ok(fixed.filter(of_line).map(claim).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_line_claims_what_its_changes_fix_and_no_defect_of_another() {
        let here = Project::discover(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let claimed = |line: &str| -> BTreeSet<String> {
            let meant = here.clone().meant(Some(line), None).unwrap();
            let claims = read(&meant).unwrap().into_iter();
            claims.map(|claim| claim.defect).collect()
        };
        let [seed, newest] = ["seed", "newest"].map(claimed);
        let are = |defects: &BTreeSet<String>| {
            // Fixed by a change of the first line, by one of the second, and by a package that is in none.
            ["address-book-grows", "links-linger", "tasks-detached"]
                .map(|one| defects.contains(one))
        };
        assert_eq!(are(&seed), [true, false, true]);
        let by_packages: Vec<_> = read(&here.clone().meant(Some("seed"), None).unwrap())
            .unwrap()
            .into_iter()
            .filter(Claim::is_by_a_package)
            .map(|claim| claim.defect)
            .collect();
        assert_eq!(by_packages, ["tasks-detached"]);
        assert_eq!(are(&newest), [false, true, false]);
    }
}
