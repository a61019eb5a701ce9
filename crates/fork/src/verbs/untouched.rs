//! A workspace around one crate without its fixes, for tests that must fail there and for benchmarks to compare with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::error::IoContext;
use crate::git::Repo;
use crate::lay;
use crate::pin;
use crate::process;
use crate::project::{Line, Project, split_name};

/// A package beside the crate, which asks for what the untouched crates forgot to ask for. It counts only where it is
/// selected together with the crate.
pub const SIDE: &str = "untouched-side";

/// What is to be in the workspace.
pub struct Workspace<'a> {
    /// The name of its folder in the tool's scratch space.
    pub purpose: String,
    /// The crate, as published.
    pub krate: &'a str,
    /// Crates (`<crate>-<version>`) that are taken patched; every other is as published.
    pub needs: &'a BTreeSet<&'a str>,
    /// What [`SIDE`] depends on.
    pub side: toml::Table,
}

impl Workspace<'_> {
    /// Makes it anew, with a lock of its own, and gives back where it stands. `lay` puts onto the published crate what is
    /// to be there.
    pub fn make(
        &self,
        project: &Project,
        lay: impl FnOnce(&Repo) -> Result<()>,
    ) -> Result<PathBuf> {
        let dir = project.scratch(&self.purpose)?;
        fs::remove_dir_all(&dir).on("cannot empty", &dir)?;
        let pins = pin::pins(project, &[self.krate.to_owned()])?;
        let packed = pin::fetch(project, &pins)?;
        let repo = lay::lay_upstream(self.krate, &packed[0], &dir.join(self.member()))?;
        lay(&repo)?;

        let mut crates = vec![(self.krate, PathBuf::from(self.member()))];
        let others = self.needs.iter().filter(|need| **need != self.krate);
        crates.extend(others.map(|need| (*need, project.patched_dir(need))));
        around(project.line_of(self.krate), &dir, &crates, &[], &self.side)?;
        Ok(dir)
    }

    /// The crate's folder. Cargo tells packages of one target folder apart by their place in their workspace; with one name
    /// for all, what was built without one change would be taken for what is built without another.
    pub fn member(&self) -> String {
        format!("{}-{}", self.krate, self.purpose.replace('/', "-"))
    }
}

/// Makes a workspace in `dir` around crates of a line, with a lock of its own: of those whose path is relative, and which stand
/// there, and of `more`, packages that stand there and are none of the line. Crates with another path are only used. `side` is
/// what [`SIDE`] depends on.
pub fn around(
    line: &Line,
    dir: &Path,
    crates: &[(&str, PathBuf)],
    more: &[&str],
    side: &toml::Table,
) -> Result<()> {
    let here = crates.iter().filter(|(_, path)| path.is_relative());
    let more = more.iter().map(Path::new).chain([Path::new(SIDE)]);
    let members: Vec<_> = here.map(|(_, path)| path.as_path()).chain(more).collect();
    let mut manifest = format!(
        "[workspace]\nresolver = \"2\"\nmembers = {members:?}\n\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n\n[patch.crates-io]\n"
    );
    for (krate, path) in crates {
        let (name, _) = split_name(krate).unwrap_or((krate, ""));
        manifest += &format!("{name} = {{ path = {path:?} }}\n");
    }
    let path = dir.join("Cargo.toml");
    write(&path, &manifest)?;
    let lock = line.lock();
    fs::copy(&lock, dir.join("Cargo.lock")).on("cannot copy", &lock)?;
    write(&dir.join(SIDE).join("Cargo.toml"), &side_manifest(side))?;
    write(&dir.join(SIDE).join("src/lib.rs"), "")?;
    process::complete_lock(&path)
}

/// Has cargo build such a workspace, which stands in `dir`, where its line is built: what both share is built once.
pub fn build_there(command: &mut Command, line: &Line, dir: &Path) {
    command
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", line.target_dir())
        // Cargo's switch for a hash in every file's name. Without it the libraries of local crates that are also made for C have
        // none, and those of one workspace take the place of another's.
        .env("__CARGO_DEFAULT_LIB_METADATA", SIDE);
}

fn side_manifest(side: &toml::Table) -> String {
    let dependencies =
        toml::Table::from_iter([("dependencies".to_owned(), toml::Value::Table(side.clone()))]);
    format!("[package]\nname = {SIDE:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}")
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).on("cannot make", parent)?;
    }
    fs::write(path, text).on("cannot write", path)
}
