//! `cargo fork refresh`: turns the commits of an assembled crate back into change folders.
//!
//! The commits are read as changes, the crate is laid from these and compared with the tree they came from, and only then
//! both the folder under `patch/` and the tree are replaced, at once. `change.toml` is never rewritten: what it holds is
//! not in the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::assemble;
use crate::change::{self, Change, FACTS, Facts, HOOKS};
use crate::error::IoContext;
use crate::git::{Repo, UPSTREAM};
use crate::hunk;
use crate::manifest::{self, Scope};
use crate::project::Project;
use crate::{Error, Result};

/// Refreshes one crate, or every one that was edited. `drop_missing`: folders of changes without a commit are deleted.
pub fn run(project: &Project, name: Option<&str>, drop_missing: bool) -> Result<()> {
    for krate in project.select(name)? {
        let dir = project.patched_dir(&krate);
        if assemble::head_as_made(&dir).is_none() {
            return Err(Error::Usage(format!(
                "{} is not assembled; run `cargo fork assemble{}` first",
                project.patched_name(&krate),
                project.line_of(&krate).flag()
            )));
        }
        if name.is_some() || assemble::hand_edits(&dir)?.is_some() {
            refresh(project, &krate, drop_missing)?;
        }
    }
    Ok(())
}

fn refresh(project: &Project, krate: &str, drop_missing: bool) -> Result<()> {
    let repo = Repo::at(project.patched_dir(krate));
    let place = project.patched_name(krate);
    refuse_uncommitted(krate, &place, &repo)?;
    let changes = take_all(project, krate, &repo)?;
    refuse_overwriting(project, krate, &changes)?;
    let mut missing = change::series(project, krate)?;
    missing.retain(|slug| !changes.iter().any(|change| change.slug == *slug));
    if !missing.is_empty() && !drop_missing {
        return Err(Error::Check(format!(
            "{place} has no commit for {}; `cargo fork refresh {krate} --drop` deletes the folders",
            missing.join(", ")
        )));
    }

    let remade = assemble::remake(project, krate, &changes)?;
    same_tree(&place, &repo, &remade.repo)?;
    write_folder(project, krate, &changes, &missing, &remade.folder)?;
    let new = changes
        .iter()
        .filter(|change| !facts_of(project, change).is_file());
    let new: Vec<&Change> = new.collect();
    remade.accept(project)?;

    println!("patch/{krate}: {} changes as in {place}", changes.len());
    for change in new {
        println!(
            "patch/{}/{FACTS}: written from the commit's message; complete it (`cargo fork lint` says what is missing)",
            change.name()
        );
    }
    for slug in missing {
        println!("patch/{krate}/{slug}: deleted");
    }
    Ok(())
}

fn refuse_uncommitted(krate: &str, place: &str, repo: &Repo) -> Result<()> {
    let edits = repo.edits()?;
    if edits.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!(
        "{place} has edits that are not committed: {}; commit them to the change they belong to \
         (`cargo fork edit {krate}` shows how), and run again from the root of the checkout",
        edits.join(", ")
    )))
}

/// Our files are edited under `patch/` too; what the tree does not know of that would be lost.
fn refuse_overwriting(project: &Project, krate: &str, changes: &[Change]) -> Result<()> {
    let lost = assemble::overwritten_by(project, krate, changes)?;
    if lost.is_empty() {
        return Ok(());
    }
    Err(Error::Check(format!(
        "refresh would overwrite what changed under patch/ since {} was made: {}; `cargo fork assemble` \
         takes it up where the tree has no edits; else put it aside with git, refresh, and merge there",
        project.patched_name(krate),
        lost.join(", ")
    )))
}

/// Reads every commit behind the published crate as a change.
fn take_all(project: &Project, krate: &str, repo: &Repo) -> Result<Vec<Change>> {
    let place = project.patched_name(krate);
    let mut changes: Vec<Change> = Vec::new();
    for commit in repo.commits()? {
        let message = repo.git(["show", "--no-patch", "--format=%B", &commit])?;
        let subject = message.lines().next().unwrap_or_default();
        let slug = change::slug_in(&message).ok_or_else(|| {
            Error::Check(format!(
                "{place}: commit {commit:.8} ({subject:?}) has no line `Change: <slug>` at its end; squash it into \
                 the change it belongs to with `git rebase --interactive --autosquash {UPSTREAM}`, or reword it to start \
                 a change"
            ))
        })?;
        if changes.iter().any(|change| change.slug == slug) {
            return Err(Error::Check(format!(
                "{place}: two commits say `Change: {slug}`; squash them with \
                 `git rebase --interactive --autosquash {UPSTREAM}`"
            )));
        }
        changes.push(take(project, krate, repo, &commit, slug, &message)?);
    }
    Ok(changes)
}

/// Reads one commit. `krate` is the one whose folder holds the change already, if it is not new. What is not in the tree is taken from the change's folder, or from the message for a new one.
pub fn take(
    project: &Project,
    krate: &str,
    repo: &Repo,
    commit: &str,
    slug: &str,
    message: &str,
) -> Result<Change> {
    let path = project.patch_dir(krate).join(slug).join(FACTS);
    let text = if path.is_file() {
        fs::read_to_string(&path).on("cannot read", &path)?
    } else {
        template(message)
    };
    let facts = Facts::parse(&path, &text)?;
    let mut change = Change {
        krate: krate.into(),
        slug: slug.into(),
        files: change::shared(project, &path, &facts)?,
        facts,
        text,
        hooks: String::new(),
    };
    let parent = format!("{commit}^");
    let changed = take_files(repo, &mut change, &parent, commit)?;
    check_manifest(repo, &change, &parent, commit)?;
    if !changed.is_empty() {
        change.hooks = hooks(repo, &change, &parent, commit, &changed)?;
    }
    Ok(change)
}

/// Puts the files that a commit adds into the change, and gives back those that it edits.
fn take_files(repo: &Repo, change: &mut Change, from: &str, to: &str) -> Result<Vec<String>> {
    refuse_copies(repo, change, to)?;
    let list = repo.git(["diff", "--name-status", "-z", "--no-renames", from, to])?;
    let mut words = list.split_terminator('\0').map(str::to_owned);
    let mut changed = Vec::new();
    while let (Some(status), Some(file)) = (words.next(), words.next()) {
        match status.as_str() {
            "A" if change.facts.shares.contains_key(&file) => {}
            "A" => {
                let bytes = repo.file(to, &file)?;
                change.files.insert(file, bytes);
            }
            "M" if file == "Cargo.toml" => {}
            "M" => changed.push(file),
            "D" if change.facts.removes.contains(&file) => {}
            "D" => {
                let what = format!("deletes {file}; add it to `removes = [\"{file}\"]`");
                return Err(refuse(change, what));
            }
            _ => {
                let what = format!(
                    "does {status} to {file}; only adding, changing and deleting files is known"
                );
                return Err(refuse(change, what));
            }
        }
    }
    Ok(changed)
}

/// An upstream file that was moved or copied would come under `patch/` whole.
fn refuse_copies(repo: &Repo, change: &Change, commit: &str) -> Result<()> {
    let search = ["--find-copies-harder", "--diff-filter=CR", "-l0"];
    let args = ["diff", "--name-status", "-z"].into_iter().chain(search);
    let list = repo.git(args.chain([UPSTREAM, commit]))?;
    match list.split('\0').collect::<Vec<_>>()[..] {
        [alike, from, to, ..] => Err(refuse(
            change,
            format!(
                "{to} is upstream's {from}, moved or copied ({} % alike); upstream's text stays out of patch/: leave it \
                 at its place and hook into it",
                alike.trim_start_matches(['C', 'R', '0'])
            ),
        )),
        _ => Ok(()),
    }
}

/// The hunks of a commit without a line of upstream's around them.
fn hooks(repo: &Repo, change: &Change, from: &str, to: &str, files: &[String]) -> Result<String> {
    let mut args = vec![
        "-c",
        "diff.algorithm=histogram",
        "diff",
        "--unified=0",
        "--inter-hunk-context=0",
        "--full-index",
        "--no-renames",
        "--no-color",
        "--no-ext-diff",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        from,
        to,
        "--",
    ];
    let literal: Vec<String> = files
        .iter()
        .map(|file| format!(":(literal){file}"))
        .collect();
    args.extend(literal.iter().map(String::as_str));
    let text = repo.git(args)? + "\n";
    // What git writes behind the second `@@` is the upstream line above the hunk.
    let bare = text.split_inclusive('\n').map(|line| {
        let ranges = line.strip_prefix("@@ ").and_then(|rest| rest.find(" @@"));
        match ranges {
            Some(end) => format!("{}\n", &line[..end + "@@  @@".len()]),
            None => line.to_owned(),
        }
    });
    let patches = hunk::parse(&bare.collect::<String>()).map_err(|what| refuse(change, what))?;
    Ok(hunk::render(&patches))
}

/// A manifest is data in `change.toml`, so a commit must not edit it. What stands in it may be older than `change.toml`:
/// every value comes from the commit before, from what the tool would write now, or from what it wrote when it assembled.
fn check_manifest(repo: &Repo, change: &Change, from: &str, to: &str) -> Result<()> {
    let manifest = |commit: &str| {
        let bytes = repo.file(commit, "Cargo.toml")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (before, after) = (manifest(from)?, manifest(to)?);
    let names = change.files.keys().map(String::as_str);
    let now = manifest::merge(&before, &change.facts, names, Scope::Whole)
        .map_err(|what| refuse(change, what))?;
    let made = assemble::head_as_made(repo.dir()).and_then(|head| manifest(&head).ok());
    let read = |text: String| {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            refuse(change, format!("breaks Cargo.toml: {}", error.message()))
        })?;
        Ok(Value::Table(table))
    };
    let (before, after, now) = (read(before)?, read(after)?, read(now)?);
    let made = made.map(read).transpose()?;
    let tools: Vec<&Value> = [&now].into_iter().chain(&made).collect();
    match edited_at(Some(&after), Some(&before), &tools, "") {
        None => Ok(()),
        Some(key) => Err(refuse(
            change,
            format!(
                "edits Cargo.toml at `{key}`; undo it there, and say it in {FACTS}, under that key"
            ),
        )),
    }
}

/// The dotted key of the first value that stood neither there before nor is the tool's.
fn edited_at(
    found: Option<&Value>,
    before: Option<&Value>,
    tools: &[&Value],
    at: &str,
) -> Option<String> {
    if found == before || found.is_some_and(|found| tools.contains(&found)) {
        return None;
    }
    let nothing = toml::Table::new();
    let (found, before) = match (found, before) {
        (Some(Value::Table(found)), None) => (found, &nothing),
        (Some(Value::Table(found)), Some(Value::Table(before))) => (found, before),
        (Some(Value::Array(found)), before) => {
            let before = before
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            let theirs = || tools.iter().filter_map(|value| value.as_array()).flatten();
            let known = |item: &Value| before.contains(item) || theirs().any(|tool| tool == item);
            let whole = found.iter().all(known) && before.iter().all(|item| found.contains(item));
            return (!whole).then(|| at.to_owned());
        }
        _ => return Some(at.to_owned()),
    };
    let keys: BTreeSet<&String> = found.keys().chain(before.keys()).collect();
    keys.into_iter().find_map(|key| {
        let tools: Vec<&Value> = tools.iter().filter_map(|table| table.get(key)).collect();
        let dot = if at.is_empty() { "" } else { "." };
        edited_at(
            found.get(key),
            before.get(key),
            &tools,
            &format!("{at}{dot}{key}"),
        )
    })
}

/// Holds what was laid from the changes against the tree that they were taken from.
fn same_tree(place: &str, tree: &Repo, laid: &Repo) -> Result<()> {
    let files = |repo: &Repo| -> Result<BTreeMap<String, String>> {
        let list = repo.git(["ls-tree", "-r", "-z", "HEAD"])?;
        let entry = |line: &str| {
            line.split_once('\t')
                .map(|(id, file)| (file.to_owned(), id.to_owned()))
        };
        Ok(list.split('\0').filter_map(entry).collect())
    };
    let (tree, laid) = (files(tree)?, files(laid)?);
    let differs = |file: &&String| tree.get(*file) != laid.get(*file) && *file != "Cargo.toml";
    match tree.keys().chain(laid.keys()).find(differs) {
        None => Ok(()),
        Some(file) => Err(Error::Check(format!(
            "{place}: {file} would not come back as it is (is it shared from a twin, in `removes`, or its mode \
             changed?); nothing was written"
        ))),
    }
}

/// Writes the folder that is to replace `patch/<crate>`: the changes, the series, and what else stands there.
fn write_folder(
    project: &Project,
    krate: &str,
    changes: &[Change],
    missing: &[String],
    into: &Path,
) -> Result<()> {
    let dir = project.patch_dir(krate);
    let slugs: Vec<&str> = changes.iter().map(|change| change.slug.as_str()).collect();
    for file in change::files_below(&dir)? {
        let owner = file.split('/').next().unwrap_or_default();
        if slugs.contains(&owner) || missing.iter().any(|slug| slug == owner) {
            continue;
        }
        let from = dir.join(&file);
        write(
            &into.join(&file),
            &fs::read(&from).on("cannot read", &from)?,
        )?;
    }
    for change in changes {
        write_change(change, into)?;
    }
    let path = dir.join("series");
    let series = fs::read_to_string(&path).on("cannot read", &path)?;
    write(&into.join("series"), reordered(&series, &slugs).as_bytes())
}

/// Writes the folder of one change into the folder of its crate.
pub fn write_change(change: &Change, into: &Path) -> Result<()> {
    let dir = into.join(&change.slug);
    write(&dir.join(FACTS), change.text.as_bytes())?;
    if !change.hooks.is_empty() {
        write(&dir.join(HOOKS), change.hooks.as_bytes())?;
    }
    let shares = &change.facts.shares;
    let own = change.files.iter();
    for (file, bytes) in own.filter(|(file, _)| !shares.contains_key(*file)) {
        write(&dir.join(file), bytes)?;
    }
    Ok(())
}

/// A `series` that names `slugs` in their order. Comments at the top stay there, others go with the slug below them.
fn reordered(series: &str, slugs: &[&str]) -> String {
    if change::series_lines(series).eq(slugs.iter().copied()) {
        return series.to_owned();
    }
    let mut lines_of: BTreeMap<&str, String> = BTreeMap::new();
    let mut above = String::new();
    let mut text = String::new();
    for line in series.lines() {
        above += &format!("{line}\n");
        if let Some(slug) = change::series_lines(line).next() {
            if lines_of.is_empty() {
                let own = above.len() - line.len() - 1;
                text = above[..own].to_owned();
                above.drain(..own);
            }
            lines_of.insert(slug, std::mem::take(&mut above));
        }
    }
    if lines_of.is_empty() {
        text = std::mem::take(&mut above);
    }
    for slug in slugs {
        text += &lines_of.remove(slug).unwrap_or_else(|| format!("{slug}\n"));
    }
    text + &above
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).on("cannot make", parent)?;
    }
    fs::write(path, bytes).on("cannot write", path)
}

fn facts_of(project: &Project, change: &Change) -> PathBuf {
    project
        .patch_dir(&change.krate)
        .join(&change.slug)
        .join(FACTS)
}

/// A `change.toml` from a commit's message. What a message does not say is left empty, for `lint` to ask.
fn template(message: &str) -> String {
    let (summary, rest) = message.split_once('\n').unwrap_or((message, ""));
    let why: Vec<&str> = rest
        .lines()
        .filter(|line| !line.starts_with("Change: "))
        .collect();
    let mut document = toml_edit::DocumentMut::new();
    document["summary"] = toml_edit::value(summary.trim());
    document["why"] = toml_edit::value(why.join("\n").trim());
    document["defects"] = toml_edit::value(toml_edit::Array::new());
    document["tests"] = toml_edit::value(toml_edit::Array::new());
    document["removal"] = toml_edit::value("");
    document["upstream-status"] = toml_edit::value("Pending");
    document["last-update"] = toml_edit::value(NOT_YET);
    document.to_string()
}

/// The day that stands in a new `change.toml` until someone has looked at it.
pub const NOT_YET: &str = "2000-01-01";

fn refuse(change: &Change, what: String) -> Error {
    Error::Check(format!(
        "{}, change {}: {what}; nothing was written",
        change.krate, change.slug
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_change_starts_from_its_message() {
        let text = template("Do a thing\n\nBecause.\n\nChange: x\n");
        let facts = Facts::parse(Path::new(FACTS), &text).unwrap();
        assert_eq!((&*facts.summary, &*facts.why), ("Do a thing", "Because."));
    }

    #[test]
    fn an_edit_of_the_manifest_is_told_from_what_the_tool_wrote() {
        let read = |text: &str| Value::Table(text.parse().unwrap());
        let before = read("a = { version = '1', features = ['x'] }\n[[test]]\nname = 'old'");
        let tool = read(
            "a = { version = '1', features = ['x', 'y'] }\nb = '1'\n[[test]]\nname = 'old'\n[[test]]\nname = 'new'",
        );
        let edited = |found: &str| edited_at(Some(&read(found)), Some(&before), &[&tool], "");
        let old = "\n[[test]]\nname = 'old'";
        for fine in [
            format!("a = {{ version = '1', features = ['x'] }}{old}"),
            format!("a = {{ version = '1', features = ['x'] }}\nb = '1'{old}"),
            format!("a = {{ version = '1', features = ['x', 'y'] }}{old}\n[[test]]\nname = 'new'"),
        ] {
            assert_eq!(edited(&fine), None, "{fine}");
        }
        for (wrong, key) in [
            (
                format!("a = {{ version = '2', features = ['x'] }}{old}"),
                "a.version",
            ),
            (
                format!("a = {{ version = '1', features = [] }}{old}"),
                "a.features",
            ),
            (
                format!("a = {{ version = '1', features = ['x'] }}\nc = '1'{old}"),
                "c",
            ),
            ("a = { version = '1', features = ['x'] }".to_owned(), "test"),
        ] {
            assert_eq!(edited(&wrong).as_deref(), Some(key), "{wrong}");
        }
    }

    #[test]
    fn comments_of_a_series_go_with_their_slugs() {
        let series = "# head\n\none\n# why two\ntwo # here\nthree\n# end\n";
        assert_eq!(reordered(series, &["one", "two", "three"]), series);
        assert_eq!(
            reordered(series, &["two", "four", "one"]),
            "# head\n\n# why two\ntwo # here\nfour\none\n# end\n"
        );
        assert_eq!(reordered("# empty\n", &["one"]), "# empty\none\n");
    }
}
