//! A change: one folder under `patch/<crate>-<version>/`, and the series that orders the folders of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::error::IoContext;
use crate::project::Project;
use crate::{Error, Result};

/// The file that says what a change is.
pub const FACTS: &str = "change.toml";
/// The file that holds the hunks into files that stand before the change.
pub const HOOKS: &str = "hooks.patch";

/// What [`FACTS`] tells people, of which nothing is built.
const PROSE: [&str; 7] = [
    "summary",
    "why",
    "exempt",
    "removal",
    "upstream-status",
    "disclosure",
    "last-update",
];

/// One change to one published crate, as its folder holds it.
#[derive(Debug, Clone)]
pub struct Change {
    /// `<crate>-<version>`.
    pub krate: String,
    /// The name of the folder: what the change does, in lower case and dashes.
    pub slug: String,
    pub facts: Facts,
    /// The text of `change.toml`, which says the facts.
    pub text: String,
    /// The text of `hooks.patch`; empty where the change only adds files.
    pub hooks: String,
    /// Whole files that upstream does not have, by their path inside the crate. Files that [`Facts::shares`] takes from
    /// a twin are among them.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What `change.toml` says. Unknown keys are errors: a misspelt one would be silently without effect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Facts {
    /// One line, imperative: the subject of the commit.
    pub summary: String,
    /// The mechanism, the growth law, who can trigger it.
    pub why: String,
    /// The defects of docs/DEFECTS.md that this change fixes, alone or as the last of several.
    #[serde(default)]
    pub defects: Vec<String>,
    /// The tests that fail without it, as `<file in the crate>::<test>`.
    #[serde(default)]
    pub tests: Vec<TestName>,
    /// Why no test can fail without it. Only for changes that add API alone, or mend what does not compile.
    pub exempt: Option<String>,
    /// When this change can go.
    pub removal: String,
    /// Changes in other crates that it compiles against, as `<crate>-<version>/<slug>`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Files taken from a twin change: path inside this crate = `<crate>-<version>/<slug>`.
    #[serde(default)]
    pub shares: BTreeMap<String, String>,
    /// Upstream files that the change takes out whole.
    #[serde(default)]
    pub removes: Vec<String>,
    pub upstream_status: UpstreamStatus,
    /// Whether a stranger can use the defect against a current release.
    #[serde(default)]
    pub disclosure: Disclosure,
    /// The day the folder was last looked at, `YYYY-MM-DD`.
    pub last_update: Day,
    /// What it adds to the crate's manifest, in the manifest's own form.
    #[serde(default)]
    pub dependencies: toml::Table,
    #[serde(default)]
    pub dev_dependencies: toml::Table,
    #[serde(default)]
    pub features: BTreeMap<String, Vec<String>>,
}

/// Where a change stands with upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum UpstreamStatus {
    Pending,
    Submitted(String),
    Accepted(String),
    Backport(String),
    Denied(String),
    InactiveUpstream,
    Inappropriate(String),
}

/// Who may know of a defect before its project has mended it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disclosure {
    #[default]
    Public,
    /// Its project alone: SECURITY.md says how it is told.
    Private,
}

/// A test, by the file that holds it and its name: `<file in the crate>::<test>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TestName {
    pub file: String,
    pub test: String,
}

/// A calendar day as `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(pub String);

impl Change {
    /// `<crate>-<version>/<slug>`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.krate, self.slug)
    }

    /// The message of its commit in the assembled tree.
    pub fn message(&self) -> String {
        format!(
            "{}\n\n{}\n\nChange: {}\n",
            self.facts.summary.trim(),
            self.facts.why.trim(),
            self.slug
        )
    }

    /// What `change.toml` says without [`PROSE`], the same however it is set.
    pub fn facts_without_prose(&self) -> String {
        let mut facts: toml::Table = self.text.parse().expect("the facts were read from it");
        facts.retain(|key, _| !PROSE.contains(&key));
        facts.to_string()
    }
}

impl Facts {
    /// Reads the text of a `change.toml`, which stands at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| Error::malformed_toml(path, text, &error))
    }
}

impl TestName {
    /// Whether a test that ran, by its path as the test harness prints it, is this one.
    pub fn is(&self, ran: &str) -> bool {
        ran == self.test || ran.ends_with(&format!("::{}", self.test))
    }

    /// Whether the file is an integration test, a target of its own.
    pub fn target(&self) -> Option<&str> {
        self.file.strip_prefix("tests/")?.strip_suffix(".rs")
    }
}

/// The slugs of a crate's changes, in the order they are laid.
pub fn series(project: &Project, krate: &str) -> Result<Vec<String>> {
    let path = project.patch_dir(krate).join("series");
    let text = fs::read_to_string(&path).on("cannot read", &path)?;
    let slugs: Vec<String> = series_lines(&text).map(str::to_owned).collect();
    let mut seen = BTreeSet::new();
    for slug in &slugs {
        if !seen.insert(slug) {
            return Err(Error::malformed(
                &path,
                format!("names {slug} twice; once is enough"),
            ));
        }
    }
    Ok(slugs)
}

/// The changes of a crate, in the order they are laid.
///
/// # Errors
/// [`Error::Malformed`] for a folder that cannot be read as a change, [`Error::AddedTwice`] where two add one file.
pub fn changes(project: &Project, krate: &str) -> Result<Vec<Change>> {
    let slugs = series(project, krate)?;
    let changes: Vec<Change> = slugs
        .iter()
        .map(|slug| read(project, krate, slug))
        .collect::<Result<_>>()?;
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for change in &changes {
        for file in change.files.keys() {
            if let Some(owner) = owners.insert(file, &change.slug) {
                return Err(Error::AddedTwice {
                    change: change.name(),
                    file: file.clone(),
                    owner: owner.to_owned(),
                });
            }
        }
    }
    Ok(changes)
}

/// The changes of every crate of the lines that are meant, in the order of the crates' names and their series.
pub fn all(project: &Project) -> Result<Vec<Change>> {
    let mut all = Vec::new();
    for krate in project.crates()? {
        all.extend(changes(project, &krate)?);
    }
    Ok(all)
}

/// The changes of each crate that has some, by its name; `all` is in the order of [`all`].
pub fn by_crate(all: &[Change]) -> BTreeMap<&str, &[Change]> {
    all.chunk_by(|one, other| one.krate == other.krate)
        .map(|series| (series[0].krate.as_str(), series))
        .collect()
}

/// The one change that `slug` means: `<crate>-<version>/<slug>`, or `<slug>` where only one crate has such a change.
///
/// # Errors
/// [`Error::Usage`] that lists the changes there are.
pub fn find(project: &Project, slug: &str) -> Result<Change> {
    let all = all(project)?;
    let named = |change: &&Change| change.slug == slug || change.name() == slug;
    let mut hits = all.iter().filter(named);
    match (hits.next(), hits.next()) {
        (Some(change), None) => Ok(change.clone()),
        (Some(_), Some(_)) => Err(Error::Usage(format!(
            "`{slug}` is in several crates; name it <crate>-<version>/{slug}"
        ))),
        (None, _) => {
            let names: Vec<String> = all.iter().map(Change::name).collect();
            Err(Error::Usage(format!(
                "no change `{slug}`; expected one of: {}",
                names.join(", ")
            )))
        }
    }
}

/// The slug that a commit's message names, as [`Change::message`] writes it: a line `Change: <slug>` in its last paragraph.
pub fn slug_in(message: &str) -> Option<&str> {
    let last = message.trim_end().rsplit("\n\n").next()?;
    let slug = last
        .lines()
        .find_map(|line| line.strip_prefix("Change: "))?
        .trim();
    is_slug(slug).then_some(slug)
}

/// Lower-case letters, digits and dashes.
pub fn is_slug(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(plain)
}

/// The crates that some changes compile against, and those that the changes of these compile against, and so on.
pub fn needed_crates<'a>(
    some: impl IntoIterator<Item = &'a Change>,
    all: &'a [Change],
) -> BTreeSet<&'a str> {
    let mut crates = BTreeSet::new();
    let mut todo: Vec<&Change> = some.into_iter().collect();
    while let Some(change) = todo.pop() {
        let needs = change.facts.needs.iter();
        for krate in needs.filter_map(|need| Some(need.split_once('/')?.0)) {
            if crates.insert(krate) {
                todo.extend(all.iter().filter(|other| other.krate == krate));
            }
        }
    }
    crates
}

/// The defects that the changes claim fixed, of whatever line.
pub fn claimed_defects(project: &Project) -> Result<BTreeSet<String>> {
    Ok(all(&project.whole())?
        .into_iter()
        .flat_map(|change| change.facts.defects)
        .collect())
}

/// The slugs that a `series` file names, without comments and blank lines.
pub fn series_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
}

/// Every file below a folder, by its path relative to it with `/` between the parts, in order.
pub fn files_below(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let at = dir.join(&folder);
        for entry in fs::read_dir(&at).on("cannot read", &at)? {
            let entry = entry.on("cannot read", &at)?;
            let inner = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(inner);
            } else {
                let parts = inner.iter().map(|part| part.to_string_lossy());
                found.push(parts.collect::<Vec<_>>().join("/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files that a change takes from twins; `path` is that of its `change.toml`.
pub fn shared(project: &Project, path: &Path, facts: &Facts) -> Result<BTreeMap<String, Vec<u8>>> {
    let bytes = |(file, twin): (&String, &String)| {
        let there = project.root().join("patch").join(twin).join(file);
        let bytes = fs::read(there).map_err(|_| {
            let what = format!("shares {file} from {twin}, which does not have it");
            Error::malformed(path, what)
        })?;
        Ok((file.clone(), bytes))
    };
    facts.shares.iter().map(bytes).collect()
}

fn read(project: &Project, krate: &str, slug: &str) -> Result<Change> {
    let dir = project.patch_dir(krate).join(slug);
    let path = dir.join(FACTS);
    if !path.is_file() {
        return Err(Error::malformed(
            &project.patch_dir(krate).join("series"),
            format!(
                "names {slug}, but there is no {slug}/{FACTS}; add the folder or take the line out"
            ),
        ));
    }
    let text = fs::read_to_string(&path).on("cannot read", &path)?;
    let facts = Facts::parse(&path, &text)?;
    let mut hooks = String::new();
    let mut files = BTreeMap::new();
    for file in files_below(&dir)? {
        let at = dir.join(&file);
        match file.as_str() {
            FACTS => {}
            HOOKS => hooks = fs::read_to_string(&at).on("cannot read", &at)?,
            _ => {
                files.insert(file, fs::read(&at).on("cannot read", &at)?);
            }
        }
    }
    for (file, bytes) in shared(project, &path, &facts)? {
        if files.insert(file.clone(), bytes).is_some() {
            let twin = &facts.shares[&file];
            return Err(Error::malformed(
                &path,
                format!("shares {file} from {twin} and has a copy of its own; delete the copy"),
            ));
        }
    }
    Ok(Change {
        krate: krate.into(),
        slug: slug.into(),
        facts,
        text,
        hooks,
        files,
    })
}

impl TryFrom<String> for UpstreamStatus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let rest = rest.trim();
        let with_rest = |make: fn(String) -> Self| {
            if rest.is_empty() {
                Err(format!(
                    "upstream-status {word:?} wants a word behind it: where, which version, or why"
                ))
            } else {
                Ok(make(rest.to_owned()))
            }
        };
        match (word, rest) {
            ("Pending", "") => Ok(Self::Pending),
            ("Inactive-Upstream", "") => Ok(Self::InactiveUpstream),
            ("Submitted", _) => with_rest(Self::Submitted),
            ("Accepted", _) => with_rest(Self::Accepted),
            ("Backport", _) => with_rest(Self::Backport),
            ("Denied", _) => with_rest(Self::Denied),
            ("Inappropriate", _) => with_rest(Self::Inappropriate),
            _ => Err(format!(
                "upstream-status is {text:?}; expected Pending, Submitted <where>, Accepted <version>, \
                 Backport <version>, Denied <why>, Inactive-Upstream or Inappropriate <why>"
            )),
        }
    }
}

impl fmt::Display for UpstreamStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("Pending"),
            Self::InactiveUpstream => f.write_str("Inactive-Upstream"),
            Self::Submitted(rest) => write!(f, "Submitted {rest}"),
            Self::Accepted(rest) => write!(f, "Accepted {rest}"),
            Self::Backport(rest) => write!(f, "Backport {rest}"),
            Self::Denied(rest) => write!(f, "Denied {rest}"),
            Self::Inappropriate(rest) => write!(f, "Inappropriate {rest}"),
        }
    }
}

impl TryFrom<String> for TestName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once("::") {
            Some((file, test)) if file.ends_with(".rs") && !test.is_empty() => Ok(TestName {
                file: file.into(),
                test: test.into(),
            }),
            _ => Err(format!(
                "test {text:?}; expected `<file in the crate>::<test>`, as tests/some_file.rs::some_test"
            )),
        }
    }
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.file, self.test)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('-').collect();
        let number = |part: &str, digits: usize, most: u32| {
            part.len() == digits && part.parse::<u32>().is_ok_and(|n| (1..=most).contains(&n))
        };
        match parts[..] {
            [year, month, day]
                if number(year, 4, 9999) && number(month, 2, 12) && number(day, 2, 31) =>
            {
                Ok(Day(text.to_owned()))
            }
            _ => Err(format!(
                "last-update is {text:?}; expected a day as YYYY-MM-DD"
            )),
        }
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> Result<UpstreamStatus, String> {
        UpstreamStatus::try_from(text.to_owned())
    }

    #[test]
    fn a_status_is_one_of_seven() {
        for text in [
            "Pending",
            "Submitted upstream/pull/1",
            "Accepted 0.5.0",
            "Backport 0.5.0",
            "Denied no",
            "Inactive-Upstream",
            "Inappropriate fork only",
        ] {
            assert_eq!(status(text).unwrap().to_string(), text);
        }
        assert!(status("pending").unwrap_err().contains("expected Pending"));
        assert!(
            status("Accepted")
                .unwrap_err()
                .contains("wants a word behind it")
        );
    }

    #[test]
    fn a_test_is_named_by_file_and_function() {
        let test = TestName::try_from("tests/book.rs::stays_bounded".to_owned()).unwrap();
        assert_eq!(test.target(), Some("book"));
        assert!(test.is("stays_bounded") && test.is("deep::stays_bounded"));
        assert!(!test.is("not_stays_bounded"));
        assert!(TestName::try_from("stays_bounded".to_owned()).is_err());
    }

    #[test]
    fn a_commit_names_its_change_in_its_last_paragraph() {
        assert_eq!(slug_in("a\n\nb\n\nChange: some-slug\n"), Some("some-slug"));
        assert_eq!(slug_in("a\n\nChange: one\nOther: two\n"), Some("one"));
        assert_eq!(slug_in("a\n\nChange: some-slug\n\nb"), None);
        assert_eq!(slug_in("Change: Not A Slug"), None);
    }

    fn change(krate: &str, facts: &str) -> Change {
        let text = format!(
            "summary = ''\nremoval = ''\nupstream-status = 'Pending'\nlast-update = '2026-11-21'\n{facts}"
        );
        Change {
            krate: krate.into(),
            slug: "s".into(),
            facts: Facts::parse(Path::new("change.toml"), &text).unwrap(),
            text,
            hooks: String::new(),
            files: BTreeMap::new(),
        }
    }

    #[test]
    fn better_words_leave_a_change_as_it_was_built() {
        let facts = |facts: &str| change("a-1.0.0", facts).facts_without_prose();
        let first = facts("why = 'Grows'\ntests = ['src/a.rs::t']");
        assert_eq!(
            first,
            facts("tests = [\n  'src/a.rs::t',\n]\nwhy = 'It grows.'")
        );
        assert_ne!(first, facts("why = 'Grows'\ntests = ['src/a.rs::u']"));
        assert_ne!(
            first,
            facts("why = 'Grows'\ntests = ['src/a.rs::t']\nneeds = ['b-1.0.0/s']")
        );
    }

    #[test]
    fn what_a_change_needs_needs_more() {
        let change =
            |krate: &str, needs: &str| change(krate, &format!("why = ''\nneeds = [{needs}]"));
        let all = [
            change("a-1.0.0", "'b-1.0.0/s'"),
            change("b-1.0.0", "'c-1.0.0/s'"),
            change("c-1.0.0", "'b-1.0.0/s'"),
            change("d-1.0.0", ""),
        ];
        let needed: Vec<_> = needed_crates(&all[..1], &all).into_iter().collect();
        assert_eq!(needed, ["b-1.0.0", "c-1.0.0"]);
    }

    #[test]
    fn a_series_has_comments_and_blank_lines() {
        let slugs: Vec<_> = series_lines("# why\n\none\n two # this\n").collect();
        assert_eq!(slugs, ["one", "two"]);
    }

    #[test]
    fn a_day_is_a_day() {
        assert!("2026-11-21".parse::<Day>().is_ok());
        assert!("2026-13-01".parse::<Day>().is_err());
        assert!("today".parse::<Day>().is_err());
    }
}
