//! tests/suites.toml: how upstream's own suites run here, and which of their tests cannot, and why.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use semver::Version;
use serde::Deserialize;

use crate::change::Change;
use crate::error::IoContext;
use crate::process;
use crate::project::{Line, Project, split_name};
use crate::{Error, Result};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suites {
    /// By line, what its untouched crates forgot to ask for: `--before` and `bench` build with it, as its pin does. In the
    /// form of a manifest's `[dependencies]`.
    #[serde(default)]
    untouched_needs: BTreeMap<String, toml::Table>,
    #[serde(rename = "crate", default)]
    crates: Vec<CrateSuite>,
}

/// How one crate's suite runs. Every crate may be missing from the file: then it runs whole, with default features.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CrateSuite {
    /// `<crate>-<version>`.
    pub name: String,
    #[serde(default)]
    pub features: Vec<String>,
    /// The oldest Rust that builds its tests, as `1.96.0`, where that is newer than the one that builds the crate. Nightly
    /// builds them where it is not there.
    rust: Option<Version>,
    /// How many tests run at a time; as many as there are cores where it is not said.
    pub threads: Option<usize>,
    /// After how long the suite is stopped, builds included.
    #[serde(default = "seconds_max")]
    pub seconds_max: u64,
    #[serde(default)]
    skip: Vec<Skip>,
    #[serde(default)]
    pub unready: Vec<Unready>,
    /// What is left out where the crate is built with all features.
    #[serde(default)]
    pub unbuilt: Vec<Unbuilt>,
}

/// A feature that does not build here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unbuilt {
    pub feature: String,
    pub why: String,
}

/// A test that is not run, or several for one reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    pub test: Tests,
    pub why: String,
}

/// Whole paths of tests, as the test harness prints them: one, or a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Tests {
    One(String),
    Several(Vec<String>),
}

impl Tests {
    fn names(&self) -> &[String] {
        match self {
            Tests::One(name) => std::slice::from_ref(name),
            Tests::Several(names) => names,
        }
    }
}

/// A test that does not pass on the untouched crate, not always or not at all, until one of our changes mends that.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unready {
    /// The whole path of the test, as the test harness prints it.
    pub test: String,
    /// The slug of the change: `verify` leaves the test out where that is not laid.
    pub until: String,
    pub why: String,
}

impl Suites {
    pub fn read(project: &Project) -> Result<Self> {
        let path = project.root().join("tests/suites.toml");
        let text = fs::read_to_string(&path).on("cannot read", &path)?;
        let suites: Suites =
            toml::from_str(&text).map_err(|error| Error::malformed_toml(&path, &text, &error))?;
        let whole = project.whole();
        let unknown = |name: &&String| whole.lines().iter().all(|line| line.name() != **name);
        if let Some(name) = suites.untouched_needs.keys().find(unknown) {
            return Err(Error::malformed(
                &path,
                format!("[untouched-needs.{name}]: no line {name} here"),
            ));
        }
        let known = whole.crates()?;
        if let Some(suite) = suites
            .crates
            .iter()
            .find(|suite| !known.contains(&suite.name))
        {
            return Err(Error::malformed(
                &path,
                format!(
                    "no crate {} here; expected one of: {}",
                    suite.name,
                    known.join(", ")
                ),
            ));
        }
        Ok(suites)
    }

    /// What the untouched side of a line is built with beside its crates.
    pub fn untouched_needs(&self, line: &Line) -> toml::Table {
        self.untouched_needs
            .get(line.name())
            .cloned()
            .unwrap_or_default()
    }

    pub fn of(&self, krate: &str) -> CrateSuite {
        let found = self.crates.iter().find(|suite| suite.name == krate);
        found.cloned().unwrap_or(CrateSuite {
            name: krate.to_owned(),
            features: Vec::new(),
            rust: None,
            threads: None,
            seconds_max: seconds_max(),
            skip: Vec::new(),
            unready: Vec::new(),
            unbuilt: Vec::new(),
        })
    }

    /// Says which tests were skipped and which features were not built, and why.
    pub fn print_skips(&self, crates: &[String]) {
        for suite in self
            .crates
            .iter()
            .filter(|suite| crates.contains(&suite.name))
        {
            for (test, why) in suite.skipped() {
                println!("skipped: {} {test}: {why}", suite.name);
            }
            for Unbuilt { feature, why } in &suite.unbuilt {
                println!("not built: {} with {feature}: {why}", suite.name);
            }
        }
    }
}

impl CrateSuite {
    /// The tests that are not run, and why.
    pub fn skipped(&self) -> impl Iterator<Item = (&str, &str)> {
        self.skip.iter().flat_map(|skip| {
            let names = skip.test.names().iter();
            names.map(|test| (test.as_str(), skip.why.as_str()))
        })
    }

    /// What to tell cargo so that it builds the crate with all its features, or all that can be built.
    ///
    /// # Errors
    /// What is wrong, where one that is to be left out is none of them.
    pub fn all_features(&self, features: &BTreeMap<String, Vec<String>>) -> Result<String, String> {
        if self.unbuilt.is_empty() {
            return Ok("--all-features".into());
        }
        let unknown = |left_out: &&Unbuilt| !features.contains_key(&left_out.feature);
        if let Some(Unbuilt { feature, .. }) = self.unbuilt.iter().find(unknown) {
            return Err(format!(
                "tests/suites.toml: {} has no feature {feature}; take it out of `unbuilt`",
                self.name
            ));
        }
        let built: Vec<_> = features
            .keys()
            .filter(|name| {
                self.unbuilt
                    .iter()
                    .all(|left_out| left_out.feature != **name)
            })
            .map(String::as_str)
            .collect();
        Ok(format!("--features={}", built.join(",")))
    }

    /// `cargo <verb>` in the crate's line, by a toolchain that builds the crate's tests.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is none.
    pub fn cargo(&self, line: &Line, verb: &str) -> Result<Command> {
        let Some(needed) = &self.rust else {
            return Ok(line.cargo(verb));
        };
        if process::rustc_version()? >= *needed {
            return Ok(line.cargo(verb));
        }
        process::require_nightly(&format!("the tests of {} need Rust {needed}", self.name))?;
        Ok(line.told(process::nightly_cargo(), verb))
    }

    /// Adds features, and behind `--` what the test harness is told.
    pub fn add_to(&self, command: &mut Command) {
        self.add_features_to(command);
        command.args(["--", "--exact"]);
        if let Some(threads) = self.threads {
            command.args(["--test-threads", &threads.to_string()]);
        }
        for (test, _) in self.skipped() {
            command.args(["--skip", test]);
        }
    }

    /// Adds, behind what [`Self::add_to`] adds, that tests are left out which need a change that is not laid.
    ///
    /// # Errors
    /// What is wrong, where the series has no such change.
    pub fn leave_out_unready(
        &self,
        command: &mut Command,
        laid: &[Change],
        series: &[Change],
    ) -> Result<(), String> {
        for Unready { test, until, .. } in &self.unready {
            let has = |changes: &[Change]| changes.iter().any(|change| change.slug == *until);
            if !has(series) {
                return Err(format!(
                    "tests/suites.toml: {} has no change {until}; `until` names the one from which on {test} passes",
                    self.name
                ));
            }
            if !has(laid) {
                println!("left out until {until}: {} {test}", self.name);
                command.args(["--skip", test]);
            }
        }
        Ok(())
    }

    /// Adds the features without which the crate's tests do not build, or are not there.
    pub fn add_features_to(&self, command: &mut Command) {
        if !self.features.is_empty() {
            let (name, _) = split_name(&self.name).unwrap_or((&self.name, ""));
            let features: Vec<String> = self
                .features
                .iter()
                .map(|feature| format!("{name}/{feature}"))
                .collect();
            command.args(["--features", &features.join(",")]);
        }
    }
}

fn seconds_max() -> u64 {
    15 * 60
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(unbuilt: &[&str]) -> CrateSuite {
        let unbuilt: Vec<_> = unbuilt
            .iter()
            .map(|feature| format!("{{ feature = \"{feature}\", why = \"it does not\" }}"))
            .collect();
        let text = format!("name = \"one-1.0.0\"\nunbuilt = [{}]", unbuilt.join(","));
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn all_features_are_those_that_can_be_built() {
        let features = ["default", "fips", "log"].map(|name| (name.to_owned(), Vec::new()));
        let features = BTreeMap::from(features);
        assert_eq!(
            suite(&[]).all_features(&features).unwrap(),
            "--all-features"
        );
        assert_eq!(
            suite(&["fips"]).all_features(&features).unwrap(),
            "--features=default,log"
        );
        let wrong = suite(&["fpis"]).all_features(&features).unwrap_err();
        assert!(wrong.contains("one-1.0.0 has no feature fpis"), "{wrong}");
    }
}
