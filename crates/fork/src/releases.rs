//! Which releases of a crate there are, as cargo's copy of the registry's index has them: known without a network, and with
//! how old that knowledge is.

use std::fs;
use std::time::{Duration, SystemTime};

use semver::Version;
use serde::Deserialize;

/// What cargo knows of one crate.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// In order, without those that were yanked.
    pub releases: Vec<Release>,
    /// How long ago cargo wrote it down.
    pub age: Duration,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub version: Version,
    /// SHA-256 of its `.crate`, in hex.
    pub checksum: String,
}

/// What the freshest of cargo's registries has of a crate. `None` where cargo never asked for it.
pub fn known(name: &str) -> Option<Known> {
    let home = home::cargo_home().ok()?;
    let registries = fs::read_dir(home.join("registry/index")).ok()?;
    let of_registry = |registry: fs::DirEntry| {
        let file = registry.path().join(".cache").join(place(name)?);
        let written = fs::metadata(&file).and_then(|data| data.modified()).ok()?;
        let known = Known {
            releases: parse(&fs::read(&file).ok()?),
            age: SystemTime::now()
                .duration_since(written)
                .unwrap_or_default(),
        };
        (!known.releases.is_empty()).then_some(known)
    };
    registries
        .flatten()
        .filter_map(of_registry)
        .min_by_key(|known| known.age)
}

/// An age as people say it.
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..120 => return "just now".into(),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit} ago")
}

/// Where the index keeps a crate, by the first letters of its name.
fn place(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    Some(match lower.len() {
        0 => return None,
        1 | 2 => format!("{}/{lower}", lower.len()),
        3 => format!("3/{}/{lower}", lower.get(..1)?),
        _ => format!("{}/{}/{lower}", lower.get(..2)?, lower.get(2..4)?),
    })
}

/// A line of the index behind its version, with zero bytes between; what cargo writes in front is passed over.
fn parse(bytes: &[u8]) -> Vec<Release> {
    #[derive(Deserialize)]
    struct Line {
        vers: Version,
        cksum: String,
        #[serde(default)]
        yanked: bool,
    }
    let lines = bytes.split(|byte| *byte == 0);
    let mut releases: Vec<Release> = lines
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .filter(|line| !line.yanked)
        .map(|line| Release {
            version: line.vers,
            checksum: line.cksum,
        })
        .collect();
    releases.sort_by(|a, b| a.version.cmp(&b.version));
    releases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_from_cargos_copy_and_yanked_ones_are_not() {
        let line = |version: &str, yanked: bool| {
            format!(
                "{version}\0{{\"name\":\"x\",\"vers\":\"{version}\",\"cksum\":\"c\",\"yanked\":{yanked}}}\0"
            )
        };
        let text = format!(
            "\u{3}\u{2}\0\0\0etag\0{}{}{}",
            line("1.10.0", false),
            line("1.2.0", false),
            line("2.0.0", true)
        );
        let versions: Vec<String> = parse(text.as_bytes())
            .iter()
            .map(|release| release.version.to_string())
            .collect();
        assert_eq!(versions, ["1.2.0", "1.10.0"]);
        assert_eq!(parse(b"nonsense"), []);
    }

    #[test]
    fn a_crate_has_its_place_by_its_first_letters() {
        assert_eq!(place("quinn-proto").as_deref(), Some("qu/in/quinn-proto"));
        assert_eq!(place("toy").as_deref(), Some("3/t/toy"));
        assert_eq!(place("ab").as_deref(), Some("2/ab"));
        assert_eq!(place(""), None);
    }

    #[test]
    fn an_age_is_told_in_the_unit_that_fits() {
        let said = |seconds| age(Duration::from_secs(seconds));
        assert_eq!(said(5), "just now");
        assert_eq!(said(600), "10 minutes ago");
        assert_eq!(said(10_000), "2 hours ago");
        assert_eq!(said(1_000_000), "11 days ago");
    }
}
