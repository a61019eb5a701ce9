//! Hunks without context: reading, applying and choosing among them. Pure functions over text.
//!
//! A `hooks.patch` is what `git diff -U0 --full-index` writes, less the text that git puts behind the second `@@`, as
//! that is upstream's. The base is pinned by digest, so a hunk's place is exact: no offset, no fuzz.

use std::fmt::Write as _;
use std::iter::Peekable;

/// What git writes under a line without a line feed.
const NO_LINE_FEED: &str = "\\ No newline at end of file";

/// The hunks into one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// Path inside the crate.
    pub path: String,
    /// Git's blob ids of the file before and after.
    pub before: String,
    pub after: String,
    pub hunks: Vec<Hunk>,
}

/// One place where lines go or come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The first line taken out, counted from 1; of a pure insertion, the line it comes behind (0: at the top).
    pub old_start: usize,
    /// The same for the file as it is after the patch.
    pub new_start: usize,
    /// With their line feeds: only a file's last line may be without.
    pub removed: Vec<String>,
    pub added: Vec<String>,
}

/// A hunk that does not fit: the line (counted from 1), what it expected there, what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub line: usize,
    pub expected: String,
    pub found: String,
}

/// Reads a `hooks.patch`. The error names the line and what was expected on it.
pub fn parse(text: &str) -> Result<Vec<FilePatch>, String> {
    let mut files: Vec<FilePatch> = Vec::new();
    // Split by hand: `str::lines` would take a carriage return away, which is part of what a hunk must fit.
    let lines = text.split_inclusive('\n');
    let lines = lines.map(|line| line.strip_suffix('\n').unwrap_or(line));
    let mut lines = lines.enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        if line.starts_with("diff --git ") {
            files.push(parse_header((at, line), &mut lines)?);
        } else if line.starts_with("@@") {
            let hunk = parse_hunk((at, line), &mut lines)?;
            let file = files.last_mut();
            file.ok_or_else(|| wrong((at, line), "`diff --git` first"))?
                .hunks
                .push(hunk);
        } else {
            return Err(wrong(
                (at, line),
                "`diff --git`, `@@`, `+` or `-` (a context line is upstream's text)",
            ));
        }
    }
    Ok(files)
}

/// Writes what [`parse`] reads.
pub fn render(files: &[FilePatch]) -> String {
    let mut text = String::new();
    for FilePatch {
        path,
        before,
        after,
        hunks,
    } in files
    {
        let _ = write!(
            text,
            "diff --git a/{path} b/{path}\nindex {before}..{after} 100644\n--- a/{path}\n+++ b/{path}\n"
        );
        for hunk in hunks {
            let range = |start: usize, count: usize| match count {
                1 => format!("{start}"),
                _ => format!("{start},{count}"),
            };
            let _ = writeln!(
                text,
                "@@ -{} +{} @@",
                range(hunk.old_start, hunk.removed.len()),
                range(hunk.new_start, hunk.added.len())
            );
            let removed = hunk.removed.iter().map(|line| ('-', line));
            for (sign, line) in removed.chain(hunk.added.iter().map(|line| ('+', line))) {
                let _ = match line.strip_suffix('\n') {
                    Some(line) => writeln!(text, "{sign}{line}"),
                    None => writeln!(text, "{sign}{line}\n{NO_LINE_FEED}"),
                };
            }
        }
    }
    text
}

/// Lays hunks over a text. Only the old side's lines decide where a hunk goes, so any choice of a file's hunks can be laid.
pub fn apply(text: &str, hunks: &[Hunk]) -> Result<String, Misfit> {
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let mut new: Vec<&str> = Vec::with_capacity(old.len());
    let mut next = 0;
    for hunk in hunks {
        // A pure insertion names the line it comes behind.
        let start = if hunk.removed.is_empty() {
            hunk.old_start
        } else {
            hunk.old_start.saturating_sub(1)
        };
        if start < next || start > old.len() {
            return Err(Misfit {
                line: hunk.old_start,
                expected: format!("a line between {} and {}", next, old.len()),
                found: format!("line {}", hunk.old_start),
            });
        }
        new.extend(&old[next..start]);
        for (i, removed) in hunk.removed.iter().enumerate() {
            let found = old.get(start + i).copied();
            if found != Some(removed) {
                let shown = |line: &str| line.strip_suffix('\n').unwrap_or(line).to_owned();
                return Err(Misfit {
                    line: start + i + 1,
                    expected: shown(removed),
                    found: shown(found.unwrap_or("the end of the file")),
                });
            }
        }
        new.extend(hunk.added.iter().map(String::as_str));
        next = start + hunk.removed.len();
    }
    new.extend(&old[next..]);
    Ok(new.concat())
}

/// Of a change's hunks, the lines that hook in those test modules whose file `wanted` accepts by its stem: attributes with
/// `#[cfg(test)]` among them, perhaps a `#[path]`, and `mod name;`.
///
/// They can be laid without the rest: so a change's tests are shown to fail where its fix is not.
pub fn probes(file: &FilePatch, wanted: impl Fn(&str) -> bool) -> FilePatch {
    let hunks = file.hunks.iter().filter_map(|hunk| {
        let added = probe_lines(&hunk.added, &wanted);
        // Where lines go as well, the probe comes in front of them.
        let old_start = if hunk.removed.is_empty() {
            hunk.old_start
        } else {
            hunk.old_start - 1
        };
        (!added.is_empty()).then_some(Hunk {
            old_start,
            removed: Vec::new(),
            added,
            ..*hunk
        })
    });
    FilePatch {
        hunks: hunks.collect(),
        ..file.clone()
    }
}

/// The id that git gives to a file's content.
pub fn blob_id(content: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", content.len()));
    hash.update(content);
    format!("{:x}", hash.finalize())
}

/// The module that a line `mod name;` declares, with any visibility.
pub fn module_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
    name.chars()
        .all(|c| c.is_alphanumeric() || c == '_')
        .then_some(name)
}

/// `#[cfg(test)]`, or that and features: `#[cfg(all(test, feature = "x"))]`.
fn is_for_tests(attribute: &str) -> bool {
    attribute == "#[cfg(test)]" || attribute.starts_with("#[cfg(all(test,")
}

fn probe_lines(added: &[String], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    // Between two test modules, a diff may take the attribute behind a new one for the new one's own.
    if let [module, attribute] = added
        && is_for_tests(attribute.trim())
        && module_of(module).is_some_and(&wanted)
    {
        return added.to_vec();
    }
    let mut probes = Vec::new();
    let mut rest = added;
    while !rest.is_empty() {
        let attributes = rest.iter().take_while(|line| line.trim().starts_with("#["));
        let (attributes, behind) = rest.split_at(attributes.count());
        let module = behind.first().and_then(|line| module_of(line));
        let for_tests = attributes.iter().any(|line| is_for_tests(line.trim()));
        let path = attributes.iter().find_map(|line| path_of(line));
        let (item, behind) = rest.split_at(rest.len().min(attributes.len() + 1));
        if for_tests && module.map(|name| path.unwrap_or(name)).is_some_and(&wanted) {
            probes.extend_from_slice(item);
        }
        rest = behind;
    }
    probes
}

/// The path in `<path> b/<path>`, whatever is in it.
fn same_path(paths: &str) -> Option<&str> {
    let path = paths.get(..paths.len().checked_sub(" b/".len())? / 2)?;
    (paths[path.len()..].strip_prefix(" b/") == Some(path)).then_some(path)
}

/// The stem of the file that `#[path = "some/stem.rs"]` names.
fn path_of(line: &str) -> Option<&str> {
    let path = line
        .trim()
        .strip_prefix("#[path = \"")?
        .strip_suffix(".rs\"]")?;
    path.rsplit('/').next()
}

/// A line and where it stands, counted from 0.
type Line<'a> = (usize, &'a str);

fn wrong((at, line): Line<'_>, expected: &str) -> String {
    format!("line {}: expected {expected}, found {line:?}", at + 1)
}

/// Reads what stands over the hunks of a file, from its first line on.
fn parse_header<'a>(
    first: Line<'a>,
    lines: &mut impl Iterator<Item = Line<'a>>,
) -> Result<FilePatch, String> {
    let paths = first.1.strip_prefix("diff --git a/");
    let path = paths
        .and_then(same_path)
        .ok_or_else(|| wrong(first, "`diff --git` and the same path behind a/ and b/"))?;
    let mut header = |prefix: &str| match lines.next() {
        Some((_, line)) if line.starts_with(prefix) => Ok(line[prefix.len()..].to_owned()),
        Some(line) => Err(wrong(line, &format!("`{prefix}…`"))),
        None => Err(format!("ends where `{prefix}…` was expected")),
    };
    let (before, after) = parse_index(&header("index ")?)
        .ok_or_else(|| wrong(first, "an index line with two full blob ids under it"))?;
    header(&format!("--- a/{path}"))?;
    header(&format!("+++ b/{path}"))?;
    Ok(FilePatch {
        path: path.into(),
        before,
        after,
        hunks: Vec::new(),
    })
}

/// Reads a hunk from its first line on.
fn parse_hunk<'a>(
    first: Line<'a>,
    lines: &mut Peekable<impl Iterator<Item = Line<'a>>>,
) -> Result<Hunk, String> {
    let (old, new) = parse_ranges(first.1).ok_or_else(|| {
        wrong(
            first,
            "`@@ -line,count +line,count @@` and nothing behind it",
        )
    })?;
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with(['+', '-'])) {
        let side = if line.starts_with('-') {
            &mut removed
        } else {
            &mut added
        };
        let open = lines.next_if(|(_, line)| *line == NO_LINE_FEED).is_some();
        side.push(format!("{}{}", &line[1..], if open { "" } else { "\n" }));
    }
    // A context line has its own error, at the next turn.
    let context = lines.peek().is_some_and(|(_, line)| line.starts_with(' '));
    if !context && (removed.len(), added.len()) != (old.1, new.1) {
        let counts = format!(
            "counts of {} and {} lines, as stand under it",
            removed.len(),
            added.len()
        );
        return Err(wrong(first, &counts));
    }
    Ok(Hunk {
        old_start: old.0,
        new_start: new.0,
        removed,
        added,
    })
}

fn parse_index(text: &str) -> Option<(String, String)> {
    let (ids, _mode) = text.split_once(' ').unwrap_or((text, ""));
    let (before, after) = ids.split_once("..")?;
    let full = |id: &str| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (full(before) && full(after)).then(|| (before.into(), after.into()))
}

fn parse_ranges(line: &str) -> Option<((usize, usize), (usize, usize))> {
    let (old, new) = line
        .strip_prefix("@@ -")?
        .strip_suffix(" @@")?
        .split_once(" +")?;
    let range = |text: &str| match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEFORE: &str = "0123456789012345678901234567890123456789";
    const AFTER: &str = "9876543210987654321098765432109876543210";

    fn patch(hunks: &str) -> String {
        format!(
            "diff --git a/src/x.rs b/src/x.rs\nindex {BEFORE}..{AFTER} 100644\n--- a/src/x.rs\n+++ b/src/x.rs\n{hunks}"
        )
    }

    fn hunks(text: &str) -> Vec<Hunk> {
        parse(&patch(text)).unwrap().remove(0).hunks
    }

    #[test]
    fn an_insertion_comes_behind_the_line_it_names() {
        let hunks = hunks("@@ -2,0 +3 @@\n+new\n");
        assert_eq!(apply("a\nb\nc\n", &hunks).unwrap(), "a\nb\nnew\nc\n");
    }

    #[test]
    fn a_removal_that_does_not_fit_says_where_and_what() {
        let misfit = apply("a\nb\n", &hunks("@@ -2 +1,0 @@\n-c\n")).unwrap_err();
        assert_eq!(
            (misfit.line, &*misfit.expected, &*misfit.found),
            (2, "c", "b")
        );
        let beyond = apply("a\n", &hunks("@@ -9,0 +10 @@\n+x\n")).unwrap_err();
        assert_eq!(beyond.found, "line 9");
    }

    #[test]
    fn context_lines_and_text_behind_the_ranges_are_refused() {
        let context = parse(&patch("@@ -1,2 +1 @@\n a\n-b\n")).unwrap_err();
        assert!(
            context.contains("line 6") && context.contains("a context line"),
            "{context}"
        );
        let counts = parse(&patch("@@ -1,2 +1 @@\n-b\n")).unwrap_err();
        assert!(counts.contains("counts of 1 and 0"), "{counts}");
        let section = parse(&patch("@@ -1 +1,0 @@ fn upstream() {\n-b\n")).unwrap_err();
        assert!(section.contains("nothing behind it"), "{section}");
        let short = parse("diff --git a/x b/x\nindex 012..987 100644\n").unwrap_err();
        assert!(short.contains("two full blob ids"), "{short}");
    }

    #[test]
    fn probes_are_the_test_modules_alone() {
        let text = "@@ -3,0 +4,5 @@\n+mod fix;\n+#[cfg(test)]\n+#[path = \"p.rs\"]\n+mod probe;\n+use fix;\n@@ -9 +14 @@\n-a\n+b\n";
        let file = parse(&patch(text)).unwrap().remove(0);
        let found = probes(&file, |stem| stem == "p");
        assert_eq!(found.hunks.len(), 1);
        assert_eq!(
            found.hunks[0].added,
            ["#[cfg(test)]\n", "#[path = \"p.rs\"]\n", "mod probe;\n"]
        );
        assert!(probes(&file, |stem| stem == "other").hunks.is_empty());
        let narrower = text.replace("cfg(test)", "cfg(all(test, feature = \"f\"))");
        let file = parse(&patch(&narrower)).unwrap().remove(0);
        assert_eq!(probes(&file, |stem| stem == "p").hunks.len(), 1);
    }

    #[test]
    fn a_probe_between_two_test_modules_may_begin_behind_an_attribute() {
        let text = "@@ -3,0 +4,2 @@\n+mod p;\n+#[cfg(test)]\n";
        let file = parse(&patch(text)).unwrap().remove(0);
        let found = probes(&file, |stem| stem == "p");
        assert_eq!(found.hunks[0].added, ["mod p;\n", "#[cfg(test)]\n"]);
        assert!(probes(&file, |stem| stem == "other").hunks.is_empty());
    }

    #[test]
    fn a_file_without_a_last_line_feed_gains_and_loses_it_exactly() {
        let gain = "@@ -2 +2 @@\n-b\n\\ No newline at end of file\n+b\n";
        assert_eq!(apply("a\nb", &hunks(gain)).unwrap(), "a\nb\n");
        let lose = "@@ -2 +2,2 @@\n-b\n+b\n+c\n\\ No newline at end of file\n";
        assert_eq!(apply("a\nb\n", &hunks(lose)).unwrap(), "a\nb\nc");
        for text in [gain, lose] {
            let read = parse(&patch(text)).unwrap();
            assert_eq!(render(&read), patch(text));
        }
        assert_eq!(apply("a\n", &hunks("@@ -1 +0,0 @@\n-a\n")).unwrap(), "");
    }

    #[test]
    fn a_path_may_hold_anything_that_git_does_not_quote() {
        assert_eq!(same_path("a b/c b/a b/c"), Some("a b/c"));
        assert_eq!(same_path("a b/c"), None);
        assert_eq!(same_path("ä b/ä"), Some("ä"));
        assert_eq!(same_path("a"), None);
    }

    #[test]
    fn modules_are_found_whatever_their_visibility() {
        assert_eq!(module_of("  pub(crate) mod a_b;"), Some("a_b"));
        assert_eq!(module_of("pub mod a;"), Some("a"));
        assert_eq!(module_of("mod a {"), None);
    }

    #[test]
    fn a_blob_id_is_gits() {
        // `printf 'hello\n' | git hash-object --stdin`
        assert_eq!(
            blob_id(b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
    }

    fn lines(least: usize) -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[a-c]{1,2}\r?\n", least..3)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_lands_where_it_was_made(
            edits in proptest::collection::vec((lines(0), lines(0), lines(1)), 1..9), open: bool,
        ) {
            let (mut old, mut new, mut hunks) = (Vec::new(), Vec::new(), Vec::new());
            for (removed, added, kept) in edits {
                if !removed.is_empty() || !added.is_empty() {
                    hunks.push(Hunk {
                        old_start: old.len() + usize::from(!removed.is_empty()),
                        new_start: new.len() + usize::from(!added.is_empty()),
                        removed: removed.clone(),
                        added: added.clone(),
                    });
                }
                old.extend(removed.into_iter().chain(kept.clone()));
                new.extend(added.into_iter().chain(kept));
            }
            let text = |lines: Vec<String>| {
                let text = lines.concat();
                text[..text.len() - usize::from(open)].to_owned()
            };
            let file = FilePatch { path: "src/x.rs".into(), before: BEFORE.into(), after: AFTER.into(), hunks };
            let read = parse(&render(std::slice::from_ref(&file))).unwrap();
            prop_assert_eq!(&read[0].hunks, &file.hunks);
            prop_assert_eq!(apply(&text(old), &read[0].hunks).unwrap(), text(new));
        }
    }
}
