//! Workloads as shell scripts: each speaks the protocol as well or as badly as its test wants.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

/// Held while a script is written and while a process is started: a child that is forked in between would hold the
/// script open for writing, and the system refuses to run such a file.
static ALONE: Mutex<()> = Mutex::new(());

/// What a script begins with: the words in which a scenario's body is written.
const WORDS: &str = r#"
name=$2 seed=$4 events=$6 samples=$8 figure= pause=
[ "$1" != member ] || name=member seed=$3
hello() {
  printf '{"type":"hello","protocol":1,"scenario":"%s","seed":%d,"events":%d,"event":"thing done","warmup_events":%d,"settle_ms":0,"versions":{"p2panda-net":"0.4.0"}}\n' \
    "$name" "$seed" "$events" "$((events / 3))"
}
sample() { # events heap
  printf '{"type":"sample","elapsed_ms":1,"events":%d,"heap_bytes":%s,"resident_bytes":null,"fds":9,"threads":2,"tasks":null}\n' "$1" "${figure:-$2}"
}
measure() { # bytes an event, after a warm-up that grows on every side
  i=0
  while [ $i -le "$samples" ]; do
    at=$((events * i / samples))
    warm=$((at < events / 3 ? at : events / 3))
    sample $at $((5000000 + warm * 300 + at * $1))
    [ -z "$pause" ] || sleep $pause
    i=$((i + 1))
  done
}
noisy() { # bytes an event, and how far the figures are thrown about: between 0 and 96 times this
  i=0 drawn=1
  while [ $i -le "$samples" ]; do
    at=$((events * i / samples)) drawn=$(((drawn * 1103515245 + 12345) % 2147483648))
    sample $at $((5000000 + at * $1 + drawn / 65536 % 97 * $2))
    i=$((i + 1))
  done
}
die() { # after that many events
  printf '{"type":"dead","events":%d,"elapsed_ms":1,"what":"nobody answers"}\n' "$1"
}
finish() { printf '{"type":"done","events":%d,"elapsed_ms":1}\n' "$events"; }
"#;

/// A workload: a body of shell for each scenario.
pub struct Fake(Vec<(String, String)>);

impl Fake {
    pub fn of(scenarios: &[(&str, &str)]) -> Self {
        let owned = |(name, body): &(&str, &str)| ((*name).to_owned(), (*body).to_owned());
        Self(scenarios.iter().map(owned).collect())
    }

    fn script(&self, side: &str) -> String {
        let listed: Vec<_> = self.0.iter().map(|(name, _)| scenario(name)).collect();
        let mut script = format!(
            "#!/bin/sh\n# {side}\nif [ \"$1\" = list ]; then echo '[{}]'; exit 0; fi\n{WORDS}\ncase \"$name\" in\n",
            listed.join(",")
        );
        for (name, body) in &self.0 {
            script.push_str(&format!("{name}) {body} ;;\n"));
        }
        script + "esac\n"
    }
}

/// A second is enough for a fake: it is hung after two and stopped after five.
fn scenario(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","about":"Does a thing many times","event":"thing done","defects":["{name}-defect"],"quick":{{"events":4800,"samples":48,"warmup_events":1600,"settle_ms":0,"seconds_max":1}},"budget_bytes_per_event":8.0}}"#
    )
}

/// A folder of its own, and the program in it.
pub struct Bench(TempDir);

/// What the program said and how it ended.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn out(&self) -> PathBuf {
        self.path().join("target/soak")
    }

    /// The folder of the only run there was.
    pub fn only_run(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.out()).unwrap();
        let run = runs.next().unwrap().unwrap().path();
        assert!(runs.next().is_none());
        run
    }

    pub fn write(&self, name: &str, fake: &Fake) -> PathBuf {
        self.program(name, fake.script(name).as_bytes())
    }

    /// Writes a program.
    pub fn program(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        let _alone = ALONE.lock();
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Both sides, upstream first.
    pub fn write_both(&self, [upstream, patched]: [Fake; 2]) -> [PathBuf; 2] {
        [
            self.write("upstream", &upstream),
            self.write("patched", &patched),
        ]
    }

    /// Runs upstream and patched to the end, at quick size.
    pub fn soak(&self, sides: [Fake; 2], args: &[&str]) -> Done {
        let [upstream, patched] = self.write_both(sides);
        self.run(&upstream, &patched, args)
    }

    pub fn run(&self, upstream: &Path, patched: &Path, args: &[&str]) -> Done {
        done(self.command(upstream, patched, &[&["--quick"], args].concat()))
    }

    /// Runs a verb of the program on upstream and patched to the end.
    pub fn verb(&self, sides: [Fake; 2], args: &[&str]) -> Done {
        let [upstream, patched] = self.write_both(sides);
        done(self.command(&upstream, &patched, args))
    }

    /// Starts it, with what it prints in the file `stdout`.
    pub fn start(&self, sides: &[PathBuf; 2], args: &[&str]) -> Child {
        self.start_verb(sides, &[&["--quick"], args].concat())
    }

    /// Starts a verb of the program, likewise.
    pub fn start_verb(&self, [upstream, patched]: &[PathBuf; 2], args: &[&str]) -> Child {
        let stdout = File::create(self.path().join("stdout")).unwrap();
        start(self.command(upstream, patched, args).stdout(stdout))
    }

    fn command(&self, upstream: &Path, patched: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_soak"));
        command.current_dir(self.path()).args(args);
        command
            .arg("--upstream")
            .arg(upstream)
            .arg("--patched")
            .arg(patched);
        command
    }
}

fn done(mut command: Command) -> Done {
    let child = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn start(command: &mut Command) -> Child {
    let _alone = ALONE.lock();
    command.spawn().unwrap()
}

pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
