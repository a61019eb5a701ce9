//! `--profile` on a workload that leaks in a function of a known name.

use std::fs;
use std::path::PathBuf;

use crate::fakes::{self, Bench, Fake};

/// The workload in `examples/`, which cargo builds with all tests; not with this one alone.
fn own_workload() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(|deps| deps.parent()).unwrap();
    built.join("examples/own_workload")
}

/// As two sides, the first of which leaks.
fn both(bench: &Bench) -> [PathBuf; 2] {
    let program = fs::read(own_workload()).expect("`cargo build --example own_workload` first");
    // Two programs of one digest would be one side twice. What follows its sections is not read.
    [("upstream", &b""[..]), ("patched", b"\n")]
        .map(|(name, more)| bench.program(name, &[&program, more].concat()))
}

#[test]
fn the_function_that_leaks_is_named_with_its_bytes_an_event_and_there_is_no_verdict() {
    let bench = Bench::new();
    let [upstream, patched] = both(&bench);
    let done = bench.run(&upstream, &patched, &["--profile", "-q"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("result: no verdict"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("  patched: nothing grew by more than the samples may err"),
        "{}",
        done.stdout
    );

    let run = bench.only_run();
    let summary = fakes::json(&run.join("summary.json"));
    let upstream = &summary["profiles"][0]["upstream"];
    let first = &upstream["holders"][0];
    assert_eq!(
        first["frames"][0], "own_workload::learn_a_peer",
        "{summary}"
    );
    let bytes = first["bytes_per_event"].as_f64().unwrap();
    // 256 bytes by some 400 samples: a standard error of a twentieth.
    assert!((192.0..320.0).contains(&bytes), "{bytes}");
    assert!(summary.get("scenarios").is_none() && summary["no_verdict"].is_string());
    for file in ["summary.md", "report.html"] {
        let text = fs::read_to_string(run.join(file)).unwrap();
        assert!(text.contains("own_workload::learn_a_peer"), "{text}");
        assert!(text.contains("no verdict"), "{text}");
    }
    for file in ["start.heap", "end.heap"] {
        assert!(
            run.join("heap-peers-upstream").join(file).exists(),
            "{file}"
        );
    }
}

#[test]
fn without_a_profiler_the_same_workload_is_judged() {
    let bench = Bench::new();
    let [upstream, patched] = both(&bench);
    let done = bench.run(&upstream, &patched, &["--claim", "peers-grow", "-q"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("fixed: flat"), "{}", done.stdout);
}

#[test]
fn a_workload_that_writes_no_profile_is_a_failure_in_one_line() {
    let bench = Bench::new();
    let sides = [crate::LEAK, crate::FLAT].map(|body| Fake::of(&[("a", body)]));
    let done = bench.soak(sides, &["--profile", "-q"]);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("  upstream: wrote no heap profile "),
        "{}",
        done.stdout
    );
}
