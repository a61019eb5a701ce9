//! How much memory this process may use, and how much of that is used: its cgroup's (version 2), else the machine's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use procfs::Current;
use procfs::process::Process;

use crate::sources::process::resident_bytes;

/// Memory used, and the limit at which processes are killed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Bytes that cannot be taken back from files' caches.
    pub used: u64,
    /// Bytes.
    pub limit: u64,
    /// What the two are of.
    pub scope: Scope,
    /// Percent of the last ten seconds in which some task waited for memory, where the system tells.
    pub stalled_percent: Option<f64>,
}

impl Usage {
    /// The share in use, from 0 to 1 and beyond where the limit is a wish.
    pub fn share(&self) -> f64 {
        self.used as f64 / self.limit.max(1) as f64
    }
}

/// Of what memory is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This process, against a limit that the application gave.
    Process,
    /// The control group that this process is in, or one above it.
    Cgroup,
    /// The whole machine.
    System,
}

impl Scope {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Cgroup => "cgroup",
            Self::System => "system",
        }
    }
}

/// Where memory is read from.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The control groups above this process, its own first, up to the root.
    groups: Vec<PathBuf>,
    own_limit: Option<u64>,
}

impl Memory {
    /// What limits this process. `own_limit`: bytes that it shall not take more of, whatever the system would allow.
    pub fn of_this_process(own_limit: Option<u64>) -> Self {
        let groups = own_group().map_or_else(Vec::new, |group| {
            groups_above(Path::new("/sys/fs/cgroup"), &group)
        });
        Self { groups, own_limit }
    }

    /// What is used now, against the limit that is nearest.
    ///
    /// # Errors
    /// When neither a control group nor the machine tells. A control group without limit is none.
    pub fn usage(&self) -> io::Result<Usage> {
        let stalled_percent = self.groups.first().and_then(|group| stalled(group));
        let groups = self.groups.iter().filter_map(|group| in_group(group));
        let own = self.own_limit.and_then(|limit| {
            let used = resident_bytes()?;
            Some((used, limit, Scope::Process))
        });
        let nearest = groups
            .chain(own)
            .max_by(|(used, limit, _), (other_used, other_limit, _)| {
                let share = |used: u64, limit: u64| used as f64 / limit.max(1) as f64;
                share(*used, *limit).total_cmp(&share(*other_used, *other_limit))
            });
        let (used, limit, scope) = match nearest {
            Some(nearest) => nearest,
            None => of_system()?,
        };
        Ok(Usage {
            used,
            limit,
            scope,
            stalled_percent,
        })
    }
}

/// The path of this process' control group below the root of the hierarchy.
fn own_group() -> Option<String> {
    let groups = Process::myself().ok()?.cgroups().ok()?;
    let unified = groups.0.into_iter().find(|group| group.hierarchy == 0)?;
    Some(unified.pathname)
}

fn groups_above(root: &Path, group: &str) -> Vec<PathBuf> {
    let own = root.join(group.trim_start_matches('/'));
    own.ancestors()
        .take_while(|path| path.starts_with(root))
        .map(Path::to_owned)
        .collect()
}

/// What a control group uses and may use. Files' caches that nobody uses are taken back before anybody is killed.
fn in_group(group: &Path) -> Option<(u64, u64, Scope)> {
    let number = |file: &str| -> Option<u64> {
        let text = fs::read_to_string(group.join(file)).ok()?;
        text.trim().parse().ok()
    };
    // "max" is no number, and no limit.
    let limit = number("memory.max")?;
    let current = number("memory.current")?;
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let idle_files = stat
        .lines()
        .find_map(|line| line.strip_prefix("inactive_file "))
        .and_then(|bytes| bytes.trim().parse().ok())
        .unwrap_or(0);
    Some((current.saturating_sub(idle_files), limit, Scope::Cgroup))
}

/// The first average of `some` in a group's pressure stall information.
fn stalled(group: &Path) -> Option<f64> {
    let text = fs::read_to_string(group.join("memory.pressure")).ok()?;
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let average = some
        .split_whitespace()
        .find_map(|word| word.strip_prefix("avg10="))?;
    average.parse().ok()
}

fn of_system() -> io::Result<(u64, u64, Scope)> {
    let memory = procfs::Meminfo::current().map_err(io::Error::other)?;
    let available = memory
        .mem_available
        .ok_or_else(|| io::Error::other("the system does not tell what memory is available"))?;
    let used = memory.mem_total.saturating_sub(available);
    Ok((used, memory.mem_total, Scope::System))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up hierarchy: a group, and the one above it.
    fn memory(dir: &Path, files: &[(&str, &str)]) -> Memory {
        fs::create_dir_all(dir.join("node")).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
        Memory {
            groups: groups_above(dir, "/node"),
            own_limit: None,
        }
    }

    #[test]
    fn a_group_tells_what_it_uses_without_idle_files() {
        let dir = tempfile::tempdir().unwrap();
        let memory = memory(
            dir.path(),
            &[
                ("node/memory.max", "1000\n"),
                ("node/memory.current", "900\n"),
                ("node/memory.stat", "anon 700\ninactive_file 150\n"),
                (
                    "node/memory.pressure",
                    "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=0.00\n",
                ),
            ],
        );
        let usage = memory.usage().unwrap();
        let expected = Usage {
            used: 750,
            limit: 1000,
            scope: Scope::Cgroup,
            stalled_percent: Some(12.5),
        };
        assert_eq!(usage, expected);
        assert_eq!(usage.share(), 0.75);
    }

    #[test]
    fn of_several_groups_the_one_nearest_to_its_limit_counts() {
        let dir = tempfile::tempdir().unwrap();
        let memory = memory(
            dir.path(),
            &[
                ("node/memory.max", "max\n"),
                ("node/memory.current", "900\n"),
                ("memory.max", "2000\n"),
                ("memory.current", "1900\n"),
            ],
        );
        let usage = memory.usage().unwrap();
        assert_eq!((usage.used, usage.limit), (1900, 2000));
    }

    #[test]
    fn without_a_group_or_with_none_that_has_a_limit_the_machine_counts() {
        let dir = tempfile::tempdir().unwrap();
        let without_limit = [
            ("node/memory.max", "max\n"),
            ("node/memory.current", "900\n"),
        ];
        let without_group = Memory {
            groups: Vec::new(),
            own_limit: None,
        };
        for memory in [memory(dir.path(), &without_limit), without_group] {
            let usage = memory.usage().unwrap();
            assert_eq!(usage.scope, Scope::System);
            assert!(usage.used > 0 && usage.used < usage.limit, "{usage:?}");
        }
    }

    #[test]
    fn nonsense_in_a_group_is_no_limit() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("node/memory.max", "-7\n"), ("node/memory.current", "")];
        let usage = memory(dir.path(), &files).usage().unwrap();
        assert_eq!(usage.scope, Scope::System);
    }

    #[test]
    fn a_limit_of_the_application_holds_against_the_process_alone() {
        let memory = Memory {
            groups: Vec::new(),
            own_limit: Some(1),
        };
        let usage = memory.usage().unwrap();
        assert_eq!((usage.scope, usage.limit), (Scope::Process, 1));
        assert!(usage.share() > 1.0);
    }
}
