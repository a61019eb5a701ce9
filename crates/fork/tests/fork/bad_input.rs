//! What is damaged, missing or wrong: one clear line each, and `patched/` as it was.

use std::fs;
use std::process::Command;

use crate::support::{
    BOOK, BOUND, Done, FACTS, Fixture, LIB, OPEN, TOY, everything, hook, packed, toy,
};

/// `assemble` is refused, and leaves nothing behind.
fn refused(fixture: &Fixture, says: &[&str]) {
    let before = fixture
        .path("patched")
        .exists()
        .then(|| everything(&fixture.path("patched")));
    fixture.fork(&["assemble"]).refused(1, says);
    let after = fixture
        .path("patched")
        .exists()
        .then(|| everything(&fixture.path("patched")));
    assert!(before == after, "patched/ is not as it was");
    assert_no_staging(fixture);
}

fn assert_no_staging(fixture: &Fixture) {
    let names = fs::read_dir(fixture.root()).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.all(|name| !name.starts_with(".assemble-")));
}

#[test]
fn a_tampered_crate_is_named_with_both_digests() {
    let fixture = Fixture::new();
    let mut files = toy("1.2.0");
    files[2].1 += "// a back door\n";
    let found = fixture.publish(&packed(TOY, &files));
    let path = fixture.crate_file();
    refused(
        &fixture,
        &[path.to_str().unwrap(), &found, "the pin says", "delete it"],
    );
}

#[test]
fn a_truncated_crate_is_refused_before_it_is_unpacked() {
    let fixture = Fixture::assembled();
    let bytes = fs::read(fixture.crate_file()).unwrap();
    fs::write(fixture.crate_file(), &bytes[..bytes.len() / 2]).unwrap();
    // What is fresh needs no crate.
    fixture.fork(&["assemble"]).done();
    fixture.replace(&fixture.of("book-is-bounded", "src/bound.rs"), "> 3", "> 4");
    refused(&fixture, &["its SHA-256 is", "damaged"]);
}

#[test]
fn an_archive_that_leaves_its_folder_is_refused() {
    let fixture = Fixture::bare();
    for (krate, says) in [("other-1.0.0", "not under toy-1.2.0/"), (TOY, "no gzip")] {
        let bytes = match says {
            "no gzip" => b"nonsense".to_vec(),
            _ => packed(krate, &toy("1.2.0")),
        };
        fixture.pin(&fixture.publish(&bytes));
        refused(
            &fixture,
            &[if says == "no gzip" {
                "cannot unpack"
            } else {
                says
            }],
        );
    }
}

#[test]
fn a_lock_without_a_pinned_crate_says_how_to_pin_it() {
    let fixture = Fixture::new();
    fixture.write("patch/extra-0.1.0/series", "");
    refused(
        &fixture,
        &[
            "patch/extra-0.1.0: patch/upstream/Cargo.lock has no extra-0.1.0",
            "cargo update --workspace",
        ],
    );
    fixture.write("patch/upstream/Cargo.lock", "version = 4\n[[package]\n");
    refused(&fixture, &["patch/upstream/Cargo.lock: line 2: "]);
}

#[test]
fn a_hunk_that_no_longer_fits_is_named_with_what_it_expected_and_found() {
    let fixture = Fixture::bare();
    let moved = BOOK.replace(
        "self.entries.push(entry);",
        "self.entries.insert(0, entry);",
    );
    let hooks = hook(
        "src/book.rs",
        &moved,
        9,
        1,
        &["        self.entries.clear();"],
    );
    fixture.change("misfit", FACTS, &hooks, &[]);
    refused(
        &fixture,
        &[
            &format!("patch/{TOY}/misfit/hooks.patch no longer fits: src/book.rs:9: "),
            "expected \"        self.entries.insert(0, entry);\"",
            "found \"        self.entries.push(entry);\"",
        ],
    );
}

#[test]
fn an_insertion_whose_base_moved_does_not_land_on_the_wrong_line() {
    let fixture = Fixture::bare();
    let older = LIB.replace("//! A toy.\n", "");
    fixture.change(
        "misfit",
        FACTS,
        &hook("src/lib.rs", &older, 2, 0, &["mod bound;"]),
        &[],
    );
    let found = fork::hunk::blob_id(LIB.as_bytes());
    refused(
        &fixture,
        &[
            "misfit/hooks.patch no longer fits: src/lib.rs before has blob",
            &found,
        ],
    );
}

#[test]
fn a_hunk_that_does_not_give_what_its_index_line_names_is_refused() {
    let fixture = Fixture::bare();
    let hooks =
        hook("src/lib.rs", LIB, 3, 0, &["mod bound;"]).replace("+mod bound;", "+mod bounds;");
    fixture.change("misfit", FACTS, &hooks, &[]);
    refused(&fixture, &["src/lib.rs after has blob"]);
}

#[test]
fn hooks_with_context_or_nonsense_are_refused_with_their_line() {
    let fixture = Fixture::bare();
    let hooks = hook("src/lib.rs", LIB, 3, 0, &["mod bound;"]);
    fixture.change("misfit", FACTS, &hooks, &[]);
    let path = fixture.of("misfit", "hooks.patch");
    for (from, to, says) in [
        (
            "@@ -3,0 +4 @@\n",
            "@@ -3,1 +3,2 @@\n mod book;\n",
            "line 6: expected",
        ),
        (
            "@@ -3,0 +4 @@\n",
            "@@ -3,0 +4 @@ fn upstream()\n",
            "nothing behind it",
        ),
        (
            "src/lib.rs",
            "../../../outside.rs",
            "no path inside the crate",
        ),
        (
            "src/lib.rs",
            "src/absent.rs",
            "changes src/absent.rs, which is not there",
        ),
    ] {
        fixture.write(&path, &hooks.replace(from, to));
        refused(&fixture, &["misfit", says]);
    }
}

#[test]
fn a_file_is_added_by_one_change() {
    let fixture = Fixture::new();
    fixture.change("second", FACTS, "", &[("src/bound.rs", BOUND)]);
    refused(
        &fixture,
        &[
            "second: adds src/bound.rs, but book-is-bounded has it already",
            "hooks into it",
        ],
    );
    fixture.write(&format!("patch/{TOY}/series"), "third\n");
    fixture.write(&fixture.of("third", "change.toml"), FACTS);
    fixture.write(&fixture.of("third", "src/lib.rs"), "");
    refused(
        &fixture,
        &["third: adds src/lib.rs, but upstream has it already"],
    );
}

#[test]
fn change_toml_is_read_strictly() {
    let fixture = Fixture::new();
    let path = fixture.of("book-is-bounded", "change.toml");
    for (from, to, says) in [
        (
            "removal",
            "removel",
            "line 4: unknown field `removel`, expected one of",
        ),
        (
            "\"Pending\"",
            "\"pending\"",
            "line 5: upstream-status is \"pending\"; expected Pending, Submitted <where>",
        ),
        ("\"Pending\"", "\"Denied\"", "wants a word behind it"),
        ("2026-11-21", "yesterday", "expected a day as YYYY-MM-DD"),
        (
            "tests/bounded.rs::",
            "",
            "expected `<file in the crate>::<test>`",
        ),
        (
            "summary = \"Bound the book\"\n",
            "",
            "missing field `summary`",
        ),
        ("why = \"", "why = ", "line 2: "),
        (
            "why",
            "removes = [\"src/absent.rs\"]\nwhy",
            "removes src/absent.rs, which is not there",
        ),
        (
            "why",
            "removes = [\"../../Cargo.toml\"]\nwhy",
            "no path inside the crate",
        ),
        (
            "why",
            "shares = { \"src/x.rs\" = \"other-1.0.0/y\" }\nwhy",
            "shares src/x.rs from other-1.0.0/y, which does not have it",
        ),
        (
            "why",
            "dependencies = { a = { version = 1 } }\nwhy",
            "a dependency's key is 1",
        ),
    ] {
        assert_eq!(FACTS.matches(from).count(), 1, "{from}");
        fixture.write(&path, &FACTS.replace(from, to));
        refused(&fixture, &["book-is-bounded", says]);
    }
    assert!(fixture.path("Cargo.toml").is_file());
}

#[test]
fn a_series_names_folders_that_are_there_once() {
    let fixture = Fixture::new();
    let series = format!("patch/{TOY}/series");
    fixture.write(&series, "book-is-bounded\nghost\n");
    refused(
        &fixture,
        &[&series, "names ghost, but there is no ghost/change.toml"],
    );
    fixture.write(&series, "book-is-bounded\nbook-is-bounded # again\n");
    refused(&fixture, &[&series, "names book-is-bounded twice"]);
}

#[test]
fn no_network_and_no_cached_crate_says_which_and_why() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.crate_file()).unwrap();
    let says = format!("cannot fetch {TOY}: cargo says: error: no matching package");
    refused(&fixture, &[&says, "fill cargo's cache"]);

    // The same with a network that does not answer.
    let config = fixture
        .cache()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("config.toml");
    let source = "[source.crates-io]\nreplace-with = \"dead\"\n[source.dead]\nregistry = \"sparse+http://127.0.0.1:1/\"\n";
    fs::write(config, source).unwrap();
    let mut command = fixture.command(&["assemble"]);
    command
        .env("CARGO_NET_OFFLINE", "false")
        .env("CARGO_NET_RETRY", "0");
    Done::of(command).refused(
        1,
        &[
            &format!("cannot fetch {TOY}: cargo says: error: "),
            "connect to",
        ],
    );
}

#[test]
fn no_git_is_said_before_anything_is_done() {
    let fixture = Fixture::new();
    let mut command = fixture.command(&["assemble"]);
    command.env("PATH", fixture.root());
    Done::of(command).refused(1, &["cannot run `git`", "install it"]);
    assert!(!fixture.path("patched").exists());
}

#[test]
fn no_cargo_is_said() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.crate_file()).unwrap();
    let mut command = fixture.command(&["assemble"]);
    command.env("CARGO", "no-such-cargo");
    Done::of(command).refused(1, &["cannot run `no-such-cargo`"]);
}

/// A file limit stands in for a full disk: a write fails half-way.
fn on_a_full_disk(fixture: &Fixture, args: &[&str]) -> Done {
    let inner = fixture.command(args);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(fixture.root());
    fixture.surround(&mut shell);
    Done::of(shell)
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let fixture = Fixture::assembled();
    let big = "a line of a big file\n".repeat(10_000);
    fixture.write(&fixture.of("book-is-bounded", "src/big.txt"), &big);
    let before = everything(&fixture.path("patched"));
    on_a_full_disk(&fixture, &["assemble"]).refused(1, &["cannot write", "src/big.txt"]);
    assert!(before == everything(&fixture.path("patched")));
    assert_no_staging(&fixture);
    fixture.fork(&["assemble"]).done();

    fixture.git(".", &["add", "--all"]);
    fixture.toy_git(&["rm", "--quiet", "src/big.txt"]);
    fixture.write(&fixture.toy("src/bigger.txt"), &format!("{big}{big}"));
    fixture.toy_git(&["add", "src/bigger.txt"]);
    fixture.toy_git(&["commit", "--quiet", "--amend", "--no-edit"]);
    let before = everything(&fixture.path("patch"));
    on_a_full_disk(&fixture, &["refresh"]).refused(1, &["cannot write"]);
    assert!(
        before == everything(&fixture.path("patch")),
        "patch/ is not as it was"
    );
    fixture.fork(&["refresh"]).done();
    assert!(
        fixture
            .path(&fixture.of("book-is-bounded", "src/bigger.txt"))
            .is_file()
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let fixture = Fixture::new();
    fixture.write("target", "a file where a folder must be");
    fixture
        .fork(&["assemble"])
        .refused(1, &["cannot make", "target/fork/assemble"]);
    fs::remove_file(fixture.path("target")).unwrap();
    fixture.write("patched", "");
    fixture.fork(&["assemble"]).refused(1, &["patched"]);
}

#[test]
fn a_file_without_a_last_line_feed_is_patched_exactly() {
    let fixture = Fixture::bare();
    let (before, after) = (OPEN, "one\nzwei");
    let hooks = format!(
        "diff --git a/src/open.txt b/src/open.txt\nindex {}..{} 100644\n--- a/src/open.txt\n+++ b/src/open.txt\n\
         @@ -2 +2 @@\n-two\n\\ No newline at end of file\n+zwei\n\\ No newline at end of file\n",
        fork::hunk::blob_id(before.as_bytes()),
        fork::hunk::blob_id(after.as_bytes()),
    );
    fixture.change("zwei", FACTS, &hooks, &[]);
    fixture.fork(&["assemble"]).done();
    assert_eq!(fixture.read(&fixture.toy("src/open.txt")), after);
}

#[test]
fn outside_of_a_checkout_it_says_so() {
    let fixture = Fixture::bare();
    let outside = tempfile::tempdir().unwrap();
    let mut command = fixture.command(&["status"]);
    command.current_dir(outside.path());
    Done::of(command).refused(2, &["not in a checkout of Evergreen"]);
}

#[test]
fn a_crate_that_is_not_there_is_answered_with_those_that_are() {
    let fixture = Fixture::bare();
    for verb in ["edit", "refresh", "diff", "test", "bench"] {
        let done = fixture.fork(&[verb, "toi"]);
        done.refused(2, &["no crate `toi` here; expected one of: toy-1.2.0"]);
    }
    fixture.fork(&["assemble"]).done();
    fixture
        .fork(&["use", ".", "--crate", "toi"])
        .refused(2, &["no crate `toi`"]);
}

#[test]
fn a_git_that_fails_is_quoted() {
    let fixture = Fixture::new();
    fixture.stand_in(
        "git",
        "[ \"$1\" = --version ] && exit 0\necho 'fatal: out of luck' >&2\nexit 128",
    );
    let mut command = fixture.command(&["assemble"]);
    command.env("PATH", fixture.path("bin"));
    Done::of(command).refused(1, &["`git ", "fatal: out of luck"]);
    assert_no_staging(&fixture);
}
