//! `cargo fork api`: no public item of a patched crate is gone or changed, and docs/API.md lists those that came.
//!
//! What a crate offers is read from the JSON that rustdoc writes, which only a nightly toolchain does; nothing else here needs
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::additive::{self, Comparison};
use crate::change;
use crate::error::IoContext;
use crate::process;
use crate::project::{Project, package_spec};
use crate::verbs::test::suites::Suites;
use crate::verbs::{assemble, untouched};
use crate::{Error, Result, assemble as assembly};

/// Where the list stands.
const PAGE: &str = "docs/API.md";

/// Compares one crate and prints what came, or all that have changes, of every line, and writes the page.
///
/// # Errors
/// [`Error::Check`] where an item is gone or changed, or one came that can break users of what was there.
pub fn run(project: &Project, name: Option<&str>) -> Result<()> {
    process::require_nightly("only nightly's rustdoc tells of an API")?;
    let whole = project.whole();
    let project = if name.is_some() { project } else { &whole };
    assemble::ensure(project)?;
    let suites = Suites::read(project)?;
    let mut crates = project.select(name)?;
    let all = change::all(project)?;
    crates.retain(|krate| all.iter().any(|change| change.krate == *krate));
    let path = project.scratch("api")?.join("record.json");
    let mut record = read(&path);
    let mut found = Vec::new();
    for krate in crates {
        let changes = change::changes(project, &krate)?;
        let inputs = assembly::digest_of(project, &krate, &changes)?;
        if record
            .get(&krate)
            .is_none_or(|known| known.inputs != inputs)
        {
            println!("{krate}: its documentation is made, untouched and patched");
            let documented = document(project, &suites, &krate, inputs)?;
            record.insert(krate.clone(), documented);
            write(&path, &record)?;
        }
        let Documented { before, after, .. } = &record[&krate];
        let comparison = additive::compare(before, after);
        println!(
            "{krate}: {} items gone or changed, {} new",
            comparison.gone.len(),
            comparison.new.len()
        );
        found.push((krate, comparison));
    }
    match name {
        Some(_) => print!("{}", page(&found)),
        None => {
            let path = project.root().join(PAGE);
            fs::write(&path, page(&found)).on("cannot write", &path)?;
            println!("{PAGE}: written");
        }
    }
    let wrong = wrong(&found);
    for line in &wrong {
        println!("wrong: {line}");
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(Error::Check(format!(
            "api: {count} things can break users of the published crates, listed above"
        ))),
    }
}

/// What a crate offers, by what it was made from: to document it anew takes minutes.
#[derive(serde::Serialize, serde::Deserialize)]
struct Documented {
    inputs: String,
    before: Vec<String>,
    after: Vec<String>,
}

fn document(project: &Project, suites: &Suites, krate: &str, inputs: String) -> Result<Documented> {
    let untouched = untouched::Workspace {
        purpose: format!("api/{krate}"),
        krate,
        needs: &BTreeSet::new(),
        side: suites.untouched_needs(project.line_of(krate)),
    };
    let bare = untouched.make(project, |_| Ok(()))?;
    let member = bare.join(untouched.member());
    let before = items(
        project,
        suites,
        krate,
        &bare,
        &member,
        &["-p", untouched::SIDE],
    )?;
    let patched = project.patched_dir(krate);
    let workspace = project.line_of(krate).root();
    let after = items(project, suites, krate, &workspace, &patched, &[])?;
    Ok(Documented {
        inputs,
        before,
        after,
    })
}

/// A record that cannot be read is none.
fn read(path: &Path) -> BTreeMap<String, Documented> {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write(path: &Path, record: &BTreeMap<String, Documented>) -> Result<()> {
    let text = serde_json::to_vec(record).map_err(|error| Error::malformed(path, error))?;
    fs::write(path, text).on("cannot write", path)
}

/// What a crate offers with all its features, an item a line.
fn items(
    project: &Project,
    suites: &Suites,
    krate: &str,
    workspace: &Path,
    dir: &Path,
    more: &[&str],
) -> Result<Vec<String>> {
    let manifest = Manifest::read(dir)?;
    let features = suites
        .of(krate)
        .all_features(&manifest.features)
        .map_err(Error::Check)?;
    let line = project.line_of(krate);
    let target = line.target_dir();
    // Both sides write to one place, and cargo does not know of the other: what it takes for fresh may be the other side's.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let asked = now.unwrap_or_default().as_nanos();
    let flags =
        format!("-Zunstable-options --output-format=json --cap-lints=allow --cfg=asked_{asked}");
    let mut command = process::nightly_cargo();
    command
        .args(["doc", "--no-deps", "--lib", "--locked", "--quiet"])
        .args(line.build_flags())
        .arg("-p")
        .arg(package_spec(krate))
        .args(more)
        .arg(features)
        .env("RUSTDOCFLAGS", flags)
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(workspace);
    process::output_of(&mut command)?;
    let json = target.join("doc").join(format!("{}.json", manifest.lib));
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| Error::malformed(&json, error))?;
    let provided = provided(&json)?;
    let written = |item: &public_api::PublicItem| {
        let line = item.to_string();
        let method = additive::method_of(&line).filter(|method| provided.contains(*method));
        match method {
            Some(_) => format!("{line} {}", additive::PROVIDED),
            None => line,
        }
    };
    Ok(api.items().map(written).collect())
}

/// The methods of traits that need not be implemented, as `Trait::method`: a signature does not tell.
fn provided(json: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read(json).on("cannot read", json)?;
    let krate: Value =
        serde_json::from_slice(&text).map_err(|error| Error::malformed(json, error))?;
    let index = krate["index"].as_object();
    let mut provided = BTreeSet::new();
    for item in index.into_iter().flat_map(|index| index.values()) {
        let methods = item["inner"]["trait"]["items"].as_array();
        for id in methods.into_iter().flatten() {
            let method = &krate["index"][id.to_string()];
            if method["inner"]["function"]["has_body"] == true {
                let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
                provided.insert(format!("{}::{}", name(item), name(method)));
            }
        }
    }
    Ok(provided)
}

/// What is needed of a manifest.
struct Manifest {
    lib: String,
    features: BTreeMap<String, Vec<String>>,
}

impl Manifest {
    fn read(dir: &Path) -> Result<Self> {
        #[derive(serde::Deserialize)]
        struct Text {
            lib: Lib,
            #[serde(default)]
            features: BTreeMap<String, Vec<String>>,
        }
        #[derive(serde::Deserialize)]
        struct Lib {
            name: String,
        }
        let path = dir.join("Cargo.toml");
        let text = fs::read_to_string(&path).on("cannot read", &path)?;
        let read: Text =
            toml::from_str(&text).map_err(|error| Error::malformed_toml(&path, &text, &error))?;
        Ok(Manifest {
            lib: read.lib.name,
            features: read.features,
        })
    }
}

fn wrong(found: &[(String, Comparison)]) -> Vec<String> {
    let of = |(krate, comparison): &(String, Comparison)| -> Vec<String> {
        let gone = comparison.gone.iter().map(|item| ("gone or changed", item));
        let hazards = comparison
            .hazards
            .iter()
            .map(|item| ("can break who uses it", item));
        gone.chain(hazards)
            .map(|(what, item)| format!("{krate}: {what}: {item}"))
            .collect()
    };
    found.iter().flat_map(of).collect()
}

fn page(found: &[(String, Comparison)]) -> String {
    let mut text = "# What do the patched crates offer that the published ones do not?\n\n\
        Made by `cargo fork api`, with all features; do not edit. It compares what rustdoc says of each crate with and without\n\
        our changes, and fails where a public item is gone or changed, or where one came that can break who uses what was\n\
        there (a variant of an enum that says it is whole, a field, a method of a trait). Impls and what is derived are\n\
        compared and not listed.\n"
        .to_owned();
    for (krate, comparison) in found {
        let Comparison {
            gone,
            narrower,
            new,
            ..
        } = comparison;
        let counts = format!("{} gone or changed, {} new", gone.len(), new.len());
        let _ = write!(text, "\n## {krate}\n\n{counts}.\n");
        if !new.is_empty() {
            let _ = write!(text, "\n```rust\n{}\n```\n", new.join("\n"));
        }
        if !narrower.is_empty() {
            let narrower = narrower.join("\n");
            let _ = write!(
                text,
                "\nNo longer, or only under more conditions (nothing but `catch_unwind` asks for it):\n\n```rust\n{narrower}\n```\n"
            );
        }
    }
    text
}
