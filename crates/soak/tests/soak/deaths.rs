//! Workloads that tell of the death of what they measure.

use std::fs;

use super::fakes::{self, Bench, Done, Fake};

const FLAT: &str = "hello; measure 0; finish";
const DEAD: &str = "hello; sample 0 5000000; die 1";
const DEAD_LATE: &str = "hello; measure 2100; die 4800";

fn soak(bench: &Bench, upstream: &str, patched: &str) -> Done {
    // The scenario of the controls lives.
    let sides = [upstream, patched].map(|body| Fake::of(&[("gossip-messages", FLAT), ("a", body)]));
    bench.soak(sides, &["--scenario", "a", "--claim", "a-defect"])
}

#[test]
fn a_death_that_the_patched_side_does_not_die_is_shown_fixed() {
    let bench = Bench::new();
    let done = soak(&bench, DEAD, FLAT);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    for text in ["dead after 1 ", "alive, 0 B", "fixed: lives"] {
        assert!(
            done.stdout.contains(text),
            "{text} is not in {}",
            done.stdout
        );
    }
    assert!(
        done.stderr
            .contains("a upstream dead after 1 event: nobody answers"),
        "{}",
        done.stderr
    );

    let run = bench.only_run();
    let summary = fakes::json(&run.join("summary.json"));
    let row = &summary["scenarios"][0];
    assert_eq!(row["verdict"], "lives");
    assert_eq!(row["upstream"]["ending"], "dead");
    assert_eq!(row["upstream"]["failure"], serde_json::Value::Null);
    assert_eq!(row["upstream"]["death"]["events"], 1);
    assert_eq!(row["upstream"]["death"]["what"], "nobody answers");
    assert_eq!(row["patched"]["ending"], "done");
    assert_eq!(row["patched"]["trend"], "flat");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for text in [
        "fixed: lives",
        "dead after 1<br>",
        "alive<br>",
        "upstream is dead after 1 event: nobody answers",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    let comment = fs::read_to_string(run.join("summary.md")).unwrap();
    assert!(
        comment.contains("| a | 4,800 | dead after 1; – | alive; 0 B | – | fixed: lives |"),
        "{comment}"
    );
}

#[test]
fn a_patched_side_that_dies_ends_with_1() {
    let bench = Bench::new();
    let done = soak(&bench, DEAD, DEAD_LATE);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    for text in [
        "dead after 4,800 ",
        "DIES",
        "a is dead after 4800 events: nobody answers on the patched side, though a-defect is said to be fixed",
        "result: a scenario whose defects the changes claim fixed dies",
    ] {
        assert!(
            done.stdout.contains(text),
            "{text} is not in {}",
            done.stdout
        );
    }
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert_eq!(summary["scenarios"][0]["verdict"], "dies");
}

#[test]
fn what_outlives_the_untouched_side_and_grows_is_not_fixed() {
    let bench = Bench::new();
    let done = soak(&bench, DEAD, "hello; measure 300; finish");
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    for text in ["dead after 1 ", "alive, 300 B", "GROWS"] {
        assert!(
            done.stdout.contains(text),
            "{text} is not in {}",
            done.stdout
        );
    }
}

#[test]
fn a_workload_that_tells_of_a_death_and_then_crashes_has_failed() {
    let bench = Bench::new();
    let done = soak(&bench, "hello; sample 0 5000000; die 1; exit 3", FLAT);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("a on upstream crashed (exit code 3)"),
        "{}",
        done.stdout
    );
}
