//! `export`: patches that upstream can take, and the facts beside them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{BOUND, FACTS, Fixture, TOY, everything, hook, packed, toy};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const REPOSITORY: &str = "https://github.com/p2panda/p2panda";
const VCS: &str = ".cargo_vcs_info.json";
/// The manifest as toy's authors wrote it.
const WRITTEN: &str = "\
# by hand
[package]
name = \"toy\"
version.workspace = true

[dependencies]
other = { workspace = true } # from the root
";

/// A checkout whose toy says where it comes from: a folder of a repository that we know the rules of.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.pin(&fixture.publish(&packed(TOY, &published(|_| true))));
    fixture
}

/// The files of such a toy that `keep` keeps.
fn published(keep: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
    let mut files = toy("1.2.0").to_vec();
    let repository = format!("[package]\nrepository = \"{REPOSITORY}\"\n");
    files[0].1 = files[0].1.replace("[package]\n", &repository);
    files.push(("Cargo.toml.orig", WRITTEN.into()));
    let info = format!("{{\"git\": {{\"sha1\": \"{COMMIT}\"}}, \"path_in_vcs\": \"crates/toy\"}}");
    files.push((VCS, info));
    files.retain(|(file, _)| keep(file));
    files
}

/// Adds a change that hooks into what the first one added, and says something of dependencies.
fn second(fixture: &Fixture) {
    let hooks = hook("src/bound.rs", BOUND, 4, 1, &["    if entries.len() > 2 {"]);
    let facts = FACTS.replace("Bound the book", "Bound it more tightly")
        + "[dependencies]\nother = { version = \"1\", features = [\"f\"] }\nnew = \"1\"\n";
    fixture.change("bound-is-two", &facts, &hooks, &[]);
}

fn out(fixture: &Fixture) -> PathBuf {
    fixture.path("../out")
}

/// Upstream's repository, as far as the published crate tells of it.
fn clone_of_upstream(fixture: &Fixture) -> PathBuf {
    let clone = fixture.path("../clone");
    for (file, text) in published(|file| !["Cargo.toml", VCS].contains(&file)) {
        let file = if file == "Cargo.toml.orig" {
            "Cargo.toml"
        } else {
            file
        };
        let path = clone.join("crates/toy").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    git(fixture, &["init", "--quiet"]);
    git(fixture, &["add", "--all", "--force", "."]);
    git(
        fixture,
        &[
            "-c",
            "core.autocrlf=false",
            "commit",
            "--quiet",
            "--message",
            "upstream",
        ],
    );
    clone
}

fn git(fixture: &Fixture, args: &[&str]) -> String {
    fixture.git("../clone", args)
}

/// Takes what was exported for toy.
fn am(fixture: &Fixture) {
    let mut patches: Vec<PathBuf> = fs::read_dir(out(fixture).join(TOY))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "patch"))
        .collect();
    patches.sort();
    let patches: Vec<&str> = patches.iter().map(|path| path.to_str().unwrap()).collect();
    git(fixture, &[&["am", "--quiet"][..], &patches].concat());
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn git_takes_a_whole_series_and_the_tree_is_the_assembled_one() {
    let fixture = fixture();
    second(&fixture);
    let done = fixture.fork(&["export", "--to", "../out"]).done();
    assert!(
        done.stdout
            .contains("../out/toy-1.2.0: 2 patches and FACTS.md"),
        "{done:?}"
    );
    let clone = clone_of_upstream(&fixture);
    am(&fixture);
    let log = git(&fixture, &["log", "--format=%s"]);
    assert_eq!(log, "Bound it more tightly\nBound the book\nupstream");
    let tree = everything(&clone.join("crates/toy"));
    assert!(String::from_utf8_lossy(&tree["src/bound.rs"]).contains("> 2"));
    assert!(String::from_utf8_lossy(&tree["src/lib.rs"]).contains("mod book;\nmod bound;\n"));
    let manifest = String::from_utf8_lossy(&tree["Cargo.toml"]);
    // As its authors would: inherited, in order, and no target for a test that cargo finds.
    assert!(
        manifest.ends_with("[dependencies]\nnew = \"1\"\nother = { workspace = true, features = [\"f\"] } # from the root\n"),
        "{manifest}"
    );
    assert_eq!(
        git(&fixture, &["show", "--format=", "--name-only", "HEAD~1"])
            .lines()
            .count(),
        4
    );
}

#[test]
fn the_same_changes_give_the_same_patches() {
    let patches = || {
        let fixture = fixture();
        fixture.fork(&["export", "toy", "--to", "../out"]).done();
        everything(&out(&fixture))
    };
    assert!(patches() == patches());
}

#[test]
fn a_change_goes_alone_where_it_can_and_with_those_before_it_elsewhere() {
    let fixture = fixture();
    second(&fixture);
    let notes = [("src/notes.rs", "// notes\n")];
    fixture.change(
        "adds-notes",
        &FACTS.replace("Bound the book", "Add notes"),
        "",
        &notes,
    );
    let count = |slug: &str| {
        let _ = fs::remove_dir_all(out(&fixture));
        fixture
            .fork(&["export", "--change", slug, "--to", "../out"])
            .done();
        fs::read_dir(out(&fixture).join(TOY)).unwrap().count() - 1
    };
    assert_eq!(count("bound-is-two"), 2);
    assert_eq!(count("adds-notes"), 1);
    clone_of_upstream(&fixture);
    am(&fixture);
    assert!(fixture.path("../clone/crates/toy/src/notes.rs").is_file());
}

#[test]
fn the_sheet_says_where_what_why_and_how_much() {
    let fixture = fixture();
    fixture.write(
        "docs/DEFECTS.md",
        "| slug | what happens | state |\n| `book-grows` | It keeps all | fixed by x |\n\
         | slug | what must hold | state |\n| `book-flat` | Bound: entries | fixed by x |\n",
    );
    let facts = format!("defects = [\"book-grows\", \"book-flat\"]\n{FACTS}");
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    for (run, growth) in [("1", "99.0"), ("2", "7.0")] {
        let side = |growth: &str| format!("{{\"heap_growth\": {{\"per_event\": {growth}}}}}");
        let summary = format!(
            "{{\"started\": \"2026-01-0{run}T10:00:00Z\", \"replay\": \"cargo soak --seed {run}\", \"scenarios\": [{{\"name\": \"adds\", \
             \"event\": \"an entry\", \"defects\": [\"book-grows\"], \"verdict\": \"fixed\", \"upstream\": {}, \"patched\": {}}}]}}",
            side("1024.3"),
            side(growth)
        );
        fixture.write(&format!("target/soak/{run}/summary.json"), &summary);
    }
    fixture.fork(&["export", "toy", "--to", "../out"]).done();
    let sheet = read(&out(&fixture).join(TOY).join("FACTS.md"));
    let first = format!("# {REPOSITORY} at {COMMIT}, folder crates/toy\n");
    assert!(sheet.starts_with(&first), "{sheet}");
    for what in [
        "1 patch to toy 1.2.0",
        "## What p2panda asks of a contribution",
        "src/bound.rs does not begin with that line",
        "## 0001-book-is-bounded.patch",
        "**What:** Bound the book",
        "> It keeps everything.",
        "**What happens** (`book-grows`): It keeps all.",
        "**What it bounds** (`book-flat`): entries.",
        "- `a_book_stays_bounded` in tests/bounded.rs",
        "cargo test -p toy --test bounded",
        "| adds | an entry | 1024 bytes | 7 bytes | fixed | 2026-01-02 |",
        "To repeat: `cargo soak --seed 2`.",
        "**Lines:** 13 in new files, 2 added to what is there, 1 taken away.",
    ] {
        assert!(sheet.contains(what), "{what:?} is not in {sheet}");
    }
}

#[test]
fn a_commit_says_why_in_lines_of_72_and_lists_the_tests_it_speaks_of() {
    let fixture = fixture();
    let why = "It keeps everything, for ever. Failing before, in the order of `tests`: nine entries where three were expected.\n\n\
               Anyone can have it keep more.";
    let facts = FACTS.replace("\"It keeps everything.\"", &format!("\"\"\"{why}\"\"\""));
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    fixture.fork(&["export", "toy", "--to", "../out"]).done();
    clone_of_upstream(&fixture);
    am(&fixture);
    let body = git(&fixture, &["log", "-1", "--format=%b"]);
    assert_eq!(
        body,
        "It keeps everything, for ever. Failing before, in the order of the tests\n\
         below: nine entries where three were expected.\n\n\
         Anyone can have it keep more.\n\n\
         Tests that fail without this:\n\n\
         - a_book_stays_bounded in tests/bounded.rs"
    );
}

#[test]
fn a_place_that_is_taken_or_not_there_is_refused() {
    let fixture = fixture();
    fs::create_dir_all(out(&fixture)).unwrap();
    fs::write(out(&fixture).join("mine"), "").unwrap();
    fixture
        .fork(&["export", "--to", "../out"])
        .refused(2, &["../out is there already", "name another folder"]);
    fixture
        .fork(&["export", "--to", "../none/out"])
        .refused(2, &["there is no folder ../none to make it in"]);
    assert_eq!(everything(&out(&fixture)).len(), 1);
}

#[test]
fn what_cannot_be_exported_leaves_nothing() {
    for (left_out, says) in [
        (VCS, "it has no .cargo_vcs_info.json"),
        ("Cargo.toml.orig", "it has no Cargo.toml.orig"),
    ] {
        let fixture = Fixture::new();
        fixture.pin(&fixture.publish(&packed(TOY, &published(|file| file != left_out))));
        let before = fs::read_dir(fixture.path("..")).unwrap().count();
        fixture
            .fork(&["export", "--to", "../out"])
            .refused(1, &["toy-1.2.0 cannot be exported", says]);
        assert_eq!(fs::read_dir(fixture.path("..")).unwrap().count(), before);
    }
    fixture()
        .fork(&["export", "--change", "x", "--to", "../out"])
        .refused(2, &["no change `x`"]);
}

#[test]
fn a_project_whose_rules_are_not_known_is_named() {
    let fixture = Fixture::new();
    let mut files = published(|_| true);
    files[0].1 = files[0].1.replace(REPOSITORY, "https://localhost/toy");
    fixture.pin(&fixture.publish(&packed(TOY, &files)));
    let done = fixture.fork(&["export", "--to", "../out"]);
    done.refused(
        1,
        &["contributing.toml has no rules for \"https://localhost/toy\""],
    );
}

#[test]
fn a_private_change_leaves_only_on_demand_and_the_place_to_report_it_is_named() {
    let fixture = fixture();
    let facts = format!("disclosure = \"private\"\n{FACTS}");
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    // One that comes behind it may have to take it along.
    second(&fixture);
    for more in [&["toy"][..], &[], &["--change", "bound-is-two"]] {
        let args = [&["export", "--to", "../out"][..], more].concat();
        let says = [
            "toy-1.2.0/book-is-bounded is private",
            "report it first",
            "--private",
        ];
        fixture.fork(&args).refused(2, &says);
        assert!(!out(&fixture).exists());
    }
    fixture
        .fork(&["export", "--private", "--to", "../out"])
        .done();
    assert!(
        out(&fixture)
            .join(TOY)
            .join("0001-book-is-bounded.patch")
            .is_file()
    );
}
