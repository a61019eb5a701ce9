//! The three ways of pointing cargo at the fork: by path, vendored, and by git. Each builds a project, and cargo says from
//! where.

use std::process::Command;

use crate::support::{Done, FACTS, Fixture, Scratch, TOY, everything};

/// A checkout whose change gives the crate itself to its tests, of which users see nothing.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let facts = format!("{FACTS}[dev-dependencies]\ntoy = {{ path = \".\" }}\n");
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    fixture
}

/// Builds the project as its user would, with a main that fails unless the book is bounded, and tells where toy is from.
fn built(fixture: &Fixture, scratch: &Scratch) -> String {
    let cargo = |args: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(args).current_dir(&scratch.root);
        fixture.surround(&mut cargo);
        // A repository on this disk counts as the network; the registry is a folder too, so nothing is fetched.
        cargo.env("CARGO_NET_OFFLINE", "false");
        let done = Done::of(cargo);
        assert_eq!(done.code, 0, "cargo {args:?}: {done:#?}");
        done.stdout
    };
    cargo(&["run", "--quiet"]);
    let lock = scratch.read("Cargo.lock");
    assert_eq!(lock.matches(" \"toy\",").count(), 1, "{lock}");
    cargo(&["tree", "--locked", "--color", "never", "--invert", "toy"])
}

fn project(fixture: &Fixture) -> Scratch {
    let scratch = fixture.scratch();
    scratch.lock_on("1.2.0");
    scratch.write(
        "src/main.rs",
        "fn main() {\n    let mut book = toy::Book::default();\n    (0..9).for_each(|entry| book.add(entry));\n    \
         assert_eq!(book.len(), 3);\n}\n",
    );
    scratch
}

#[test]
fn by_path() {
    let fixture = fixture();
    let scratch = project(&fixture);
    fixture.fork(&["use", scratch.arg()]);
    let tree = built(&fixture, &scratch);
    let place = fixture.path(&format!("patched/{TOY}"));
    assert!(
        tree.contains(&format!("toy v1.2.0 ({})", place.display())),
        "{tree}"
    );
}

#[test]
fn vendored_and_named_by_its_release() {
    let fixture = fixture();
    let scratch = project(&fixture);
    fixture.fork(&["use", scratch.arg(), "--vendor", "vendor/evergreen-1"]);
    // It needs no checkout of ours.
    std::fs::remove_dir_all(fixture.root()).unwrap();
    let tree = built(&fixture, &scratch);
    assert!(tree.contains("vendor/evergreen-1/toy-1.2.0)"), "{tree}");
}

#[test]
fn by_git() {
    let fixture = fixture();
    let scratch = project(&fixture);
    let args = [
        "publish",
        "--git",
        "../published",
        "--branch",
        "evergreen-1",
    ];
    let done = fixture.fork(&args).done();
    let place = fixture.path("../published").canonicalize().unwrap();
    let url = format!("file://{}", place.display());
    let entry = format!("[patch.crates-io]\ntoy = {{ git = {url:?}, branch = \"evergreen-1\" }}\n");
    scratch.write("Cargo.toml", &(scratch.read("Cargo.toml") + &entry));
    let tree = built(&fixture, &scratch);
    let commit = fixture.git("../published", &["rev-parse", "evergreen-1"]);
    assert!(done.stdout.contains(&commit), "{done:?}");
    let named = format!("toy v1.2.0 ({url}?branch=evergreen-1#{})", &commit[..8]);
    assert!(tree.contains(&named), "{named} is not in {tree}");
}

#[test]
fn what_is_published_is_the_same_everywhere_and_says_what_it_is() {
    let published = || {
        let fixture = Fixture::new();
        fixture
            .fork(&["publish", "--git", "../published"])
            .done()
            .says("branch evergreen, commit ");
        let commit = fixture.git("../published", &["rev-parse", "HEAD"]);
        let readme = everything(&fixture.path("../published"))["README.md"].clone();
        (commit, String::from_utf8(readme).unwrap())
    };
    let (commit, readme) = published();
    assert_eq!(published(), (commit, readme.clone()));
    assert!(
        readme.contains("\ntoy = { git = \"<url>\", branch = \"evergreen\" }\n"),
        "{readme}"
    );
    assert!(readme.contains("| toy-1.2.0 | 1 | "), "{readme}");
}

#[test]
fn what_cannot_be_published_leaves_nothing() {
    let fixture = Fixture::assembled();
    let refused = |branch: &str, code, says: &[&str]| {
        let args = ["publish", "--git", "../published", "--branch", branch];
        fixture.fork(&args).refused(code, says);
        assert!(!fixture.path("../published").exists());
    };
    refused("a b", 1, &["invalid initial branch name: 'a b'"]);
    fixture.write(&fixture.toy("src/mine.rs"), "");
    let edited = fixture.fork(&["publish", "--git", "../published"]);
    assert!(
        edited.code == 2 && edited.stderr.contains("has edits that are not in patch/"),
        "{edited:?}"
    );
    std::fs::remove_file(fixture.path(&fixture.toy("src/mine.rs"))).unwrap();
    let facts = format!("disclosure = \"private\"\n{FACTS}");
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    refused(
        "x",
        2,
        &["toy-1.2.0/book-is-bounded is private", "--private"],
    );
}
