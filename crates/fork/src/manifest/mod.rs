//! What a change adds to a crate's published `Cargo.toml`: dependencies, features, and the targets of its new files.
//! Pure functions over text.
//!
//! A published manifest is machine-written, so a diff of it would say nothing to upstream. `change.toml` holds the
//! additions as data; here they are merged, and the rest of the text stays as it is.

pub mod written;

use std::collections::BTreeMap;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::change::Facts;

/// Which of a change's additions to lay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Whole,
    /// What its tests need alone: the dev-dependencies.
    Tests,
}

/// The manifest with what a change adds: `files` are its new files, of which those that are tests, benches and examples
/// get a target (published crates say `autotests = false`).
///
/// # Errors
/// One line that names the key that cannot be merged.
pub fn merge<'a>(
    manifest: &str,
    facts: &Facts,
    files: impl IntoIterator<Item = &'a str>,
    scope: Scope,
) -> Result<String, String> {
    let mut document: DocumentMut = manifest
        .parse()
        .map_err(|error: toml_edit::TomlError| format!("Cargo.toml: {}", error.message()))?;
    if scope == Scope::Whole {
        merge_dependencies(&mut document, "dependencies", &facts.dependencies)?;
        merge_features(&mut document, &facts.features)?;
    }
    merge_dependencies(&mut document, "dev-dependencies", &facts.dev_dependencies)?;
    for file in files {
        add_target(&mut document, file)?;
    }
    Ok(document.to_string())
}

fn merge_dependencies(
    document: &mut DocumentMut,
    section: &str,
    added: &toml::Table,
) -> Result<(), String> {
    for (name, wanted) in added {
        let dependencies = table(document.as_table_mut(), section)?;
        dependencies.set_implicit(true);
        let entry = table(dependencies, name)?;
        for (key, wanted) in as_detailed(wanted) {
            let merged = match (key.as_str(), entry.get("features").and_then(Item::as_array)) {
                ("features", Some(there)) => Item::Value(union(there, &strings(&wanted)?).into()),
                _ => value_of(&wanted)?,
            };
            entry.insert(&key, merged);
        }
    }
    Ok(())
}

fn merge_features(
    document: &mut DocumentMut,
    added: &BTreeMap<String, Vec<String>>,
) -> Result<(), String> {
    for (name, wanted) in added {
        let features = table(document.as_table_mut(), "features")?;
        let there = features
            .get(name)
            .and_then(Item::as_array)
            .cloned()
            .unwrap_or_default();
        features.insert(name, value(union(&there, wanted)));
    }
    Ok(())
}

/// `tests/x.rs`, `benches/x.rs` and `examples/x.rs` are targets; what lies deeper belongs to one of them.
fn add_target(document: &mut DocumentMut, file: &str) -> Result<(), String> {
    let Some((folder, name)) = file.split_once('/') else {
        return Ok(());
    };
    let kind = match folder {
        "tests" => "test",
        "benches" => "bench",
        "examples" => "example",
        _ => return Ok(()),
    };
    let Some(name) = name.strip_suffix(".rs").filter(|name| !name.contains('/')) else {
        return Ok(());
    };
    let targets = document
        .entry(kind)
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or_else(|| format!("Cargo.toml: `{kind}` is not a list of tables"))?;
    let mut target = Table::new();
    target.insert("name", value(name));
    target.insert("path", value(file));
    if kind == "bench" {
        target.insert("harness", value(false));
    }
    targets.push(target);
    Ok(())
}

fn table<'a>(parent: &'a mut Table, key: &str) -> Result<&'a mut Table, String> {
    parent
        .entry(key)
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_mut()
        .ok_or_else(|| format!("Cargo.toml: `{key}` is not a table of its own"))
}

/// `name = "1"` means `name = { version = "1" }`.
fn as_detailed(wanted: &toml::Value) -> toml::Table {
    match wanted {
        toml::Value::Table(table) => table.clone(),
        version => toml::Table::from_iter([("version".to_owned(), version.clone())]),
    }
}

fn value_of(wanted: &toml::Value) -> Result<Item, String> {
    match wanted {
        toml::Value::String(text) => Ok(value(text.as_str())),
        toml::Value::Boolean(flag) => Ok(value(*flag)),
        toml::Value::Array(_) => Ok(value(Array::from_iter(strings(wanted)?))),
        other => Err(format!(
            "a dependency's key is {other}; expected a string, a list of strings, true or false"
        )),
    }
}

fn strings(list: &toml::Value) -> Result<Vec<String>, String> {
    list.as_array()
        .and_then(|list| {
            list.iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        })
        .ok_or_else(|| format!("{list} is not a list of strings"))
}

fn union(there: &Array, wanted: &[String]) -> Array {
    let mut names: Vec<String> = there
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect();
    for name in wanted {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Array::from_iter(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "# written by cargo\n[package]\nname = \"x\"\nautotests = false\n\n[dependencies.a]\nversion = \"1\"\nfeatures = [\"std\"]\n";

    fn facts(added: &str) -> Facts {
        let head = "summary = \"s\"\nwhy = \"w\"\nremoval = \"r\"\nupstream-status = \"Pending\"\nlast-update = \"2026-11-21\"\n";
        toml::from_str(&format!("{head}{added}")).unwrap()
    }

    fn merged(added: &str, files: &[&str], scope: Scope) -> DocumentMut {
        merge(MANIFEST, &facts(added), files.iter().copied(), scope)
            .unwrap()
            .parse()
            .unwrap()
    }

    #[test]
    fn features_of_a_dependency_that_is_there_are_united() {
        let document = merged(
            "[dependencies]\na = { features = [\"all\", \"std\"] }\nb = \"2\"\n",
            &[],
            Scope::Whole,
        );
        let features: Vec<_> = document["dependencies"]["a"]["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f.as_str().unwrap())
            .collect();
        assert_eq!(features, ["std", "all"]);
        assert_eq!(document["dependencies"]["a"]["version"].as_str(), Some("1"));
        assert_eq!(document["dependencies"]["b"]["version"].as_str(), Some("2"));
        assert!(
            document
                .to_string()
                .starts_with("# written by cargo\n[package]\n")
        );
    }

    #[test]
    fn new_tests_and_benches_get_their_targets() {
        let document = merged(
            "",
            &[
                "tests/book.rs",
                "tests/common/mod.rs",
                "benches/book.rs",
                "src/x.rs",
            ],
            Scope::Whole,
        );
        let tests = document["test"].as_array_of_tables().unwrap();
        assert_eq!(tests.len(), 1);
        assert_eq!(
            tests.get(0).unwrap()["path"].as_str(),
            Some("tests/book.rs")
        );
        assert_eq!(
            document["bench"]
                .as_array_of_tables()
                .unwrap()
                .get(0)
                .unwrap()["harness"]
                .as_bool(),
            Some(false)
        );
    }

    #[test]
    fn tests_alone_take_no_dependencies_of_the_fix() {
        let added =
            "[dependencies]\nb = \"2\"\n[dev-dependencies]\nc = \"3\"\n[features]\nf = []\n";
        let document = merged(added, &[], Scope::Tests);
        assert!(document["dependencies"].get("b").is_none() && document.get("features").is_none());
        assert_eq!(
            document["dev-dependencies"]["c"]["version"].as_str(),
            Some("3")
        );
    }

    #[test]
    fn what_cannot_be_merged_is_named() {
        let error = merge(
            MANIFEST,
            &facts("[dependencies]\na = { features = 3 }\n"),
            [],
            Scope::Whole,
        )
        .unwrap_err();
        assert!(error.contains("3 is not a list of strings"), "{error}");
    }
}
