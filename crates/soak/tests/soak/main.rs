//! The whole program against fake workloads: good ones, and every bad one that it must survive.

mod attach;
mod deaths;
mod fakes;
mod fleet;
mod manners;
mod profile;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use fakes::{Bench, Fake};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const LEAK: &str = "hello; measure 2100; finish";
const FLAT: &str = "hello; measure 0; finish";

#[test]
fn a_leak_that_the_patched_side_does_not_have_is_shown_fixed() {
    let bench = Bench::new();
    let done = bench.soak(
        [
            Fake::of(&[("learning", LEAK)]),
            Fake::of(&[("learning", FLAT)]),
        ],
        &["--claim", "learning-defect", "--seed", "7"],
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("fixed: flat"), "{}", done.stdout);
    assert!(done.stdout.contains("2.05 KiB"), "{}", done.stdout);
    assert!(
        done.stdout
            .contains("every scenario whose defects the changes claim fixed is flat"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("replay: cargo soak --quick --seed 7 --upstream "),
        "{}",
        done.stdout
    );

    let run = bench.only_run();
    let summary = fakes::json(&run.join("summary.json"));
    let row = &summary["scenarios"][0];
    assert_eq!(row["verdict"], "fixed");
    assert_eq!(row["upstream"]["trend"], "grows");
    assert_eq!(row["patched"]["trend"], "flat");
    assert_eq!(row["upstream"]["heap_growth"]["points"], 33);
    assert_ne!(summary["upstream"]["sha256"], summary["patched"]["sha256"]);
    assert_eq!(summary["upstream"]["versions"]["p2panda-net"], "0.4.0");
    assert_eq!(summary["seed"], 7);
    for fact in ["os", "arch", "kernel", "cores", "memory_kib", "load_before"] {
        assert!(!summary["host"][fact].is_null(), "{fact}");
    }
    let samples = fs::read_to_string(run.join("samples.jsonl")).unwrap();
    for (start, lines) in [
        (r#"{"scenario":"learning","side":"upstream","look":1,"#, 49),
        (r#"{"scenario":"learning","side":"patched","look":1,"#, 49),
        (r#"{"scenario":"pair-1","side":"patched","look":1,"#, 49),
        (r#"{"scenario":"pair-2","side":"patched","look":1,"#, 49),
    ] {
        let found = samples.lines().filter(|line| line.starts_with(start));
        assert_eq!(found.count(), lines, "{start}");
    }
    assert_eq!(samples.lines().count(), 4 * 49);
    let svg = fs::read_to_string(run.join("growth-learning.svg")).unwrap();
    assert!(svg.trim_end().ends_with("</svg>"), "{svg}");
    for text in [
        "upstream, untouched",
        "patched",
        "live heap (MiB)",
        "events (thing done)",
        "2.05 KiB per event",
    ] {
        assert!(svg.contains(text), "{text} is not in {svg}");
    }
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for text in [
        "<!DOCTYPE html>",
        "fixed: flat",
        "Result: every scenario whose defects",
        "</svg>",
        "the workload has no canary",
        "cargo soak --quick --seed 7",
        "every figure, per event",
        "resident_bytes",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    assert!(
        !page.contains("src=") && !page.contains("@import"),
        "it needs nothing else"
    );
    let comment = fs::read_to_string(run.join("summary.md")).unwrap();
    assert!(
        comment.contains("| learning | 4,800 | 2.05 KiB | 0 B | 2.05 KiB | fixed: flat |"),
        "{comment}"
    );
    for colour in ["#D55E00", "#1B84C7"] {
        let lines = svg
            .lines()
            .filter(|line| line.starts_with("<polyline") && line.contains(colour));
        let points = lines
            .map(|line| line.matches(',').count())
            .collect::<Vec<_>>();
        assert_eq!(points, [49], "one line a side, with every sample");
    }
}

#[test]
fn a_claimed_scenario_that_still_grows_ends_with_1() {
    let bench = Bench::new();
    let done = bench.soak(
        [
            Fake::of(&[("a", LEAK), ("b", LEAK)]),
            Fake::of(&[("a", FLAT), ("b", "hello; measure 300; finish")]),
        ],
        &["--claim", "a-defect", "--claim", "b-defect"],
    );
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stdout.contains("GROWS"), "{}", done.stdout);
    assert!(
        done.stdout.contains("b grows on the patched side by 300 B to 300 B an event over 33 samples; the budget is 8.0 B, though b-defect is said to be fixed"),
        "{}",
        done.stdout
    );
}

#[test]
fn an_open_defect_is_told_and_counts_neither_way() {
    let bench = Bench::new();
    let done = bench.soak(
        [
            Fake::of(&[("a", LEAK), ("b", LEAK)]),
            Fake::of(&[("a", FLAT), ("b", LEAK)]),
        ],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("open: grows"), "{}", done.stdout);
    assert!(
        done.stdout
            .contains("b grows on both sides: b-defect is open (docs/DEFECTS.md)"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_fix_is_not_shown_where_the_untouched_side_is_flat_too() {
    let bench = Bench::new();
    let done = bench.soak(
        [Fake::of(&[("a", FLAT)]), Fake::of(&[("a", FLAT)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stdout.contains("not shown"), "{}", done.stdout);
}

/// Flat, and too noisy for the events of a quick run, but not for twice as many.
const NOISY: &str = "hello; noisy 0 700; finish";

#[test]
fn a_side_that_cannot_be_told_is_measured_again_with_twice_the_events_and_only_that_counts() {
    let bench = Bench::new();
    let done = bench.soak(
        [Fake::of(&[("a", LEAK)]), Fake::of(&[("a", NOISY)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("fixed: flat"), "{}", done.stdout);
    assert!(
        done.stdout
            .contains("a on patched could not be told with 4,800 events ("),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("only the run with 9,600 counts"),
        "{}",
        done.stdout
    );
    let run = bench.only_run();
    let row = &fakes::json(&run.join("summary.json"))["scenarios"][0];
    assert_eq!(row["patched"]["events"], 9600);
    assert_eq!(row["patched"]["heap_growth"]["points"], 64);
    assert_eq!(row["patched"]["inconclusive"][0]["events"], 4800);
    assert_eq!(row["upstream"]["events"], 4800);
    assert_eq!(row["upstream"]["inconclusive"], serde_json::json!([]));
    let samples = fs::read_to_string(run.join("samples.jsonl")).unwrap();
    let second = r#"{"scenario":"a","side":"patched","look":2,"#;
    assert_eq!(
        samples
            .lines()
            .filter(|line| line.starts_with(second))
            .count(),
        96
    );
}

#[test]
fn a_side_that_stays_at_its_budget_is_extended_twice_and_then_said_to_be_untold() {
    let bench = Bench::new();
    let at_budget = "hello; noisy 8 20000; finish";
    let done = bench.soak(
        [Fake::of(&[("a", LEAK)]), Fake::of(&[("a", at_budget)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("cannot tell"), "{}", done.stdout);
    let row = &fakes::json(&bench.only_run().join("summary.json"))["scenarios"][0];
    assert_eq!(row["patched"]["events"], 19_200);
    let looks = row["patched"]["inconclusive"].as_array().unwrap();
    assert_eq!(looks.len(), 2);
}

#[test]
fn an_untouched_side_that_cannot_be_told_is_measured_again_too() {
    let bench = Bench::new();
    // 12 bytes an event: above the budget, but not clearly until there are more events.
    let slow = "hello; noisy 12 400; finish";
    let done = bench.soak(
        [Fake::of(&[("a", slow)]), Fake::of(&[("a", FLAT)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let row = &fakes::json(&bench.only_run().join("summary.json"))["scenarios"][0];
    assert_eq!(row["upstream"]["events"], 9600);
    assert_eq!(row["patched"]["events"], 4800);
}

#[test]
fn a_longer_run_that_fails_is_a_failure_and_not_the_shorter_one() {
    let bench = Bench::new();
    let weak = r#"hello; [ "$events" -le 4800 ] || exit 9; noisy 0 700; finish"#;
    let done = bench.soak(
        [Fake::of(&[("a", LEAK)]), Fake::of(&[("a", weak)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("a on patched crashed (exit code 9)"),
        "{}",
        done.stdout
    );
}

const CANARY: &str = "hello; measure ${9#--leak=}; finish";

#[test]
fn canaries_that_are_seen_and_a_pair_without_a_difference_are_told_under_the_table() {
    let bench = Bench::new();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body), ("canary", CANARY)]));
    let done = bench.soak(sides, &["--claim", "a-defect"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains(
            "control: canary, an event: 4.0 B seen as 4.0 B to 4.0 B, as it must be; 8.0 B seen as"
        ),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("control: a twice on the patched side: as it must be (they differ by 0 B"),
        "{}",
        done.stdout
    );
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    let scenarios = summary["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), 1, "a control is no row");
    assert_eq!(summary["controls"]["verdict"], "held");
    let leaks = &summary["controls"]["canaries"];
    assert_eq!(leaks[2]["leak_bytes_per_event"], 16);
    assert_eq!(
        summary["controls"]["pair"]["noise_floor_bytes_per_event"],
        0.0
    );
}

#[test]
fn a_canary_that_is_not_seen_leaves_no_verdict() {
    let bench = Bench::new();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body), ("canary", FLAT)]));
    let done = bench.soak(sides, &["--claim", "a-defect"]);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    for said in ["16 B seen as 0 B to 0 B, WRONG", "a control did not hold"] {
        assert!(done.stdout.contains(said), "{}", done.stdout);
    }
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert_eq!(summary["controls"]["verdict"], "failed");
    assert_eq!(summary["controls"]["canaries"][0]["verdict"], "held");
}

#[test]
fn one_binary_that_differs_from_itself_leaves_no_verdict() {
    let bench = Bench::new();
    let count = bench.path().join("count");
    let moody = format!(
        "echo >> {0}; hello; measure $(($(wc -l < {0}) * 100)); finish",
        count.display()
    );
    let sides = [
        Fake::of(&[("gossip-messages", &moody), ("a", LEAK)]),
        Fake::of(&[("gossip-messages", &moody), ("a", FLAT)]),
    ];
    let done = bench.soak(sides, &["--claim", "a-defect", "--scenario", "a"]);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("fixed: flat"), "{}", done.stdout);
    assert!(
        done.stdout
            .contains("control: gossip-messages twice on the patched side: WRONG"),
        "{}",
        done.stdout
    );
}

#[test]
fn figures_that_were_not_taken_leave_the_growth_unknown() {
    let bench = Bench::new();
    let blind = "hello; figure=null; measure 0; finish";
    let done = bench.soak(
        [Fake::of(&[("a", LEAK)]), Fake::of(&[("a", blind)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stdout.contains("cannot tell"), "{}", done.stdout);
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert!(summary["scenarios"][0]["patched"]["heap_growth"].is_null());
}

/// One bad patched side beside a good scenario; what is said about it.
fn said_about(bad: &str) -> String {
    let bench = Bench::new();
    let done = bench.soak(
        [
            Fake::of(&[("good", LEAK), ("bad", LEAK)]),
            Fake::of(&[("good", FLAT), ("bad", bad)]),
        ],
        &["--claim", "good-defect", "--claim", "bad-defect"],
    );
    assert_eq!(done.code, 2, "{}\n{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("fixed: flat"),
        "the good one is judged: {}",
        done.stdout
    );
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert_eq!(summary["scenarios"][1]["verdict"], "failed");
    assert!(
        summary["scenarios"][1]["patched"]["heap_growth"].is_null(),
        "a failed run is missing, not zero"
    );
    assert_eq!(summary["scenarios"][1]["patched"]["spark"], "");
    let note = done
        .stdout
        .lines()
        .find(|line| line.contains("bad on patched"));
    note.unwrap_or_else(|| panic!("{}", done.stdout))
        .trim()
        .to_owned()
}

#[test]
fn a_workload_that_crashes_is_named_with_its_last_words() {
    let said = said_about(
        "hello; measure 0; echo 'thread main panicked' >&2; echo 'at peers.rs:9' >&2; exit 101",
    );
    assert_eq!(
        said,
        "bad on patched crashed (exit code 101) after line 50; last on standard error: thread main panicked | at peers.rs:9"
    );
    let said = said_about("hello; kill -SEGV $$");
    assert!(
        said.starts_with("bad on patched crashed (signal 11) after line 1;"),
        "{said}"
    );
}

#[test]
fn a_workload_that_hangs_is_killed() {
    let before = Instant::now();
    let said = said_about("hello; sleep 60");
    assert_eq!(
        said,
        "bad on patched hung: nothing written for 2 s after line 1; killed"
    );
    assert!(before.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_workload_that_closes_its_output_and_stays_is_killed() {
    let said = said_about("hello; measure 0; finish; exec >&-; sleep 60");
    assert!(said.starts_with("bad on patched hung"), "{said}");
}

#[test]
fn a_workload_that_goes_on_and_on_is_killed() {
    let said = said_about("hello; while :; do sample 0 1; sleep 0.2; done");
    assert_eq!(
        said,
        "bad on patched took longer than its limit of 5 s; killed"
    );
}

#[test]
fn a_workload_that_writes_nonsense_is_quoted_with_the_line() {
    let said = said_about("hello; sample 0 1; echo 'INFO starting up'; measure 0; finish");
    assert!(
        said.starts_with("bad on patched wrote nonsense: line 3 of its output: expected a line of the protocol, found \"INFO starting up\""),
        "{said}"
    );
    let said = said_about("hello; head -c 2000000 /dev/zero; finish");
    assert!(
        said.contains("line 2 of its output: expected at most 1048576 bytes in a line"),
        "{said}"
    );
}

#[test]
fn a_workload_that_stops_early_or_gives_up_is_told_apart() {
    let said = said_about("hello; sample 0 1");
    assert_eq!(
        said,
        "bad on patched ended early: exit code 0 after line 2, but no `done` line"
    );
    let said = said_about(r#"hello; echo '{"type":"error","message":"no free port"}'; exit 1"#);
    assert_eq!(said, "bad on patched gave up: no free port");
}

#[test]
fn what_a_workload_started_does_not_outlive_it() {
    let bench = Bench::new();
    let pid = bench.path().join("pid");
    let leaves = format!("sleep 300 & echo $! > {}; {FLAT}", pid.display());
    let done = bench.soak(
        [Fake::of(&[("a", LEAK)]), Fake::of(&[("a", &leaves)])],
        &["--claim", "a-defect"],
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_gone(&pid);
}

#[test]
fn a_plan_in_a_file_says_which_scenarios_and_how_large() {
    let bench = Bench::new();
    let plan = bench.path().join("mine.toml");
    let text = "about = \"mine\"\nscenarios = [\"a\"]\ntimes = 2\n[scenario.a]\nsamples = 90\nheap_bytes_per_event = 4000.0\n";
    fs::write(&plan, text).unwrap();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body), ("b", body)]));
    let plan = plan.to_str().unwrap();
    let done = bench.verb(sides, &["--plan", plan, "--claim", "a-defect"]);
    // Within such a budget the leak is none.
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    let replay = format!("replay: cargo soak --plan {plan} --seed 1 ");
    assert!(done.stdout.contains(&replay), "{}", done.stdout);
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert_eq!(summary["plan"], plan);
    let rows = summary["scenarios"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["events"], 9600);
    assert_eq!(rows[0]["patched"]["samples"], 91);
    assert_eq!(rows[0]["verdict"], "not-shown");
}

#[test]
fn an_earlier_run_stands_beside_this_one() {
    let bench = Bench::new();
    let sides = bench.write_both([LEAK, FLAT].map(|body| Fake::of(&[("a", body)])));
    bench.run(&sides[0], &sides[1], &["--claim", "a-defect"]);
    let before = bench.only_run();
    let name = before.file_name().unwrap().to_str().unwrap();
    let worse = bench.write("worse", &Fake::of(&[("a", "hello; measure 5; finish")]));
    let done = bench.run(
        &sides[0],
        &worse,
        &["--claim", "a-defect", "--baseline", name],
    );
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let said = format!(
        "a grows more than in {name} on the patched side: 0 B to 0 B an event then, 5.0 B to 5.0 B now"
    );
    assert!(done.stdout.contains(&said), "{}", done.stdout);
    let done = bench.run(&sides[0], &sides[1], &["--baseline", "no-such-run"]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr
            .starts_with("error: cannot read the baseline no-such-run"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_unknown_scenario_is_answered_with_those_there_are() {
    let bench = Bench::new();
    let sides = [
        Fake::of(&[("a", LEAK), ("b", LEAK)]),
        Fake::of(&[("a", FLAT), ("b", FLAT)]),
    ];
    let done = bench.soak(sides, &["--scenario", "c"]);
    assert_eq!(done.code, 2);
    assert_eq!(
        done.stderr,
        "error: no scenario `c`; expected one of: a, b\n"
    );
    assert!(!bench.out().exists(), "nothing ran, so nothing is left");
}

#[test]
fn a_quiet_run_says_its_result_and_nothing_else() {
    let bench = Bench::new();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body)]));
    let done = bench.soak(sides, &["-q", "--claim", "a-defect"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert!(done.stdout.contains("result: "), "{}", done.stdout);
}

#[test]
fn one_scenario_runs_alone() {
    let bench = Bench::new();
    let sides = [
        Fake::of(&[("a", LEAK), ("b", "exit 9")]),
        Fake::of(&[("a", FLAT), ("b", "exit 9")]),
    ];
    let done = bench.soak(sides, &["--scenario", "a", "--claim", "a-defect", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let summary: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(summary["scenarios"].as_array().unwrap().len(), 1);
}

#[test]
fn equal_binaries_are_refused() {
    let bench = Bench::new();
    let fake = bench.write("fake", &Fake::of(&[("a", LEAK)]));
    let done = bench.run(&fake, &fake, &[]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr
            .starts_with("error: both sides are the same binary (SHA-256 "),
        "{}",
        done.stderr
    );
}

#[test]
fn a_missing_binary_is_one_clear_line() {
    let bench = Bench::new();
    let fake = bench.write("fake", &Fake::of(&[("a", LEAK)]));
    let done = bench.run(&fake, &bench.path().join("nothing-here"), &[]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.starts_with("error: --patched "),
        "{}",
        done.stderr
    );
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

#[test]
fn sides_with_different_scenarios_are_refused() {
    let bench = Bench::new();
    let done = bench.soak([Fake::of(&[("a", LEAK)]), Fake::of(&[("b", FLAT)])], &[]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr
            .contains("do not list the same scenarios: upstream has a; patched has b"),
        "{}",
        done.stderr
    );
}

#[test]
fn ctrl_c_keeps_what_was_measured_and_leaves_no_child() {
    let bench = Bench::new();
    let pid = bench.path().join("pid");
    let slow = format!(
        "echo $$ > {}; hello; pause=0.1; measure 2100; sleep 60",
        pid.display()
    );
    let sides = [
        Fake::of(&[("a", LEAK), ("b", LEAK), ("c", LEAK)]),
        Fake::of(&[("a", FLAT), ("b", &slow), ("c", FLAT)]),
    ];
    let mut soak = bench.start(&bench.write_both(sides), &["--claim", "a-defect"]);
    wait_until("the slow child has begun", || pid.exists());
    // A few samples first: what was measured is to be kept.
    pause(Duration::from_millis(500));
    kill_process(Pid::from_child(&soak), Signal::INT).unwrap();
    assert_eq!(soak.wait().unwrap().code(), Some(130));
    assert_gone(&pid);

    let run = bench.only_run();
    let summary = fakes::json(&run.join("summary.json"));
    assert_eq!(summary["interrupted"], true);
    let words: Vec<_> = (0..3)
        .map(|at| summary["scenarios"][at]["verdict"].clone())
        .collect();
    assert_eq!(words, ["fixed", "stopped", "stopped"]);
    assert!(
        summary["scenarios"][2]["upstream"].is_null(),
        "never reached"
    );
    let kept = summary["scenarios"][1]["patched"]["samples"]
        .as_u64()
        .unwrap();
    assert!(kept > 0);
    assert!(run.join("samples.jsonl").exists() && run.join("growth-b.svg").exists());
    let table = fs::read_to_string(bench.path().join("stdout")).unwrap();
    assert!(
        table.contains("fixed: flat") && table.contains("stopped"),
        "{table}"
    );
}

#[test]
fn a_child_ends_when_soak_is_killed() {
    let bench = Bench::new();
    let pid = bench.path().join("pid");
    let slow = format!(
        "echo $$ > {}; hello; while :; do sample 0 1; sleep 0.1; done",
        pid.display()
    );
    let sides = bench.write_both([Fake::of(&[("a", &slow)]), Fake::of(&[("a", FLAT)])]);
    let mut soak = bench.start(&sides, &[]);
    wait_until("the child has begun", || pid.exists());
    soak.kill().unwrap();
    soak.wait().unwrap();
    assert_gone(&pid);
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let bench = Bench::new();
    let sides = bench.write_both([Fake::of(&[("a", LEAK)]), Fake::of(&[("a", FLAT)])]);
    let mut first = bench.start(&sides, &["--claim", "a-defect"]);
    let second = bench.run(&sides[0], &sides[1], &["--claim", "a-defect"]);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(fs::read_dir(bench.out()).unwrap().count(), 2);
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let output = Command::new(env!("CARGO_BIN_EXE_soak"))
        .arg("--help")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("cargo soak --quick") && text.contains("Exit codes:"),
        "{text}"
    );
}

/// The process whose id stands in `file` ends within a few seconds, if it has not already.
fn assert_gone(file: &Path) {
    let pid: i32 = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    // One that has ended and waits to be reaped by init counts as gone.
    let zombie = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| {
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" Z"))
        })
    };
    wait_until("the child is gone", || {
        test_kill_process(pid).is_err() || zombie()
    });
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 10 s");
        pause(Duration::from_millis(20));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "short, and every caller has a deadline"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}
