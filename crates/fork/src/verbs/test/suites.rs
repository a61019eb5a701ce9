//! tests/suites.toml: how upstream's own suites run here, and which of their tests cannot, and why.

use std::fs;
use std::process::Command;

use serde::Deserialize;

use crate::error::IoContext;
use crate::project::{Project, split_name};
use crate::{Error, Result};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suites {
    /// What the untouched crates forgot to ask for: `--before` and `bench` build with it, as patch/upstream does. In the
    /// form of a manifest's `[dependencies]`.
    #[serde(default)]
    pub untouched_needs: toml::Table,
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
    /// How many tests run at a time; as many as there are cores where it is not said.
    pub threads: Option<usize>,
    /// After how long the suite is stopped, builds included.
    #[serde(default = "seconds_max")]
    pub seconds_max: u64,
    #[serde(default)]
    pub skip: Vec<Skip>,
}

/// A test that is not run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// The whole path of the test, as the test harness prints it.
    pub test: String,
    pub why: String,
}

impl Suites {
    pub fn read(project: &Project) -> Result<Self> {
        let path = project.root().join("tests/suites.toml");
        let text = fs::read_to_string(&path).on("cannot read", &path)?;
        let suites: Suites =
            toml::from_str(&text).map_err(|error| Error::malformed_toml(&path, &text, &error))?;
        let known = project.crates()?;
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

    pub fn of(&self, krate: &str) -> CrateSuite {
        let found = self.crates.iter().find(|suite| suite.name == krate);
        found.cloned().unwrap_or(CrateSuite {
            name: krate.to_owned(),
            features: Vec::new(),
            threads: None,
            seconds_max: seconds_max(),
            skip: Vec::new(),
        })
    }

    /// Says which tests were skipped, and why.
    pub fn print_skips(&self, crates: &[String]) {
        for suite in self
            .crates
            .iter()
            .filter(|suite| crates.contains(&suite.name))
        {
            for Skip { test, why } in &suite.skip {
                println!("skipped: {} {test}: {why}", suite.name);
            }
        }
    }
}

impl CrateSuite {
    /// Adds features, and behind `--` what the test harness is told.
    pub fn add_to(&self, command: &mut Command) {
        if !self.features.is_empty() {
            let (name, _) = split_name(&self.name).unwrap_or((&self.name, ""));
            let features: Vec<String> = self
                .features
                .iter()
                .map(|feature| format!("{name}/{feature}"))
                .collect();
            command.args(["--features", &features.join(",")]);
        }
        command.args(["--", "--exact"]);
        if let Some(threads) = self.threads {
            command.args(["--test-threads", &threads.to_string()]);
        }
        for skip in &self.skip {
            command.args(["--skip", &skip.test]);
        }
    }
}

fn seconds_max() -> u64 {
    15 * 60
}
