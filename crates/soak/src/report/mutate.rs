//! What `cargo soak mutate` prints: a row a change, and those that nothing notices.

use comfy_table::Cell;

use super::table;
use crate::mutate::{Findings, Held, Looked, Seen};

/// The table, what each of those that are not held says, and the result.
pub fn mutate(findings: &Findings) -> String {
    let header = ["change", "with it", "tests", "scenarios", "held"].map(Cell::new);
    let rows = findings.iter().map(|(name, held, looked)| {
        let share = |seen: fn(&Looked) -> Vec<&Seen>| match looked {
            None => table::right(String::new()),
            Some(looked) => {
                let all = seen(looked);
                let noticed = all.iter().filter(|seen| matches!(seen, Seen::Noticed(_)));
                table::right(format!("{} of {}", noticed.count(), all.len()))
            }
        };
        let with = looked.as_ref().map_or(0, |looked| looked.with.len());
        vec![
            Cell::new(name),
            table::right(if with == 0 {
                String::new()
            } else {
                with.to_string()
            }),
            share(|looked| looked.tests.values().collect()),
            share(|looked| looked.scenarios.values().collect()),
            Cell::new(held),
        ]
    });
    let table = table::plain(header.into(), rows).trim_fmt();
    let mut text = format!("\nEach change taken out: who notices?\n\n{table}\n\n");
    for (name, held, looked) in findings {
        let Some(looked) = looked else { continue };
        for (what, seen) in looked.tests.iter().chain(&looked.scenarios) {
            let (word, why) = match seen {
                Seen::Noticed(_) => continue,
                Seen::Unnoticed(why) => ("does not notice", why),
                Seen::NotIsolated(why) => ("not isolated", why),
                Seen::CannotTell(why) => ("cannot tell", why),
            };
            let also = match held {
                Held::Noticed => " (others notice)",
                Held::Superseded => " (it does where the changes behind it are out as well)",
                _ => "",
            };
            text.push_str(&format!("  {name}: {what}: {word}: {why}{also}\n"));
        }
    }
    let count = |wanted: Held| {
        findings
            .iter()
            .filter(|(_, held, _)| *held == wanted)
            .count()
    };
    let counts = [
        Held::Noticed,
        Held::Superseded,
        Held::Unnoticed,
        Held::NotIsolated,
        Held::CannotTell,
        Held::Exempt,
        Held::NotLooked,
    ];
    let counts = counts.map(|held| (held, count(held)));
    let told = counts.iter().filter(|(_, count)| *count > 0);
    let told: Vec<_> = told
        .map(|(held, count)| format!("{count} {held}"))
        .collect();
    text + &format!(
        "\nresult: of {} changes {}\n",
        findings.len(),
        told.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_nothing_notices_is_in_its_row_below_it_and_in_the_result() {
        let looked = Looked {
            with: vec!["a-1.0.0/later".into()],
            tests: BTreeMap::from([("src/t.rs::t".to_owned(), Seen::Unnoticed("passes".into()))]),
            ..Looked::default()
        };
        let findings = vec![
            ("a-1.0.0/one".to_owned(), Held::Unnoticed, Some(looked)),
            ("a-1.0.0/two".to_owned(), Held::NotLooked, None),
        ];
        let text = mutate(&findings);
        let row = text
            .lines()
            .find(|line| line.contains("a-1.0.0/one"))
            .unwrap();
        assert!(
            row.contains("0 of 1") && row.contains("NOT NOTICED"),
            "{text}"
        );
        assert!(
            text.contains("a-1.0.0/one: src/t.rs::t: does not notice: passes\n"),
            "{text}"
        );
        assert!(
            text.ends_with("result: of 2 changes 1 NOT NOTICED, 1 not looked at\n"),
            "{text}"
        );
    }
}
