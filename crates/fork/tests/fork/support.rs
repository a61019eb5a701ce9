//! A checkout of Evergreen with one published crate, `toy`, in a temporary folder with a cargo home of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::{Compression, write::GzEncoder};
use fork::hunk::{self, FilePatch, Hunk};
use sha2::{Digest, Sha256};

/// The crate that every checkout pins.
pub const TOY: &str = "toy-1.2.0";

pub const LIB: &str = "//! A toy.\n\nmod book;\n\npub use book::Book;\n";
pub const BOOK: &str = "\
/// Keeps what it is told.
#[derive(Default)]
pub struct Book {
    entries: Vec<u32>,
}

impl Book {
    pub fn add(&mut self, entry: u32) {
        self.entries.push(entry);
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}
";
pub const CRLF: &str = "one\r\ntwo\r\nthree\r\n";
pub const OPEN: &str = "one\ntwo";

const LOCK_HEAD: &str = "version = 4\n";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `change.toml` must say, and nothing more.
pub const FACTS: &str = "\
summary = \"Bound the book\"
why = \"It keeps everything.\"
tests = [\"tests/bounded.rs::a_book_stays_bounded\"]
removal = \"When upstream bounds it.\"
upstream-status = \"Pending\"
last-update = \"2026-11-21\"
";

pub const BOUND: &str = "\
/// Keeps the newest three.
pub fn push(entries: &mut Vec<u32>, entry: u32) {
    entries.push(entry);
    if entries.len() > 3 {
        entries.remove(0);
    }
}
";
pub const BOUNDED: &str = "\
#[test]
fn a_book_stays_bounded() {
    let mut book = toy::Book::default();
    (0..9).for_each(|entry| book.add(entry));
    assert_eq!(book.len(), 3, \"it keeps everything\");
}
";

pub struct Fixture {
    dir: tempfile::TempDir,
}

/// What a run of a program left.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Fixture {
    /// A checkout that pins `toy` and has no changes of it.
    pub fn bare() -> Self {
        let fixture = Fixture {
            dir: tempfile::tempdir().unwrap(),
        };
        let checksum = fixture.publish(&packed(TOY, &toy("1.2.0")));
        fixture.pin(&checksum);
        fixture.write("patch/upstream/Cargo.toml", UPSTREAM);
        fixture.write("patch/upstream/src/lib.rs", "");
        fixture.write("Cargo.toml", ROOT);
        fixture.write("Cargo.lock", &lock_of("1.2.0", None));
        fixture.write("rustfmt.toml", "");
        fixture.write("tests/suites.toml", "");
        fixture.write(
            "docs/DEFECTS.md",
            "| slug | what | state |\n|---|---|---|\n",
        );
        fixture.write(".gitignore", "/patched/\n/target/\n/.assemble-*/\n");
        fixture.write(&format!("patch/{TOY}/series"), "# in this order\n");
        fixture
    }

    /// The same with one change, `book-is-bounded`: a new file, hunks that call it, and a test.
    pub fn new() -> Self {
        let fixture = Fixture::bare();
        let hooks = [
            hook(
                "src/book.rs",
                BOOK,
                9,
                1,
                &["        crate::bound::push(&mut self.entries, entry);"],
            ),
            hook("src/lib.rs", LIB, 3, 0, &["mod bound;"]),
        ];
        let files = [("src/bound.rs", BOUND), ("tests/bounded.rs", BOUNDED)];
        fixture.change("book-is-bounded", FACTS, &hooks.concat(), &files);
        fixture
    }

    /// The same, assembled, and the checkout a git repository with everything committed.
    pub fn assembled() -> Self {
        let fixture = Fixture::new();
        fixture.fork(&["assemble"]).done();
        fixture.git(".", &["init", "--quiet"]);
        fixture.git(".", &["add", "--all"]);
        fixture.git(".", &["commit", "--quiet", "--message", "all"]);
        fixture
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("evergreen")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// A path inside the assembled crate, from the root.
    pub fn toy(&self, path: &str) -> String {
        format!("patched/{TOY}/{path}")
    }

    /// A path inside a change's folder, from the root.
    pub fn of(&self, slug: &str, path: &str) -> String {
        format!("patch/{TOY}/{slug}/{path}")
    }

    pub fn crate_file(&self) -> PathBuf {
        self.cache().join(format!("{TOY}.crate"))
    }

    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("home/registry/cache/x")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        let path = self.path(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Replaces a text that stands once in a file.
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
        self.write(path, &text.replace(from, to));
    }

    /// Adds a change to the end of the series.
    pub fn change(&self, slug: &str, facts: &str, hooks: &str, files: &[(&str, &str)]) {
        self.write(&self.of(slug, "change.toml"), facts);
        if !hooks.is_empty() {
            self.write(&self.of(slug, "hooks.patch"), hooks);
        }
        for (file, text) in files {
            self.write(&self.of(slug, file), text);
        }
        let series = format!("patch/{TOY}/series");
        self.write(&series, &format!("{}{slug}\n", self.read(&series)));
    }

    /// Puts the `.crate` of the toy into cargo's cache, and gives back its checksum.
    pub fn publish(&self, bytes: &[u8]) -> String {
        self.publish_as(TOY, bytes)
    }

    /// The same for another release.
    pub fn publish_as(&self, krate: &str, bytes: &[u8]) -> String {
        fs::create_dir_all(self.cache()).unwrap();
        fs::write(self.cache().join(format!("{krate}.crate")), bytes).unwrap();
        format!("{:x}", Sha256::digest(bytes))
    }

    pub fn pin(&self, checksum: &str) {
        self.write(
            "patch/upstream/Cargo.lock",
            &lock_of("1.2.0", Some(checksum)),
        );
    }

    /// `cargo fork …` from the root of the checkout.
    pub fn fork(&self, args: &[&str]) -> Done {
        Done::of(self.command(args))
    }

    /// A shell script in `bin/` under the name of a program.
    pub fn stand_in(&self, program: &str, script: &str) {
        let path = format!("bin/{program}");
        self.write(&path, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The command of [`Self::fork`], for tests that change its surroundings.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fork"));
        command.args(args).current_dir(self.root());
        self.surround(&mut command);
        command
    }

    /// Plain git, as a user runs it, in a folder of the checkout.
    pub fn git(&self, folder: &str, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=User", "-c", "user.email=user@localhost"])
            .args(args)
            .current_dir(self.path(folder))
            .env("GIT_EDITOR", "true")
            .env("GIT_SEQUENCE_EDITOR", "true")
            // What a user's configuration may hold, and must not matter.
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "diff.noprefix")
            .env("GIT_CONFIG_VALUE_0", "true");
        self.surround(&mut git);
        let done = Done::of(git);
        assert_eq!(done.code, 0, "git {args:?}: {done:?}");
        done.stdout.trim_end().to_owned()
    }

    /// Plain git in the assembled crate.
    pub fn toy_git(&self, args: &[&str]) -> String {
        self.git(&format!("patched/{TOY}"), args)
    }

    /// What git sees changed in the checkout.
    pub fn status(&self) -> String {
        self.git(".", &["status", "--porcelain", "--untracked-files=all"])
    }

    /// A cargo project that depends on toy 1, beside the checkout. Cargo finds 1.1.0, 1.2.0, 2.0.0 and 3.0.0 without a network.
    pub fn scratch(&self) -> Scratch {
        let root = self.dir.path().join("scratch");
        let sources = self.dir.path().join("vendored");
        for version in ["1.1.0", "1.2.0", "2.0.0", "3.0.0"] {
            let folder = sources.join(format!("toy-{version}"));
            for (file, text) in toy(version) {
                put(&folder.join(file), &text);
            }
            let sum = checksum_of(version);
            put(
                &folder.join(".cargo-checksum.json"),
                &format!("{{\"files\":{{}},\"package\":\"{sum}\"}}"),
            );
        }
        put(
            &root.join(".cargo/config.toml"),
            &format!(
                "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = {sources:?}\n"
            ),
        );
        let scratch = Scratch { root };
        scratch.write("Cargo.toml", SCRATCH);
        scratch.write(
            "src/main.rs",
            "fn main() {\n    let _ = toy::Book::default();\n}\n",
        );
        scratch
    }

    /// Environment without the surroundings of the test run.
    pub fn surround(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let told = name.to_string_lossy();
            if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CI")
            .env("CARGO_HOME", self.dir.path().join("home"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "always");
    }
}

impl Done {
    pub fn of(mut command: Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Done {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// It ended well.
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        assert!(!self.stderr.contains("error"), "{self:#?}");
        self
    }

    /// It ended with this code and one line that says all of this.
    pub fn refused(self, code: i32, says: &[&str]) -> Self {
        let progress =
            |line: &&str| !line.starts_with("assemble: ") && !line.starts_with("patched/ ");
        let lines: Vec<&str> = self.stderr.lines().filter(progress).collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("error: "),
            "expected one line: {self:#?}"
        );
        assert_eq!(self.code, code, "{self:#?}");
        for what in says {
            assert!(lines[0].contains(what), "{what:?} is not in {:?}", lines[0]);
        }
        self
    }

    /// Its standard output has this.
    pub fn says(self, what: &str) -> Self {
        assert!(self.stdout.contains(what), "{what:?} is not in {self:#?}");
        self
    }
}

/// See [`Fixture::scratch`].
pub struct Scratch {
    pub root: PathBuf,
}

impl Scratch {
    pub fn write(&self, path: &str, text: &str) {
        put(&self.root.join(path), text);
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub fn arg(&self) -> &str {
        self.root.to_str().unwrap()
    }

    /// A lock as cargo writes it, on a version of toy.
    pub fn lock_on(&self, version: &str) {
        let sum = checksum_of(version);
        let lock = format!(
            "# a lock\n{LOCK_HEAD}\n[[package]]\nname = \"scratch\"\nversion = \"0.1.0\"\ndependencies = [\n \"toy\",\n]\n\n\
             [[package]]\nname = \"toy\"\nversion = \"{version}\"\nsource = \"{REGISTRY}\"\nchecksum = \"{sum}\"\n"
        );
        self.write("Cargo.lock", &lock);
    }

    /// Every file and its bytes, but for what cargo builds.
    pub fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        everything(&self.root)
    }
}

/// Where a program stands.
pub fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file()).unwrap()
}

/// Every file below a folder and its bytes, but for what cargo builds.
pub fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fork::change::files_below(folder).unwrap();
    let ours = files
        .into_iter()
        .filter(|file| !file.starts_with("target/"));
    ours.map(|file| (file.clone(), fs::read(folder.join(file)).unwrap()))
        .collect()
}

/// A lock that names a version of the toy: as a pin does, with its checksum, or as a workspace that it is a member of.
pub fn lock_of(version: &str, checksum: Option<&str>) -> String {
    let toy = format!("{LOCK_HEAD}\n[[package]]\nname = \"toy\"\nversion = \"{version}\"\n");
    match checksum {
        None => toy,
        Some(checksum) => format!(
            "{toy}source = \"{REGISTRY}\"\nchecksum = \"{checksum}\"\n\n\
             [[package]]\nname = \"upstream\"\nversion = \"0.0.0\"\ndependencies = [\n \"toy\",\n]\n"
        ),
    }
}

/// A file's part of a `hooks.patch`: at a line (counted from 1), lines go and others come; where none go, they come
/// behind it.
pub fn hook(path: &str, before: &str, line: usize, go: usize, come: &[&str]) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let (start, new_start) = match go {
        0 => (line, line + 1),
        _ => (line - 1, line),
    };
    let hunk = Hunk {
        old_start: line,
        new_start,
        removed: old[start..start + go]
            .iter()
            .map(|line| line.to_string())
            .collect(),
        added: come.iter().map(|line| format!("{line}\n")).collect(),
    };
    let after = hunk::apply(before, std::slice::from_ref(&hunk)).unwrap();
    hunk::render(&[FilePatch {
        path: path.into(),
        before: hunk::blob_id(before.as_bytes()),
        after: hunk::blob_id(after.as_bytes()),
        hunks: vec![hunk],
    }])
}

/// A `.crate`, as cargo packs it: with times of long ago.
pub fn packed(krate: &str, files: &[(&str, String)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (file, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mtime(1_153_704_088);
        header.set_mode(if *file == "src/book.rs" { 0o755 } else { 0o644 });
        let path = format!("{krate}/{file}");
        archive
            .append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// The files of the toy as they were published.
pub fn toy(version: &str) -> [(&'static str, String); 7] {
    [
        ("Cargo.toml", manifest(version)),
        (".gitattributes", "* text=auto\n".into()),
        ("src/lib.rs", LIB.into()),
        ("src/book.rs", BOOK.into()),
        ("src/crlf.txt", CRLF.into()),
        ("src/open.txt", OPEN.into()),
        ("a name with b/spaces and 'quotes'.txt", "one\n".into()),
    ]
}

fn manifest(version: &str) -> String {
    format!(
        "# written by cargo\n[package]\nedition = \"2021\"\nname = \"toy\"\nversion = \"{version}\"\nautotests = false\n\n\
         [features]\nextra = []\n\n[lib]\nname = \"toy\"\npath = \"src/lib.rs\"\n"
    )
}

fn checksum_of(version: &str) -> String {
    format!("{:x}", Sha256::digest(version))
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const UPSTREAM: &str = "\
[package]
name = \"upstream\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]

[dependencies]
toy = \"=1.2.0\"
";

const ROOT: &str = "\
[workspace]
resolver = \"2\"
members = [\"patched/toy-1.2.0\"]
exclude = [\"patch\", \"target\"]

[patch.crates-io]
toy = { path = \"patched/toy-1.2.0\" }
";

const SCRATCH: &str = "\
# comments stay
[package]
name    = \"scratch\"   # oddly spaced
version = \"0.1.0\"
edition = \"2021\"

[dependencies]
toy = \"1\" # any
";
