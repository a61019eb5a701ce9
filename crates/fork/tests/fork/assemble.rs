//! `assemble`: what it makes, when it does nothing, what it never overwrites.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::support::{BOUND, Done, FACTS, Fixture, LIB, TOY, everything, hook, packed, toy, which};

#[test]
fn a_crate_is_laid_with_its_changes_a_commit_each() {
    let fixture = Fixture::new();
    let done = fixture.fork(&["assemble"]).done();
    assert_eq!(done.stdout, "patched/ assembled: 1 crates anew, 0 fresh\n");
    assert!(done.stderr.contains(&format!("{TOY}: not assembled yet")));
    assert_eq!(
        fixture.read(&fixture.toy("src/lib.rs")),
        LIB.replace("mod book;\n", "mod book;\nmod bound;\n")
    );
    assert_eq!(fixture.read(&fixture.toy("src/bound.rs")), BOUND);
    assert!(
        fixture
            .read(&fixture.toy("Cargo.toml"))
            .contains("[[test]]\nname = \"bounded\"")
    );
    let log = fixture.toy_git(&["log", "--format=%s"]);
    assert_eq!(log, format!("Bound the book\n{TOY} as published"));
    let upstream = fixture.toy_git(&["log", "--format=%s", "upstream"]);
    assert_eq!(upstream, format!("{TOY} as published"));
}

#[test]
fn a_second_assemble_does_nothing() {
    let fixture = Fixture::new();
    fixture.fork(&["assemble"]).done();
    let before = everything(&fixture.path(&fixture.toy("")));
    let done = fixture.fork(&["assemble"]).done();
    assert_eq!(done.stdout, "patched/ is fresh: 1 crates\n");
    assert_eq!(done.stderr, "");
    assert!(before == everything(&fixture.path(&fixture.toy(""))));
}

#[test]
fn the_same_inputs_give_the_same_commit_ids() {
    let head = || {
        let fixture = Fixture::new();
        fixture.fork(&["assemble"]).done();
        fixture.toy_git(&["rev-parse", "HEAD"])
    };
    assert_eq!(head(), head());
}

#[test]
fn plain_git_sees_a_clean_tree_whatever_modes_and_attributes_upstream_ships() {
    let fixture = Fixture::assembled();
    assert_eq!(fixture.toy_git(&["status", "--porcelain"]), "");
    let crlf = fixture.toy_git(&["ls-files", "--eol", "src/crlf.txt"]);
    assert!(crlf.starts_with("i/crlf"), "{crlf}");
}

#[test]
fn it_says_why_it_builds_again_and_keeps_the_times_of_what_did_not_change() {
    let fixture = Fixture::assembled();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for file in ["src/lib.rs", "src/bound.rs"] {
        let file = fs::File::open(fixture.path(&fixture.toy(file))).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let bound = fixture.of("book-is-bounded", "src/bound.rs");
    fixture.replace(&bound, "> 3", "> 4");
    let done = fixture.fork(&["assemble"]).done();
    assert!(
        done.stderr.contains(&format!("{TOY}: {bound} changed")),
        "{done:?}"
    );
    let time = |file: &str| {
        let data = fs::metadata(fixture.path(&fixture.toy(file))).unwrap();
        data.modified().unwrap()
    };
    assert_eq!(time("src/lib.rs"), long_ago);
    assert!(time("src/bound.rs") > long_ago);
}

#[test]
fn a_file_that_a_dropped_change_had_edited_gets_a_new_time() {
    let fixture = Fixture::assembled();
    let built = SystemTime::now();
    fixture.write(&format!("patch/{TOY}/series"), "");
    fixture.fork(&["assemble"]).done();
    assert_eq!(fixture.read(&fixture.toy("src/lib.rs")), LIB);
    let data = fs::metadata(fixture.path(&fixture.toy("src/lib.rs"))).unwrap();
    // Cargo builds again what is newer than what it built.
    assert!(data.modified().unwrap() >= built - Duration::from_millis(20));
}

#[test]
fn patched_removed_by_hand_is_made_again() {
    let fixture = Fixture::assembled();
    fs::remove_dir_all(fixture.path("patched")).unwrap();
    fixture.fork(&["assemble"]).done();
    assert!(fixture.path(&fixture.toy("src/bound.rs")).is_file());
}

#[test]
fn hand_edits_in_a_fresh_tree_are_told_and_kept() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/mine.rs"), "");
    let done = fixture.fork(&["assemble"]).done().says("patched/ is fresh");
    assert!(
        done.stdout
            .contains("with edits that are not in patch/ yet: ?? src/mine.rs")
    );
    assert!(fixture.path(&fixture.toy("src/mine.rs")).is_file());
}

/// Makes the tree stale, and shows that nothing in it is overwritten.
fn refused(fixture: &Fixture, edits: &str) {
    fixture.replace(&fixture.of("book-is-bounded", "src/bound.rs"), "> 3", "> 4");
    let before = everything(&fixture.path("patched"));
    fixture.fork(&["assemble"]).refused(
        1,
        &[
            &format!("patched/{TOY} has edits that are not in patch/: {edits}"),
            &format!("`cargo fork refresh {TOY}`"),
            "`cargo fork assemble --discard`",
        ],
    );
    assert!(before == everything(&fixture.path("patched")));
    fixture.fork(&["assemble", "--discard"]).done();
    assert_eq!(fixture.toy_git(&["status", "--porcelain"]), "");
    assert!(fixture.read(&fixture.toy("src/bound.rs")).contains("> 4"));
}

#[test]
fn uncommitted_edits_are_not_overwritten() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/lib.rs"), "// mine\n");
    refused(&fixture, "M src/lib.rs");
}

#[test]
fn untracked_files_are_not_overwritten() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/deep/mine.rs"), "// mine\n");
    refused(&fixture, "?? src/deep/mine.rs");
}

#[test]
fn commits_are_not_overwritten() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/lib.rs"), "// mine\n");
    fixture.toy_git(&["commit", "--quiet", "--all", "--message", "mine"]);
    refused(&fixture, "commits");
}

#[test]
fn a_stash_is_not_overwritten() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/lib.rs"), "// mine\n");
    fixture.toy_git(&["stash", "--quiet"]);
    refused(&fixture, "refs/stash");
}

#[test]
fn a_branch_is_not_overwritten() {
    let fixture = Fixture::assembled();
    fixture.toy_git(&["branch", "mine"]);
    refused(&fixture, "refs/heads/mine");
}

#[test]
fn many_edits_are_counted_and_not_all_listed() {
    let fixture = Fixture::assembled();
    for nth in 0..9 {
        fixture.write(&fixture.toy(&format!("src/mine{nth}.rs")), "");
    }
    refused(
        &fixture,
        "?? src/mine0.rs, ?? src/mine1.rs, ?? src/mine2.rs, ?? src/mine3.rs, ?? src/mine4.rs, and 4 more",
    );
}

#[test]
fn discard_drops_edits_in_a_fresh_tree_too() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/lib.rs"), "// mine\n");
    let done = fixture.fork(&["assemble", "--discard"]).done();
    assert!(done.stderr.contains("hand edits are discarded"), "{done:?}");
    assert!(!fixture.read(&fixture.toy("src/lib.rs")).contains("mine"));
}

#[test]
fn what_assemble_did_not_make_is_not_overwritten_and_refresh_is_not_offered() {
    let fixture = Fixture::new();
    fixture.write(&fixture.toy("precious"), "");
    let done = fixture.fork(&["assemble"]).refused(
        1,
        &[
            &format!("patched/{TOY} was not made by `assemble`"),
            "move it away",
            "--discard",
        ],
    );
    assert!(!done.stderr.contains("refresh"));
    fixture.fork(&["assemble", "--discard"]).done();
    assert!(!fixture.path(&fixture.toy("precious")).exists());

    fixture.write("patched/notes.txt", "");
    fixture
        .fork(&["assemble"])
        .refused(1, &["patched/notes.txt was not made by `assemble`"]);
}

#[test]
fn a_crate_that_patch_no_longer_knows_goes_unless_it_was_edited() {
    let fixture = Fixture::assembled();
    fixture.write(&fixture.toy("src/mine.rs"), "");
    fs::remove_dir_all(fixture.path(&format!("patch/{TOY}"))).unwrap();
    fixture.fork(&["assemble"]).refused(
        1,
        &[&format!(
            "patched/{TOY} has edits (?? src/mine.rs), and patch/{TOY} is gone"
        )],
    );
    fs::remove_file(fixture.path(&fixture.toy("src/mine.rs"))).unwrap();
    fixture.fork(&["assemble"]).done();
    assert!(!fixture.path(&format!("patched/{TOY}")).exists());
}

#[test]
fn a_run_that_is_killed_half_way_changes_nothing_and_the_next_one_cleans_up() {
    let fixture = Fixture::new();
    let script = format!(
        "case \" $* \" in *\" commit \"*) kill -TERM $PPID; exit 1;; esac\nexec {} \"$@\"",
        which("git").display()
    );
    fixture.stand_in("git", &script);
    let staged = || {
        let mut names = fs::read_dir(fixture.root()).unwrap();
        names.any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".assemble-")
        })
    };
    let mut command = fixture.command(&["assemble"]);
    command.env("PATH", fixture.path("bin"));
    assert_eq!(Done::of(command).code, -1);
    assert!(staged() && !fixture.path("patched").exists());
    fixture.fork(&["assemble"]).done();
    assert!(!staged());
    assert!(fixture.path(&fixture.toy("src/bound.rs")).is_file());
}

#[test]
fn two_at_once_wait_for_each_other() {
    let fixture = Fixture::new();
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            fixture
                .command(&["assemble"])
                .stderr(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fixture.toy_git(&["status", "--porcelain"]), "");
}

#[test]
fn the_environment_of_a_git_hook_does_not_matter() {
    let fixture = Fixture::new();
    let mut command = fixture.command(&["assemble"]);
    command
        .env("GIT_DIR", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere/index")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "commit.gpgsign")
        .env("GIT_CONFIG_VALUE_0", "true");
    Done::of(command).done();
}

#[test]
fn it_runs_from_any_folder_of_the_checkout() {
    let fixture = Fixture::new();
    let mut command = fixture.command(&["assemble"]);
    command.current_dir(fixture.path("patch/upstream"));
    Done::of(command).done();
    assert!(fixture.path(&fixture.toy("src/bound.rs")).is_file());
}

#[test]
fn dependencies_that_a_change_adds_come_into_the_manifest_and_the_root_lock() {
    let fixture = Fixture::bare();
    // A path dependency: cargo can resolve it without a registry.
    fixture.write(
        "helper/Cargo.toml",
        "[package]\nname = \"helper\"\nversion = \"1.0.0\"\n",
    );
    fixture.write("helper/src/lib.rs", "");
    let facts = format!(
        "{FACTS}[dependencies]\nhelper = {{ path = \"../../helper\" }}\n[features]\nmore = [\"extra\"]\n"
    );
    fixture.change("adds-helper", &facts, "", &[]);
    fixture.replace("Cargo.toml", "\"target\"", "\"target\", \"helper\"");
    let done = fixture.fork(&["assemble"]).done();
    assert!(
        done.stdout
            .contains("Cargo.lock took up a new dependency: commit it"),
        "{done:?}"
    );
    assert!(fixture.read("Cargo.lock").contains("name = \"helper\""));
    let manifest = fixture.read(&fixture.toy("Cargo.toml"));
    assert!(
        manifest.contains("[dependencies.helper]\npath = ")
            && manifest.contains("more = [\"extra\"]")
    );
    assert!(manifest.starts_with("# written by cargo\n"));
    fixture.fork(&["assemble"]).done().says("patched/ is fresh");
}

#[test]
fn a_lock_that_cannot_take_up_a_dependency_leaves_everything_as_it_was() {
    let fixture = Fixture::assembled();
    let before = everything(&fixture.path("patched"));
    let facts = format!("{FACTS}[dependencies]\nnowhere = \"1\"\n");
    fixture.change("adds-nowhere", &facts, "", &[]);
    fixture
        .fork(&["assemble"])
        .refused(1, &["cargo update", "nowhere"]);
    assert!(before == everything(&fixture.path("patched")));
    assert_eq!(
        fixture.git(".", &["status", "--porcelain", "Cargo.lock"]),
        ""
    );
    // It says so again, rather than that all is fresh.
    fixture.fork(&["assemble"]).refused(1, &["nowhere"]);
}

#[test]
fn a_root_without_a_lock_is_left_without_one() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.path("Cargo.lock")).unwrap();
    fixture.fork(&["assemble"]).done();
    assert!(!fixture.path("Cargo.lock").exists());
}

#[test]
fn a_change_takes_a_whole_upstream_file_out() {
    let fixture = Fixture::bare();
    let facts = format!("removes = [\"src/crlf.txt\"]\n{FACTS}");
    fixture.change("no-crlf", &facts, "", &[]);
    fixture.fork(&["assemble"]).done();
    assert!(!fixture.path(&fixture.toy("src/crlf.txt")).exists());
}

#[test]
fn a_later_change_hooks_into_what_an_earlier_one_added() {
    let fixture = Fixture::new();
    let hooks = hook("src/bound.rs", BOUND, 4, 1, &["    if entries.len() > 2 {"]);
    fixture.change("bound-is-two", FACTS, &hooks, &[]);
    fixture.fork(&["assemble"]).done();
    assert!(fixture.read(&fixture.toy("src/bound.rs")).contains("> 2"));
}

#[test]
fn a_file_is_shared_with_a_twin() {
    let fixture = Fixture::new();
    let shared = format!("{FACTS}[shares]\n\"src/bound.rs\" = \"{TOY}/book-is-bounded\"\n");
    fixture.write(&format!("patch/{TOY}/series"), "twin\n");
    fixture.write(&fixture.of("twin", "change.toml"), &shared);
    fixture.fork(&["assemble"]).done();
    assert_eq!(fixture.read(&fixture.toy("src/bound.rs")), BOUND);
    // A change of the twin's file is a reason to build.
    fixture.replace(&fixture.of("book-is-bounded", "src/bound.rs"), "> 3", "> 4");
    let done = fixture.fork(&["assemble"]).done();
    assert!(
        done.stderr.contains("twin/src/bound.rs changed"),
        "{done:?}"
    );
}

#[test]
fn any_registry_whose_file_is_the_pinned_one_will_do() {
    let fixture = Fixture::new();
    let other = fixture.cache().parent().unwrap().join("a");
    fs::create_dir_all(&other).unwrap();
    fs::write(
        other.join(format!("{TOY}.crate")),
        packed(TOY, &toy("9.9.9")),
    )
    .unwrap();
    fixture.fork(&["assemble"]).done();
}
