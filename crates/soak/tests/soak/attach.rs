//! `attach` on processes that leak by design, and on ones that do not.

use std::fs;
use std::process::{Child, Command};

use crate::fakes::Bench;

/// A process that ends with the test.
struct Watched(Child);

impl Watched {
    fn start(script: &str) -> Self {
        Self(Command::new("sh").args(["-c", script]).spawn().unwrap())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn attach(bench: &Bench, pid: u32, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_soak"))
        .current_dir(bench.path())
        .args(["attach", "--pid", &pid.to_string(), "--every", "30ms"])
        .args(args)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_process_that_leaks_by_design_grows() {
    // A variable that gets longer and longer; `sleep` is a process of its own, so the shell itself does nothing else.
    let leak = "b=$(head -c 200000 /dev/zero | tr '\\0' x); while :; do a=$a$b; sleep 0.03; done";
    let watched = Watched::start(leak);
    let bench = Bench::new();
    let (code, said) = attach(&bench, watched.0.id(), &["--duration", "3s"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("rss_mb") && said.contains("GROWS"), "{said}");
    assert!(said.contains("result: it grows"), "{said}");
}

#[test]
fn a_process_that_does_nothing_is_flat() {
    let watched = Watched::start("exec sleep 60");
    let bench = Bench::new();
    let (code, said) = attach(&bench, watched.0.id(), &["--duration", "2s"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("result: flat"), "{said}");
    let run = bench.only_run();
    let csv = fs::read_to_string(run.join("samples.csv")).unwrap();
    assert!(csv.starts_with("timestamp,pid,cpu_percent,"), "{csv}");
    assert!(csv.lines().count() > 10);
    let summary = crate::fakes::json(&run.join("summary.json"));
    assert_eq!(summary["verdict"], "flat");
    assert_eq!(summary["ended"], "time-over");
}

#[test]
fn a_process_that_ends_is_judged_by_what_it_was() {
    let watched = Watched::start("exec sleep 1");
    let bench = Bench::new();
    let (code, said) = attach(&bench, watched.0.id(), &["--warm-up", "0s"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the process has ended"), "{said}");
}

#[test]
fn a_process_or_an_address_that_is_not_there_is_one_clear_line() {
    let bench = Bench::new();
    let (code, said) = attach(&bench, 1 << 30, &["--duration", "1s"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("error: no process 1073741824"), "{said}");
    let watched = Watched::start("exec sleep 60");
    let nowhere = "http://127.0.0.1:9/metrics";
    let (code, said) = attach(&bench, watched.0.id(), &["--metrics", nowhere]);
    assert_eq!(code, Some(2));
    assert!(
        said.starts_with("error: cannot read http://127.0.0.1:9/metrics"),
        "{said}"
    );
    assert_eq!(fs::read_dir(bench.out()).unwrap().count(), 0);
}
