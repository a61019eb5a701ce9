//! The workload as whoever runs it sees it: arguments in, lines and an exit code out.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn churn(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_churn-patched"));
    command
        .args(arguments.split_whitespace())
        .env_remove("RUST_LOG");
    command
}

fn output(arguments: &str) -> Output {
    churn(arguments).output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    std::str::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn list_prints_one_array_with_everything_about_each_scenario() {
    let output = output("list");
    assert_eq!(output.status.code(), Some(0));
    let [Value::Array(scenarios)] = &lines(&output.stdout)[..] else {
        panic!("not one array");
    };
    for name in [
        "known-peers",
        "gossip-locks",
        "peer-churn",
        "lonely-bootstrap",
        "topic-churn",
        "gossip-messages",
    ] {
        assert!(
            scenarios.iter().any(|scenario| scenario["name"] == name),
            "{name}"
        );
    }
    for scenario in scenarios {
        assert!(scenario["about"].is_string() && scenario["event"].is_string());
        assert!(scenario["defects"].is_array());
        assert!(scenario["budget_bytes_per_event"].is_f64());
        for figure in [
            "events",
            "samples",
            "warmup_events",
            "settle_ms",
            "seconds_max",
        ] {
            assert!(scenario["quick"][figure].is_u64(), "{figure}");
        }
    }
}

#[test]
fn an_unknown_scenario_is_bad_use_and_the_answer_names_those_there_are() {
    let output = output("run no-such-scenario");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains("no-such-scenario") && message.contains("known-peers"));
}

#[test]
fn arguments_that_describe_no_run_are_bad_use() {
    for arguments in [
        "",
        "walk",
        "run",
        "run known-peers --samples 0",
        "run known-peers --samples 1",
        "run known-peers --events 0",
        "run known-peers --events 9 --samples 10",
        "run known-peers --events many",
        "run known-peers --events -1",
        "run known-peers --seed",
        "run known-peers --frobnicate",
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(output.stdout.is_empty(), "{arguments}");
        assert!(!output.stderr.is_empty(), "{arguments}");
    }
}

#[test]
fn help_explains_the_lines_to_whoever_writes_a_workload() {
    let output = output("--help");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "hello",
        "heap_bytes",
        "\"dead\"",
        "budget_bytes_per_event",
        "Exit codes",
        "EXAMPLES",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn a_small_run_says_hello_samples_evenly_and_is_done() {
    let output = output("run known-peers --seed 3 --events 64 --samples 5");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines = lines(&output.stdout);
    let [hello, samples @ .., done] = &lines[..] else {
        panic!("{lines:?}");
    };

    assert_eq!(hello["type"], "hello");
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["side"], "patched");
    assert_eq!(hello["scenario"], "known-peers");
    assert_eq!(hello["seed"], 3);
    assert_eq!(hello["events"], 64);
    assert_eq!(hello["versions"]["p2panda-net"], "0.4.0");

    let points: Vec<_> = samples.iter().map(|sample| &sample["events"]).collect();
    assert_eq!(points, [0, 16, 32, 48, 64]);
    for sample in samples {
        assert_eq!(sample["type"], "sample");
        for figure in [
            "heap_bytes",
            "resident_bytes",
            "fds",
            "sockets",
            "threads",
            "tasks",
        ] {
            assert!(sample[figure].as_u64().unwrap() > 0, "{figure}");
        }
        assert!(sample["stats"].is_object());
    }

    assert_eq!(done["type"], "done");
    assert_eq!(done["events"], 64);
}

#[test]
fn a_run_ends_quietly_when_nobody_reads_its_lines_any_more() {
    let mut child = churn("run known-peers --events 1000000 --samples 10000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.contains("hello"));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "{output:?}");
}
