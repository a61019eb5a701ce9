//! `use`: another project built on the fork, and as it was again.

use std::fs;

use crate::support::{Done, FACTS, Fixture, Scratch, TOY};

fn fork_use(fixture: &Fixture, scratch: &Scratch, more: &[&str]) -> Done {
    let args: Vec<&str> = ["use", scratch.arg()].iter().chain(more).copied().collect();
    fixture.fork(&args)
}

/// What cargo would build for toy there, with the lock as it stands.
fn toy_of(fixture: &Fixture, scratch: &Scratch) -> String {
    let mut cargo = std::process::Command::new("cargo");
    cargo
        .args(["tree", "--locked", "--color", "never"])
        .current_dir(&scratch.root);
    fixture.surround(&mut cargo);
    Done::of(cargo).done().stdout
}

/// Refused, and the project is as it was, byte for byte.
fn refused(fixture: &Fixture, scratch: &Scratch, more: &[&str], code: i32, says: &[&str]) {
    let before = scratch.everything();
    fork_use(fixture, scratch, more).refused(code, says);
    assert!(
        before == scratch.everything(),
        "the project is not as it was"
    );
}

#[test]
fn a_project_is_pointed_at_the_fork_and_back_byte_for_byte() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.lock_on("1.2.0");
    let before = scratch.everything();
    let done = fork_use(&fixture, &scratch, &[]);
    assert_eq!(done.code, 0, "{done:?}");
    let tree = toy_of(&fixture, &scratch);
    let place = fixture.path(&format!("patched/{TOY}"));
    assert!(
        tree.contains(&format!("toy v1.2.0 ({}", place.display())),
        "{tree}"
    );
    let manifest = scratch.read("Cargo.toml");
    assert!(
        manifest
            .starts_with("# comments stay\n[package]\nname    = \"scratch\"   # oddly spaced\n"),
        "{manifest}"
    );
    assert!(
        manifest
            .ends_with("[patch.crates-io]\ntoy = { path = \"../evergreen/patched/toy-1.2.0\" }\n"),
        "{manifest}"
    );

    refused(
        &fixture,
        &scratch,
        &[],
        2,
        &["uses the fork already", "--undo` takes that back first"],
    );
    fork_use(&fixture, &scratch, &["--undo"])
        .done()
        .says("are as they were");
    assert!(before == scratch.everything());
    refused(&fixture, &scratch, &["--undo"], 2, &["nothing to undo"]);
}

#[test]
fn a_use_that_was_interrupted_is_taken_back_before_the_next() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.lock_on("1.2.0");
    let before = scratch.everything();
    assert_eq!(fork_use(&fixture, &scratch, &[]).code, 0);
    // What is noted last was not.
    let state = ".evergreen-undo/state.json";
    let mut noted: serde_json::Value = serde_json::from_str(&scratch.read(state)).unwrap();
    noted["left"] = serde_json::Value::Null;
    scratch.write(state, &noted.to_string());
    fork_use(&fixture, &scratch, &[])
        .done()
        .says("an earlier `use` was interrupted");
    fork_use(&fixture, &scratch, &["--undo"]).done();
    assert!(before == scratch.everything());
}

#[test]
fn of_two_at_once_the_second_is_refused() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let first = fs::File::open(&scratch.root).unwrap();
    first.lock().unwrap();
    for more in [&[][..], &["--undo"]] {
        refused(&fixture, &scratch, more, 2, &["another `cargo fork use`"]);
    }
    drop(first);
    fork_use(&fixture, &scratch, &[]).done();
}

#[test]
fn what_was_not_saved_whole_counts_for_nothing() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.lock_on("1.1.0");
    let before = scratch.everything();
    // As a `use` leaves it that is killed while it saves.
    scratch.write(".evergreen-undo/Cargo.toml", "[pack");
    refused(&fixture, &scratch, &["--undo"], 2, &["nothing to undo"]);
    fork_use(&fixture, &scratch, &[]).done();
    fork_use(&fixture, &scratch, &["--undo"]).done();
    assert!(before == scratch.everything());
}

#[test]
fn a_project_without_a_lock_is_without_one_again() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let odd = scratch.read("Cargo.toml").replace('\n', "\r\n")
        + "\r\n\r\n[profile.dev] # odd\r\nopt-level=1";
    scratch.write("Cargo.toml", &odd);
    let before = scratch.everything();
    fork_use(&fixture, &scratch, &[]);
    assert!(toy_of(&fixture, &scratch).contains("patched/toy-1.2.0"));
    fork_use(&fixture, &scratch, &["--undo"]).done();
    assert!(before == scratch.everything());
}

#[test]
fn a_lock_on_an_older_version_is_moved_to_ours() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.lock_on("1.1.0");
    let before = scratch.everything();
    fork_use(&fixture, &scratch, &[]).says("toy 1.2.0 -> ");
    assert!(toy_of(&fixture, &scratch).contains("toy v1.2.0 ("));
    fork_use(&fixture, &scratch, &["--undo"]).done();
    assert!(before == scratch.everything());
}

#[test]
fn relative_paths_count_from_where_it_is_called() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let done = fixture.fork(&["use", "../scratch", "--crate", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(toy_of(&fixture, &scratch).contains("patched/toy-1.2.0"));
    let mut command = fixture.command(&["use", "../../scratch/.", "--undo"]);
    command.current_dir(fixture.path("patch"));
    Done::of(command).done();
    assert!(!scratch.read("Cargo.toml").contains("patch"));
}

#[test]
fn edits_made_since_are_not_overwritten_by_undo() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    fork_use(&fixture, &scratch, &[]);
    for file in ["Cargo.toml", "Cargo.lock"] {
        let text = scratch.read(file);
        scratch.write(file, &format!("{text}# mine\n"));
        refused(
            &fixture,
            &scratch,
            &["--undo"],
            1,
            &[file, "has changed since `use`", ".evergreen-undo"],
        );
        scratch.write(file, &text);
    }
    fs::remove_file(scratch.root.join("Cargo.lock")).unwrap();
    refused(
        &fixture,
        &scratch,
        &["--undo"],
        1,
        &["Cargo.lock has changed since `use`"],
    );
}

#[test]
fn vendored_crates_stand_in_the_project_and_go_with_undo() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.lock_on("1.1.0");
    scratch.write("vendor/theirs/x", "");
    let before = scratch.everything();
    fork_use(&fixture, &scratch, &["--vendor", "vendor/evergreen"]);
    assert!(
        scratch
            .read("Cargo.toml")
            .contains("toy = { path = \"vendor/evergreen/toy-1.2.0\" }")
    );
    assert!(
        scratch
            .root
            .join("vendor/evergreen/toy-1.2.0/src/bound.rs")
            .is_file()
    );
    assert!(
        !scratch
            .root
            .join("vendor/evergreen/toy-1.2.0/.git")
            .exists()
    );
    assert!(toy_of(&fixture, &scratch).contains("vendor/evergreen/toy-1.2.0"));
    fork_use(&fixture, &scratch, &["--undo"]).done();
    assert!(before == scratch.everything());
    assert!(!scratch.root.join("vendor/evergreen").exists());

    scratch.write("vendor/evergreen/toy-1.2.0/precious", "");
    refused(
        &fixture,
        &scratch,
        &["--vendor", "vendor/evergreen"],
        2,
        &["toy-1.2.0 is there already"],
    );
}

#[test]
fn a_folder_that_is_no_project_is_refused() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    fixture
        .fork(&["use", "../nowhere"])
        .refused(2, &["../nowhere: no Cargo.toml there"]);
    scratch.write("Cargo.toml", "[package\n");
    refused(
        &fixture,
        &scratch,
        &[],
        2,
        &["cargo cannot read it: error: "],
    );
}

#[test]
fn a_conflicting_patch_is_refused_and_others_are_kept() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let plain = scratch.read("Cargo.toml");
    for registry in [
        "crates-io",
        "\"https://github.com/rust-lang/crates.io-index\"",
    ] {
        scratch.write(
            "Cargo.toml",
            &format!("{plain}[patch.{registry}]\ntoy = {{ path = \"mine\" }}\n"),
        );
        scratch.write(
            "mine/Cargo.toml",
            "[package]\nname = \"toy\"\nversion = \"1.2.0\"\n",
        );
        scratch.write("mine/src/lib.rs", "");
        refused(
            &fixture,
            &scratch,
            &[],
            2,
            &["has toy = { path = \"mine\" } already", "take it out first"],
        );
    }
    scratch.write(
        "mine/Cargo.toml",
        "[package]\nname = \"other\"\nversion = \"1.0.0\"\n",
    );
    scratch.write(
        "Cargo.toml",
        &format!("{plain}other = \"1\"\n[patch]\ncrates-io.other = {{ path = \"mine\" }} # mine\n"),
    );
    fork_use(&fixture, &scratch, &[]);
    let manifest = scratch.read("Cargo.toml");
    assert!(
        manifest.contains("crates-io.other = { path = \"mine\" } # mine\n"),
        "{manifest}"
    );
    assert!(toy_of(&fixture, &scratch).contains("patched/toy-1.2.0"));
}

#[test]
fn a_patch_that_would_be_unused_is_refused() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let plain = scratch.read("Cargo.toml");
    scratch.write("src/main.rs", "fn main() {}\n");
    scratch.write("Cargo.toml", &plain.replace("toy = \"1\" # any\n", ""));
    refused(
        &fixture,
        &scratch,
        &[],
        2,
        &["the patch would be unused", "toy is not there"],
    );
    // A version that the project insists on, and that ours is not.
    scratch.write("Cargo.toml", &plain.replace("\"1\"", "\"=1.1.0\""));
    scratch.lock_on("1.1.0");
    refused(&fixture, &scratch, &[], 1, &["toy", "1.2.0"]);
}

#[test]
fn an_optional_dependency_counts() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let manifest = scratch.read("Cargo.toml");
    scratch.write(
        "Cargo.toml",
        &manifest.replace("toy = \"1\"", "toy = { version = \"1\", optional = true }"),
    );
    scratch.write("src/main.rs", "fn main() {}\n");
    let done = fork_use(&fixture, &scratch, &[]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_crate_without_changes_is_pointed_at_only_by_name() {
    let fixture = Fixture::bare();
    let scratch = fixture.scratch();
    refused(&fixture, &scratch, &[], 2, &["the patch would be unused"]);
    let done = fork_use(&fixture, &scratch, &["--crate", "toy-1.2.0"]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn what_a_named_crate_needs_must_be_there_too() {
    let fixture = Fixture::bare();
    let facts = format!("needs = [\"other-1.0.0/x\"]\n{FACTS}");
    fixture.change("needy", &facts, "", &[]);
    let scratch = fixture.scratch();
    refused(
        &fixture,
        &scratch,
        &["--crate", "toy"],
        2,
        &["would be unused", "other is not there"],
    );
}

#[test]
fn a_member_of_a_workspace_is_refused_and_its_root_is_named() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"member\"]\nresolver = \"2\"\n",
    );
    scratch.write(
        "member/Cargo.toml",
        "[package]\nname = \"member\"\nversion = \"1.0.0\"\n[dependencies]\ntoy = \"1\"\n",
    );
    scratch.write("member/src/lib.rs", "");
    let member = scratch.root.join("member");
    let before = scratch.everything();
    let done = fixture.fork(&["use", member.to_str().unwrap()]);
    done.refused(
        2,
        &[
            "is a member of a workspace",
            &format!("use {}", scratch.root.display()),
        ],
    );
    assert!(before == scratch.everything());
    assert_eq!(fork_use(&fixture, &scratch, &[]).code, 0);
    assert!(toy_of(&fixture, &scratch).contains("patched/toy-1.2.0"));
}

#[test]
fn a_path_with_odd_letters_is_written_as_cargo_reads_it() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    let odd = scratch.root.with_file_name("it's a \"scratch\" ä");
    fs::rename(&scratch.root, &odd).unwrap();
    let scratch = Scratch { root: odd };
    let done = fork_use(&fixture, &scratch, &["--vendor", "a \"vendor\" \\ folder"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(toy_of(&fixture, &scratch).contains("toy v1.2.0"));
    fork_use(&fixture, &scratch, &["--undo"]).done();
}

#[test]
fn a_use_that_was_killed_half_way_can_be_undone() {
    let fixture = Fixture::new();
    let scratch = fixture.scratch();
    scratch.lock_on("1.1.0");
    let before = scratch.everything();
    fork_use(&fixture, &scratch, &[]);
    // As it stands before the last step: nobody has noted yet how the files were left.
    let state = scratch.read(".evergreen-undo/state.json");
    let mut state: serde_json::Value = serde_json::from_str(&state).unwrap();
    state["left"] = serde_json::Value::Null;
    scratch.write(".evergreen-undo/state.json", &state.to_string());
    fs::remove_file(scratch.root.join("Cargo.lock")).unwrap();
    fork_use(&fixture, &scratch, &["--undo"]).done();
    assert!(before == scratch.everything());
}
