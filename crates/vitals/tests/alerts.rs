//! Rules and dashboard name nothing but what is exported.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use vitals::{Kind, Metric, PREFIX};

/// Every name that can stand in an exposition, as Prometheus keeps it.
fn exported() -> BTreeSet<String> {
    let of = |metric: &Metric| match metric.kind {
        Kind::Gauge => vec![
            metric.exported(),
            // Where nothing bounds it, the operator may.
            format!("{}_limit", metric.exported()),
        ],
        Kind::Counter => vec![format!("{}_total", metric.exported())],
    };
    let catalogue = vitals::catalogue();
    let mut names: BTreeSet<_> = catalogue.into_iter().flat_map(of).collect();
    names.insert(format!("{PREFIX}_source_up"));
    names
}

fn named_in(file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("alerts")
        .join(file);
    let text = fs::read_to_string(&path).unwrap();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !word(c))
        .filter(|name| name.starts_with(&format!("{PREFIX}_")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_of_rules_and_dashboard_is_exported() {
    let exported = exported();
    for file in [
        "evergreen.rules.yml",
        "evergreen.rules.test.yml",
        "dashboard.json",
    ] {
        let named = named_in(file);
        assert!(named.len() > 10, "{file} names only {named:?}");
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}

#[test]
fn each_alert_has_a_series_that_fires_it_and_one_that_does_not() {
    let alerts = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts");
    let read = |file: &str| fs::read_to_string(alerts.join(file)).unwrap();
    let (rules, tests) = (
        read("evergreen.rules.yml"),
        read("evergreen.rules.test.yml"),
    );
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() >= 6, "{alerts:?}");
    for alert in alerts {
        for name in [format!("{alert} fires"), format!("{alert} does not fire")] {
            assert!(tests.contains(&name), "no test is called `{name}`");
        }
    }
}

#[test]
fn names_keep_to_the_conventions() {
    let catalogue = vitals::catalogue();
    assert!(catalogue.len() > 60);
    let mut names = BTreeSet::new();
    for metric in catalogue {
        let name = metric.name;
        assert!(names.insert(name), "{name} stands twice");
        let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
        assert!(name.chars().all(plain), "{name}");
        assert_eq!(name.matches('.').count(), 1, "{name}");
        assert!(
            !name.ends_with("_total") && !name.ends_with("_limit"),
            "{name}"
        );
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
    }
}
