//! What a change adds to a manifest as its authors wrote it: in their manner, as a patch for them needs it.
//!
//! What a crate inherits from its workspace stays inherited, entries stay in alphabetical order where they are, lists keep
//! their layout, and comments stay. Targets that cargo finds by itself are not named.

use std::collections::BTreeMap;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use super::{add_target, as_detailed, strings, table, value_of};
use crate::change::Facts;

/// The manifest with what a change adds; `files` are its new files.
///
/// # Errors
/// One line that names the key that cannot be merged.
pub fn merge<'a>(
    manifest: &str,
    facts: &Facts,
    files: impl IntoIterator<Item = &'a str>,
) -> Result<String, String> {
    let mut document: DocumentMut = manifest
        .parse()
        .map_err(|error: toml_edit::TomlError| format!("Cargo.toml.orig: {}", error.message()))?;
    merge_dependencies(&mut document, "dependencies", &facts.dependencies)?;
    merge_dependencies(&mut document, "dev-dependencies", &facts.dev_dependencies)?;
    merge_features(&mut document, &facts.features)?;
    for file in files {
        if !is_found_by_cargo(&document, file) {
            add_target(&mut document, file)?;
        }
    }
    Ok(document.to_string())
}

fn merge_dependencies(
    document: &mut DocumentMut,
    section: &str,
    added: &toml::Table,
) -> Result<(), String> {
    for (name, wanted) in added {
        let wanted = as_detailed(wanted);
        let dependencies = table(document.as_table_mut(), section)?;
        match dependencies.get_mut(name) {
            None => insert_in_order(dependencies, name, new_entry(&wanted)?),
            Some(entry) => extend_entry(entry, &wanted)?,
        }
    }
    Ok(())
}

/// `name = "1"`, or a table on one line where there is more to say.
fn new_entry(wanted: &toml::Table) -> Result<Item, String> {
    if let (1, Some(version)) = (wanted.len(), wanted.get("version")) {
        return value_of(version);
    }
    let mut entry = InlineTable::new();
    for key in ["version", "default-features", "features", "optional"] {
        if let Some(wanted) = wanted.get(key) {
            insert(&mut entry, key, value_of(wanted)?);
        }
    }
    for (key, wanted) in wanted {
        if !entry.contains_key(key) {
            insert(&mut entry, key, value_of(wanted)?);
        }
    }
    Ok(value(entry))
}

fn extend_entry(entry: &mut Item, wanted: &toml::Table) -> Result<(), String> {
    if let Some(version) = entry.as_str().map(str::to_owned) {
        let mut detailed = InlineTable::new();
        detailed.insert("version", version.into());
        let decor = entry.as_value().map(|value| value.decor().clone());
        *entry = value(detailed);
        if let (Some(value), Some(decor)) = (entry.as_value_mut(), decor) {
            *value.decor_mut() = decor;
        }
    }
    let details = entry
        .as_table_like_mut()
        .ok_or("Cargo.toml.orig: a dependency is neither a version nor a table")?;
    extend_details(details, wanted)?;
    if let Some(inline) = entry.as_inline_table_mut() {
        // The space in front of the brace belongs to whatever stands last.
        let last = inline.len().saturating_sub(1);
        for (at, (_, value)) in inline.iter_mut().enumerate() {
            value
                .decor_mut()
                .set_suffix(if at == last { " " } else { "" });
        }
    }
    Ok(())
}

fn extend_details(entry: &mut dyn TableLike, wanted: &toml::Table) -> Result<(), String> {
    let inherits = entry.get("workspace").is_some();
    for (key, wanted) in wanted {
        match key.as_str() {
            // The version that the workspace names, or the one that is asked for already, stands; a change that needs a
            // newer one shows when it is built.
            "version" if inherits || entry.get("version").is_some() => {}
            "features" => {
                extend_list(entry, "features", &strings(wanted)?);
            }
            _ => {
                entry.insert(key, value_of(wanted)?);
            }
        }
    }
    Ok(())
}

fn merge_features(
    document: &mut DocumentMut,
    added: &BTreeMap<String, Vec<String>>,
) -> Result<(), String> {
    for (name, wanted) in added {
        extend_list(table(document.as_table_mut(), "features")?, name, wanted);
    }
    Ok(())
}

/// Puts what is missing at the end of a list, laid out as what stands before it.
fn extend_list(there: &mut dyn TableLike, key: &str, wanted: &[String]) {
    if there.get(key).and_then(Item::as_array).is_none() {
        there.insert(key, value(Array::new()));
    }
    let Some(list) = there.get_mut(key).and_then(Item::as_array_mut) else {
        return;
    };
    for name in wanted {
        if list.iter().any(|there| there.as_str() == Some(name)) {
            continue;
        }
        let last = list.iter().last().map(|last| last.decor().clone());
        let mut item = Value::from(name.as_str());
        match last {
            Some(decor) if list.len() > 1 => {
                *item.decor_mut() = decor;
                list.push_formatted(item);
            }
            _ => list.push(item),
        }
    }
}

/// Inserts at its place in the alphabet where all stand in that order, and at the end elsewhere.
fn insert_in_order(dependencies: &mut Table, name: &str, entry: Item) {
    let ordered = dependencies
        .iter()
        .map(|(key, _)| key)
        .is_sorted_by(|a, b| a <= b);
    dependencies.insert(name, entry);
    if ordered {
        dependencies.sort_values();
    }
}

/// Cargo finds tests and examples by their place, unless it is told not to, but does not know that a bench has a harness of
/// its own.
fn is_found_by_cargo(document: &DocumentMut, file: &str) -> bool {
    let key = match file.split('/').next() {
        Some("tests") => "autotests",
        Some("examples") => "autoexamples",
        _ => return false,
    };
    let package = document.get("package");
    let auto = package.and_then(|package| package.get(key)?.as_bool());
    auto != Some(false)
}

fn insert(entry: &mut InlineTable, key: &str, item: Item) {
    if let Ok(value) = item.into_value() {
        entry.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"# by hand
[package]
name = "x"
edition.workspace = true

[features]
net = [
    "dep:a",
    "dep:b",
]
default = ["net"]

[dependencies]
a = { workspace = true, optional = true } # why a
b = "2" # why b
d = { version = "1", features = ["std"] }

[dependencies.e]
version = "1"

[dev-dependencies]
z = "1"
a = { workspace = true }
"#;

    fn merged(added: &str, files: &[&str]) -> String {
        let head = "summary = \"s\"\nwhy = \"w\"\nremoval = \"r\"\nupstream-status = \"Pending\"\nlast-update = \"2026-11-21\"\n";
        let facts: Facts = toml::from_str(&format!("{head}{added}")).unwrap();
        merge(MANIFEST, &facts, files.iter().copied()).unwrap()
    }

    /// The lines that came, and how many went.
    fn changed(text: &str) -> (Vec<&str>, usize) {
        let came = text
            .lines()
            .filter(|line| MANIFEST.lines().all(|old| old != *line));
        let went = MANIFEST
            .lines()
            .filter(|line| text.lines().all(|new| new != *line));
        (came.collect(), went.count())
    }

    #[test]
    fn a_new_dependency_stands_in_order_and_says_no_more_than_it_must() {
        let text = merged(
            "[dependencies]\nc = \"1\"\n[dev-dependencies]\nk = { version = \"1\", features = [\"f\"] }\n",
            &[],
        );
        let (came, went) = changed(&text);
        assert_eq!(went, 0);
        assert_eq!(
            came,
            ["c = \"1\"", "k = { version = \"1\", features = [\"f\"] }"]
        );
        assert!(text.contains("# why b\nc = \"1\"\nd = "), "{text}");
        // Where there was no order, none is made.
        assert!(
            text.ends_with(
                "a = { workspace = true }\nk = { version = \"1\", features = [\"f\"] }\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_is_inherited_stays_inherited_and_comments_stay() {
        let wanted = "{ version = \"9\", features = [\"f\"] }";
        let text = merged(
            &format!("[dependencies]\na = {wanted}\nb = {wanted}\nd = {wanted}\ne = {wanted}\n"),
            &[],
        );
        for line in [
            "a = { workspace = true, optional = true, features = [\"f\"] } # why a\n",
            "b = { version = \"2\", features = [\"f\"] } # why b\n",
            "d = { version = \"1\", features = [\"std\", \"f\"] }\n",
            "[dependencies.e]\nversion = \"1\"\nfeatures = [\"f\"]\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.starts_with("# by hand\n[package]\n"));
    }

    #[test]
    fn a_list_grows_in_its_own_layout() {
        let text = merged(
            "[features]\nnet = [\"dep:a\", \"dep:c\"]\ndefault = [\"more\"]\nmore = []\n",
            &[],
        );
        assert!(
            text.contains("    \"dep:b\",\n    \"dep:c\",\n]\n"),
            "{text}"
        );
        assert!(
            text.contains("default = [\"net\", \"more\"]\nmore = []\n"),
            "{text}"
        );
    }

    #[test]
    fn only_benches_need_a_target() {
        let text = merged("", &["tests/a.rs", "benches/b.rs", "src/c.rs"]);
        let (came, went) = changed(&text);
        assert_eq!(went, 0);
        let bench = [
            "[[bench]]",
            "name = \"b\"",
            "path = \"benches/b.rs\"",
            "harness = false",
        ];
        assert_eq!(came, bench);
    }
}
