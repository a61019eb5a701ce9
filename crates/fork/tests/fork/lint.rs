//! `lint`: every rule has a finding, and none is found where all is well.

use crate::support::{
    BOOK, BOUND, BOUNDED, Done, FACTS, Fixture, LIB, TOY, hook, packed, toy, which,
};

const SLUG: &str = "book-is-bounded";

/// A checkout in which every rule is kept: the change claims a defect, and docs/DEFECTS.md agrees.
fn clean() -> Fixture {
    let fixture = Fixture::new();
    let facts = format!("defects = [\"book-grows\"]\n{FACTS}");
    fixture.write(&fixture.of(SLUG, "change.toml"), &facts);
    defects(
        &fixture,
        &format!(
            "fixed by `{TOY}/{SLUG}`, shown by `tests/bounded.rs::a_book_stays_bounded`; scenario `books`"
        ),
    );
    fixture
}

fn defects(fixture: &Fixture, state: &str) {
    fixture.write(
        "docs/DEFECTS.md",
        &format!("| slug | what | state |\n|---|---|---|\n| `book-grows` | it grows | {state} |\n"),
    );
}

/// `lint --quick` finds this, and nothing else.
fn finds(fixture: &Fixture, what: &str) {
    let done = fixture
        .fork(&["lint", "--quick"])
        .refused(1, &["lint: 1 findings"]);
    let found: Vec<&str> = done
        .stdout
        .lines()
        .filter(|line| line.starts_with("lint: "))
        .collect();
    // The record of tests is spoken of in a line of its own.
    assert!(
        found.iter().any(|line| line.contains(what)),
        "{what:?} is not in {done:#?}"
    );
}

#[test]
fn a_clean_checkout_has_no_finding_and_its_lines_are_counted() {
    let fixture = clean();
    let done = fixture.fork(&["lint", "--quick"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("lint: 1 changes, no finding"));
    assert!(done.stdout.contains(&format!(
        "{TOY}/{SLUG}: 13 lines in new files, 2 hooked into upstream's, 1 of upstream's taken away"
    )));
    assert!(
        done.stdout
            .contains("no `cargo fork test` has run on what stands here")
    );
}

#[test]
fn facts_that_are_empty_or_contradict_are_found() {
    let fixture = clean();
    let path = fixture.of(SLUG, "change.toml");
    let facts = fixture.read(&path);
    let tests = "tests = [\"tests/bounded.rs::a_book_stays_bounded\"]\n";
    for (from, to, what) in [
        (
            "summary = \"Bound the book\"",
            "summary = \"\"",
            "summary: expected one line",
        ),
        (
            "Bound the book",
            &"ä".repeat(73),
            "summary: expected one line",
        ),
        ("It keeps everything.", " ", "why is empty"),
        ("When upstream bounds it.", "", "removal is empty"),
        (tests, "", "names no test that fails without it"),
        (
            tests,
            &format!("{tests}exempt = \"it adds API alone\"\n"),
            "has both `tests` and `exempt`",
        ),
        (
            "bounded.rs::a_book",
            "other.rs::a_book",
            "the change has no file tests/other.rs",
        ),
        (
            "stays_bounded",
            "grows",
            "tests/bounded.rs has no `fn a_book_grows(`",
        ),
        (
            "removal",
            "needs = [\"other-1.0.0/x\"]\nremoval",
            "needs other-1.0.0/x, which is in no series",
        ),
        ("2026-11-21", "2000-01-01", "last-update is still"),
    ] {
        assert_eq!(facts.matches(from).count(), 1, "{from}");
        fixture.write(&path, &facts.replace(from, to));
        // The row of docs/DEFECTS.md follows, so that this alone is wrong.
        let row = to.contains("other.rs") || to == "grows";
        let test = if row {
            "tests/bounded.rs::a_book_stays_bounded".replace(from, to)
        } else {
            String::new()
        };
        defects(
            &fixture,
            &format!(
                "fixed by `{TOY}/{SLUG}`, `tests/bounded.rs::a_book_stays_bounded`, `{test}`; scenario `books`"
            ),
        );
        finds(&fixture, what);
    }
    fixture.write(&path, &facts.replace("Bound the book", &"ä".repeat(72)));
    assert_eq!(fixture.fork(&["lint", "--quick"]).code, 0);
}

#[test]
fn an_exempt_change_needs_no_test() {
    let fixture = clean();
    let path = fixture.of(SLUG, "change.toml");
    let facts = fixture.read(&path);
    let tests = "tests = [\"tests/bounded.rs::a_book_stays_bounded\"]";
    fixture.write(
        &path,
        &facts.replace(tests, "exempt = \"it adds API alone\""),
    );
    let done = fixture.fork(&["lint", "--quick"]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn defects_are_checked_from_the_changes_and_from_the_table() {
    let fixture = clean();
    for (state, what) in [
        (
            "open",
            "claims to fix book-grows; docs/DEFECTS.md says at line 3 that it is open",
        ),
        (
            "fixed by `tests/bounded.rs::a_book_stays_bounded`",
            "does not name this change at line 3",
        ),
        (
            &format!("fixed by `{TOY}/{SLUG}`"),
            "names none of its tests at line 3",
        ),
    ] {
        defects(&fixture, state);
        let done = fixture.fork(&["lint", "--quick"]);
        assert_eq!(done.code, 1);
        assert!(done.stdout.contains(what), "{what:?} is not in {done:#?}");
    }
    fixture.write("docs/DEFECTS.md", "# none\n");
    finds(
        &fixture,
        "claims to fix book-grows; docs/DEFECTS.md has no such row",
    );

    let fixture = Fixture::new();
    defects(&fixture, &format!("fixed by `{TOY}/{SLUG}`"));
    finds(
        &fixture,
        "docs/DEFECTS.md:3: book-grows is fixed, but no change it names claims that",
    );
    defects(&fixture, "perhaps");
    fixture.fork(&["lint", "--quick"]).refused(
        1,
        &["docs/DEFECTS.md: line 3: the state of book-grows begins with \"perhaps\""],
    );
}

#[test]
fn a_defect_that_a_test_shows_has_a_scenario_as_well() {
    let fixture = clean();
    let shown = format!("fixed by `{TOY}/{SLUG}`, `tests/bounded.rs::a_book_stays_bounded`");
    defects(&fixture, &shown);
    finds(
        &fixture,
        "docs/DEFECTS.md:3: book-grows is fixed, and no scenario shows it; name one as \"scenario `NAME`\"",
    );
    let path = fixture.of(SLUG, "change.toml");
    let facts = fixture.read(&path);
    let tests = facts.lines().find(|line| line.starts_with("tests = "));
    let exempt = facts.replace(tests.unwrap(), "exempt = \"it adds API alone\"");
    fixture.write(&path, &exempt);
    let done = fixture.fork(&["lint", "--quick"]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn what_a_package_of_ours_mends_needs_no_change_but_a_test_that_is_there() {
    let fixture = Fixture::new();
    let test = "crates/keeper/tests/bounded.rs";
    fixture.write(test, "#[test]\nfn a_book_stays_bounded() {}\n");
    defects(
        &fixture,
        &format!("fixed by `crates/keeper`; shown by `{test}::a_book_stays_bounded`"),
    );
    let done = fixture.fork(&["lint", "--quick"]);
    assert_eq!(done.code, 0, "{done:?}");
    for other in [
        "crates/keeper",
        "crates/keeper/tests/bounded.rs::a_book_grows",
    ] {
        defects(&fixture, &format!("fixed by `{other}`"));
        finds(
            &fixture,
            "docs/DEFECTS.md:3: book-grows is fixed, but no change it names claims that",
        );
    }
}

#[test]
fn the_row_of_a_private_change_names_the_bound_and_not_the_attack() {
    let fixture = clean();
    let facts = format!("disclosure = \"private\"\ndefects = [\"book-grows\"]\n{FACTS}");
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    let row = |what: &str| {
        let by = format!(
            "fixed by `{TOY}/book-is-bounded`, `tests/bounded.rs::a_book_stays_bounded`; scenario `books`"
        );
        fixture.write(
            "docs/DEFECTS.md",
            &format!("| `book-grows` | {what} | {by} |\n"),
        );
    };
    row("It keeps everything");
    finds(
        &fixture,
        "book-grows is private, and its row does not begin with \"Bound: \"",
    );
    row("Bound: three entries, which a stranger can pass");
    finds(&fixture, "its row tells the attack (\"stranger\")");
    row("Bound: three entries a book");
    assert_eq!(fixture.fork(&["lint", "--quick"]).code, 0);
}

#[test]
fn a_folder_outside_of_the_series_is_found() {
    let fixture = clean();
    fixture.write(&fixture.of("forgotten", "change.toml"), FACTS);
    finds(&fixture, "forgotten is not in patch/toy-1.2.0/series");
}

#[test]
fn a_slug_is_plain() {
    let fixture = clean();
    fixture.change("Second_One", FACTS, "", &[("src/second.rs", "")]);
    let done = fixture.fork(&["lint", "--quick"]);
    assert!(
        done.stdout
            .contains("Second_One/change.toml: a slug has lower-case letters"),
        "{done:#?}"
    );
}

#[test]
fn hooks_into_the_manifest_are_found() {
    let fixture = clean();
    fixture.fork(&["assemble"]).done();
    let manifest = fixture.read(&fixture.toy("Cargo.toml"));
    // Laid, it would be a hunk that the merged manifest overwrites; found before anything is laid.
    let facts = FACTS.replace(
        "tests = [\"tests/bounded.rs::a_book_stays_bounded\"]",
        "exempt = \"e\"",
    );
    fixture.change(
        "manifest",
        &facts,
        &hook("Cargo.toml", &manifest, 1, 1, &["# ours"]),
        &[],
    );
    finds(&fixture, "hooks.patch edits Cargo.toml");
}

#[test]
fn our_files_are_formatted_and_what_they_only_declare_is_not_looked_at() {
    let fixture = clean();
    let bound = fixture.of(SLUG, "src/bound.rs");
    fixture.write(
        &bound,
        &BOUND.replace("    entries.push(entry);", "  entries.push( entry );"),
    );
    finds(&fixture, "src/bound.rs is not formatted (edition 2021)");
    fixture.write(&bound, &format!("#[cfg(any())]\nmod elsewhere;\n\n{BOUND}"));
    assert_eq!(fixture.fork(&["lint", "--quick"]).code, 0);
}

#[test]
fn what_upstream_has_formatted_stays_so() {
    let fixture = clean();
    let hooks = |push: &str| {
        [
            hook("src/book.rs", BOOK, 9, 1, &[push]),
            hook("src/lib.rs", LIB, 3, 0, &["mod bound;"]),
        ]
        .concat()
    };
    let badly = hooks("        crate::bound::push( &mut self.entries, entry );");
    fixture.write(&fixture.of(SLUG, "hooks.patch"), &badly);
    finds(
        &fixture,
        "toy-1.2.0: src/book.rs is formatted as published, and not with the changes",
    );
}

#[test]
fn a_removed_file_is_upstreams_and_holds_no_tests() {
    let fixture = clean();
    let facts = FACTS.replace(
        "tests = [\"tests/bounded.rs::a_book_stays_bounded\"]",
        "exempt = \"e\"",
    );
    let removes = |file: &str| format!("removes = [\"{file}\"]\n{facts}");
    fixture.change("less", &removes("src/bound.rs"), "", &[]);
    finds(
        &fixture,
        "less: removes src/bound.rs, which upstream does not have",
    );

    let fixture = clean();
    let mut files = toy("1.2.0");
    files[3].1 += "#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n}\n";
    fixture.pin(&fixture.publish(&packed(TOY, &files)));
    fixture.write(&format!("patch/{TOY}/series"), "less\n");
    fixture.write(&fixture.of("less", "change.toml"), &removes("src/book.rs"));
    let done = fixture.fork(&["lint", "--quick"]);
    assert!(
        done.stdout
            .contains("less: removes src/book.rs, which holds upstream's tests"),
        "{done:#?}"
    );
}

#[test]
fn locks_that_differ_and_a_missing_patch_line_are_found() {
    let fixture = clean();
    let lock = fixture.read("Cargo.lock");
    let other =
        |version: &str| format!("\n[[package]]\nname = \"other\"\nversion = \"{version}\"\n");
    let pin = fixture.read("patch/upstream/Cargo.lock");
    fixture.write("Cargo.lock", &format!("{lock}{}", other("1.0.0")));
    fixture.write(
        "patch/upstream/Cargo.lock",
        &format!("{pin}{}", other("1.0.1")),
    );
    finds(
        &fixture,
        "other is {\"1.0.1\"} in patch/upstream/Cargo.lock and {\"1.0.0\"} in Cargo.lock",
    );
    fixture.write("Cargo.lock", &lock);
    fixture.write("patch/upstream/Cargo.lock", &pin);

    fixture.replace("Cargo.toml", "toy = { path = \"patched/toy-1.2.0\" }", "");
    finds(
        &fixture,
        "[patch.crates-io] toy: expected path \"patched/toy-1.2.0\"",
    );
}

#[test]
fn clippy_speaks_of_our_files_alone() {
    let fixture = clean();
    // Upstream's own `len` without `is_empty` is upstream's.
    let done = fixture.fork(&["lint"]);
    assert_eq!(done.code, 0, "{done:?}");
    let bound = fixture.of(SLUG, "src/bound.rs");
    fixture.replace(
        &bound,
        "    entries.push(entry);\n",
        "    let entry = entry.clone();\n    entries.push(entry);\n",
    );
    let done = fixture.fork(&["lint"]);
    assert!(
        done.stdout.contains("lint: toy-1.2.0: src/bound.rs:3: "),
        "{done:#?}"
    );
    fixture.write(&bound, "nonsense\n");
    let done = fixture.fork(&["lint"]);
    assert!(
        done.stdout.contains("clippy cannot build it: error"),
        "{done:#?}"
    );
}

#[test]
fn a_named_test_that_did_not_run_in_the_last_test_run_is_found() {
    let fixture = clean();
    let done = fixture.fork(&["test", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");
    let done = fixture.fork(&["lint", "--quick"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.stdout.contains("no `cargo fork test`"), "{done:?}");

    // A record of other inputs says nothing, and one of hand edits is not kept.
    fixture.write(&fixture.toy("src/mine.rs"), "");
    std::fs::remove_dir_all(fixture.path("target/fork/test")).unwrap();
    assert_eq!(fixture.fork(&["test", "toy"]).code, 0);
    let done = fixture.fork(&["lint", "--quick"]);
    assert!(
        done.stdout.contains("no `cargo fork test` has run"),
        "{done:?}"
    );
    fixture.fork(&["assemble", "--discard"]).done();
    let test = fixture.of(SLUG, "tests/bounded.rs");
    fixture.write(
        &test,
        &BOUNDED.replace("#[test]\n", "#[test]\n#[ignore = \"not now\"]\n"),
    );
    let done = fixture.fork(&["lint", "--quick"]);
    assert!(
        done.stdout.contains("no `cargo fork test` has run"),
        "{done:?}"
    );
    fixture
        .fork(&["test", "toy"])
        .refused(1, &["things are wrong"]);
    finds(
        &fixture,
        "did not run and pass in the last `cargo fork test`",
    );
}

#[test]
fn a_missing_rustfmt_is_said() {
    let fixture = clean();
    fixture.fork(&["assemble"]).done();
    fixture.stand_in("git", &format!("exec {} \"$@\"", which("git").display()));
    let mut command = fixture.command(&["lint", "--quick"]);
    command.env("PATH", fixture.path("bin"));
    Done::of(command).refused(1, &["cannot run `rustfmt`"]);
}
