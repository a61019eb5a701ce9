//! A fleet of fakes: what the program says when a node fails, is silent, or everything arrives.

use crate::fakes::{Bench, Done, Fake};

/// Introduces itself, and repeats all it is told as if the others had said it, too.
const CHATTY: &str = r#"
printf '{"type":"member","public_key":"%s","addresses":["127.0.0.1:1"]}\n' "$seed"
while read -r line; do
  text=$(printf %s "$line" | sed 's/.*"text":"//; s/".*//')
  kind=heard
  case "$line" in *publish*) kind=synced ;; *meet*) continue ;; esac
  for name in upstream-1 patched-1; do
    printf '{"type":"%s","text":"%s"}\n' "$kind" "$(printf %s "$text" | sed "s/^[a-z]*-1/$name/")"
  done
done"#;

fn fleet(bodies: [&str; 2], args: &[&str]) -> Done {
    let bench = Bench::new();
    let [upstream, patched] = bodies.map(|body| Fake::of(&[("member", body)]));
    let nodes: &[_] = if args.contains(&"--nodes") {
        &[]
    } else {
        &["--nodes", "1"]
    };
    let fixed = ["fleet", "--here", "--messages", "2"];
    bench.verb([upstream, patched], &[&fixed[..], nodes, args].concat())
}

#[test]
fn a_fleet_in_which_everything_arrives_is_told_so() {
    let done = fleet([CHATTY, CHATTY], &[]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("everything reached everybody"),
        "{}",
        done.stdout
    );
    assert_eq!(done.stdout.matches("2 of 2").count(), 4, "{}", done.stdout);
}

/// Knows the names of all members there will ever be, and holds `MORE` bytes more each time it is asked.
const ECHO: &str = r#"
printf '{"type":"member","public_key":"%s","addresses":["127.0.0.1:1"]}\n' "$seed"
heap=5000000
while read -r line; do
  text=$(printf %s "$line" | sed 's/.*"text":"//; s/".*//')
  case "$line" in
    *sample*) printf '{"type":"sample","heap_bytes":%s}\n' "$heap"; heap=$((heap + MORE)); continue ;;
    *publish*) kind=synced ;; *meet*) continue ;; *) kind=heard ;;
  esac
  for number in 1 2; do
    for again in '' -again1 -again2 -again3; do
      for side in upstream patched; do
        printf '{"type":"%s","text":"%s"}\n' "$kind" "$(printf %s "$text" | sed "s/^[a-z]*-[0-9]\(-again.\)*/$side-$number$again/")"
      done
    done
  done
done"#;

const FAULTS: [&str; 7] = ["--nodes", "2", "--faults", "--limit", "40", "--settle", "0"];

#[test]
fn after_each_fault_everything_arrives_among_those_that_are_there_and_memory_is_flat() {
    // What the untouched side holds is not judged.
    let [upstream, patched] = ["1000000", "100"].map(|more| ECHO.replace("MORE", more));
    let done = fleet([&upstream, &patched], &FAULTS);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let nodes: Vec<_> = done
        .stdout
        .lines()
        .filter(|line| line.starts_with("patched-"))
        .collect();
    // The second was restarted: it has no before.
    assert!(
        nodes.len() == 1 && nodes[0].ends_with("flat"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("result: everything reached everybody; memory is flat"),
        "{}",
        done.stdout
    );
    for fault in [
        "none",
        "halted for a while",
        "restarted, same key",
        "restarted, new key",
    ] {
        let rows = done.stdout.lines().filter(|line| line.starts_with(fault));
        assert_eq!(rows.count(), 4, "{fault}: {}", done.stdout);
    }
    assert!(
        done.stderr
            .contains("left out: `5 % lost, 20 ms late` and `parted and healed`"),
        "what was not done is said: {}",
        done.stderr
    );
}

#[test]
fn a_patched_node_that_holds_more_after_the_faults_ends_with_1() {
    let [flat, grows] = ["0", "1000000"].map(|more| ECHO.replace("MORE", more));
    let done = fleet([&flat, &grows], &FAULTS);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let row = done
        .stdout
        .lines()
        .find(|line| line.starts_with("patched-1"));
    assert!(
        row.is_some_and(|row| row.contains("9.54 MiB") && row.ends_with("GROWS")),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("result: everything reached everybody; memory GROWS"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_node_that_does_not_say_what_it_holds_leaves_its_memory_untold() {
    let silent = ECHO
        .replace("MORE", "0")
        .replace("\"heap_bytes\":%s", "\"heap_bytes\":null,\"was\":%s");
    let done = fleet([&silent, &silent], &FAULTS);
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout
            .contains("whether memory is flat cannot be told"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_node_to_which_nothing_comes_is_waited_for_no_longer_than_the_limit() {
    let deaf = r#"printf '{"type":"member","public_key":"k","addresses":[]}\n'; cat > /dev/null"#;
    let done = fleet([CHATTY, deaf], &["--limit", "2"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("0 of 2"), "{}", done.stdout);
    assert!(
        done.stdout.contains("did not arrive in time"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_node_that_fails_ends_the_fleet_with_one_line() {
    for (body, said) in [
        ("exit 3", "ended before it was told to"),
        (
            r#"printf '{"type":"error","message":"no luck"}\n'; cat"#,
            "no luck",
        ),
        (
            "echo once upon a time; cat",
            "wrote nonsense: once upon a time",
        ),
    ] {
        let done = fleet([CHATTY, body], &[]);
        assert_eq!(done.code, 2, "{body}: {}", done.stderr);
        let expected = "error: node patched-1 (";
        assert!(done.stderr.starts_with(expected), "{}", done.stderr);
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
}

#[test]
fn sizes_that_make_no_fleet_are_refused() {
    for (option, value) in [
        ("--nodes", "0"),
        ("--messages", "1001"),
        ("--limit", "soon"),
    ] {
        let bench = Bench::new();
        let fakes = [CHATTY, CHATTY].map(|body| Fake::of(&[("member", body)]));
        let done = bench.verb(fakes, &["fleet", option, value]);
        assert_eq!(done.code, 2);
        assert!(
            done.stderr.contains(option) && done.stderr.contains(value),
            "{}",
            done.stderr
        );
    }
}
