//! `test`, `test --before` and `bench`: what passes, what fails, what hangs, what does not build.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{BOOK, BOUND, BOUNDED, Done, FACTS, Fixture, LIB, TOY, hook, packed, toy};

const SLUG: &str = "book-is-bounded";

/// Replaces the test of the change, of which `tests` are named in its change.toml.
fn tests(fixture: &Fixture, text: &str, tests: &[&str]) {
    fixture.write(&fixture.of(SLUG, "tests/bounded.rs"), text);
    let named: Vec<String> = tests
        .iter()
        .map(|test| format!("\"tests/bounded.rs::{test}\""))
        .collect();
    let facts = FACTS.replace(
        "\"tests/bounded.rs::a_book_stays_bounded\"",
        &named.join(", "),
    );
    fixture.write(&fixture.of(SLUG, "change.toml"), &facts);
}

fn wait_until(what: &str, mut held: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !held() {
        assert!(Instant::now() < deadline, "{what}");
        #[expect(
            clippy::disallowed_methods,
            reason = "another process is looked at, until the deadline"
        )]
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_suite_ends_with_one_line_and_skips_by_name_with_the_reason() {
    let fixture = Fixture::new();
    tests(
        &fixture,
        "#[test]\nfn good() {}\n#[test]\nfn needs_internet() {\n    panic!()\n}\n\
         #[test]\nfn needs_root() {\n    panic!()\n}\n#[test]\nfn needs_nft() {\n    panic!()\n}\n\
         #[test]\n#[ignore]\nfn slow() {}\n",
        &["good"],
    );
    fixture.write(
        "tests/suites.toml",
        "[[crate]]\nname = \"toy-1.2.0\"\nthreads = 1\nskip = [{ test = \"needs_internet\", why = \"asks a server\" }, \
         { test = [\"needs_root\", \"needs_nft\"], why = \"makes networks\" }]\n",
    );
    let done = fixture.fork(&["test", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout
            .contains("skipped: toy-1.2.0 needs_internet: asks a server\n"),
        "{done:?}"
    );
    assert!(
        done.stdout
            .contains("skipped: toy-1.2.0 needs_nft: makes networks\n"),
        "{done:?}"
    );
    assert!(
        done.stdout
            .ends_with("toy-1.2.0: 1 passed, 0 failed, 4 skipped\n"),
        "{done:?}"
    );
}

#[test]
fn a_failing_test_and_one_that_did_not_run_are_named() {
    let fixture = Fixture::new();
    tests(
        &fixture,
        "#[test]\nfn bad() {\n    println!(\"test fake ... ok\");\n    panic!()\n}\n#[test]\nfn good() {}\n",
        &["good", "absent"],
    );
    let done = fixture
        .fork(&["test", "toy"])
        .refused(1, &["2 things are wrong"]);
    assert!(
        done.stdout
            .contains("toy-1.2.0: 1 passed, 1 failed, 0 skipped"),
        "{done:?}"
    );
    assert!(
        done.stdout
            .contains("wrong: toy-1.2.0: tests/bounded.rs bad; see "),
        "{done:?}"
    );
    assert!(
        done.stdout
            .contains("tests/bounded.rs::absent did not run and pass"),
        "{done:?}"
    );
}

#[test]
fn a_crate_is_built_with_no_default_and_all_features() {
    let fixture = Fixture::new();
    fixture.replace(
        &fixture.of(SLUG, "src/bound.rs"),
        "/// Keeps",
        "#[cfg(feature = \"extra\")]\ncompile_error!(\"extra is broken\");\n\n/// Keeps",
    );
    let done = fixture
        .fork(&["test", "toy"])
        .refused(1, &["1 things are wrong"]);
    assert!(
        done.stdout
            .contains("toy-1.2.0 does not build with all features"),
        "{done:?}"
    );
}

#[test]
fn a_suite_file_that_is_wrong_is_named() {
    let fixture = Fixture::new();
    for (text, says) in [
        (
            "[[crate]]\nname = \"toi\"\n",
            "no crate toi here; expected one of: toy-1.2.0",
        ),
        (
            "\n[[crate]]\nname = \"toy-1.2.0\"\nskips = []\n",
            "tests/suites.toml: line 4: unknown field `skips`",
        ),
    ] {
        fixture.write("tests/suites.toml", text);
        fixture.fork(&["test", "toy"]).refused(1, &[says]);
    }
}

#[test]
fn a_hanging_suite_is_stopped_with_all_that_it_started() {
    let fixture = Fixture::new();
    let hang = "#[test]\nfn hangs() {\n    let mut child = std::process::Command::new(\"sleep\").arg(\"300\").spawn().unwrap();\n    \
                std::fs::write(\"../../pid\", child.id().to_string()).unwrap();\n    child.wait().unwrap();\n}\n";
    tests(&fixture, hang, &["hangs"]);
    fixture.write(
        "tests/suites.toml",
        "[[crate]]\nname = \"toy-1.2.0\"\nseconds-max = 12\n",
    );
    let done = fixture
        .fork(&["test", "toy"])
        .refused(1, &["things are wrong"]);
    assert!(
        done.stdout.contains("toy-1.2.0: stopped at its time limit"),
        "{done:?}"
    );
    let pid = fixture.read("pid").parse().unwrap();
    wait_until("the grandchild ends", || {
        test_kill_process(Pid::from_raw(pid).unwrap()).is_err()
    });
}

#[test]
fn ctrl_c_ends_the_suite_and_all_that_it_started_with_130() {
    let fixture = Fixture::new();
    let hang = "#[test]\nfn hangs() {\n    std::fs::write(\"../../pid\", std::process::id().to_string()).unwrap();\n    \
                std::thread::sleep(std::time::Duration::from_secs(300));\n}\n";
    tests(&fixture, hang, &["hangs"]);
    let mut command = fixture.command(&["test", "toy"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = fixture.path("pid");
    wait_until("the test starts", || {
        fs::read_to_string(&pid).is_ok_and(|pid| !pid.is_empty())
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(
        said.ends_with("error: interrupted: stopped before the end\n"),
        "{said}"
    );
    let pid = fixture.read("pid").parse().unwrap();
    wait_until("the test ends", || {
        test_kill_process(Pid::from_raw(pid).unwrap()).is_err()
    });
}

#[test]
fn a_suite_that_leaves_a_process_behind_does_not_hold_the_run() {
    let fixture = Fixture::new();
    let leaves = "#[test]\nfn leaves() {\n    std::process::Command::new(\"setsid\").args([\"sleep\", \"30\"]).spawn().unwrap();\n    \
                  std::process::Command::new(\"sleep\").arg(\"300\").spawn().unwrap();\n}\n";
    tests(&fixture, leaves, &["leaves"]);
    let started = Instant::now();
    let done = fixture.fork(&["test", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(started.elapsed() < Duration::from_secs(25), "{done:?}");
}

#[test]
fn the_tests_of_a_change_fail_before_it_and_say_why() {
    let fixture = Fixture::new();
    let done = fixture.fork(&["test", "--before", SLUG]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.contains("tests/bounded.rs::a_book_stays_bounded: fails without book-is-bounded: assertion `left == right` failed: it keeps everything"),
        "{done:?}"
    );
    assert!(
        done.stdout
            .contains("1 of 1 tests fail without book-is-bounded, as they should")
    );
}

#[test]
fn a_test_that_passes_before_the_change_is_reported() {
    let fixture = Fixture::new();
    let text = "#[test]\nfn passes() {}\n#[test]\nfn fails() {\n    assert!(false, \"as it should\");\n}\n";
    tests(&fixture, text, &["passes", "fails", "absent"]);
    let done = fixture.fork(&["test", "--before", SLUG]).refused(
        1,
        &[
            "tests/bounded.rs::passes: passes without the change",
            "tests/bounded.rs::absent: did not run to its end",
        ],
    );
    assert!(
        done.stdout
            .contains("fails: fails without book-is-bounded: as it should"),
        "{done:?}"
    );
    assert!(done.stdout.contains("1 of 3 tests fail"), "{done:?}");
}

#[test]
fn a_test_that_does_not_compile_before_the_change_is_not_failing() {
    let fixture = Fixture::new();
    tests(
        &fixture,
        "#[test]\nfn calls() {\n    toy::Book::bounded();\n}\n",
        &["calls"],
    );
    let done = fixture.fork(&["test", "--before", SLUG]);
    done.refused(
        1,
        &["do not compile without it, which is not failing", ".log"],
    );
}

#[test]
fn a_test_that_hangs_before_the_change_is_reported() {
    let fixture = Fixture::new();
    tests(
        &fixture,
        "#[test]\nfn hangs() {\n    loop {\n        std::thread::park();\n    }\n}\n",
        &["hangs"],
    );
    fixture.write(
        "tests/suites.toml",
        "[[crate]]\nname = \"toy-1.2.0\"\nseconds-max = 10\n",
    );
    let done = fixture.fork(&["test", "--before", SLUG]);
    done.refused(
        1,
        &["tests/bounded.rs::hangs: hangs without the change; a test has a time limit of its own"],
    );
}

#[test]
fn probes_inside_the_crate_are_laid_without_the_fix_and_with_what_they_share() {
    let fixture = Fixture::bare();
    let shared = "use crate::Book;\n\npub fn of_nine() -> Book {\n    let mut book = Book::default();\n    \
                  (0..9).for_each(|entry| book.add(entry));\n    book\n}\n";
    let probe = "use crate::common_tests::of_nine;\n\n#[test]\nfn entries_are_three() {\n    \
                 assert_eq!(of_nine().len(), 3);\n}\n";
    // It needs the fix, and is of no test that is named.
    let other =
        "#[test]\nfn a_push_is_bounded() {\n    crate::bound::push(&mut vec![1, 2, 3], 4);\n}\n";
    let facts = FACTS.replace(
        "tests/bounded.rs::a_book_stays_bounded",
        "src/probes/book.rs::entries_are_three",
    );
    let hooks = [
        hook(
            "src/book.rs",
            BOOK,
            9,
            1,
            &["        crate::bound::push(&mut self.entries, entry);"],
        ),
        hook(
            "src/lib.rs",
            LIB,
            3,
            0,
            &[
                "mod bound;",
                "#[cfg(test)]",
                "mod bound_tests;",
                "#[cfg(test)]",
                "mod common_tests;",
                "#[cfg(test)]",
                "#[path = \"probes/book.rs\"]",
                "mod probe;",
            ],
        ),
    ];
    let files = [
        ("src/bound.rs", BOUND),
        ("src/bound_tests.rs", other),
        ("src/common_tests.rs", shared),
        ("src/probes/book.rs", probe),
    ];
    fixture.change(SLUG, &facts, &hooks.concat(), &files);
    let done = fixture.fork(&["test", "--before", SLUG]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("1 of 1 tests fail"), "{done:?}");
    let done = fixture.fork(&["test", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn changes_before_it_are_laid_and_what_it_needs_is_patched() {
    let fixture = Fixture::new();
    let hooks = hook("src/bound.rs", BOUND, 4, 1, &["    if entries.len() > 2 {"]);
    let test = "#[test]\nfn two() {\n    let mut book = toy::Book::default();\n    (0..9).for_each(|entry| book.add(entry));\n    assert!(book.len() == 2, \"{} entries\", book.len());\n}\n";
    let facts = FACTS.replace("bounded.rs::a_book_stays_bounded", "two.rs::two");
    fixture.change("two", &facts, &hooks, &[("tests/two.rs", test)]);
    let done = fixture.fork(&["test", "--before", &format!("{TOY}/two")]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.contains("two: fails without two: 3 entries"),
        "{done:?}"
    );
    let manifest = fixture.read(&format!("target/fork/before/{TOY}/two/Cargo.toml"));
    // Not `toy-1.2.0` alone: cargo would take it for the same package as every other change's.
    assert!(
        manifest
            .contains("[patch.crates-io]\ntoy = { path = \"toy-1.2.0-before-toy-1.2.0-two\" }\n"),
        "{manifest}"
    );
}

#[test]
fn an_exempt_change_and_one_that_is_not_there_say_so() {
    let fixture = Fixture::new();
    let path = fixture.of(SLUG, "change.toml");
    let exempt = FACTS.replace(
        "tests = [\"tests/bounded.rs::a_book_stays_bounded\"]",
        "exempt = \"it adds API alone\"",
    );
    fixture.write(&path, &exempt);
    let done = fixture.fork(&["test", "--before", SLUG]).done();
    assert_eq!(
        done.stdout,
        format!("{TOY}/{SLUG}: no test can fail without it: it adds API alone\n")
    );
    let done = fixture.fork(&["test", "--before", "x"]);
    done.refused(
        2,
        &[&format!("no change `x`; expected one of: {TOY}/{SLUG}")],
    );
    fixture
        .fork(&["bench", "toy"])
        .refused(2, &["toy-1.2.0: its changes bring no benchmark"]);
    fixture
        .fork(&["bench", "toy", "speed"])
        .refused(2, &["toy-1.2.0: no benchmark `speed`"]);
}

#[test]
fn a_bench_runs_on_the_untouched_crate_and_on_ours() {
    let fixture = Fixture::new();
    let bench = "fn main() {\n    let mut book = toy::Book::default();\n    (0..9).for_each(|entry| book.add(entry));\n    \
                 println!(\"{} entries\", book.len());\n}\n";
    fixture.write(&fixture.of(SLUG, "benches/speed.rs"), bench);
    // A change that hooks into a file which an earlier one adds is no obstacle.
    let hooks = hook("src/bound.rs", BOUND, 4, 1, &["    if entries.len() > 2 {"]);
    fixture.change("two", FACTS, &hooks, &[]);
    let done = fixture.fork(&["bench", "toy", "speed"]);
    assert_eq!(done.code, 0, "{done:?}");
    for said in ["untouched:\n9 entries\n", "patched:\n2 entries\n"] {
        assert!(
            done.stdout.contains(&format!("{TOY}, speed, {said}")),
            "{done:?}"
        );
    }
}

#[test]
fn the_untouched_crate_is_given_what_it_forgot_to_ask_for() {
    let fixture = Fixture::bare();
    // Without the feature, the helper does not build, and the toy does not turn it on.
    fixture.write(
        "helper/Cargo.toml",
        "[package]\nname = \"helper\"\nversion = \"1.0.0\"\n[features]\nall = []\n",
    );
    fixture.write(
        "helper/src/lib.rs",
        "#[cfg(not(feature = \"all\"))]\ncompile_error!(\"it wants all\");\n",
    );
    fixture.replace("Cargo.toml", "\"target\"", "\"target\", \"helper\"");
    let helper = fixture.path("helper");
    let mut files = toy("1.2.0");
    files[0].1 += &format!("[dependencies.helper]\npath = {helper:?}\n");
    fixture.pin(&fixture.publish(&packed(TOY, &files)));
    let test = "#[test]\nfn fails() {\n    panic!(\"it must\");\n}\n";
    let facts = FACTS.replace("bounded.rs::a_book_stays_bounded", "fails.rs::fails");
    let facts = format!("{facts}[dependencies]\nhelper = {{ features = [\"all\"] }}\n");
    fixture.change(
        "all",
        &facts,
        "",
        &[
            ("tests/fails.rs", test),
            ("benches/speed.rs", "fn main() {}\n"),
        ],
    );

    let done = fixture.fork(&["test", "--before", "all"]);
    done.refused(1, &["do not compile without it"]);
    fixture.write(
        "tests/suites.toml",
        &format!(
            "[untouched-needs.seed]\nhelper = {{ path = {helper:?}, features = [\"all\"] }}\n"
        ),
    );
    for args in [&["test", "--before", "all"][..], &["bench", "toy"]] {
        let done = fixture.fork(args);
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn a_crate_whose_tests_name_it_is_given_itself_by_a_change() {
    let fixture = Fixture::bare();
    // Publishing takes away a dev-dependency that has a path and no version.
    let own = "\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn named() {\n        toy::Book::default().add(1);\n    }\n}\n";
    let lib = format!("{LIB}{own}");
    let mut files = toy("1.2.0");
    files[2].1 = lib.clone();
    fixture.pin(&fixture.publish(&packed(TOY, &files)));
    let hooks = [
        hook(
            "src/book.rs",
            BOOK,
            9,
            1,
            &["        crate::bound::push(&mut self.entries, entry);"],
        ),
        hook("src/lib.rs", &lib, 3, 0, &["mod bound;"]),
    ];
    let files = [("src/bound.rs", BOUND), ("tests/bounded.rs", BOUNDED)];
    fixture.change(SLUG, FACTS, &hooks.concat(), &files);
    let verbs = [&["verify", "toy"][..], &["test", "toy"]];
    for args in verbs {
        fixture.fork(args).refused(1, &[]);
    }

    let given = format!("{FACTS}[dev-dependencies]\ntoy = {{ path = \".\" }}\n");
    fixture.write(&fixture.of(SLUG, "change.toml"), &given);
    for args in verbs {
        let done = fixture.fork(args);
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn a_suite_that_needs_a_newer_rust_is_nightlys() {
    let fixture = Fixture::assembled();
    let suite = |rust: &str| format!("[[crate]]\nname = \"{TOY}\"\nrust = \"{rust}\"\n");
    fixture.write("tests/suites.toml", &suite("1.0.0"));
    let done = fixture.fork(&["test", "toy"]);
    assert_eq!(done.code, 0, "{done:?}");

    fixture.write("tests/suites.toml", &suite("1.999.0"));
    fixture.stand_in("rustup", "exit 1");
    let mut command = fixture.command(&["test", "toy"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", fixture.path("bin").display()));
    let says = [
        "the tests of toy-1.2.0 need Rust 1.999.0",
        "rustup toolchain install nightly",
    ];
    Done::of(command).refused(2, &says);
}
