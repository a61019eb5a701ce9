//! `refresh`: commits become change folders again, exactly, or nothing is written.

use std::fs;

use crate::support::{BOOK, BOUNDED, FACTS, Fixture, TOY, everything};

/// Commits all of the assembled crate's tree into its last commit.
fn amend(fixture: &Fixture) {
    fixture.toy_git(&["add", "--all"]);
    fixture.toy_git(&["commit", "--quiet", "--amend", "--no-edit"]);
}

fn commit(fixture: &Fixture, message: &str) {
    fixture.toy_git(&["add", "--all"]);
    fixture.toy_git(&["commit", "--quiet", "--message", message]);
}

/// `refresh` is refused with exit code 1, and nothing is written.
fn refused(fixture: &Fixture, says: &[&str]) {
    let before = (
        everything(&fixture.path("patch")),
        fixture.toy_git(&["rev-parse", "HEAD"]),
    );
    fixture.fork(&["refresh", "toy"]).refused(1, says);
    let after = (
        everything(&fixture.path("patch")),
        fixture.toy_git(&["rev-parse", "HEAD"]),
    );
    assert!(before == after, "patch/ is not as it was");
}

/// What was written gives back the tree that it came from, and writing again changes nothing.
fn refreshed(fixture: &Fixture) {
    let tree = fixture.toy_git(&["rev-parse", "HEAD^{tree}"]);
    fixture.fork(&["refresh", "toy"]).done();
    assert_eq!(fixture.toy_git(&["rev-parse", "HEAD^{tree}"]), tree);
    assert_eq!(fixture.toy_git(&["status", "--porcelain"]), "");
    fixture
        .fork(&["assemble"])
        .done()
        .says("patched/ is fresh: 1 crates");
    let patch = everything(&fixture.path("patch"));
    fixture.fork(&["refresh", "toy"]).done();
    assert!(patch == everything(&fixture.path("patch")));
    fixture.git(".", &["add", "--all"]);
}

#[test]
fn after_assemble_it_changes_nothing() {
    let fixture = Fixture::assembled();
    let done = fixture.fork(&["refresh", "toy"]).done();
    assert_eq!(
        done.stdout,
        format!("patch/{TOY}: 1 changes as in patched/{TOY}\n")
    );
    assert_eq!(fixture.status(), "");
    assert_eq!(fixture.fork(&["refresh"]).done().stdout, "");
    fixture.fork(&["assemble"]).done().says("patched/ is fresh");
}

#[test]
fn an_amended_commit_comes_back_into_its_folder() {
    let fixture = Fixture::assembled();
    fixture.replace(&fixture.toy("src/bound.rs"), "> 3", "> 4");
    fixture.replace(
        &fixture.toy("src/book.rs"),
        "entries.len()",
        "entries.len().max(0)",
    );
    fixture.write(&fixture.toy("src/deep/more.rs"), "// more\n");
    amend(&fixture);
    refreshed(&fixture);
    let hooks = fixture.read(&fixture.of("book-is-bounded", "hooks.patch"));
    assert!(
        hooks.contains(
            "@@ -13 +13 @@\n-        self.entries.len()\n+        self.entries.len().max(0)\n"
        ),
        "{hooks}"
    );
    assert!(
        fixture
            .read(&fixture.of("book-is-bounded", "src/bound.rs"))
            .contains("> 4")
    );
    assert_eq!(
        fixture.read(&fixture.of("book-is-bounded", "src/deep/more.rs")),
        "// more\n"
    );
    assert!(
        fixture
            .status()
            .lines()
            .all(|line| !line.contains("change.toml"))
    );
}

#[test]
fn hooks_have_no_line_of_upstream_beside_those_they_take_out() {
    let fixture = Fixture::assembled();
    fixture.replace(
        &fixture.toy("src/book.rs"),
        "self.entries.len()",
        "self.entries.len() + 0",
    );
    amend(&fixture);
    refreshed(&fixture);
    for line in fixture
        .read(&fixture.of("book-is-bounded", "hooks.patch"))
        .lines()
    {
        assert!(!line.starts_with(' '), "{line}");
        assert!(!line.starts_with("@@") || line.ends_with(" @@"), "{line}");
    }
}

#[test]
fn a_new_commit_becomes_a_new_folder_at_its_place_in_the_series() {
    let fixture = Fixture::assembled();
    fixture.replace(&fixture.toy("src/book.rs"), "/// Keeps", "/// Remembers");
    commit(
        &fixture,
        "Say it better\n\nIt was \"unclear\".\n\nTwice.\n\nChange: better-words\nOther: trailer",
    );
    let done = fixture.fork(&["refresh"]).done();
    assert!(
        done.stdout
            .contains("better-words/change.toml: written from the commit's message"),
        "{done:?}"
    );
    refreshed(&fixture);
    assert_eq!(
        fixture.read(&format!("patch/{TOY}/series")),
        "# in this order\nbook-is-bounded\nbetter-words\n"
    );
    let facts = fixture.read(&fixture.of("better-words", "change.toml"));
    assert!(
        facts.contains("summary = \"Say it better\"") && facts.contains("Twice."),
        "{facts}"
    );
    // What the message did not say, `lint` asks for.
    let lint = fixture.fork(&["lint", "--quick"]).stdout;
    for what in ["removal is empty", "names no test", "last-update is still"] {
        assert!(
            lint.contains(&format!("better-words/change.toml: {what}")),
            "{lint}"
        );
    }
}

#[test]
fn a_folder_that_was_begun_by_hand_keeps_its_change_toml() {
    let fixture = Fixture::assembled();
    let facts = FACTS.replace("Bound the book", "Mine");
    fixture.write(&fixture.of("better-words", "change.toml"), &facts);
    fixture.write(
        &format!("patch/{TOY}/series"),
        "# in this order\nbook-is-bounded\nbetter-words # new\n",
    );
    fixture.replace(&fixture.toy("src/book.rs"), "/// Keeps", "/// Remembers");
    commit(&fixture, "Not this\n\nChange: better-words");
    refreshed(&fixture);
    assert_eq!(
        fixture.read(&fixture.of("better-words", "change.toml")),
        facts
    );
    assert!(
        fixture
            .read(&format!("patch/{TOY}/series"))
            .ends_with("better-words # new\n")
    );
}

#[test]
fn commits_in_another_order_give_another_series() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/crlf.txt"), "one\r\nzwei\r\nthree\r\n");
    commit(&fixture, "Second\n\nChange: second");
    refreshed(&fixture);
    let onto = fixture.toy_git(&["rev-parse", "upstream"]);
    let first = fixture.toy_git(&["rev-parse", "HEAD~1"]);
    fixture.toy_git(&["checkout", "--quiet", "--detach", &onto]);
    fixture.toy_git(&["cherry-pick", "evergreen", &first]);
    // Half-way, nothing is taken for the whole.
    refused(&fixture, &["branch evergreen is not checked out"]);
    fixture.toy_git(&["checkout", "--quiet", "-B", "evergreen"]);
    refreshed(&fixture);
    assert_eq!(
        fixture.read(&format!("patch/{TOY}/series")),
        "# in this order\nsecond\nbook-is-bounded\n"
    );
}

#[test]
fn a_commit_without_a_change_is_refused() {
    let fixture = Fixture::assembled();
    fixture.replace(&fixture.toy("src/book.rs"), "/// Keeps", "/// Remembers");
    commit(&fixture, "fixup! Bound the book");
    refused(
        &fixture,
        &[
            "(\"fixup! Bound the book\") has no line `Change: <slug>`",
            "--autosquash",
        ],
    );
    fixture.toy_git(&[
        "commit",
        "--quiet",
        "--amend",
        "--message",
        "Again\n\nChange: book-is-bounded",
    ]);
    refused(&fixture, &["two commits say `Change: book-is-bounded`"]);
    fixture.toy_git(&[
        "commit",
        "--quiet",
        "--amend",
        "--message",
        "fixup! Bound the book",
    ]);
    fixture.toy_git(&[
        "rebase",
        "--quiet",
        "--interactive",
        "--autosquash",
        "upstream",
    ]);
    refreshed(&fixture);
}

#[test]
fn uncommitted_edits_are_refused() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/mine.rs"), "");
    refused(
        &fixture,
        &[
            "edits that are not committed: ?? src/mine.rs",
            "cargo fork edit",
        ],
    );
}

#[test]
fn an_edit_of_the_manifest_is_refused_and_its_key_named() {
    let fixture = Fixture::assembled();
    let manifest = fixture.toy("Cargo.toml");
    fixture.write(
        &manifest,
        &format!(
            "{}\n[dependencies.lru]\nversion = \"0.12\"\n",
            fixture.read(&manifest)
        ),
    );
    amend(&fixture);
    refused(
        &fixture,
        &[
            "change book-is-bounded: edits Cargo.toml at `dependencies.lru.version`",
            "change.toml",
        ],
    );
    let facts = fixture.of("book-is-bounded", "change.toml");
    fixture.write(
        &facts,
        &format!("{}[dependencies]\nlru = \"0.12\"\n", fixture.read(&facts)),
    );
    // Now it is what the tool would write; that the registry cannot be asked here comes later, and undoes all of it.
    refused(&fixture, &["cargo update", "lru"]);
    fixture.toy_git(&["checkout", "--quiet", "HEAD~1", "--", "Cargo.toml"]);
    fixture.toy_git(&["commit", "--quiet", "--amend", "--no-edit"]);
    fixture.git(".", &["checkout", "--quiet", "--", "patch"]);
    fixture.fork(&["refresh", "toy"]).done();
    assert_eq!(fixture.status(), "");
}

#[test]
fn test_files_come_and_go_without_a_word_about_their_targets() {
    let fixture = Fixture::assembled();
    fs::remove_file(fixture.path(&fixture.toy("tests/bounded.rs"))).unwrap();
    fixture.write(&fixture.toy("tests/renamed.rs"), BOUNDED);
    amend(&fixture);
    fixture.fork(&["refresh", "toy"]).done();
    assert!(
        !fixture
            .path(&fixture.of("book-is-bounded", "tests/bounded.rs"))
            .exists()
    );
    assert!(
        !fixture
            .path(&fixture.of("book-is-bounded", "tests"))
            .join("bounded.rs")
            .exists()
    );
    let manifest = fixture.read(&fixture.toy("Cargo.toml"));
    assert!(
        manifest.contains("tests/renamed.rs") && !manifest.contains("tests/bounded.rs"),
        "{manifest}"
    );
    refreshed(&fixture);
}

#[test]
fn an_upstream_file_is_deleted_only_where_change_toml_says_so() {
    let fixture = Fixture::assembled();
    fixture.toy_git(&["rm", "--quiet", "src/crlf.txt"]);
    amend(&fixture);
    refused(
        &fixture,
        &["deletes src/crlf.txt; add it to `removes = [\"src/crlf.txt\"]`"],
    );
    let facts = fixture.of("book-is-bounded", "change.toml");
    fixture.replace(&facts, "removal", "removes = [\"src/crlf.txt\"]\nremoval");
    refreshed(&fixture);
    assert!(
        !fixture
            .read(&fixture.of("book-is-bounded", "hooks.patch"))
            .contains("crlf")
    );
}

#[test]
fn an_upstream_file_that_was_moved_or_copied_does_not_come_under_patch() {
    let fixture = Fixture::assembled();
    let facts = fixture.of("book-is-bounded", "change.toml");
    fixture.toy_git(&["mv", "src/book.rs", "src/volume.rs"]);
    amend(&fixture);
    fixture.replace(&facts, "removal", "removes = [\"src/book.rs\"]\nremoval");
    refused(
        &fixture,
        &[
            "src/volume.rs is upstream's src/book.rs, moved or copied",
            "hook into it",
        ],
    );
    fixture.git(".", &["checkout", "--quiet", "--", "patch"]);
    fixture.toy_git(&["reset", "--quiet", "--hard", "HEAD@{1}"]);
    fixture.write(&fixture.toy("src/copy.rs"), &BOOK.replace("Book", "Copy"));
    amend(&fixture);
    refused(
        &fixture,
        &["src/copy.rs is upstream's src/book.rs, moved or copied"],
    );
}

#[test]
fn a_later_change_may_hook_into_a_file_that_an_earlier_one_adds() {
    let fixture = Fixture::assembled();
    fixture.replace(&fixture.toy("src/bound.rs"), "> 3", "> 4");
    commit(&fixture, "Keep four\n\nChange: four");
    refreshed(&fixture);
    assert!(
        fixture
            .read(&fixture.of("book-is-bounded", "src/bound.rs"))
            .contains("> 3")
    );
    let hooks = fixture.read(&fixture.of("four", "hooks.patch"));
    assert!(
        hooks.contains("-    if entries.len() > 3 {\n+    if entries.len() > 4 {\n"),
        "{hooks}"
    );
}

#[test]
fn a_file_that_a_later_change_edits_is_read_as_its_own_commit_has_it() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/open"), "no line feed");
    fixture.write(&fixture.toy("src/empty"), "");
    amend(&fixture);
    fixture.write(&fixture.toy("src/open"), "no line feed, still");
    fixture.write(&fixture.toy("src/empty"), "no more\n");
    commit(&fixture, "Second\n\nChange: second");
    refreshed(&fixture);
    assert_eq!(
        fixture.read(&fixture.of("book-is-bounded", "src/open")),
        "no line feed"
    );
    assert_eq!(
        fixture.read(&fixture.of("book-is-bounded", "src/empty")),
        ""
    );
}

#[test]
fn a_change_without_a_commit_is_dropped_only_on_demand() {
    let fixture = Fixture::assembled();
    fixture.toy_git(&["reset", "--quiet", "--hard", "upstream"]);
    refused(&fixture, &["has no commit for book-is-bounded", "--drop"]);
    let done = fixture.fork(&["refresh", "toy", "--drop"]).done();
    assert!(done.stdout.contains("book-is-bounded: deleted"), "{done:?}");
    assert!(!fixture.path(&fixture.of("book-is-bounded", "")).exists());
    assert_eq!(
        fixture.read(&format!("patch/{TOY}/series")),
        "# in this order\n"
    );
    refreshed(&fixture);
}

#[test]
fn line_ends_and_odd_names_come_back_as_they_are() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/crlf.txt"), "one\r\nzwei\r\nthree\n");
    fixture.write(&fixture.toy("src/open.txt"), "one\ntwo\nthree");
    fixture.write(&fixture.toy("a name with b/spaces and 'quotes'.txt"), "two");
    fixture.write(&fixture.toy("src/new with spaces ä.txt"), "new\r\n");
    amend(&fixture);
    refreshed(&fixture);
    let hooks = fixture.read(&fixture.of("book-is-bounded", "hooks.patch"));
    assert!(
        hooks.contains("-two\r\n-three\r\n+zwei\r\n+three\n"),
        "{hooks:?}"
    );
    assert!(
        hooks.contains("+three\n\\ No newline at end of file\n"),
        "{hooks}"
    );
    assert!(
        fixture
            .path(&fixture.of("book-is-bounded", "src/new with spaces ä.txt"))
            .is_file()
    );
}

#[test]
fn what_is_no_text_or_no_plain_file_is_refused() {
    let fixture = Fixture::assembled();
    fs::write(fixture.path(&fixture.toy("src/open.txt")), b"one\0two").unwrap();
    amend(&fixture);
    refused(&fixture, &["book-is-bounded", "Binary files"]);
    fixture.toy_git(&["reset", "--quiet", "--hard", "HEAD@{1}"]);
    std::os::unix::fs::symlink("lib.rs", fixture.path(&fixture.toy("src/link.rs"))).unwrap();
    amend(&fixture);
    refused(&fixture, &["src/link.rs would not come back as it is"]);
}

#[test]
fn what_was_edited_under_patch_since_is_not_overwritten() {
    let fixture = Fixture::assembled();
    let bound = fixture.of("book-is-bounded", "src/bound.rs");
    fixture.replace(&bound, "> 3", "> 5");
    refused(
        &fixture,
        &["would overwrite what changed under patch/", &bound],
    );
    fixture.replace(&fixture.toy("src/book.rs"), "/// Keeps", "/// Remembers");
    amend(&fixture);
    refused(
        &fixture,
        &["would overwrite what changed under patch/", &bound],
    );
    // The same edit on both sides is none.
    fixture.replace(&fixture.toy("src/bound.rs"), "> 3", "> 5");
    amend(&fixture);
    refreshed(&fixture);
}

#[test]
fn before_assemble_it_says_so() {
    let fixture = Fixture::new();
    fixture
        .fork(&["refresh", "toy"])
        .refused(2, &["is not assembled; run `cargo fork assemble` first"]);
}
