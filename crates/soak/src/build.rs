//! Builds both sides in the checkout of Evergreen that a soak runs in, and finds the binaries.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use fork::process;
use fork::project::Line;
use fork::verbs::test::mutant;
use serde::Deserialize;

use crate::interrupt::Interrupt;
use crate::network::Network;
use crate::process::Group;
use crate::protocol::Side;
use crate::run::Workloads;
use crate::workload::Workload;
use crate::{Error, Result};

/// How often a waiting loop looks whether cargo has ended and at the interrupt.
const TICK: Duration = Duration::from_millis(50);

/// Which program of a workload is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one whose figures count.
    Measured,
    /// The one whose allocator can say who holds what.
    Profiled,
}

impl Kind {
    fn name(self, line: &Line, side: Side) -> String {
        let behind = match self {
            Self::Measured => "",
            Self::Profiled => "-profiled",
        };
        format!("{}-{side}{behind}", line.workload())
    }
}

/// Builds both sides of a line's workload into the line's target folder. The line must have been assembled. Cargo reports on
/// the terminal; both builds use their lock as it is.
///
/// # Errors
/// [`Error::Build`], [`Error::NoBinary`], [`Error::Interrupted`].
pub fn build(line: &Line, kind: Kind, interrupt: &Interrupt) -> Result<Workloads> {
    let mut upstream = line.cargo("build");
    upstream.arg("--manifest-path").arg(line.pin_manifest());
    let mut patched = line.cargo("build");
    patched.args(["--package", line.workload()]);
    let name = |side: Side| kind.name(line, side);
    if kind == Kind::Profiled {
        for (command, side) in [
            (&mut upstream, Side::Upstream),
            (&mut patched, Side::Patched),
        ] {
            command.args(["--features", "profile", "--bin", &name(side)]);
        }
    }
    let network = Network::narrowest();
    Ok(Workloads {
        upstream: Workload {
            network,
            side: Side::Upstream,
            program: binary(upstream, "release", &name(Side::Upstream), interrupt)?,
        },
        patched: Workload {
            network,
            side: Side::Patched,
            program: binary(patched, "release", &name(Side::Patched), interrupt)?,
        },
    })
}

/// Builds the patched side of a line's workload as that of a mutant is. `told` is what cargo is told more.
///
/// # Errors
/// As [`build`].
pub fn unoptimised(line: &Line, told: &[&str], interrupt: &Interrupt) -> Result<PathBuf> {
    let mut patched = line.cargo("build");
    patched.args(["--package", line.workload()]);
    patched.args(mutant::UNOPTIMISED).args(told);
    let name = Kind::Measured.name(line, Side::Patched);
    binary(patched, "dev", &name, interrupt)
}

/// Builds one binary and finds it by what cargo says it made.
fn binary(
    mut command: Command,
    profile: &str,
    name: &str,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    command.args(["--profile", profile, "--message-format=json"]);
    let mut built = None;
    run(&mut command, interrupt, |line| {
        // What upstream's code is warned of is not for who measures it; what stops the build is.
        if let Some(error) = error(&line) {
            eprint!("{error}");
        }
        built = executable(&line, name).or(built.take());
    })?;
    built.ok_or_else(|| Error::NoBinary {
        command: process::display(&command),
        name: name.into(),
    })
}

/// Runs cargo to its end, in a group of its own so that an interrupt ends the compilers with it.
#[expect(
    clippy::disallowed_methods,
    reason = "one tick of a loop that looks at the interrupt in each; a build has no limit of its own"
)]
fn run(
    command: &mut Command,
    interrupt: &Interrupt,
    on_line: impl FnMut(String) + Send,
) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = Group::spawn(command).map_err(|source| start_error(command, source))?;
    let stdout = group.take_stdout();
    let status = thread::scope(|scope| {
        scope.spawn(|| {
            let lines = stdout.map(|stdout| BufReader::new(stdout).lines());
            lines
                .into_iter()
                .flatten()
                .map_while(std::result::Result::ok)
                .for_each(on_line);
        });
        while !group.has_ended() && !interrupt.is_set() {
            thread::sleep(TICK);
        }
        // Also closes the output that the thread reads.
        group.end()
    });
    match status {
        _ if interrupt.is_set() => Err(Error::Interrupted),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Build {
            command: process::display(command),
            status,
        }),
        Err(source) => Err(start_error(command, source)),
    }
}

fn start_error(command: &Command, source: std::io::Error) -> Error {
    Error::Start {
        program: command.get_program().into(),
        source,
    }
}

/// The text of a cargo message, where it is a compiler's error.
fn error(message: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let diagnostic = message.get("message")?;
    let is_error = diagnostic["level"].as_str()?.starts_with("error");
    is_error.then(|| Some(diagnostic["rendered"].as_str()?.to_owned()))?
}

/// The path in a cargo message, where it is about the binary `name`.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: PathBuf,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
    }
    let artifact: Artifact = serde_json::from_str(message).ok()?;
    let fits =
        artifact.target.name == name && artifact.target.kind.iter().any(|kind| kind == "bin");
    fits.then_some(artifact.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_binary_asked_for_is_taken_from_what_cargo_says() {
        let message = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"churn-patched"},"executable":"/t/churn-patched"}"#;
        assert_eq!(
            executable(message, "churn-patched"),
            Some("/t/churn-patched".into())
        );
        assert_eq!(executable(message, "churn-upstream"), None);
        let library = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"churn-patched"},"executable":null}"#;
        assert_eq!(executable(library, "churn-patched"), None);
        assert_eq!(executable("   Compiling churn", "churn-patched"), None);
    }

    #[test]
    fn what_stops_a_build_is_heard_and_a_warning_is_not() {
        let message = |level: &str| {
            format!(
                r#"{{"reason":"compiler-message","message":{{"level":"{level}","rendered":"oh\n"}}}}"#
            )
        };
        assert_eq!(error(&message("error")), Some("oh\n".into()));
        assert_eq!(error(&message("warning")), None);
        assert_eq!(error(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn a_build_that_fails_is_named_with_its_command() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 101"]);
        let error = run(&mut command, &Interrupt::default(), drop).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the build failed: `sh -c exit 101` ended with exit status: 101"
        );
        let error = run(
            &mut Command::new("no-such-cargo"),
            &Interrupt::default(),
            drop,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("cannot start no-such-cargo: "), "{error}");
    }
}
