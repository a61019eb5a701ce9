//! `rebase`: the changes on another release, whole or not at all.

use std::fs;

use sha2::{Digest, Sha256};

use crate::support::{BOOK, Done, FACTS, Fixture, LIB, TOY, everything, hook, packed, toy};

const NEW: &str = "toy-1.3.0";
const LENGTH: &str = "        self.entries.len()";
const LENGTH_OURS: &str = "        self.entries.len().min(3)";

/// A checkout with two changes to 1.2.0, where cargo knows of a release 1.3.0 whose book is this.
fn fixture(book: &str) -> Fixture {
    let fixture = Fixture::new();
    let bounded = BOOK.replace(
        "self.entries.push(entry)",
        "crate::bound::push(&mut self.entries, entry)",
    );
    let hooks = hook("src/book.rs", &bounded, 13, 1, &[LENGTH_OURS]);
    let facts = FACTS.replace("Bound the book", "Say no more than three");
    fixture.change("says-three", &facts, &hooks, &[]);
    publish(&fixture, book);
    fixture
}

/// Puts the release where cargo finds it without a network.
fn publish(fixture: &Fixture, book: &str) {
    let mut files = toy("1.3.0").to_vec();
    for (file, text) in &mut files {
        match *file {
            "src/book.rs" => *text = book.into(),
            "src/lib.rs" => *text = format!("{LIB}\n/// New.\npub fn new() {{}}\n"),
            _ => {}
        }
    }
    let bytes = packed(NEW, &files);
    fs::write(fixture.cache().join(format!("{NEW}.crate")), &bytes).unwrap();
    let sources = fixture.path("../registry");
    for (file, text) in &files {
        let path = sources.join(NEW).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let sums = format!(
        "{{\"files\":{{}},\"package\":\"{:x}\"}}",
        Sha256::digest(&bytes)
    );
    fs::write(sources.join(NEW).join(".cargo-checksum.json"), sums).unwrap();
    let config = format!(
        "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\ndirectory = {sources:?}\n"
    );
    fs::write(fixture.path("../home/config.toml"), config).unwrap();
}

fn work(fixture: &Fixture) -> std::path::PathBuf {
    fixture.path(&format!("target/fork/rebase/{NEW}"))
}

#[test]
fn changes_move_to_another_release_where_lines_have_moved() {
    let fixture = fixture(&format!("// A line above.\n{BOOK}"));
    let old = everything(&fixture.path(&format!("patch/{TOY}")));
    fixture
        .fork(&["rebase", "toy", "1.3.0"])
        .done()
        .says("patch/toy-1.3.0: 2 changes, 0 that the release has, 0 skipped")
        .says("next: put \"=1.3.0\" for toy");
    let new = everything(&fixture.path(&format!("patch/{NEW}")));
    assert!(String::from_utf8_lossy(&new["series"]).ends_with("book-is-bounded\nsays-three\n"));
    let hooks = String::from_utf8_lossy(&new["says-three/hooks.patch"]);
    assert!(hooks.contains("@@ -14 +14 @@\n"), "{hooks}");
    for file in ["change.toml", "src/bound.rs", "tests/bounded.rs"] {
        let file = format!("book-is-bounded/{file}");
        assert!(new[&file] == old[&file], "{file}");
    }
    assert!(old == everything(&fixture.path(&format!("patch/{TOY}"))));
    assert!(!work(&fixture).exists());
    fixture
        .fork(&["rebase", TOY, "1.3.0"])
        .refused(2, &["patch/toy-1.3.0 is there already"]);
}

#[test]
fn a_change_that_the_release_has_is_marked_and_not_laid() {
    let fixture = fixture(&BOOK.replace(LENGTH, LENGTH_OURS));
    fixture
        .fork(&["rebase", "toy", "1.3.0"])
        .done()
        .says("says-three: 1.3.0 has it")
        .says("upstream-status = \"Accepted 1.3.0\"");
    let series = fixture.read(&format!("patch/{NEW}/series"));
    assert!(
        series.ends_with("# says-three: 1.3.0 has it\nbook-is-bounded\n"),
        "{series}"
    );
    assert!(!fixture.path(&format!("patch/{NEW}/says-three")).exists());
}

#[test]
fn a_conflict_is_left_as_git_leaves_it_and_what_comes_next_is_said() {
    let fixture = fixture(&BOOK.replace(LENGTH, "        self.entries.len() + 1"));
    let stopped = |files: &str| {
        let says = [
            "stopped at says-three",
            files,
            "git rebase --continue",
            "`cargo fork rebase toy 1.3.0` again",
            "--abandon",
        ];
        fixture.fork(&["rebase", "toy", "1.3.0"]).refused(1, &says);
        assert!(!fixture.path(&format!("patch/{NEW}")).exists());
    };
    stopped("conflicts in src/book.rs");
    let at = format!("target/fork/rebase/{NEW}");
    let file = format!("{at}/src/book.rs");
    assert!(fixture.read(&file).contains("<<<<<<<"));
    // Called again, it says so again.
    stopped("conflicts in src/book.rs");
    fixture.write(
        &file,
        &BOOK
            .replace(
                "self.entries.push(entry)",
                "crate::bound::push(&mut self.entries, entry)",
            )
            .replace(LENGTH, "        (self.entries.len() + 1).min(3)"),
    );
    fixture.git(&at, &["add", "src/book.rs"]);
    stopped("all is resolved");
    fixture.git(&at, &["rebase", "--continue"]);
    fixture
        .fork(&["rebase", "toy", "1.3.0"])
        .done()
        .says("2 changes");
    let hooks = fixture.read(&format!("patch/{NEW}/says-three/hooks.patch"));
    assert!(
        hooks.contains(
            "-        self.entries.len() + 1\n+        (self.entries.len() + 1).min(3)\n"
        ),
        "{hooks}"
    );
}

#[test]
fn a_change_that_was_skipped_is_named() {
    let fixture = fixture(&BOOK.replace(LENGTH, "        self.entries.len() + 1"));
    assert_eq!(fixture.fork(&["rebase", "toy", "1.3.0"]).code, 1);
    fixture.git(&format!("target/fork/rebase/{NEW}"), &["rebase", "--skip"]);
    fixture
        .fork(&["rebase", "toy", "1.3.0"])
        .done()
        .says("1 changes, 0 that the release has, 1 skipped");
    let series = fixture.read(&format!("patch/{NEW}/series"));
    assert!(series.contains("# says-three: skipped when the changes came from toy-1.2.0\n"));
}

#[test]
fn a_rebase_that_git_took_back_is_begun_again() {
    let fixture = fixture(&BOOK.replace(LENGTH, "        self.entries.len() + 1"));
    let says = ["stopped at says-three", "conflicts in src/book.rs"];
    fixture.fork(&["rebase", "toy", "1.3.0"]).refused(1, &says);
    fixture.git(&format!("target/fork/rebase/{NEW}"), &["rebase", "--abort"]);
    fixture.fork(&["rebase", "toy", "1.3.0"]).refused(1, &says);
}

#[test]
fn abandoning_leaves_nothing() {
    let fixture = fixture(&BOOK.replace(LENGTH, "        self.entries.len() + 1"));
    let patch = everything(&fixture.path("patch"));
    assert_eq!(fixture.fork(&["rebase", "toy", "1.3.0"]).code, 1);
    fixture
        .fork(&["rebase", "toy", "1.3.0", "--abandon"])
        .done();
    assert!(!work(&fixture).exists() && patch == everything(&fixture.path("patch")));
    fixture
        .fork(&["rebase", "toy", "1.3.0", "--abandon"])
        .refused(2, &["no rebase of toy-1.2.0 to 1.3.0 was begun"]);
}

#[test]
fn a_release_that_is_not_there_is_said_and_nothing_is_begun() {
    let fixture = fixture(BOOK);
    fixture
        .fork(&["rebase", "toy", "9.9.9"])
        .refused(1, &["cannot fetch toy-9.9.9"]);
    fixture
        .fork(&["rebase", "toy", "new"])
        .refused(2, &["\"new\" is no version"]);
    fixture
        .fork(&["rebase", "toy", "1.2.0"])
        .refused(2, &["toy-1.2.0 is on 1.2.0 already"]);
    assert_eq!(
        fs::read_dir(work(&fixture).parent().unwrap())
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn status_tells_what_upstream_released_and_what_still_applies_without_a_network() {
    let fixture = fixture(&BOOK.replace(LENGTH, "        self.entries.len() + 1"));
    let status = || {
        let mut command = fixture.command(&["status", "--upstream"]);
        command.env("COLUMNS", "200");
        Done::of(command).done().stdout
    };
    assert!(status().contains("toy-1.2.0: its releases are not known"));
    let sum = Sha256::digest(fs::read(fixture.cache().join(format!("{NEW}.crate"))).unwrap());
    let line =
        |version: &str| format!("{version}\0{{\"vers\":\"{version}\",\"cksum\":\"{sum:x}\"}}\0");
    let index = format!(
        "\u{3}etag\0{}{}{}",
        line("1.2.0"),
        line("1.3.0"),
        line("2.0.0")
    );
    fixture.write("../home/registry/index/x/.cache/3/t/toy", &index);
    let said = status();
    assert!(
        said.contains("toy-1.2.0: 2 newer, the newest 2.0.0; projects on 1.2.0 may move to 1.3.0 (as of just now)"),
        "{said}"
    );
    let row = |slug: &str| said.lines().find(|line| line.contains(slug)).unwrap();
    assert!(
        row("book-is-bounded").contains("Pending  ") && row("book-is-bounded").contains("to 1.3.0")
    );
    assert!(row("says-three").contains("conflicts on 1.3.0"));
}
