//! A network for a workload with nothing in it but loopback, where the system lets us make one.
//!
//! The nodes are told to bind loopback, but iroh also asks the gateway for a port mapping, and nothing turns that off.
//! In a network namespace of its own a child has no gateway to ask.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

/// Which network the children see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Loopback alone, in a namespace of their own.
    LoopbackOnly,
    /// The machine's.
    Host,
}

/// Raises the loopback device, then becomes the program that its arguments name.
const RAISE_AND_RUN: &str = "ip link set lo up && exec \"$0\" \"$@\"";

impl Network {
    /// The narrowest one that can be had here. Needs `unshare`, `ip`, and leave to make namespaces.
    pub fn narrowest() -> Self {
        let mut trial = Network::LoopbackOnly.command(Path::new("true"));
        trial.stdin(Stdio::null()).stdout(Stdio::null());
        match trial.stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Network::LoopbackOnly,
            _ => Network::Host,
        }
    }

    /// A command that runs `program` there, in the same process that it starts.
    pub fn command(self, program: &Path) -> Command {
        match self {
            Network::Host => Command::new(program),
            Network::LoopbackOnly => {
                let mut command = Command::new("unshare");
                command
                    .args(["--user", "--map-root-user", "--net", "--"])
                    .args(["sh", "-c", RAISE_AND_RUN])
                    .arg(program);
                command
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_its_arguments_and_gives_its_exit_code_on_either_network() {
        for network in [Network::Host, Network::narrowest()] {
            let mut command = network.command(Path::new("sh"));
            let status = command.args(["-c", "exit $1", "sh", "7"]).status().unwrap();
            assert_eq!(status.code(), Some(7), "{network:?}");
        }
    }

    #[test]
    fn the_narrow_network_has_loopback_and_nothing_else() {
        if Network::narrowest() == Network::Host {
            eprintln!("skipped: no namespaces here");
            return;
        }
        let mut command = Network::LoopbackOnly.command(Path::new("cat"));
        let output = command.arg("/proc/net/dev").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let devices: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .collect();
        assert_eq!(devices.len(), 1, "{text}");
        assert_eq!(devices[0].0.trim(), "lo");
    }
}
