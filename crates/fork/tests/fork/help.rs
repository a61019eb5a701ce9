//! The command line itself.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Done, FACTS, Fixture};

const VERBS: [&str; 14] = [
    "assemble", "edit", "refresh", "rebase", "diff", "status", "lint", "test", "verify", "api",
    "bench", "export", "publish", "use",
];

#[test]
fn the_help_of_every_verb_has_an_example() {
    let fixture = Fixture::bare();
    let overview = fixture.fork(&["--help"]).done().stdout;
    assert!(
        overview.contains("0 done, 1 a check failed, 2 bad use"),
        "{overview}"
    );
    for verb in VERBS {
        assert!(overview.contains(&format!("\n  {verb}")), "{verb}");
        let help = fixture.fork(&[verb, "--help"]).done().stdout;
        assert!(
            help.contains(&format!("Example:\n  cargo fork {verb}")),
            "{help}"
        );
    }
}

#[test]
fn the_changes_that_examples_name_are_there() {
    let patch = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../patch");
    let series = fs::read_dir(patch).unwrap().filter_map(|krate| {
        let series = krate.unwrap().path().join("series");
        fs::read_to_string(series).ok()
    });
    let series: String = series.collect();
    let fixture = Fixture::bare();
    let mut named = Vec::new();
    for verb in VERBS {
        let help = fixture.fork(&[verb, "--help"]).done().stdout;
        let lines = help.lines().filter(|line| line.starts_with("  cargo fork"));
        let words = lines.flat_map(str::split_whitespace);
        let words: Vec<_> = words.map(str::to_owned).collect();
        let slugs = words
            .windows(2)
            .filter(|two| ["--change", "--before"].contains(&&*two[0]));
        named.extend(slugs.map(|two| two[1].clone()));
    }
    assert!(named.len() >= 3, "{named:?}");
    for slug in named {
        assert!(series.lines().any(|line| line == slug), "{slug}");
    }
}

#[test]
fn bad_use_ends_with_2() {
    let fixture = Fixture::bare();
    for args in [
        &[][..],
        &["asemble"],
        &["assemble", "--force"],
        &["use"],
        &["edit"],
    ] {
        assert_eq!(fixture.fork(args).code, 2, "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_is_no_panic() {
    let fixture = Fixture::assembled();
    let mut child = fixture
        .command(&["diff", "toy"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    child.wait().unwrap();
    assert_eq!(said, "");
}

#[test]
fn edit_says_where_to_work_and_how_to_come_back() {
    let fixture = Fixture::new();
    let done = fixture.fork(&["edit", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");
    for what in [
        "patched/toy-1.2.0",
        "Bound the book",
        "git rebase",
        "cd ../.. && cargo fork refresh toy-1.2.0",
    ] {
        assert!(done.stdout.contains(what), "{what}");
    }
}

#[test]
fn diff_shows_upstream_text_around_one_change_or_all() {
    let fixture = Fixture::assembled();
    let all = fixture.fork(&["diff"]).done().stdout;
    assert!(
        all.contains("\n     pub fn add(") && all.contains("+mod bound;"),
        "{all}"
    );
    let one = fixture
        .fork(&["diff", "toy", "--change", "book-is-bounded"])
        .done()
        .stdout;
    assert!(one.contains("+mod bound;"));
    fixture
        .fork(&["diff", "toy", "--change", "x"])
        .refused(2, &["no change `x`; expected one of: book-is-bounded"]);
    fixture
        .fork(&["diff", "--change", "x"])
        .refused(2, &["name the crate as well"]);
}

#[test]
fn status_counts_lines_without_a_network() {
    let fixture = Fixture::new();
    let mut command = fixture.command(&["status"]);
    command.env("COLUMNS", "200");
    let table = Done::of(command).done().stdout;
    let row = table
        .lines()
        .find(|line| line.contains("book-is-bounded"))
        .unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        &cells[..6],
        ["toy-1.2.0", "book-is-bounded", "13", "2", "1", "Pending"],
        "{table}"
    );
    let facts = format!("disclosure = \"private\"\n{FACTS}");
    fixture.write(&fixture.of("book-is-bounded", "change.toml"), &facts);
    let mut command = fixture.command(&["status"]);
    command.env("COLUMNS", "200");
    let table = Done::of(command).done().stdout;
    assert!(table.contains(" Pending, private "), "{table}");
}

#[test]
fn without_a_nightly_toolchain_api_says_what_to_install() {
    let fixture = Fixture::new();
    fixture.stand_in("rustup", "exit 1");
    let mut command = fixture.command(&["api"]);
    command.env("PATH", fixture.path("bin"));
    Done::of(command).refused(2, &["rustup toolchain install nightly"]);
}
