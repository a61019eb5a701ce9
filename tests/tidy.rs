//! What a reviewer should not have to look for: upstream's text, places of one machine, files that do not say what they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file that git tracks, or would.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the checkout");
    let list = String::from_utf8(output.stdout).expect("names are UTF-8");
    let there = list.lines().map(|file| root().join(file));
    there.filter(|file| file.is_file()).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn named(file: &Path) -> String {
    let inner = file.strip_prefix(root()).unwrap_or(file);
    inner.display().to_string()
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read(file).expect("a file of the checkout");
    String::from_utf8_lossy(&text)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_hunk_carries_a_line_of_upstreams_around_it() {
    for file in files().iter().filter(|file| file.ends_with("hooks.patch")) {
        for (at, line) in lines(file).iter().enumerate() {
            let context = line.starts_with(' ');
            let section = line.starts_with("@@") && !line.ends_with(" @@");
            assert!(!context && !section, "{}:{}: {line}", named(file), at + 1);
        }
    }
}

#[test]
fn every_source_file_of_ours_opens_by_saying_what_it_is_for() {
    let ours = |file: &&PathBuf| file.extension().is_some_and(|kind| kind == "rs");
    for file in files().iter().filter(ours) {
        let lines = lines(file);
        let first = lines
            .iter()
            .find(|line| !line.is_empty() && !line.starts_with("// SPDX"));
        let says = first.is_some_and(|line| line.starts_with("//! "));
        assert!(says, "{}: begins with {first:?}", named(file));
    }
}

#[test]
fn nothing_names_a_place_of_one_machine_or_a_host_of_a_registry() {
    // Put together here, so that this file does not name them either.
    let places = [
        "/ro".to_owned() + "ot/",
        "/wo".to_owned() + "rk/",
        "static.".to_owned() + "crates.io",
        "index.".to_owned() + "crates.io",
    ];
    for file in files().iter().filter(|file| !file.ends_with("Cargo.lock")) {
        for (at, line) in lines(file).iter().enumerate() {
            let found = places.iter().find(|place| line.contains(place.as_str()));
            assert!(found.is_none(), "{}:{}: {line}", named(file), at + 1);
        }
    }
}
