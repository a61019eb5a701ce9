//! Lines: two releases of one crate in one checkout, each with a workspace, a lock and a pin of its own.

use crate::support::{
    BOOK, BOUND, BOUNDED, FACTS, Fixture, LIB, Scratch, TOY, everything, hook, lock_of, packed, toy,
};

const NEW: &str = "toy-2.0.0";

/// The checkout with a second line, whose toy states a Rust that is not there yet. Its one change has the same slug.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let mut files = toy("2.0.0");
    files[0].1 = files[0]
        .1
        .replace("edition", "rust-version = \"1.999\"\nedition");
    let checksum = fixture.publish_as(NEW, &packed(NEW, &files));
    fixture.write(
        "newest/upstream/Cargo.lock",
        &lock_of("2.0.0", Some(&checksum)),
    );
    let upstream = fixture.read("patch/upstream/Cargo.toml");
    let newer = |text: String| text.replace("1.2.0", "2.0.0");
    fixture.write("newest/upstream/Cargo.toml", &newer(upstream));
    fixture.write("newest/upstream/src/lib.rs", "");
    fixture.write("newest/Cargo.toml", &newer(fixture.read("Cargo.toml")));
    fixture.write("newest/Cargo.lock", &lock_of("2.0.0", None));
    fixture.replace("Cargo.toml", "\"target\"", "\"target\", \"newest\"");
    fixture.write(".gitignore", "/patched/\n/newest/patched/\n/target/\n");
    let dir = format!("patch/{NEW}/book-is-bounded");
    let push = "        crate::bound::push(&mut self.entries, entry);";
    let hooks = [
        hook("src/book.rs", BOOK, 9, 1, &[push]),
        hook("src/lib.rs", LIB, 3, 0, &["mod bound;"]),
    ];
    for (file, text) in [
        ("change.toml", FACTS),
        ("hooks.patch", &hooks.concat()),
        ("src/bound.rs", BOUND),
        ("tests/bounded.rs", BOUNDED),
    ] {
        fixture.write(&format!("{dir}/{file}"), text);
    }
    fixture.write(&format!("patch/{NEW}/series"), "book-is-bounded\n");
    fixture
}

#[test]
fn the_first_line_is_assembled_where_none_is_named() {
    let fixture = fixture();
    let done = fixture.fork(&["assemble"]).done();
    assert_eq!(done.stdout, "patched/ assembled: 1 crates anew, 0 fresh\n");
    assert!(!fixture.path("newest/patched").exists());
    let done = fixture.fork(&["assemble", "--line", "newest"]).done();
    assert_eq!(
        done.stdout,
        "newest/patched/ assembled: 1 crates anew, 0 fresh\n"
    );
    assert_eq!(
        fixture.read(&format!("newest/patched/{NEW}/src/bound.rs")),
        BOUND
    );
    let done = fixture.fork(&["assemble", "--line", "all"]).done();
    assert_eq!(
        done.stdout,
        "patched/ and newest/patched/ is fresh: 2 crates\n"
    );
}

#[test]
fn a_name_that_two_lines_have_is_told_apart_by_version_or_line() {
    let fixture = fixture();
    let both = "name it toy-1.2.0 or toy-2.0.0, or its line with `--line seed` or `--line newest`";
    for verb in ["edit", "refresh", "diff", "test", "bench", "verify"] {
        fixture.fork(&[verb, "toy"]).refused(2, &[both]);
    }
    let back = format!("cd ../../.. && cargo fork refresh {NEW}");
    for args in [&["edit", NEW][..], &["edit", "toy", "--line", "newest"]] {
        let done = fixture.fork(args).says(&format!("newest/patched/{NEW} is"));
        done.says(&back);
    }
    assert!(!fixture.path("patched").exists());
    fixture
        .fork(&["status", "--line", "oldest"])
        .refused(2, &["no line `oldest`", "seed, newest or all"]);
    fixture
        .fork(&["test", "--before", "book-is-bounded"])
        .refused(2, &["in several crates"]);
}

#[test]
fn what_is_edited_in_a_line_comes_back_to_its_folder() {
    let fixture = fixture();
    let dir = format!("newest/patched/{NEW}");
    fixture.fork(&["edit", NEW]);
    fixture.write(&format!("{dir}/src/bound.rs"), &BOUND.replace("> 3", "> 4"));
    fixture
        .fork(&["refresh", NEW])
        .refused(1, &[&format!("{dir} has edits that are not committed")]);
    fixture.git(
        &dir,
        &["commit", "--quiet", "--all", "--amend", "--no-edit"],
    );
    let done = fixture.fork(&["refresh", NEW]).done();
    done.says(&format!("patch/{NEW}: 1 changes as in {dir}"));
    let bound = fixture.read(&format!("patch/{NEW}/book-is-bounded/src/bound.rs"));
    assert!(bound.contains("> 4"), "{bound}");
    let untouched = fixture.read(&fixture.of("book-is-bounded", "src/bound.rs"));
    assert_eq!(untouched, BOUND);
}

#[test]
fn the_tests_of_a_line_run_whatever_rust_its_crates_state() {
    let fixture = fixture();
    let name = format!("{NEW}/book-is-bounded");
    let done = fixture.fork(&["test", "--before", &name]);
    assert_eq!(done.code, 0, "{done:#?}");
    let done = done.says("1 of 1 tests fail without book-is-bounded");
    assert!(done.stdout.contains("it keeps everything"), "{done:#?}");
    let done = fixture.fork(&["test", NEW]);
    assert_eq!(done.code, 0, "{done:#?}");
    done.says(&format!("{NEW}: 1 passed"));
}

#[test]
fn lint_holds_each_line_against_its_own_table_and_lock() {
    let fixture = fixture();
    fixture.fork(&["lint", "--quick"]).done();
    fixture.replace("newest/Cargo.toml", "toy = { path", "toi = { path");
    let lock = fixture.read("newest/Cargo.lock").replace("2.0.0", "2.0.1");
    fixture.write("newest/Cargo.lock", &lock);
    let done = fixture.fork(&["lint", "--quick"]);
    assert_eq!(done.code, 1, "{done:#?}");
    for what in [
        "lint: newest/Cargo.toml: [patch.crates-io] toy: expected path \"patched/toy-2.0.0\"",
        "in newest/upstream/Cargo.lock and {\"2.0.1\"} in newest/Cargo.lock",
    ] {
        assert!(done.stdout.contains(what), "{what}: {done:#?}");
    }
}

#[test]
fn a_branch_holds_one_line() {
    let fixture = fixture();
    let git = fixture.path("../branch");
    let git = git.to_str().unwrap();
    fixture
        .fork(&["publish", "--git", git, "--line", "all"])
        .refused(2, &["publish seed and newest to a branch each"]);
    fixture
        .fork(&["publish", "--git", git, "--line", "newest"])
        .done();
    let files = everything(&fixture.path("../branch"));
    assert!(files.contains_key(&format!("{NEW}/src/bound.rs")));
    assert!(!files.keys().any(|file| file.starts_with(TOY)));
}

/// The project depends on this, and is locked on nothing yet.
fn depends(scratch: &Scratch, toys: &str) {
    let manifest = scratch.read("Cargo.toml");
    scratch.write("Cargo.toml", &manifest.replace("toy = \"1\" # any\n", toys));
    scratch.write("src/main.rs", "fn main() {}\n");
}

#[test]
fn a_project_is_pointed_at_the_line_that_its_graph_needs() {
    let fixture = fixture();
    let scratch = fixture.scratch();
    let before = scratch.everything();
    let done = fixture.fork(&["use", scratch.arg()]);
    assert_eq!(done.code, 0, "{done:#?}");
    done.says("line seed: the graph has toy 1.2.0\n");
    assert!(!fixture.path("newest/patched").exists());
    fixture.fork(&["use", scratch.arg(), "--undo"]).done();
    assert!(before == scratch.everything());

    depends(&scratch, "toy = \"2\"\n");
    let done = fixture.fork(&["use", scratch.arg(), "--crate", "toy"]);
    assert_eq!(done.code, 0, "{done:#?}");
    done.says("line newest: the graph has toy 2.0.0\n");
    let manifest = scratch.read("Cargo.toml");
    assert!(
        manifest.ends_with(
            "[patch.crates-io]\ntoy = { path = \"../evergreen/newest/patched/toy-2.0.0\" }\n"
        ),
        "{manifest}"
    );
}

#[test]
fn a_project_with_crates_of_two_lines_is_pointed_at_both_or_at_the_one_named() {
    let fixture = fixture();
    let scratch = fixture.scratch();
    let both = "toy = \"1\"\ntoy-two = { package = \"toy\", version = \"2\" }\n";
    depends(&scratch, both);
    let before = scratch.everything();
    let done = fixture.fork(&["use", scratch.arg()]);
    assert_eq!(done.code, 0, "{done:#?}");
    let done =
        done.says("line seed: the graph has toy 1.2.0\nline newest: the graph has toy 2.0.0\n");
    done.says("uses 2 of the fork's crates");
    fixture.fork(&["use", scratch.arg(), "--undo"]).done();
    assert!(before == scratch.everything());

    let done = fixture.fork(&["use", scratch.arg(), "--line", "newest"]);
    assert_eq!(done.code, 0, "{done:#?}");
    assert!(!done.stdout.contains("seed"), "{done:#?}");
    done.says("uses 1 of the fork's crates");
}

#[test]
fn a_project_that_no_line_fits_is_refused_and_left_as_it_is() {
    let fixture = fixture();
    let scratch = fixture.scratch();
    depends(&scratch, "toy = \"3\"\n");
    let before = scratch.everything();
    let neither = "toy is 3.0.0 there, and the fork has 1.2.0 and 2.0.0";
    fixture
        .fork(&["use", scratch.arg()])
        .refused(2, &["the patch would be unused", neither]);
    let manifest = scratch.read("Cargo.toml");
    scratch.write("Cargo.toml", &manifest.replace("\"3\"", "\"1\""));
    fixture
        .fork(&["use", scratch.arg(), "--line", "newest"])
        .refused(2, &["toy is 1.2.0 there, and the fork has 2.0.0"]);
    scratch.write("Cargo.toml", &manifest);
    assert!(before == scratch.everything());
    assert!(!fixture.path("patched").exists());
}

#[test]
fn the_tests_of_a_line_that_was_not_tested_are_not_missed() {
    let fixture = fixture();
    fixture.fork(&["test", "toy-1.2.0"]).done();
    let done = fixture.fork(&["lint", "--quick", "--line", "newest"]);
    let unlooked = "ran no crate of the line newest; whether its named tests run is not checked";
    assert!(!done.stdout.contains("did not run and pass"), "{done:?}");
    let done = done.says(unlooked);
    assert!(!done.stdout.contains("of the line seed"), "{done:?}");

    // Of both, the one that was tested is looked at still.
    let done = fixture
        .fork(&["lint", "--quick", "--line", "all"])
        .says(unlooked);
    assert!(!done.stdout.contains("of the line seed"), "{done:?}");
}
