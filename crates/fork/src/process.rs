//! Runs the programs that the tool rests on, cargo and git, and says clearly when they fail.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cargo_metadata::{Metadata, MetadataCommand};
use semver::Version;

use crate::error::IoContext;
use crate::{Error, Result};

/// Runs a command to its end and gives back what it wrote to standard output.
///
/// # Errors
/// [`Error::Missing`] where the program is not there, [`Error::Program`] with what it said where it exits with anything
/// but 0.
pub fn output_of(command: &mut Command) -> Result<Vec<u8>> {
    let output = run(command)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Program {
            command: display(command),
            said: last_words(&output),
        })
    }
}

/// Runs a command to its end, whatever its exit code.
pub fn run(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.map_err(|source| missing(command, source))
}

/// Runs a command that reads a file from its standard input.
pub fn run_on(command: &mut Command, input: &Path) -> Result<Output> {
    let file = fs::File::open(input).on("cannot read", input)?;
    let output = command.stdin(file).output();
    output.map_err(|source| missing(command, source))
}

/// The `cargo` that started us, or the one on the path.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` tells its child about the package it ran is not for the cargo that we start.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    // What it prints is read here.
    cargo.env("CARGO_TERM_COLOR", "never");
    cargo
}

/// The `cargo` of the nightly toolchain, not the one that started us.
pub fn nightly_cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told == "CARGO" || told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_")
        {
            command.env_remove(&name);
        }
    }
    command.env_remove("RUSTUP_TOOLCHAIN");
    command.env("CARGO_TERM_COLOR", "never");
    command
}

/// That there is a nightly toolchain.
///
/// # Errors
/// [`Error::Usage`] that says what it is needed for, and how to have it.
pub fn require_nightly(why: &str) -> Result<()> {
    let mut command = nightly_cargo();
    command.arg("--version");
    output_of(&mut command).map(drop).map_err(|_| {
        Error::Usage(format!(
            "`rustup run nightly cargo` does not run; {why}: `rustup toolchain install nightly --profile minimal`"
        ))
    })
}

/// The version of the `rustc` that cargo would run here.
pub fn rustc_version() -> Result<Version> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let said = output_of(command.arg("--version"))?;
    let said = String::from_utf8_lossy(&said);
    let version = said.split_whitespace().nth(1).unwrap_or_default();
    Version::parse(version).map_err(|error| Error::Check(format!("rustc says {said:?}: {error}")))
}

/// What `cargo metadata` says; the error is what cargo said, in one line.
pub fn metadata(command: &mut MetadataCommand) -> Result<Metadata, String> {
    command.env("CARGO_TERM_COLOR", "never");
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => gist(&stderr),
        other => gist(&other.to_string()),
    })
}

/// Lets the lock beside a manifest take up what its packages depend on and it does not name; every version in it stays.
pub fn complete_lock(manifest: &Path) -> Result<()> {
    let update = |network: &[&str]| {
        let mut command = cargo();
        command.args(["update", "--quiet", "--workspace", "--manifest-path"]);
        output_of(command.arg(manifest).args(network))
    };
    // What cargo has already is enough as a rule.
    update(&["--offline"]).or_else(|_| update(&[])).map(drop)
}

/// The command as one would type it.
pub fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a failed program said, in one line.
pub fn last_words(output: &Output) -> String {
    gist(&String::from_utf8_lossy(&output.stderr))
}

/// The line of an error text that names the error, else its last, and the innermost cause that cargo gives.
pub fn gist(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines
        .clone()
        .find(|line| line.starts_with("error") || line.starts_with("fatal"))
        .or_else(|| lines.clone().next_back())
        .unwrap_or("nothing");
    let mut cause = None;
    while lines.any(|line| line == "Caused by:") {
        cause = lines.next().or(cause);
    }
    match cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_owned(),
    }
}

pub(crate) fn missing(command: &Command, source: std::io::Error) -> Error {
    Error::Missing {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_innermost_cause() {
        let text = "warning: w\nerror: cannot\n\nCaused by:\n  one\n\nCaused by:\n  two\n  more\n";
        assert_eq!(gist(text), "error: cannot: two");
        assert_eq!(gist("a\nb\n"), "b");
        assert_eq!(gist(""), "nothing");
    }
}
