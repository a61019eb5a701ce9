//! What upstream's projects ask of a contribution, as data: `contributing.toml`, which is built into the tool.

use serde::Deserialize;

use crate::change::Change;
use crate::project::split_name;
use crate::{Error, Result};

const TEXT: &str = include_str!("../contributing.toml");

/// One project and its rules, as far as they bind a change of ours.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub name: String,
    /// Crates whose manifest names another repository than the one they come from.
    #[serde(default)]
    crates: Vec<String>,
    repositories: Vec<String>,
    /// Where the rules stand, in the repository.
    pub sources: Vec<String>,
    /// The day on which they were read.
    pub read: String,
    subject: String,
    /// The first line of each new source file.
    pub header: Option<String>,
    pub rules: Vec<String>,
    /// Where a defect is reported that must not be public yet.
    pub security: String,
}

impl Upstream {
    /// The project that a crate comes from, and the address of its repository; `named` is the one that its manifest names.
    ///
    /// # Errors
    /// [`Error::Check`] where no rules are known for it.
    pub fn of(krate: &str, named: &str) -> Result<(Self, String)> {
        let (name, _) = split_name(krate).unwrap_or((krate, ""));
        let projects = all()?;
        let by_crate = projects
            .iter()
            .find(|project| project.crates.iter().any(|krate| krate == name));
        if let Some(project) = by_crate {
            return Ok((project.clone(), project.repositories[0].clone()));
        }
        let plain = |url: &str| {
            url.trim_end_matches('/')
                .trim_end_matches(".git")
                .to_owned()
        };
        projects
            .into_iter()
            .find(|project| project.repositories.contains(&plain(named)))
            .map(|project| (project, plain(named)))
            .ok_or_else(|| {
                Error::Check(format!(
                    "{krate}: crates/fork/contributing.toml has no rules for {named:?}; read the project's and add them"
                ))
            })
    }

    /// The subject of a change's commit as the project wants it.
    pub fn subject(&self, change: &Change) -> String {
        let summary = change.facts.summary.trim();
        let (name, _) = split_name(&change.krate).unwrap_or((&change.krate, ""));
        let only_tests =
            change.hooks.is_empty() && change.files.keys().all(|file| file.starts_with("tests/"));
        let kind = match (only_tests, change.facts.defects.is_empty()) {
            (true, _) => "test",
            (false, true) => "feat",
            (false, false) => "fix",
        };
        // Behind a prefix, a sentence goes on.
        let summary = if self.subject.starts_with("{summary}") {
            summary.to_owned()
        } else {
            with_first(summary, char::to_lowercase)
        };
        self.subject
            .replace("{type}", kind)
            .replace("{crate}", name)
            .replace("{summary}", &summary)
    }
}

/// A text with its first letter as a sentence begins or goes on.
pub fn with_first<I: Iterator<Item = char>>(text: &str, cased: fn(char) -> I) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(cased);
    first.chain(letters.as_str().chars()).collect()
}

fn all() -> Result<Vec<Upstream>> {
    #[derive(Deserialize)]
    struct Projects {
        project: Vec<Upstream>,
    }
    let path = std::path::Path::new("crates/fork/contributing.toml");
    let projects: Projects =
        toml::from_str(TEXT).map_err(|error| Error::malformed_toml(path, TEXT, &error))?;
    Ok(projects.project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_project_has_rules_and_a_form_of_subject() {
        for project in all().unwrap() {
            assert!(project.subject.contains("{summary}"), "{}", project.name);
            assert!(!project.rules.is_empty() && !project.security.is_empty());
            assert!(!project.repositories.is_empty() && !project.sources.is_empty());
        }
    }

    #[test]
    fn a_crate_is_found_by_its_repository_or_by_name() {
        let of = |krate, named| Upstream::of(krate, named).map(|(project, _)| project.name);
        let quinn = "https://github.com/quinn-rs/quinn";
        assert_eq!(of("quinn-0.11.12", quinn).unwrap(), "quinn");
        assert_eq!(
            of("iroh-quinn-0.13.0", quinn).unwrap(),
            "iroh's fork of quinn"
        );
        let error = of("x-1.0.0", "https://localhost/x").unwrap_err();
        assert!(error.to_string().contains("has no rules for"), "{error}");
    }
}
