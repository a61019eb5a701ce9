//! What becomes of a run that is disturbed, and of one whose output goes elsewhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::fakes::{self, Bench, Fake};
use crate::{FLAT, LEAK, assert_gone, pause, wait_until};

/// The controls of a workload that leaks what it is told to.
const CANARY: &str = "hello; measure ${9#--leak=}; finish";

#[test]
fn a_lost_terminal_or_a_polite_kill_keeps_what_was_measured_and_leaves_no_child() {
    for signal in [Signal::HUP, Signal::TERM] {
        let bench = Bench::new();
        let pid = bench.path().join("pid");
        let slow = format!("echo $$ > {}; hello; pause=0.1; measure 0", pid.display());
        let sides = [
            Fake::of(&[("a", LEAK), ("b", LEAK)]),
            Fake::of(&[("a", FLAT), ("b", &slow)]),
        ];
        let mut soak = bench.start(&bench.write_both(sides), &["--claim", "a-defect"]);
        wait_until("the slow child has begun", || pid.exists());
        pause(Duration::from_millis(300));
        kill_process(Pid::from_child(&soak), signal).unwrap();
        assert_eq!(soak.wait().unwrap().code(), Some(130), "{signal:?}");
        assert_gone(&pid);
        let run = bench.only_run();
        let summary = fakes::json(&run.join("summary.json"));
        assert_eq!(summary["scenarios"][0]["verdict"], "fixed", "{signal:?}");
        assert_eq!(summary["scenarios"][1]["verdict"], "stopped", "{signal:?}");
        assert!(run.join("report.html").exists());
    }
}

#[test]
fn a_fleet_that_is_told_to_end_leaves_no_node() {
    let bench = Bench::new();
    let pid = bench.path().join("pid");
    // Reads on without an answer, so that the fleet is waiting for it when the signal comes.
    let node = format!(
        "echo $$ > {}; while read -r line; do :; done",
        pid.display()
    );
    let sides = [&node, &node].map(|body| Fake::of(&[("member", body.as_str())]));
    let mut fleet = bench.start_verb(&bench.write_both(sides), &["fleet", "--nodes", "1"]);
    wait_until("a node has begun", || {
        fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    });
    kill_process(Pid::from_child(&fleet), Signal::TERM).unwrap();
    assert_eq!(fleet.wait().unwrap().code(), Some(130));
    assert_gone(&pid);
}

#[test]
fn a_clock_that_jumps_changes_no_verdict() {
    let bench = Bench::new();
    // A workload that says it has taken an hour, then nothing, then an hour again.
    let jumps = |body: &str| {
        let jumping = r#"sed 's/"elapsed_ms":1,"events":\([0-9]*[13579]00\),/"elapsed_ms":3600000,"events":\1,/'"#;
        format!("({body}) | {jumping}")
    };
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", &jumps(body))]));
    let done = bench.soak(sides, &["--claim", "a-defect"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let samples = fs::read_to_string(bench.only_run().join("samples.jsonl")).unwrap();
    assert!(samples.contains(r#""elapsed_ms":3600000"#), "{samples}");
    assert!(samples.contains(r#""elapsed_ms":1,"#), "{samples}");
    assert!(done.stdout.contains("fixed: flat"), "{}", done.stdout);
}

#[test]
fn a_child_that_is_killed_is_a_failure_and_the_others_are_judged() {
    let bench = Bench::new();
    let killed = "hello; sample 0 1; kill -9 $$";
    let done = bench.soak(
        [
            Fake::of(&[("a", LEAK), ("b", LEAK)]),
            Fake::of(&[("a", FLAT), ("b", killed)]),
        ],
        &["--claim", "a-defect", "--claim", "b-defect"],
    );
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout
            .contains("b on patched crashed (signal 9) after line 2"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("fixed: flat"), "{}", done.stdout);
}

#[test]
fn a_full_disk_keeps_the_result_from_nobody_and_is_named() {
    let bench = Bench::new();
    let [upstream, patched] = bench.write_both([LEAK, FLAT].map(|body| Fake::of(&[("a", body)])));
    let full = bench.path().join("full");
    fs::create_dir(&full).unwrap();
    // A disk of four pages in a namespace of our own; folder and first file take some of them.
    let script = "mount -t tmpfs -o size=16k none \"$0\" && exec \"$@\"";
    let small = |program: &Path| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "--"])
            .args(["sh", "-c", script])
            .arg(&full)
            .arg(program);
        command
    };
    let mut trial = small(Path::new("true"));
    if !trial
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: no mounts here");
        return;
    }
    let output = small(Path::new(env!("CARGO_BIN_EXE_soak")))
        .args(["--quick", "--claim", "a-defect", "--out"])
        .arg(&full)
        .arg("--upstream")
        .arg(&upstream)
        .arg("--patched")
        .arg(&patched)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(stdout.contains("fixed: flat"), "{stdout}{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with("error: cannot write ") && last.contains("No space left"),
        "{stderr}"
    );
}

#[test]
fn colours_are_for_a_terminal_that_wants_them() {
    let bench = Bench::new();
    let [upstream, patched] = bench.write_both([LEAK, FLAT].map(|body| Fake::of(&[("a", body)])));
    let line = format!(
        "{} --quick --claim a-defect --upstream {} --patched {}",
        env!("CARGO_BIN_EXE_soak"),
        upstream.display(),
        patched.display()
    );
    // Gives the program a terminal, and us what it writes there.
    let on_terminal = |no_color: Option<&str>| {
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env_remove("NO_COLOR");
        command.env("TERM", "xterm").current_dir(bench.path());
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        command.stdin(Stdio::null()).output().ok()
    };
    let Some(coloured) = on_terminal(None) else {
        eprintln!("skipped: no `script` here");
        return;
    };
    let coloured = String::from_utf8(coloured.stdout).unwrap();
    let plain = String::from_utf8(on_terminal(Some("1")).unwrap().stdout).unwrap();
    // Green, as the table marks what is fixed.
    assert!(coloured.contains("\u{1b}[38;5;10m"), "{coloured:?}");
    assert!(!plain.contains("\u{1b}[38;5;"), "{plain:?}");
    for text in [coloured, plain] {
        assert!(
            text.contains("fixed: flat") && text.contains("result: "),
            "{text}"
        );
    }
}

#[test]
fn json_is_all_that_a_program_reads_and_is_what_the_file_holds() {
    let bench = Bench::new();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body)]));
    let done = bench.soak(sides, &["--json", "--claim", "a-defect"]);
    let printed: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(printed, fakes::json(&bench.only_run().join("summary.json")));
    assert!(
        done.stderr.contains("a patched, about ") && done.stderr.contains("s left"),
        "progress is told apart, with what remains: {}",
        done.stderr
    );
}

#[test]
fn controls_alone_say_whether_the_instrument_can_be_trusted() {
    let bench = Bench::new();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body), ("canary", CANARY)]));
    let done = bench.soak(sides, &["--controls", "-q"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout
            .contains("result: the controls are as they must be"),
        "{}",
        done.stdout
    );
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert_eq!(summary["scenarios"], serde_json::json!([]));
    assert_eq!(summary["controls"]["verdict"], "held");

    let bench = Bench::new();
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body), ("canary", FLAT)]));
    let done = bench.soak(sides, &["--controls", "-q"]);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
}

#[test]
fn each_defect_that_is_marked_fixed_has_a_row_with_what_shows_it() {
    let bench = Bench::new();
    for (file, text) in [
        ("patch/upstream/Cargo.toml", ""),
        (
            "docs/DEFECTS.md",
            "| `a-defect` | grows | fixed by `n-1.0.0/a` |\n| `b-defect` | grows | open |\n\
             | `c-defect` | panics | fixed by `crates/v`; shown by `crates/v/tests/t.rs::f` |\n",
        ),
    ] {
        let path = bench.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let sides = [LEAK, FLAT].map(|body| Fake::of(&[("a", body), ("b", body)]));
    let done = bench.soak(sides, &["--by-defect", "--claim", "a-defect"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let rows: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .filter(|line| line.contains("-defect ") && !line.starts_with("  "))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            vec!["a-defect", "a", "fixed:", "flat", "0", "0"],
            vec!["c-defect", "tests", "alone", "1", "0"]
        ],
        "{}",
        done.stdout
    );
    let summary = fakes::json(&bench.only_run().join("summary.json"));
    assert_eq!(summary["defects"][0]["verdict"], "fixed");
    assert_eq!(
        summary["defects"][1]["scenarios"],
        serde_json::json!([]),
        "its tests alone show it"
    );
}
