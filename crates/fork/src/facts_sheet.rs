//! `FACTS.md`: what a maintainer who knows nothing of us needs to judge a series. Facts alone; the words of a pull request
//! are its sender's.

use std::fmt::Write as _;

use crate::change::Change;
use crate::contributing::{Upstream, with_first};
use crate::defects::Defect;
use crate::export::{Origin, Patch};
use crate::measured::Measured;
use crate::project::split_name;
use crate::verbs::status::Lines;

/// What the sheet is made from.
pub struct Sheet<'a> {
    pub krate: &'a str,
    pub origin: &'a Origin,
    /// The address of the repository; what the manifest names may be another one's.
    pub repository: &'a str,
    pub upstream: &'a Upstream,
    pub patches: &'a [Patch<'a>],
    /// Those of every crate.
    pub defects: &'a [Defect],
    pub measured: &'a [Measured],
    pub lines: &'a [Lines],
}

impl Sheet<'_> {
    /// The text. Its first line names repository, commit and folder.
    pub fn text(&self) -> String {
        let mut text = self.head();
        text += &self.rules();
        for (patch, lines) in self.patches.iter().zip(self.lines) {
            text += &self.change(patch, *lines);
        }
        text
    }

    fn head(&self) -> String {
        let Origin { commit, folder, .. } = self.origin;
        let folder = if folder.is_empty() { "." } else { folder };
        let (name, version) = split_name(self.krate).unwrap_or((self.krate, ""));
        let (repository, count) = (self.repository, self.patches.len());
        let patches = if count == 1 { "patch" } else { "patches" };
        format!(
            "# {repository} at {commit}, folder {folder}

{count} {patches} to {name} {version}, as published from that commit. In a clone of the repository:

    git switch --create evergreen {commit}
    git am {place}/*.patch

The author of a patch is a placeholder: `git rebase --exec 'git commit --amend --no-edit --reset-author' {short}` puts the
sender's name there. Newer commits: `git am --3way`.

The patches are of Evergreen, a set of changes to published crates that keep long-lived nodes from growing, stopping and
panicking; `cargo fork` is its tool, `cargo soak` what it measures with.
{needing}",
            needing = self.needing(),
            place = "<this folder>",
            short = &commit[..commit.len().min(10)],
        )
    }

    /// Which patches do not build on what is released.
    fn needing(&self) -> String {
        let needy = self.patches.iter();
        let needy: Vec<_> = needy
            .filter(|patch| !patch.change.facts.needs.is_empty())
            .map(|patch| format!("`{}`", patch.file))
            .collect();
        match &needy[..] {
            [] => String::new(),
            needy => format!(
                "\nNot on what is released alone: {}. Below stands which changes of other crates they build on.\n",
                needy.join(", ")
            ),
        }
    }

    fn rules(&self) -> String {
        let mut text = format!(
            "\n## What {} asks of a contribution\n\nIn our words, as read on {} in {}; read them again before sending.\n\n",
            self.upstream.name,
            self.upstream.read,
            self.upstream.sources.join(", ")
        );
        for rule in &self.upstream.rules {
            let _ = writeln!(text, "- {rule}");
        }
        for file in self.without_header() {
            let _ = writeln!(
                text,
                "- **Not yet kept:** {file} does not begin with that line."
            );
        }
        text
    }

    fn change(&self, patch: &Patch<'_>, lines: Lines) -> String {
        let Patch { change, file, .. } = patch;
        let mut text = format!(
            "\n## {file}\n\n**What:** {}\n\n**Why:**\n\n",
            change.facts.summary.trim()
        );
        for line in change.facts.why.trim().lines() {
            let _ = writeln!(text, "{}", format!("> {line}").trim_end());
        }
        text += "\n";
        let mends = |defect: &&Defect| change.facts.defects.contains(&defect.slug);
        for defect in self.defects.iter().filter(mends) {
            let Defect { slug, what, .. } = defect;
            let (said, what) = match what.strip_prefix("Bound: ") {
                Some(bound) => ("what it bounds", bound),
                None => (&*defect.heading, &**what),
            };
            let _ = writeln!(
                text,
                "**{}** (`{slug}`): {what}.\n",
                with_first(said, char::to_uppercase)
            );
        }
        if !change.facts.needs.is_empty() {
            let needs = change.facts.needs.join("`, `");
            let _ = writeln!(text, "**Builds on** `{needs}`, in those crates' series.\n");
        }
        text += &tests(change);
        text += &self.figures(change);
        let _ = writeln!(
            text,
            "**Lines:** {} in new files, {} added to what is there, {} taken away.",
            lines.new_files, lines.added, lines.removed
        );
        text
    }

    fn figures(&self, change: &Change) -> String {
        let of_change = |measured: &&Measured| {
            let mut defects = measured.defects.iter();
            defects.any(|defect| change.facts.defects.contains(defect))
        };
        let mine: Vec<&Measured> = self.measured.iter().filter(of_change).collect();
        if mine.is_empty() {
            return String::new();
        }
        let mut text = "**Measured** by `cargo soak`: growth of live heap an event, with every crate as published and with every \
                        crate patched.\n\n| scenario | an event is | untouched | patched | verdict | date |\n|---|---|---|---|---|---|\n"
            .to_owned();
        for measured in &mine {
            let (untouched, patched) = (bytes(measured.untouched), bytes(measured.patched));
            let _ = writeln!(
                text,
                "| {} | {} | {untouched} | {patched} | {} | {} |",
                measured.scenario,
                measured.event,
                measured.verdict,
                measured.day()
            );
        }
        let mut runs: Vec<&str> = mine.iter().map(|measured| &*measured.replay).collect();
        runs.sort_unstable();
        runs.dedup();
        let _ = writeln!(text, "\nTo repeat: `{}`.\n", runs.join("`, `"));
        text
    }

    /// New source files without the line that the project wants at the top of each.
    fn without_header(&self) -> Vec<&str> {
        let Some(header) = &self.upstream.header else {
            return Vec::new();
        };
        let files = self.patches.iter().flat_map(|patch| &patch.change.files);
        files
            .filter(|(file, bytes)| file.ends_with(".rs") && !bytes.starts_with(header.as_bytes()))
            .map(|(file, _)| file.as_str())
            .collect()
    }
}

fn tests(change: &Change) -> String {
    let facts = &change.facts;
    if let Some(why) = &facts.exempt {
        return format!("**Tests:** none can fail without it: {}\n\n", why.trim());
    }
    let mut text = "**Tests** that fail without it:\n\n".to_owned();
    for test in &facts.tests {
        let _ = writeln!(text, "- `{}` in {}", test.test, test.file);
    }
    let (name, _) = split_name(&change.krate).unwrap_or((&change.krate, ""));
    text += "\n**See it fail:** ";
    let mut targets: Vec<&str> = facts
        .tests
        .iter()
        .filter_map(|test| test.target())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    if !targets.is_empty() {
        let targets = targets.join(" --test ");
        let _ = write!(
            text,
            "with the patch applied, `git checkout HEAD^ -- src` in the crate's folder takes the fix away and leaves the \
             tests, then `cargo test -p {name} --test {targets}`. "
        );
    }
    let _ = writeln!(
        text,
        "In a checkout of Evergreen, `cargo fork test --before {}` does it for all of them.\n",
        change.name()
    );
    text
}

fn bytes(figure: f64) -> String {
    // No minus in front of nothing.
    let figure = if figure.abs() < 0.5 { 0.0 } else { figure };
    format!("{figure:.0} bytes")
}
